"""The test database is migrated once and copied from then on, until a migration or a library changes.

Migrating takes a quarter of a minute; each run, and each worker of a parallel run, would pay it again.
"""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from psycopg import sql

from portal.local.state import state_folder

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "portal_as_migrated_"


class Template:
    """The database to copy. From `use` to `keep` nobody else looks for it: one worker makes it, the others wait."""

    def __init__(self) -> None:
        self.name = PREFIX + _state()
        self._lock: IO[str] | None = None

    def use(self, connection: BaseDatabaseWrapper) -> None:
        """Let the next test database be a copy, if there is something to copy."""
        self._lock = (state_folder() / "test-template.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if self._exists(connection):
            connection.settings_dict["TEST"]["TEMPLATE"] = self.name

    def keep(self, connection: BaseDatabaseWrapper) -> None:
        """Copy the database as it is now, unless it is a copy, and drop the templates of other states."""
        assert self._lock is not None
        if not self._exists(connection):
            migrated = connection.settings_dict["NAME"]
            connection.close()  # A database that somebody is in cannot be copied.
            with connection._nodb_cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
                for (old,) in cursor.fetchall():
                    cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} WITH TEMPLATE {}").format(
                        sql.Identifier(self.name), sql.Identifier(migrated)
                    )
                )
        self._lock.close()

    def _exists(self, connection: BaseDatabaseWrapper) -> bool:
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.name])
            return cursor.fetchone() is not None


def _state() -> str:
    """Names what all migrations lead to: ours by their text, those of libraries by their pins."""
    told = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*.py"), ROOT / "requirements.txt"]):
        told.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return told.hexdigest()[:16]
