"""The states of a record: what its patient reads and may do, what staff see, what stops at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    Invitation,
    InvitationKind,
    Notification,
    Patient,
    ProxyGrant,
    RecordState,
    Session,
)
from accounts.refusals import MayNotSetState, NotYourOwn, ReviewMissing, SameState
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from messaging.models import Message, RefillRequestItem, Thread, WorkItem
from tests.messaging.test_races import at_once
from tests.work import words

HARD = ("dismissed", "blocked")
STATES = ("inactive", "dismissed", "blocked", "deceased")
SAID = {
    "inactive": "This record is not active here now.",
    "dismissed": "This clinic does not give care for this record any more.",
    "blocked": "Messages for this record are paused for now.",
    "deceased": "This record is closed, because its patient has died.",
}
CODES = {
    "inactive": "record_inactive",
    "dismissed": "record_dismissed",
    "blocked": "record_blocked",
    "deceased": "record_frozen",
}


def put(cast, state: str, *, by: str = "okafor", of: str = "ana", **more) -> RecordState | None:
    if state in HARD:
        more = {"review_on": timezone.localdate() + timedelta(days=90), "reviewer": cast.lund, **more}
    person = type(cast[by]).objects.get(pk=cast[by].pk)
    return RecordState.objects.begin(
        patient=cast.patient(of), state=state, reason="Kingfisher said so.", by=person, **more
    )


def helper(cast):
    """Somebody who may read and write for Ana after whatever happened: an executor, in the last state."""
    return ProxyGrant.objects.give(
        patient=cast.patient("ana"),
        proxy=cast.ben,
        relationship="other",
        scopes=["read", "write", "refill", "history"],
        basis="executor",
        document="letters of the court, 12 of this year",
        by=cast.root,
    )


def reader_of(cast, state: str):
    if state != "deceased":
        return cast.ana
    helper(cast)
    return cast.rosa.__class__.objects.get(pk=cast.ben.pk)


@pytest.mark.parametrize("state", STATES)
def test_her_side_reads_on_and_sends_nothing_at_either_door(work, cast, enter, door, state):
    thread, order = work.thread(), work.medicine()
    put(cast, state)
    door.enter(reader_of(cast, state))
    if state == "deceased":
        door.browser.post(reverse("account-acting"), {"patient": str(cast.patient("ana").pk)})
    ana = str(cast.patient("ana").pk)
    letter = {"category": "medical_question", "subject": "A", "body": "B", "patient": ana}
    assert door.read(thread) == "done"
    assert door.start(**letter) == "refused"
    assert door.send(thread, "More.") == "refused"
    assert door.ask(order) == "refused"
    assert Message.objects.filter(side="patient").count() == 1
    assert not RefillRequestItem.objects.exists()


@pytest.mark.parametrize("state", STATES)
def test_programs_get_the_name_of_the_refusal(work, cast, enter, state):
    thread = work.thread()
    put(cast, state)
    browser, address = enter(reader_of(cast, state)), reverse("api-thread-messages", args=[thread.pk])
    answer = browser.post(address, {"body": "More."}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, CODES[state])


@pytest.mark.parametrize("state", STATES)
def test_every_page_of_her_side_says_what_is_so_and_whom_to_call(work, cast, enter, state):
    thread, order = work.thread(), work.medicine()
    browser = enter(cast.ana)
    assert SAID[state] not in words(browser.get(reverse("messages")))
    put(cast, state)
    browser = enter(reader_of(cast, state))
    browser.post(reverse("account-acting"), {"patient": str(cast.patient("ana").pk)})
    pages = ["messages", "message-new", "medicines", "privacy", "account"]
    for address in [
        *map(reverse, pages),
        reverse("thread", args=[thread.pk]),
        reverse("refill-new", args=[order.pk]),
    ]:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert SAID[state] in words(answer), address
        assert "tel:" in answer.content.decode(), address
    other = enter(cast.ben)
    other.post(reverse("account-acting"), {"patient": str(cast.patient("ben").pk)})
    assert SAID[state] not in words(other.get(reverse("messages")))


@pytest.mark.parametrize("state", ["inactive", "dismissed", "blocked"])
def test_she_can_still_ask_for_her_record(work, cast, enter, door, state):
    put(cast, state)
    door.enter(cast.ana)
    form = {"category": "form_or_letter", "subject": "My record", "body": "Please send it."}
    assert door.start(**form) == "done"
    thread = Thread.objects.get()
    assert door.send(thread, "And soon, please.") == "done"
    browser = enter(cast.ana)
    begun = browser.post(reverse("message-new"), {"now": "no", "patient": str(cast.patient("ana").pk)})
    page = browser.get(begun["Location"], follow=True)
    assert "A form or letter" in words(page) and "A health question" not in words(page)


def test_what_she_typed_stays_on_the_page_that_refuses_it(work, cast, enter):
    thread = work.thread()
    put(cast, "blocked")
    answer = enter(cast.ana).post(reverse("thread-replies", args=[thread.pk]), {"body": "kingfisher text"})
    assert answer.status_code == 409
    assert "kingfisher text" in answer.content.decode()
    assert "Your messages are paused for now." in words(answer)


@pytest.mark.parametrize("state", STATES)
def test_staff_see_it_in_the_list_and_before_they_write(work, cast, enter, state):
    thread = work.thread()
    put(cast, state)
    label = Patient.objects.get(pk=cast.patient("ana").pk).get_state_display()
    okafor = enter(cast.okafor)
    assert label in words(okafor.get(reverse("inbox")))
    page = words(okafor.get(reverse("inbox-thread", args=[thread.pk])))
    assert ("Nothing can be sent in this record" if state == "deceased" else "State of this record:") in page
    answer = okafor.post(reverse("inbox-replies", args=[thread.pk]), {"body": "Hello."})
    assert answer.status_code == (409 if state == "deceased" else 302)
    note = okafor.post(reverse("inbox-notes", args=[thread.pk]), {"body": "Noted."})
    assert note.status_code == 302


def test_a_death_closes_every_door_at_once(work, cast, enter, client):
    work.thread()
    refill = work.refill()
    ana, rosa = enter(cast.ana), enter(cast.rosa)
    assert rosa.get(reverse("messages")).status_code == 200
    put(cast, "deceased", by="sam")
    assert ana.get(reverse("messages")).status_code == 302
    assert rosa.get(reverse("messages")).status_code in (302, 403)
    assert not Session.objects.alive().filter(user=cast.ana).exists()
    assert not ProxyGrant.objects.current().filter(patient=cast.patient("ana")).exists()
    wrong = {"email": "nobody@riverside.example", "password": "no such one"}
    again, nobody = (client.post(reverse("sign-in"), form) for form in (cast.login("ana"), wrong))
    assert again.status_code == nobody.status_code == 422
    assert RefillRequestItem.objects.get(pk=refill.pk).state == "cancelled"
    assert not WorkItem.objects.unfinished().filter(refill=refill).exists()


def test_what_was_lined_up_for_the_dead_is_not_sent(work, cast, mailoutbox):
    thread = work.thread()
    work.item(thread).claim(by=cast.okafor)
    thread.post(author=cast.okafor, body="Come tomorrow.")
    put(cast, "deceased")
    assert Notification.objects.filter(person__in=[cast.ana, cast.rosa], sent_at=None).exists()
    helper(cast)
    for notice in Notification.objects.filter(person__in=[cast.ana, cast.rosa], notice="new_message"):
        assert not notice.is_wanted
    patient = Patient.objects.get(pk=cast.patient("ana").pk)
    key = Notification.objects.filter(notice="new_message").first().event_key
    assert Notification(person=cast.ben, patient=patient, notice="new_message", event_key=key).is_wanted
    assert Notification(person=cast.okafor, patient=patient, notice="work_waiting").is_wanted


def test_no_letter_speaks_of_a_death(work, cast, enter, mailoutbox):
    """Her own mailbox is read by whoever is left, and a daughter hears it from a person."""
    patient = cast.patient("ana")
    to_helper = Invitation.objects.issue(
        kind=InvitationKind.TRUSTED, patient=patient, name="Jo", email="jo@patients.example",
        birth_date="1958-03-14", by=cast.ana,
    ).invitation  # fmt: skip
    to_helper.mail_to("jo@patients.example", by=cast.ana)
    enter(cast.ana).post(reverse("account-sessions-end-others"))
    Notification.objects.warn(cast.ana, about=cast.ana, notice="wrong_codes")
    mailoutbox.clear()
    state = {"state": "deceased", "reason": "Her daughter called."}
    answer = enter(cast.sam).post(reverse("desk-patient-state", args=[patient.pk]), state)
    assert answer.status_code == 302
    sweep_notifications()
    assert [letter.to for letter in mailoutbox] == []
    # Nor does what is lined up later, by whomever.
    helper(cast)
    sweep_notifications()
    assert ["ana@riverside.example"] not in [letter.to for letter in mailoutbox]
    assert not Invitation.objects.open().filter(patient=patient).exists()


def test_whose_login_is_closed_in_life_is_told(cast, mailoutbox):
    cast.ana.deactivate(by=cast.root)
    sweep_notifications()
    assert [letter.to for letter in mailoutbox] == [["ana@riverside.example"]]


def test_a_death_written_down_by_mistake_is_taken_back(work, cast, enter):
    put(cast, "deceased", by="sam")
    put(cast, "active", by="sam")
    assert work.again("ana").is_active
    assert enter(work.again("ana")).get(reverse("messages")).status_code == 200
    assert not RecordState.objects.current().exists()


def test_what_a_death_by_mistake_ended_goes_on_and_nothing_that_ended_otherwise(work, cast, enter):
    from accounts.models import Trust

    stopped = Trust.objects.give(
        patient=cast.patient("ana"), proxy=cast.ben, relationship="friend", scopes=["read"], by=cast.ana
    )
    stopped.end(by=cast.ana)
    thread = work.thread()
    page = reverse("thread", args=[thread.pk])
    rosa = enter(cast.rosa)
    put(cast, "deceased", by="sam")
    assert rosa.get(page).status_code in (302, 403, 404)
    Notification.objects.all().delete()
    put(cast, "active", by="sam")
    assert enter(cast.rosa).get(page).status_code == 200
    assert [trust.proxy_id for trust in Trust.objects.standing()] == [cast.rosa.pk]
    told = Notification.objects.filter(notice__in=["trust_changed", "help_changed"])
    assert set(told.values_list("person", "notice")) == {
        (cast.ana.pk, "trust_changed"),
        (cast.rosa.pk, "help_changed"),
    }


def test_what_was_given_anew_after_a_death_by_mistake_stays_as_it_was_given(work, cast):
    from accounts.models import Trust

    put(cast, "deceased", by="sam")
    anew = Trust.objects.give(
        patient=cast.patient("ana"),
        proxy=cast.rosa,
        relationship="daughter",
        scopes=["read"],
        basis="executor",
        document="The will, seen at the desk",
        by=cast.sam,
    )
    put(cast, "active", by="sam")
    assert [trust.pk for trust in Trust.objects.standing()] == [anew.pk]


def test_whose_login_was_closed_before_stays_outside(work, cast):
    cast.ana.deactivate(by=cast.root)
    put(cast, "deceased")
    put(cast, "active")
    assert not work.again("ana").is_active


@pytest.mark.parametrize("state", HARD)
def test_a_decision_against_her_is_a_clinicians_and_is_looked_at_again(work, cast, state):
    with pytest.raises(MayNotSetState):
        put(cast, state, by="sam")
    soon = timezone.localdate() + timedelta(days=30)
    for wrong in (
        {"review_on": None},
        {"review_on": timezone.localdate()},
        {"review_on": soon + timedelta(days=400)},
        {"reviewer": None},
        {"reviewer": cast.okafor},
        {"reviewer": cast.sam},
    ):
        with pytest.raises(ReviewMissing):
            put(cast, state, **wrong)
    row = put(cast, state, review_on=soon)
    assert (row.reviewer, row.review_on) == (cast.lund, soon)
    with pytest.raises(MayNotSetState):
        put(cast, "active", by="sam")
    with pytest.raises(SameState):
        put(cast, state)
    put(cast, "active", by="maya")


def test_nobody_decides_about_her_own_record_or_one_that_is_not_her_teams(work, cast):
    helper(cast)
    patient = cast.patient("ana")
    patient.user = cast.maya
    patient.save(update_fields=["user"])
    with pytest.raises(NotYourOwn):
        put(cast, "inactive", by="maya")
    for key in ("lund", "mira", "root", "ben"):
        with pytest.raises((MayNotSetState, NotYourOwn)):
            put(cast, "inactive", by=key)


def test_the_reviewer_is_told_on_the_day_and_once(work, cast, enter):
    from accounts.tasks import tidy

    row = put(cast, "dismissed", review_on=timezone.localdate() + timedelta(days=1))
    tidy()
    assert not Notification.objects.filter(notice="review_due").exists()
    RecordState.objects.filter(pk=row.pk).update(review_on=timezone.localdate())
    tidy()
    tidy()
    assert [n.person for n in Notification.objects.filter(notice="review_due")] == [cast.lund]


def test_a_state_is_an_event_with_its_reason_sealed_and_a_notice_without_content(work, cast):
    put(cast, "inactive", by="sam")
    event = AuditEvent.objects.get(type="record", subtype="state")
    assert (event.additional_data, event.patient_id) == (
        {"was": "active", "now": "inactive"},
        cast.patient("ana").pk,
    )
    assert event.reason_text is not None
    assert b"Kingfisher" not in bytes(event.reason_text)
    told = Notification.objects.filter(notice="record_changed")
    assert {notice.person for notice in told} == {cast.ana, cast.rosa}
    assert "inactive" not in told.first().as_email().body


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _really_committed(self, transactional_db):
        pass

    def test_a_message_sent_while_the_state_is_set_is_sent_or_refused_and_never_half(self, work, cast, enter):
        thread = work.thread()
        address = reverse("thread-replies", args=[thread.pk])
        browsers = [enter(cast.ana) for _ in range(5)]
        acts = [lambda b=b, n=n: b.post(address, {"body": f"Word {n}."}) for n, b in enumerate(browsers)]
        acts.insert(2, lambda: put(cast, "blocked"))
        answers = [a for a in at_once(acts) if hasattr(a, "status_code")]
        statuses = [a.status_code for a in answers]
        assert len(statuses) == 5 and set(statuses) <= {302, 409}
        assert Message.objects.filter(side="patient").count() == 1 + statuses.count(302)
        state = RecordState.objects.get()
        assert not Message.objects.filter(
            side="patient", sent_at__gt=state.starts_at + timedelta(seconds=1)
        ).exists()
