"""ONC-06, AU4: what is in the trail stays as it is, for the app, for the owner, for the library's own command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction

from accounts.models import User
from audit.models import AuditEvent
from audit.models.event import AppendOnly
from audit.recorder import record

pytestmark = pytest.mark.django_db

STATEMENTS = [
    "UPDATE audit_auditevent SET outcome = '0'",
    "DELETE FROM audit_auditevent",
    "TRUNCATE audit_auditevent",
    "TRUNCATE audit_auditevent CASCADE",
    "UPDATE audit_auditevent SET outcome = '0' WHERE false",
]
STRUCTURE = [
    "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
    "ALTER TABLE audit_auditevent DISABLE TRIGGER audit_append_only",
    "DROP TRIGGER audit_append_only ON audit_auditevent",
    "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "SET session_replication_role = replica",
    "DROP TABLE audit_auditevent",
]


@pytest.fixture
def event(reader: User) -> AuditEvent:
    record(agent=reader, type="login", subtype="login")
    return AuditEvent.objects.latest()


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_owner_of_the_table_cannot_change_a_row(event: AuditEvent, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        run(statement)
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_the_trigger_holds_for_a_session_that_calls_itself_a_replica() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'audit_append_only'")
        assert cursor.fetchall() == [("A",)]  # ALWAYS


@pytest.mark.parametrize("statement", STATEMENTS + STRUCTURE)
def test_the_app_cannot_change_the_trail_nor_what_guards_it(
    event: AuditEvent, app_role: None, statement: str
) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        run(statement)
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_the_app_writes_to_the_trail_but_not_its_clock(event: AuditEvent, app_role: None) -> None:
    record(agent=event.actor, type="login", subtype="logout")
    assert AuditEvent.objects.filter(subtype="logout").exists()
    for column in ("recorded_at", "xid"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            run(f"INSERT INTO audit_auditevent (id, {column}) VALUES (gen_random_uuid(), NULL)")  # noqa: S608


def test_no_code_of_ours_can_change_a_row_by_mistake(event: AuditEvent) -> None:
    events = AuditEvent.objects.all()
    for change in (
        event.save,
        event.delete,
        events.delete,
        lambda: events.update(outcome="0"),
        lambda: AuditEvent.objects.create(type="login"),
        lambda: AuditEvent.objects.bulk_create([event]),
        lambda: AuditEvent.objects.bulk_update([event], ["outcome"]),
        lambda: AuditEvent.objects.update_or_create(pk=event.pk),
    ):
        with pytest.raises(AppendOnly):
            change()


def test_whoever_is_in_the_trail_stays(event: AuditEvent) -> None:
    assert AuditEvent._meta.get_field("actor").remote_field.on_delete.__name__ == "PROTECT"
    assert AuditEvent._meta.get_field("content_type").remote_field.on_delete.__name__ == "PROTECT"


@pytest.mark.parametrize(
    "options", [{}, {"yes": True}, {"yes": True, "truncate": True}, {"before_date": "2026-01-01"}]
)
def test_the_command_that_empties_the_log_refuses(event: AuditEvent, options: dict[str, object]) -> None:
    """STK-06"""
    with pytest.raises(CommandError, match="append-only"):
        call_command("auditlogflush", **options)
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_the_stock_table_of_the_library_is_gone() -> None:
    assert "auditlog_logentry" not in connection.introspection.table_names()


@pytest.fixture(
    params=[
        "AUDITLOG_INCLUDE_ALL_MODELS",
        "AUDITLOG_DISABLE_ON_RAW_SAVE",
        "AUDIT_ENABLED",
        "AUDITLOG_ENABLED",
    ]
)
def switch(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_there_is_no_switch(switch: str, reader: User, settings: settings) -> None:  # type: ignore[valid-type]
    """ONC-03, ONC-05"""
    setattr(settings, switch, "DISABLE" in switch)
    from audit.recorder import record_read

    before = AuditEvent.objects.count()
    record_read(reader=reader, shown=[reader], category="account")
    record(agent=reader, type="login", subtype="login")
    assert AuditEvent.objects.count() == before + 2
