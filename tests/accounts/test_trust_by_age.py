"""What a birthday changes: a parent's right narrows and ends at its moment, whether or not anything runs then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from accounts import ages
from accounts.models import Basis, Ended, Notification, ProxyGrant, RelatedPerson, Scope, Trust, User
from accounts.notices import Notice
from accounts.refusals import NotAChild, PaperMissing
from accounts.tasks import birthdays
from audit.models import AuditEvent
from audit.seals import seal
from portal.demo_clinic import FOUNDER

SECOND = timedelta(seconds=1)


@pytest.fixture
def parent(cast) -> User:
    user = User.objects.enrol(email="jo@patients.example", password=None, by=FOUNDER)
    RelatedPerson.objects.introduce(user=user, name="Jo Whitfield", by=FOUNDER)
    return user


def trust(cast, parent, born: date, **more) -> Trust:
    cast.patient("ben").correct_birth_date(born, by=FOUNDER)
    return Trust.objects.give(
        patient=cast.patient("ben"),
        proxy=parent,
        relationship="mother",
        scopes=list(Scope),
        basis=Basis.PARENT,
        document="Birth certificate, folder 12",
        born=born,
        by=FOUNDER,
        **more,
    )


def may(parent: User, cast) -> tuple[frozenset[str], frozenset[str]]:
    """What a request of hers would come with, at this moment."""
    (grant,) = User.objects.get(pk=parent.pk).grants or [None]
    return (grant.scopes, grant.topics) if grant else (frozenset(), frozenset())


# 2015 was no leap year and 2028 is one. The clocks of New York go forward in March and back in November.
BIRTHDAYS = [
    ("US", 13, "America/New_York", date(2014, 6, 24), datetime(2027, 6, 24, 4, 0, tzinfo=UTC)),
    ("US-CA", 12, "America/Los_Angeles", date(2015, 1, 9), datetime(2027, 1, 9, 8, 0, tzinfo=UTC)),
    # The day the clocks change: midnight is still on the old time.
    ("US", 13, "America/New_York", date(2014, 3, 14), datetime(2027, 3, 14, 5, 0, tzinfo=UTC)),
    ("US", 13, "America/New_York", date(2014, 11, 7), datetime(2027, 11, 7, 4, 0, tzinfo=UTC)),
    # Where there is no midnight on that day, the day begins at one.
    ("US", 13, "Asia/Beirut", date(2014, 3, 28), datetime(2027, 3, 27, 22, 0, tzinfo=UTC)),
    ("US", 13, "Pacific/Kiritimati", date(2014, 6, 24), datetime(2027, 6, 23, 10, 0, tzinfo=UTC)),
    ("US", 13, "Pacific/Pago_Pago", date(2014, 6, 24), datetime(2027, 6, 24, 11, 0, tzinfo=UTC)),
    # Born on a leap day.
    ("US", 13, "America/New_York", date(2016, 2, 29), datetime(2029, 3, 1, 5, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("jurisdiction", "age", "zone", "born", "moment"), BIRTHDAYS)
def test_a_parents_right_narrows_on_the_birthday_to_the_second(
    cast, parent, settings, jurisdiction, age, zone, born, moment
):
    settings.CLINIC_JURISDICTION, settings.CLINIC_TIME_ZONE = jurisdiction, zone
    assert ages.turns(born, age) == moment
    with time_machine.travel(moment - timedelta(days=40), tick=False):
        trust(cast, parent, born)
    with time_machine.travel(moment - SECOND, tick=False):
        assert may(parent, cast) == (frozenset(Scope), frozenset())
    with time_machine.travel(moment, tick=False):
        scopes, topics = may(parent, cast)
        assert scopes == {"read", "write", "attachments"}
        assert topics == {"appointment", "form_or_letter", "billing_or_admin", "technical_help"}
    with time_machine.travel(moment + SECOND, tick=False):
        assert may(parent, cast) == (scopes, topics)


@pytest.mark.parametrize(
    ("zone", "born", "moment"),
    [
        ("America/New_York", date(2010, 6, 24), datetime(2028, 6, 24, 4, 0, tzinfo=UTC)),
        ("America/Los_Angeles", date(2010, 6, 24), datetime(2028, 6, 24, 7, 0, tzinfo=UTC)),
        ("Pacific/Kiritimati", date(2010, 6, 24), datetime(2028, 6, 23, 10, 0, tzinfo=UTC)),
        ("America/New_York", date(2008, 2, 29), datetime(2026, 3, 1, 5, 0, tzinfo=UTC)),
        ("America/New_York", date(2010, 11, 5), datetime(2028, 11, 5, 4, 0, tzinfo=UTC)),
    ],
)
def test_at_eighteen_it_is_over_at_midnight_though_no_job_has_run(
    cast, parent, enter, settings, zone, born, moment
):
    settings.CLINIC_TIME_ZONE = zone
    with time_machine.travel(moment - timedelta(days=3), tick=False):
        trust(cast, parent, born)
    with time_machine.travel(moment - SECOND, tick=False):
        assert enter(parent).get("/messages/").status_code == 200
    with time_machine.travel(moment, tick=False):
        client = enter(parent)
        assert client.get("/messages/").status_code == client.get("/api/v1/threads/").status_code == 403
        assert may(parent, cast) == (frozenset(), frozenset())


def test_the_job_writes_down_what_the_birthday_did_and_tells_both_once(cast, parent):
    born = date(2014, 6, 24)
    with time_machine.travel(datetime(2027, 6, 1, tzinfo=UTC), tick=False):
        given = trust(cast, parent, born)
        birthdays()
    told = Notification.objects.filter(notice__in=[Notice.TRUST_CHANGED, Notice.HELP_CHANGED])
    before = told.count()
    with time_machine.travel(datetime(2027, 6, 24, 4, 1, tzinfo=UTC), tick=False):
        birthdays()
        birthdays()
    assert AuditEvent.objects.filter(type="trust", subtype="narrow").count() == 1
    assert told.count() == before + 2
    with time_machine.travel(datetime(2032, 6, 24, 4, 1, tzinfo=UTC), tick=False):
        birthdays()
        birthdays()
    given.refresh_from_db()
    assert given.ended_because == Ended.OF_AGE
    assert AuditEvent.objects.filter(type="trust", subtype="end").count() == 1
    assert told.count() == before + 4


def test_another_birth_date_moves_the_moment(cast, parent):
    with time_machine.travel(datetime(2027, 6, 1, tzinfo=UTC), tick=False):
        trust(cast, parent, date(2014, 6, 24))
        assert may(parent, cast)[0] == frozenset(Scope)
        cast.patient("ben").correct_birth_date(date(2013, 6, 24), by=FOUNDER)
        assert may(parent, cast)[0] == {"read", "write", "attachments"}
    with time_machine.travel(datetime(2031, 6, 24, 4, 0, tzinfo=UTC), tick=False):
        assert may(parent, cast)[0] == frozenset()


def test_another_age_table_is_worked_in_by_the_job_and_the_birth_date_is_opened_in_the_open(
    cast, parent, settings
):
    with time_machine.travel(datetime(2027, 6, 1, tzinfo=UTC), tick=False):
        trust(cast, parent, date(2014, 12, 24))
        assert may(parent, cast)[0] == frozenset(Scope)
        settings.CLINIC_JURISDICTION = "US-CA"
        birthdays()
        assert may(parent, cast)[0] == {"read", "write", "attachments"}
        opened = AuditEvent.objects.filter(type="access", agent_id="system:birthdays")
        assert set(opened.values_list("patient_id", flat=True)) == {cast.patient("ben").pk}


def test_what_was_agreed_is_never_more_than_the_tier_allows_and_never_less_than_was_agreed(cast, parent):
    with time_machine.travel(datetime(2030, 6, 1, tzinfo=UTC), tick=False):
        born = date(2014, 6, 24)
        given = trust(cast, parent, born, categories=["appointment", "medical_question"])
        assert may(parent, cast)[1] == {"appointment"}
        given.change(scopes=[Scope.READ], categories=["medical_question"], by=FOUNDER)
        assert may(parent, cast) == (frozenset(), frozenset())


def test_being_a_parent_is_no_ground_with_an_adult_and_needs_a_paper(cast, parent):
    with pytest.raises(NotAChild):
        trust(cast, parent, date(1984, 11, 2))
    assert not ProxyGrant.objects.filter(proxy=parent).exists()
    with pytest.raises(PaperMissing):
        Trust.objects.offer(
            patient=cast.patient("ben"), relationship="mother", scopes=[], basis=Basis.PARENT, by=FOUNDER
        )


def test_a_guardian_of_an_adult_goes_on(cast, parent):
    cast.patient("ben").correct_birth_date(date(1984, 11, 2), by=FOUNDER)
    Trust.objects.give(
        patient=cast.patient("ben"), proxy=parent, relationship="guardian", scopes=list(Scope),
        basis=Basis.GUARDIAN, document="Order 44/2026", born=date(1984, 11, 2), by=FOUNDER,
    )  # fmt: skip
    assert may(parent, cast)[0] == frozenset(Scope)


def test_every_table_covers_every_age_of_a_child():
    for name, table in ages.jurisdictions().items():
        assert table.adult_at == 18 and table.version and table.reviewer, name
        assert all(table.tier_at(age) for age in range(18)), name
        assert table.tier_at(18) is None
        assert {scope for tier in table.tiers for scope in tier.scopes} <= set(Scope)


def test_how_old_somebody_is_where_the_clinic_is(settings):
    settings.CLINIC_TIME_ZONE = "America/New_York"
    midnight = datetime(2026, 6, 24, tzinfo=ZoneInfo("America/New_York"))
    assert ages.age_at(date(2013, 6, 24), midnight) == 13
    assert ages.age_at(date(2013, 6, 24), midnight - SECOND) == 12
    assert not ages.is_adult(date(2008, 6, 25), midnight) and ages.is_adult(
        date(2008, 6, 24), timezone.now().replace(year=2027)
    )


@pytest.mark.parametrize("basis", [Basis.PERMISSION, Basis.OTHER, Basis.POWER_OF_ATTORNEY])
def test_no_other_ground_lets_more_be_done_for_a_child(cast, parent, enter, basis):
    """What the desk calls it is no way around the tiers, and it ends where childhood does."""
    with time_machine.travel(datetime(2028, 6, 1, tzinfo=UTC), tick=False):
        ben = cast.patient("ben")
        ben.correct_birth_date(date(2014, 6, 24), by=FOUNDER)
        form = {
            "name": "Jo Whitfield", "email": "jo@patients.example", "relationship": "mother", "basis": basis,
            "document": "A letter, folder 12", "which": "all", "scopes": list(Scope),
        }  # fmt: skip
        desk = enter(cast.sam, fresh="trusted-people")
        answer = desk.post(f"/desk/trusted/{ben.pk}/new/", form)
        assert answer.status_code == 200, answer.content.decode()
        given = Trust.objects.get(patient=ben)
        given.accept(by=parent, proxy=parent)
        assert may(parent, cast)[0] == {"read", "write", "attachments"}
        assert given.grants.get().keeps_new_apart
        assert ProxyGrant.objects.get(trust=given).ends_at == datetime(2032, 6, 24, 4, 0, tzinfo=UTC)
    with time_machine.travel(datetime(2032, 6, 24, 4, 0, tzinfo=UTC), tick=False):
        assert may(parent, cast)[0] == frozenset()
        birthdays()
        given.refresh_from_db()
        assert given.ended_because == Ended.OF_AGE


@pytest.mark.parametrize("what", ["table", "birth date"])
def test_a_guardians_right_does_not_come_back_at_eighteen(cast, parent, enter, settings, what):
    ben = cast.patient("ben")
    with time_machine.travel(datetime(2027, 6, 1, tzinfo=UTC), tick=False):
        ben.correct_birth_date(date(2009, 6, 24), by=FOUNDER)
        given = Trust.objects.give(
            patient=ben, proxy=parent, relationship="guardian", scopes=list(Scope), basis=Basis.GUARDIAN,
            document="Order 44/2026", born=date(2009, 6, 24), by=FOUNDER,
        )  # fmt: skip
        assert enter(parent).get("/messages/").status_code == 200
        if what == "birth date":
            ben.correct_birth_date(date(1984, 11, 2), by=FOUNDER)
            assert enter(parent).get("/messages/").status_code == 403
    with time_machine.travel(datetime(2027, 6, 24, 12, 0, tzinfo=UTC), tick=False):
        settings.CLINIC_JURISDICTION = "US-CA"
        birthdays()
        assert enter(parent).get("/messages/").status_code == 403
        given.refresh_from_db()
        assert given.ended_because == Ended.OF_AGE


def test_a_young_patient_is_told_what_her_permission_comes_to(cast, enter):
    with time_machine.travel(datetime(2028, 6, 1, tzinfo=UTC), tick=False):
        client = enter(cast.ben, fresh="trusted-people")
        form = {"name": "Jo", "email": "jo@patients.example", "relationship": "mother", "which": "all"}
        check = {**form, "step": "what", "scopes": ["read"]}
        assert "Until you are 18" not in client.post("/trusted/new/", check).content.decode()
        cast.patient("ben").correct_birth_date(date(2014, 6, 24), by=FOUNDER)
        assert "Until you are 18" in client.post("/trusted/new/", check).content.decode()
        answer = client.post("/trusted/new/", {**form, "step": "send", "scopes": ["refill"]})
        assert answer.status_code == 422 and "The rules for this age" in answer.content.decode()
        assert not Trust.objects.filter(patient=cast.patient("ben")).exists()
        assert client.post("/trusted/new/", {**check, "step": "send"}).status_code == 200
        assert Trust.objects.get(patient=cast.patient("ben")).edges


def test_what_was_agreed_before_the_tiers_held_for_every_ground_is_caught_up_with_once(cast, parent):
    with time_machine.travel(datetime(2028, 6, 1, tzinfo=UTC), tick=False):
        ben = cast.patient("ben")
        given = Trust.objects.give(
            patient=ben, proxy=parent, relationship="other", scopes=list(Scope), by=FOUNDER
        )
        # As a row of before: nobody looked at her age.
        type(ben).objects.filter(pk=ben.pk).update(age_table="US 2026-11")
        ben.birth_date = seal("2014-06-24", into=ben, field="birth_date")
        ben.save(update_fields=["birth_date"])
        assert may(parent, cast)[0] == frozenset(Scope)
        birthdays()
        assert may(parent, cast)[0] == {"read", "write", "attachments"}
        birthdays()
        assert AuditEvent.objects.filter(type="trust", subtype="reckon", object_pk=str(given.pk)).count() == 1
