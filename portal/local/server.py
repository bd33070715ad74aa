"""The demo clinic under one parent: database, broker, web, worker and beat start together and stop together."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from portal.local import state
from portal.local.broker import Broker, BrokerUnavailable
from portal.local.postgres import Cluster, PostgresUnavailable, last_line

HOST = "127.0.0.1"
READY_WITHIN = 60.0
PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """Something is in the way; the text says in one line what, and what to do."""


@dataclass
class Part:
    """A program that runs as long as the clinic is open. One that ends is started again, more and more slowly."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0

    def start(self, environment: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=state.ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the parent, which stops the parts in order.
                preexec_fn=_end_with_parent,
            )
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, patience: float = 12.0) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Clinic:
    port: int
    folder: Path = field(default_factory=state.state_folder)
    cluster: Cluster | None = None
    broker: Broker | None = None
    parts: list[Part] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    _only_one: IO[str] | None = None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def open(self) -> None:
        self._be_the_only_one()
        self._check_port()
        state.secret_key()
        state.sealing_keys()
        self.environment = {
            **os.environ,
            "PORTAL_MODE": "demo",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_BIND": f"{HOST}:{self.port}",
            "PORTAL_URL": self.address.rstrip("/"),
            "PYTHONUNBUFFERED": "1",
        }
        self._start_database()
        self._start_broker()
        self._write_down()
        self._prepare()
        self._start_program("web", "gunicorn", "-c", "python:portal.serving", "portal.wsgi:application")
        celery = ("celery", "-A", "portal.celery", "--quiet")
        self._start_program(
            "worker", *celery, "worker", "--pool=threads", "--concurrency=4", "--loglevel=INFO"
        )
        self._start_program(
            "beat",
            *celery,
            "beat",
            f"--schedule={self.folder / 'beat-schedule'}",
            "--pidfile=",
            "--loglevel=INFO",
        )
        self._wait_until_it_answers()

    def watch(self) -> None:
        """Until somebody says stop. A part that ends by itself is started again."""
        while True:
            time.sleep(0.5)
            for part in self.parts:
                if part.is_running:
                    continue
                lived = time.monotonic() - part.started_at
                part.failures = 1 if lived > 60 else part.failures + 1
                if lived < min(2**part.failures, 30):
                    continue
                say(f"{part.name} ended; starting it again (its words: {part.log})")
                part.start(self.environment)

    def close(self) -> None:
        for part in reversed(self.parts):
            part.stop()
        if self.cluster is not None:
            self.cluster.release()

    def _be_the_only_one(self) -> None:
        self._only_one = (self.folder / "server.lock").open("a+")
        try:
            fcntl.flock(self._only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            where = state.environment().get("PORTAL_URL", "")
            raise CannotStart(f"The clinic of this checkout is open already: {where}") from None

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError:
                raise CannotStart(
                    f"Port {self.port} is in use: choose another with script/server --port {self.port + 1}"
                ) from None

    def _start_database(self) -> None:
        if os.environ.get("DATABASE_URL"):
            say("database  the one named by DATABASE_URL")
            return
        self.cluster = Cluster(self.folder / "postgres")
        self.cluster.hold()
        self.environment |= {
            "DATABASE_URL": self.cluster.app_url,
            "DATABASE_OWNER_URL": self.cluster.owner_url,
        }
        say(f"database  PostgreSQL {self.cluster.version} of its own, in {self.cluster.home}")

    def _start_broker(self) -> None:
        if os.environ.get("BROKER_URL"):
            say("broker    the one named by BROKER_URL")
            return
        self.broker = Broker(self.folder / "broker")
        self.environment["BROKER_URL"] = self.broker.url
        part = Part("broker", self.broker.command(), self._log("broker"))
        self.parts.append(part)
        part.start(self.environment)
        self.broker.wait()
        say(f"broker    {Path(part.command[0]).name} of its own")

    def _write_down(self) -> None:
        """For `manage.py` in another terminal: where the servers are."""
        names = ("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL", "PORTAL_URL")
        lines = [f"{name}={self.environment[name]}\n" for name in names if self.environment.get(name)]
        state.write_private(self.folder / "environment", "".join(lines))

    def _prepare(self) -> None:
        if not (self.folder / "static-mark").exists():
            say("clinic    making it for the first time, which takes about half a minute ...")
        self._manage("provision", "--verbosity=0", PORTAL_DB_ROLE="owner")
        mark = self.folder / "static-mark"
        sources = static_mark()
        if not mark.exists() or mark.read_text() != sources or not (self.folder / "static").exists():
            shutil.rmtree(self.folder / "static", ignore_errors=True)
            self._manage("collectstatic", "--noinput", "--verbosity=0")
            state.write_private(mark, sources)
        if (state.ROOT / "portal" / "management" / "commands" / "seed_demo.py").exists():
            self._manage("seed_demo", "--verbosity=0")

    def _manage(self, *command: str, **extra: str) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=state.ROOT,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            log = self._log("prepare")
            log.write_text(done.stdout + done.stderr)
            words = last_line(done.stderr).removeprefix("CommandError: ")
            raise CannotStart(f"The clinic cannot open ({command[0]}): {words} (All that was said: {log})")

    def _start_program(self, name: str, program: str, *arguments: str) -> None:
        path = Path(sys.executable).parent / program
        part = Part(name, [str(path), *arguments], self._log(name))
        self.parts.append(part)
        part.start(self.environment)

    def _log(self, name: str) -> Path:
        return state.private_folder(self.folder / "log") / f"{name}.log"

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        web = next(part for part in self.parts if part.name == "web")
        while not answers(self.port):
            if not web.is_running:
                raise CannotStart(f"The web server ended at once: its words are in {web.log}")
            if time.monotonic() > deadline:
                raise CannotStart(f"The web server does not answer: its words are in {web.log}")
            time.sleep(0.1)


def answers(port: int) -> bool:
    line = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def static_mark() -> str:
    """Changes when any static file of ours does, or the libraries that bring some."""
    mark = hashlib.sha256((state.ROOT / "requirements.txt").read_bytes())
    for path in sorted(state.ROOT.glob("*/static/**/*")):
        found = path.stat()
        mark.update(f"{path.relative_to(state.ROOT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return mark.hexdigest()


def say(*words: Any) -> None:
    print(*words, flush=True)


def introduce(clinic: Clinic) -> None:
    import django

    os.environ.update(
        {key: value for key, value in clinic.environment.items() if os.environ.get(key) != value}
    )
    django.setup()
    from portal.demo_cast import CAST

    say(f"\nThe clinic is open: {clinic.address}\n")
    widths = (22, 27, 25)
    say(
        "  ".join(
            text.ljust(width) for text, width in zip(("who", "login", "password"), widths, strict=True)
        ),
        " code",
    )
    for member in CAST:
        cells = (member.name, member.email, member.password)
        text = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        say(text, f" ./manage.py demo_code {member.key}")
    say("\nFor a phone app:")
    for member in CAST:
        say(f"  {member.otpauth_uri()}")
    say(f"\nIts letters: {clinic.address}demo/mail/    its log lines: {clinic.folder / 'log'}")
    say("Ctrl-C closes it; what was written stays.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="script/server", description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    options = parser.parse_args(arguments)
    os.umask(0o077)
    clinic = Clinic(options.port)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    status = 0
    try:
        clinic.open()
        introduce(clinic)
        clinic.watch()
    except KeyboardInterrupt:
        say("\nClosing.")
    except (CannotStart, PostgresUnavailable, BrokerUnavailable) as failure:
        print(failure, file=sys.stderr)
        status = 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # Half-closed is worse than a second more.
        clinic.close()
    return status


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
