"""The whole house under one parent, opened and closed as a newcomer does, and its database taken away meanwhile."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from portal.local import state
from portal.local.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.drill


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    """A newcomer's: nothing of these tests'."""
    ours = ("DATABASE_", "BROKER_", "EMAIL_", "PORTAL_", "DJANGO_", "SECRET_KEY", "SEALING_KEYS", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PORTAL_STATE": str(folder), "PYTHONUNBUFFERED": "1"}


@contextmanager
def server(folder: Path, port: int, **changes: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run script/server until it has introduced itself; close it as Ctrl-C does."""
    command = [sys.executable, "-m", "portal.local.server", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=state.ROOT,
        env={**environment(folder), **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        yield process, said
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)


def refused(folder: Path, port: int, **changes: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "portal.local.server", "--port", str(port)],
        cwd=state.ROOT, env={**environment(folder), **changes}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr.strip().splitlines()


def get(port: int, path: str) -> tuple[int, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", path)
    answer = line.getresponse()
    body = answer.read().decode()
    line.close()
    return answer.status, body


def alive(folder: Path) -> list[str]:
    """Programs that still run and name the state folder."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in listed.splitlines() if str(folder) in line and " Z" not in line]


def wait_for(port: int, path: str, status: int, seconds: float = 20) -> str:
    deadline = time.monotonic() + seconds
    while True:
        got, body = get(port, path)
        if got == status or time.monotonic() > deadline:
            assert got == status
            return body


def test_one_command_opens_the_clinic_and_ctrl_c_closes_all_of_it(tmp_path):
    port, folder = free_port(), tmp_path / "state"
    with server(folder, port) as (process, said):
        assert f"http://127.0.0.1:{port}/" in said
        for name in ("ana", "okafor", "mira"):
            assert re.search(rf"{name}@riverside\.example +\S+ +\./manage\.py demo_code {name}", said)
            assert f"{name}%40riverside.example?secret=" in said
        assert get(port, "/healthz") == (200, '{"database": "ok", "broker": "ok"}')
        status, page = get(port, "/sign-in/")
        assert status == 200
        style = re.search(r'href="(/static/portal/portal\.[0-9a-f]+\.css)"', page)
        assert style is not None
        assert get(port, style[1])[0] == 200
        assert get(port, "/demo/mail/")[0] == 200
        assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}
        code, words = refused(folder, free_port())
        assert code == 1
        assert words == [f"The clinic of this checkout is open already: http://127.0.0.1:{port}"]
        code, words = refused(tmp_path / "other", port)
        assert code == 1
        assert words == [f"Port {port} is in use: choose another with script/server --port {port + 1}"]
    assert process.returncode == 0
    assert alive(folder) == []

    began = time.monotonic()
    with server(folder, port):
        assert time.monotonic() - began < 30
        people = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c",
             "from accounts.models import User; print(User.objects.count())"],
            cwd=state.ROOT, env=environment(folder), capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert int(people.strip()) >= 9
    assert alive(folder) == []


def test_a_configured_database_that_goes_away_is_a_calm_page_and_its_return_is_enough(tmp_path):
    port, folder = free_port(), tmp_path / "state"
    cluster = Cluster(tmp_path / "elsewhere", throwaway=True)
    cluster.hold()
    named = {"DATABASE_URL": cluster.app_url, "DATABASE_OWNER_URL": cluster.owner_url}
    try:
        with server(folder, port, **named) as (_process, said):
            assert "the one named by DATABASE_URL" in said
            assert not (folder / "postgres").exists()
            assert post_sign_in(port)[0] == 422
            cluster._stop()
            status, page = post_sign_in(port)
            assert status == 503
            assert "555 010 0140" in page
            assert get(port, "/healthz")[0] == 503
            cluster._start()
            wait_for(port, "/healthz", 200)
            assert post_sign_in(port)[0] == 422
            os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            time.sleep(0.5)
            cluster._start()
            assert post_sign_in(port)[0] == 422  # Between two requests: nobody noticed.
        assert cluster.answers()  # Whose it is stops it, nobody else.
    finally:
        cluster.release()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("POSTGRES_BIN", "/nowhere", "POSTGRES_BIN is /nowhere"),
        ("BROKER_BIN", "/nowhere", "BROKER_BIN is /nowhere"),
        ("DATABASE_URL", "postgresql://portal_app@127.0.0.1:1/portal", "DATABASE_OWNER_URL is not set"),
        ("CLINIC_TIME_ZONE", "Mars/Olympus", "CLINIC_TIME_ZONE is 'Mars/Olympus'"),
    ],
)
def test_what_is_in_the_way_is_said_in_one_line(tmp_path, name, value, words):
    code, lines = refused(tmp_path / "state", free_port(), **{name: value})
    assert code == 1
    assert len(lines) == 1
    assert words in lines[0]
    assert alive(tmp_path) == []


def post_sign_in(port: int) -> tuple[int, str]:
    import html
    from urllib.parse import urlencode

    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/sign-in/")
    answer = line.getresponse()
    page, cookie = answer.read().decode(), answer.getheader("Set-Cookie", "").split(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    fields = {"email": "ana@riverside.example", "password": "wrong"}
    if token:
        fields["csrfmiddlewaretoken"] = html.unescape(token[1])
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    line.request("POST", "/sign-in/", body=urlencode(fields), headers=kind)
    answer = line.getresponse()
    body = answer.read().decode()
    line.close()
    return answer.status, body
