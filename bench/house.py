"""The ground everything stands on: a throwaway PostgreSQL and broker, and a server on each database."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from portal.local import state
from portal.local.broker import Broker
from portal.local.postgres import APP, OWNER, Cluster
from portal.local.server import HOST, Part, answers

PLAIN = "bench_portal"
BARE = "bench_bare"


class CannotMeasure(Exception):
    """Something is in the way; the text says in one line what."""


class Ground:
    """Everything of one run, below one folder that is removed at the end unless it is kept."""

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        self.folder = state.private_folder(state.state_folder() / "bench")
        self._only_one: IO[str] = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotMeasure("Another script/bench runs in this checkout.") from None
        self.cluster = Cluster(self.folder / "postgres")
        self.broker = Broker(self.folder / "broker")
        self.broker_part = Part("broker", [], self.folder / "broker.log")
        self.houses: list[House] = []

    def open(self) -> None:
        self.cluster.hold()
        self.broker_part.command = self.broker.command()
        self.broker_part.start(dict(os.environ))
        self.broker.wait()

    def close(self) -> None:
        for house in self.houses:
            house.close()
        self.broker_part.stop()
        self.cluster.release()
        if not self.keep:
            shutil.rmtree(self.cluster.home, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        self._only_one.close()

    def new_database(self, name: str) -> None:
        database, owner, app = (sql.Identifier(word) for word in (name, OWNER, APP))
        with psycopg.connect(self.cluster.url("postgres", "postgres"), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
            server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, app))

    def postgres_processes(self) -> list[int]:
        postmaster = int((self.cluster.data / "postmaster.pid").read_text().split()[0])
        return [pid for pid, parent in _processes() if parent == postmaster]


@dataclass
class House:
    """One database, filled, and one server on it."""

    ground: Ground
    database: str
    size: dict[str, int]
    workers: int = 2
    threads: int = 4
    bare: bool = False
    port: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)
    web: Part | None = None

    def __post_init__(self) -> None:
        self.ground.houses.append(self)
        self.port = _free_port()
        cluster = self.ground.cluster
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_OURS},
            "PORTAL_MODE": "demo",
            "PORTAL_STATE": str(self.ground.folder / "state"),
            "STATIC_ROOT": str(self.ground.folder / "static"),
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "DATABASE_URL": cluster.url(APP, self.database),
            "DATABASE_OWNER_URL": cluster.url(OWNER, self.database),
            "BROKER_URL": self.ground.broker.url,
            "PORTAL_BIND": f"{HOST}:{self.port}",
            "PORTAL_WORKERS": str(self.workers),
            "PORTAL_THREADS": str(self.threads),
            "BENCH_BARE": "1" if self.bare else "",
        }

    def fill(self) -> None:
        mark = self.ground.folder / f"facts-{self.database}.json"
        if mark.exists():
            kept = json.loads(mark.read_text())
            if kept["size"] == self.size:
                self.facts = kept["facts"]
                self.run("manage.py", "provision", "--verbosity=0", PORTAL_DB_ROLE="owner")
                return
            mark.unlink()
        self.ground.new_database(self.database)
        self.run("manage.py", "provision", "--verbosity=0", PORTAL_DB_ROLE="owner")
        asked = [f"--{name}={value}" for name, value in self.size.items()]
        self.facts = json.loads(self.run("-m", "bench.inside", "load", *asked, PORTAL_DB_ROLE="owner"))
        mark.write_text(json.dumps({"size": self.size, "facts": self.facts}))

    def open(self, *, sessions: int) -> None:
        static = Path(self.environment["STATIC_ROOT"])
        if not static.exists():
            self.run("manage.py", "collectstatic", "--noinput", "--verbosity=0", PORTAL_DB_ROLE="app")
        self.sessions = json.loads(self.run("-m", "bench.inside", "enter", f"--sessions={sessions}"))
        self._serve("bench.wsgi:application")

    def open_alone(self) -> None:
        """Serve once more, from the same database, with nothing of the bench in the process but its pace."""
        self.close()
        self.port = _free_port()
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "bench.alone",
            "PORTAL_BIND": f"{HOST}:{self.port}",
        }
        self._serve("portal.wsgi:application")

    def _serve(self, application: str) -> None:
        gunicorn = str(Path(sys.executable).parent / "gunicorn")
        command = [gunicorn, "-c", "python:portal.serving", application]
        self.web = Part("web", command, self.ground.folder / f"web-{self.database}.log")
        self.web.start(self.environment)
        for _try in range(600):
            if answers(self.port):
                return
            if not self.web.is_running:
                break
            _sleep()
        raise CannotMeasure(f"The web server does not answer: its words are in {self.web.log}")

    def close(self) -> None:
        if self.web is not None:
            self.web.stop()

    def workers_running(self) -> list[int]:
        if self.web is None or self.web.process is None:
            return []
        return [pid for pid, parent in _processes() if parent == self.web.process.pid]

    def run(self, *command: str, **extra: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=state.ROOT,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            log = self.ground.folder.parent / "bench.log"
            log.write_text(done.stdout + done.stderr)
            raise CannotMeasure(
                f"{' '.join(command[:3])} failed: {lines[-1] if lines else ''} (all of it: {log})"
            )
        return done.stdout


_NOT_OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "BROKER_URL",
    "SEALING_KEYS",
    "SECRET_KEY",
    "PORTAL_DB_ROLE",
)


def _processes() -> list[tuple[int, int]]:
    """Every process with its parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It ended while we looked.
            found.append((int(entry.name), int(words[1])))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that these processes have used so far."""
    ticks = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _sleep() -> None:
    import time

    time.sleep(0.1)
