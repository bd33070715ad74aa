"""The footing of every test: a real PostgreSQL, the real migrations, the real grants."""

from __future__ import annotations

import atexit
import gc
import os
import tempfile
from typing import TYPE_CHECKING, Any

os.environ["PORTAL_MODE"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

from portal.local import postgres, state

_cluster: postgres.Cluster | None = None
if not os.environ.get("DATABASE_OWNER_URL"):
    _cluster = postgres.Cluster(state.state_folder() / "test-postgres", throwaway=True)
    _cluster.hold()
    atexit.register(_cluster.release)
    os.environ["DATABASE_OWNER_URL"] = _cluster.owner_url
    os.environ["DATABASE_URL"] = _cluster.app_url

# Files that tests send lie in a folder of this run, which ends with it.
_files = tempfile.TemporaryDirectory(prefix="portal-files-")
atexit.register(_files.cleanup)
os.environ["FILES_URL"] = f"file://{_files.name}/store"

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

from tests.template import Template  # noqa: E402

settings.DATABASES  # noqa: B018  (pytest-django looks for settings that are already read)

pytest_plugins = ["tests.cast", "tests.work", "tests.doors"]

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _template(django_db_modify_db_settings_parallel_suffix: None) -> Template:
    return Template()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(_template: Template, django_db_blocker: Any) -> None:
    from django.db import connection

    with django_db_blocker.unblock():
        _template.use(connection)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, _template: Template, django_db_blocker: Any) -> None:
    """The test database has the app's role, with the rights it has in production."""
    from django.db import connection

    from portal.grants import apply_grants

    with django_db_blocker.unblock():
        _template.keep(connection)
        apply_grants(connection, settings.DATABASE_APP_USER)


@pytest.fixture
def app_role(db: None) -> Iterator[None]:
    """Inside, the database sees the app's role and not the owner: what the web and the worker may do."""
    from django.db import connection
    from psycopg import sql

    role = sql.Identifier(settings.DATABASE_APP_USER)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(role))
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


@pytest.fixture(autouse=True)
def _keys_of_this_test() -> Iterator[None]:
    """A data key that an earlier test left in memory has no row any more."""
    from audit import keys

    keys.forget_all()
    yield
    keys.forget_all()


@pytest.fixture(scope="session", autouse=True)
def _emptied_past_the_triggers() -> Iterator[None]:
    """Transactional tests empty every table; what was said and recorded stays, also for them, unless this is set."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    from tests import emptying

    with pytest.MonkeyPatch.context() as patched:
        for name in ("sql_flush", "execute_sql_flush"):
            patched.setattr(DatabaseOperations, name, getattr(emptying, name))
        yield


def pytest_collection_finish() -> None:
    """What is loaded by now stays, and need not be walked through again each time that rubbish is collected."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "no Chromium" in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("browser tests", "!", red=True, bold=True)
        terminalreporter.line(
            f"{len(left_out)} browser tests could NOT be run: there is no Chromium or Chrome here. "
            "Install one, or name one with PORTAL_BROWSER.",
            red=True,
        )
