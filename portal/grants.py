"""What the app's role may do in the database. Applied after every migration; anything not said here is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from psycopg import sql

from audit.trail import WRITABLE

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# Once written these stay as they are, also for the app itself: rows are added and read, and the database
# alone says when and in which transaction.
APPEND_ONLY = frozenset({"audit.auditevent"})
# The app reads these; only a migration writes them.
READ_ONLY_TABLES = frozenset({"django_migrations"})


def apply_grants(connection: BaseDatabaseWrapper, role: str) -> None:
    """Bring the role's rights to what this module says, whatever they were. The owner's connection, please."""
    append_only = {apps.get_model(label)._meta.db_table for label in APPEND_ONLY if _stands(label)}
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        run = [
            sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name),
            sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {}").format(name),
            sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(name),
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(name),
        ]
        for table in sorted(tables):
            rights = "SELECT, INSERT, UPDATE, DELETE"
            if table in append_only:
                rights = f"SELECT, INSERT ({', '.join(WRITABLE)})"
            elif table in READ_ONLY_TABLES:
                rights = "SELECT"
            run.append(sql.SQL(f"GRANT {rights} ON {{}} TO {{}}").format(sql.Identifier(table), name))
        for statement in run:
            cursor.execute(statement)


def _stands(label: str) -> bool:
    try:
        apps.get_model(label)
    except LookupError:
        return False
    return True
