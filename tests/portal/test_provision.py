from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from portal.grants import APPEND_ONLY, apply_grants

pytestmark = pytest.mark.django_db


def rights(table: str, role: str = "portal_app") -> set[str]:
    names = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    with connection.cursor() as cursor:
        return {name for name in names if _ask(cursor, role, table, name)}


def _ask(cursor, role: str, table: str, right: str) -> bool:
    # A right to some of the columns is a right.
    ask = "has_table_privilege" if right in ("DELETE", "TRUNCATE", "TRIGGER") else "has_any_column_privilege"
    cursor.execute(f"SELECT {ask}(%s, %s, %s)", [role, table, right])
    return cursor.fetchone()[0]


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_app_may_add_to_the_audit_trail_and_read_it_and_nothing_else():
    assert rights("audit_auditevent") == {"SELECT", "INSERT"}
    assert {"audit.auditevent"} <= APPEND_ONLY


def test_the_app_may_work_with_ordinary_tables_but_never_empty_one():
    assert rights("accounts_user") == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_no_table_may_be_emptied_altered_or_given_triggers_by_the_app():
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    assert {table for table in tables if rights(table) & {"TRUNCATE", "REFERENCES", "TRIGGER"}} == set()


def test_the_list_of_migrations_is_for_reading():
    assert rights("django_migrations") == {"SELECT"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET outcome = '8'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
        "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
        "DROP TABLE audit_auditevent",
        "TRUNCATE accounts_user CASCADE",
        "CREATE TABLE aside (id int)",
        "SET session_replication_role = replica",
    ],
)
def test_the_database_refuses_the_app(app_role, statement):
    """ONC-06: the trail cannot be changed, nor its guards taken down."""
    with pytest.raises(ProgrammingError):
        run(statement)


def test_rights_given_by_hand_are_taken_back():
    run("GRANT ALL ON audit_auditevent TO portal_app")
    apply_grants(connection, "portal_app")
    assert rights("audit_auditevent") == {"SELECT", "INSERT"}


def test_provision_twice_is_provision_once(capsys):
    call_command("provision", verbosity=0)
    before = rights("audit_auditevent")
    call_command("provision", verbosity=0)
    assert rights("audit_auditevent") == before


def test_provision_makes_the_role_that_is_missing(settings):
    settings.DATABASE_APP_USER, settings.DATABASE_APP_PASSWORD = "portal_newcomer", "a-password"
    call_command("provision", verbosity=0)
    assert rights("audit_auditevent", "portal_newcomer") == {"SELECT", "INSERT"}


def test_provision_speaks_as_the_owner_only(settings):
    settings.PORTAL_DB_ROLE = "app"
    with pytest.raises(CommandError, match="PORTAL_DB_ROLE=owner"):
        call_command("provision", verbosity=0)


def test_the_app_must_not_be_the_owner(settings):
    settings.DATABASE_APP_USER = "portal_owner"
    with pytest.raises(CommandError, match="a role of its own"):
        call_command("provision", verbosity=0)


def test_the_app_must_not_be_a_superuser(settings):
    settings.DATABASE_APP_USER = "postgres"
    with pytest.raises(CommandError, match="superuser"):
        call_command("provision", verbosity=0)
