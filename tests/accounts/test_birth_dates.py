"""A birth date is put right at the desk: what that changes is shown first, and holds at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    Basis,
    ComingOfAge,
    FamilyLink,
    Notification,
    Patient,
    RecordJoin,
    RelatedPerson,
    Scope,
    Trust,
    User,
)
from accounts.notices import Notice
from accounts.record_refusals import JoinedAway, LetsMoreBeDone, SameBirthDate
from accounts.refusals import MayNotSetState, PaperMissing
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.test_coming_of_age import child
from tests.work import words

BORN = date(2014, 6, 24)
NARROW = {"read", "write", "attachments"}


@pytest.fixture
def at_twelve() -> Iterator[None]:
    with time_machine.travel(datetime(2027, 6, 1, 16, 0, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def parent(cast, at_twelve) -> User:
    user = User.objects.enrol(email="jo@patients.example", password=None, by=FOUNDER)
    RelatedPerson.objects.introduce(user=user, name="Jo Whitfield", by=FOUNDER)
    return user


@pytest.fixture
def tilda(cast, parent) -> Patient:
    patient = child(cast, BORN)
    helped(patient, parent)
    return patient


def helped(patient: Patient, parent: User) -> Trust:
    return Trust.objects.give(
        patient=patient, proxy=parent, relationship="mother", scopes=list(Scope), basis=Basis.PARENT,
        document="Birth certificate, folder 12", born=BORN, quietly=True, by=FOUNDER,
    )  # fmt: skip


def page_of(patient: Patient) -> str:
    return reverse("desk-birth-date", args=[patient.pk])


def typed(born: str, *, sure: bool = False, **more: Any) -> dict[str, Any]:
    said = {"birth_date": born, "proof": "passport", "reason": "Two digits were swapped."}
    return said | ({"sure": born} if sure else {}) | more


def may(parent: User) -> set[str]:
    return {scope for grant in User.objects.get(pk=parent.pk).grants for scope in grant.scopes}


def told(person: User, notice: str) -> int:
    return Notification.objects.filter(person=person, notice=notice).count()


def test_a_parent_may_less_at_once_after_the_desk_was_shown_so(cast, enter, tilda, parent):
    sam = enter(cast.sam, fresh="records")
    waiting = {
        "name": "Lee", "email": "lee@patients.example", "relationship": "father", "basis": Basis.PARENT,
        "document": "A paper", "which": "all", "scopes": ["read"],
    }  # fmt: skip
    invited = enter(cast.sam, fresh="trusted-people").post(f"/desk/trusted/{tilda.pk}/new/", waiting)
    assert invited.status_code == 200
    assert page_of(tilda) in sam.get(reverse("desk-patient", args=[tilda.pk])).content.decode()

    shown = words(sam.post(page_of(tilda), typed("2013-06-24")))
    assert "Jo Whitfield" in shown and "Then: read messages, write messages, open and send files" in shown
    assert "Age: 12 now, 13 then." in shown and "Turns 18 on" in shown and "Turns 13 on" not in shown
    assert "1 open invitation is taken back" in shown and "More, or for longer" not in shown
    assert "Two digits were swapped." in shown, "what was typed is still there"
    assert may(parent) == set(Scope), "nothing is saved by looking"

    before = told(parent, Notice.HELP_CHANGED)
    done = sam.post(page_of(tilda), typed("2013-06-24", sure=True), follow=True)
    assert "The birth date is corrected." in words(done) and "2013-06-24" in words(done)
    assert may(parent) == NARROW
    assert told(parent, Notice.HELP_CHANGED) == before + 1
    assert {row.state for row in tilda.invitations.all()} == {"revoked"}
    assert ComingOfAge.objects.get(patient=tilda, age=18).at == datetime(2031, 6, 24, 4, 0, tzinfo=UTC)
    event = AuditEvent.objects.get(type="record", subtype="birth-date")
    assert (event.agent_id, event.patient_id) == (str(cast.sam.pk), tilda.pk)
    assert event.additional_data == {"proof": "passport"}
    assert event.reason_text is not None and b"swapped" not in bytes(event.reason_text)


def test_nobody_may_more_by_another_date_unless_somebody_said_yes_to_that(cast, enter, tilda, parent):
    sam = enter(cast.sam, fresh="records")
    tilda.correct_birth_date(date(2013, 6, 24), by=FOUNDER)
    assert may(parent) == NARROW
    assert "More, or for longer" in words(sam.post(page_of(tilda), typed("2014-06-24")))
    refused = sam.post(page_of(tilda), typed("2014-06-24", sure=True))
    assert refused.status_code == 422 and str(LetsMoreBeDone.words) in words(refused)
    assert may(parent) == NARROW
    assert sam.post(page_of(tilda), typed("2014-06-24", sure=True, lets_more="1")).status_code == 302
    assert may(parent) == set(Scope)
    # The same for longer is more, too.
    longer = sam.post(page_of(tilda), typed("2016-06-24", sure=True))
    assert longer.status_code == 422 and "More, or for longer" in words(longer)


def test_of_who_is_grown_up_a_parent_may_nothing_any_more(cast, enter, tilda, parent):
    sam = enter(cast.sam, fresh="records")
    assert "nothing. It ends at once." in words(sam.post(page_of(tilda), typed("1984-11-02")))
    assert sam.post(page_of(tilda), typed("1984-11-02", sure=True)).status_code == 302
    assert may(parent) == set() and tilda.trusts.get().ended_because == "of-age"


def test_a_date_that_cannot_be_right_is_refused_and_what_was_typed_stays(cast, enter, tilda, parent):
    sam = enter(cast.sam, fresh="records")
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    for born, said in ((tomorrow, "Check the birth date"), ("1879-12-31", "Check the birth date"),
                       (BORN.isoformat(), str(SameBirthDate.words)), ("", "Write the birth date")):  # fmt: skip
        for sure in (False, True):
            refused = sam.post(page_of(tilda), typed(born, sure=sure))
            assert refused.status_code == 422 and said in words(refused), (born, sure)
            assert "Two digits were swapped." in words(refused)
    for missing in ("proof", "reason"):
        refused = sam.post(page_of(tilda), typed("2013-06-24", sure=True, **{missing: ""}))
        assert refused.status_code == 422
    # Another date than the one whose changes were shown is shown first.
    other = sam.post(page_of(tilda), typed("2012-06-24", sure=True) | {"sure": "2013-06-24"})
    assert other.status_code == 200 and "Age: 12 now, 14 then." in words(other)
    assert may(parent) == set(Scope)
    assert not AuditEvent.objects.filter(type="record", subtype="birth-date").exists()


def test_it_is_the_desks_of_whoever_works_for_the_patient(cast, enter, tilda):
    page, right = page_of(tilda), date(2013, 6, 24)
    assert enter(cast.sam).get(page).status_code == 302, "the second step comes first"
    for other in ("okafor", "maya", "mira", "root", "ana"):
        assert enter(cast[other], fresh="records").get(page).status_code == 403
    assert page not in enter(cast.okafor).get(reverse("desk-patient", args=[tilda.pk])).content.decode()
    with pytest.raises(MayNotSetState):
        tilda.correct_birth_date(right, proof="passport", reason="x", by=cast.okafor)
    with pytest.raises(PaperMissing):
        tilda.correct_birth_date(right, reason="x", by=cast.sam)

    sam = enter(cast.sam, fresh="records")
    assert sam.get(page).status_code == 200
    tilda.protect(asks_reason=True, by=cast.sam)
    assert (
        enter(cast.sam, fresh="records").get(page)["Location"].startswith(reverse("reason", args=[tilda.pk]))
    )
    tilda.protect(asks_reason=False, by=cast.sam)
    FamilyLink.objects.declare(patient=tilda, user=cast.sam, by=cast.okafor)
    assert sam.get(page).status_code == 404
    assert sam.post(page, typed("2013-06-24", sure=True)).status_code == 404
    with pytest.raises(MayNotSetState):
        tilda.correct_birth_date(right, proof="passport", reason="x", by=cast.sam)


def test_what_was_agreed_about_a_joined_record_follows_the_date_of_the_one_that_stays(
    cast, enter, tilda, parent
):
    twin = child(cast, BORN, number="RC-106601")
    RecordJoin.objects.ask(
        patient=tilda, survivor=twin, reason="One child.", births_differ=False, by=cast.sam
    )
    assert may(parent) == set(Scope)
    sam = enter(cast.sam, fresh="records")
    assert sam.get(page_of(tilda)).status_code == 404
    with pytest.raises(JoinedAway):
        Patient.objects.get(pk=tilda.pk).correct_birth_date(
            date(2013, 6, 24), proof="passport", reason="x", by=cast.sam
        )
    assert "Jo Whitfield" in words(sam.post(page_of(twin), typed("2013-06-24")))
    assert sam.post(page_of(twin), typed("2013-06-24", sure=True)).status_code == 302
    assert may(parent) == NARROW


def test_the_patient_is_told_and_reads_who_did_it(cast, enter):
    ana = cast.patient("ana")
    sam = enter(cast.sam, fresh="records")
    shown = words(sam.post(page_of(ana), typed("2020-01-05")))
    assert "This patient has an account. Nobody has one here before age 13." in shown
    assert sam.post(page_of(ana), typed("1985-03-15", sure=True)).status_code == 302
    assert told(cast.ana, Notice.RECORD_CHANGED) == 1
    assert "Corrected your birth date" in words(enter(cast.ana).get("/privacy/"))
