"""The events of a verb are written together, and say the same as if each had been written by itself."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import CareTeam
from audit.context import SystemAgent
from audit.models import AuditEvent
from audit.verbs import verb

pytestmark = pytest.mark.django_db
SETUP = SystemAgent("system:test")


class Desk:
    """Verbs of no model: what the trail makes of them is all that is looked at."""

    @verb(actor="by")
    def open_team(self, *, by: SystemAgent, name: str) -> CareTeam:
        team = CareTeam.objects.create(name=name)
        self.call(team, "555 0100", by=by)
        team.phone = "555 0101"
        team.save(update_fields=["phone"])
        return team

    @verb(actor="by")
    def call(self, team: CareTeam, phone: str, *, by: SystemAgent) -> None:
        team.phone = phone
        team.save(update_fields=["phone"])

    @verb(actor="by")
    def open_and_try(self, *, by: SystemAgent, name: str, fails: bool) -> CareTeam:
        team = CareTeam.objects.create(name=name)
        try:
            with transaction.atomic():
                team.purpose = "tried"
                team.save(update_fields=["purpose"])
                if fails:
                    raise LookupError
        except LookupError:
            team.purpose = ""
        team.phone = "555 0102"
        team.save(update_fields=["phone"])
        return team

    @verb(actor="by")
    def open_and_fail(self, *, by: SystemAgent, name: str) -> None:
        CareTeam.objects.create(name=name)
        raise LookupError


def trail_of(team: CareTeam) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(object_pk=str(team.pk)).order_by("origin_counter"))


def inserts(statements: CaptureQueriesContext) -> int:
    return sum(found["sql"].startswith("INSERT INTO audit_auditevent") for found in statements)


def is_chain(events: list[AuditEvent]) -> bool:
    return [event.prior_version_id for event in events] == [None, *(event.pk for event in events[:-1])]


def test_a_message_and_all_that_comes_with_it_are_one_insert_of_events(cast, work):
    with CaptureQueriesContext(connection) as statements:
        thread = work.thread()
    assert inserts(statements) == 1
    kinds = list(AuditEvent.objects.order_by("-origin_counter").values_list("type", "subtype")[:5])
    assert ("record", "send") in kinds
    assert kinds.count(("change", "create")) >= 3
    assert AuditEvent.objects.filter(object_pk=str(thread.pk), action="C").count() == 1


def test_each_change_points_to_the_one_before_it_also_within_one_verb():
    events = trail_of(Desk().open_team(by=SETUP, name="North"))
    assert [event.action for event in events] == ["C", "U", "U"]
    assert is_chain(events)
    later = trail_of(CareTeam.objects.get(name="North"))
    Desk().call(CareTeam.objects.get(name="North"), "555 0103", by=SETUP)
    assert is_chain(trail_of(CareTeam.objects.get(name="North")))
    assert len(trail_of(CareTeam.objects.get(name="North"))) == len(later) + 1


@pytest.mark.parametrize(("fails", "actions"), [(False, ["C", "U", "U"]), (True, ["C", "U"])])
def test_what_a_savepoint_took_back_is_not_told(fails, actions):
    events = trail_of(Desk().open_and_try(by=SETUP, name="South", fails=fails))
    assert [event.action for event in events] == actions
    assert is_chain(events)


def test_a_verb_that_fails_tells_nothing():
    before = AuditEvent.objects.count()
    with pytest.raises(LookupError):
        Desk().open_and_fail(by=SETUP, name="West")
    assert AuditEvent.objects.count() == before
    assert not CareTeam.objects.filter(name="West").exists()


def test_a_verb_whose_events_cannot_be_written_changes_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE audit_auditevent ADD CONSTRAINT none_today CHECK (type <> 'change') NOT VALID"
        )
    with pytest.raises(Exception, match="none_today"), transaction.atomic():
        Desk().open_team(by=SETUP, name="East")
    assert not CareTeam.objects.filter(name="East").exists()
