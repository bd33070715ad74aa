"""The footing of every test: a real PostgreSQL, the real migrations, the real grants."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any

os.environ["PORTAL_MODE"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

from portal.local import postgres, state  # noqa: E402  (settings read the environment when they are first imported)

_cluster: postgres.Cluster | None = None
if not os.environ.get("DATABASE_OWNER_URL"):
    _cluster = postgres.Cluster(state.state_folder() / "test-postgres", throwaway=True)
    _cluster.hold()
    atexit.register(_cluster.release)
    os.environ["DATABASE_OWNER_URL"] = _cluster.owner_url
    os.environ["DATABASE_URL"] = _cluster.app_url

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

settings.DATABASES  # noqa: B018  (pytest-django looks for settings that are already read)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _flush_past_the_triggers() -> Iterator[None]:
    """Transactional tests empty every table; the audit trail's triggers refuse that, also to them."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    stock = DatabaseOperations.sql_flush

    def sql_flush(self: DatabaseOperations, *args: Any, **kwargs: Any) -> list[str]:
        statements = stock(self, *args, **kwargs)
        trigger = "ALTER TABLE audit_auditevent {} TRIGGER audit_append_only;"
        return [trigger.format("DISABLE"), *statements, trigger.format("ENABLE ALWAYS")] if statements else []

    DatabaseOperations.sql_flush = sql_flush
    yield
    DatabaseOperations.sql_flush = stock
