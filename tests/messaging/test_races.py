"""Two at once, with real threads and real transactions: nothing is doubled, nothing is lost, nobody gets an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Barrier
from threading import Thread as Worker
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse

from messaging.models import (
    Closure,
    InternalNote,
    Message,
    RefillDecision,
    RefillRequestItem,
    Thread,
    WorkItem,
)
from portal.demo_clinic import FOUNDER
from tests.letters import begin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _really_committed(transactional_db):
    """Before anything is written: `cast` would ask for a database of one transaction."""


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each act returned, or the exception it died of, when all were begun together."""
    together, outcomes = Barrier(len(acts)), [None] * len(acts)

    def run(place: int) -> None:
        together.wait()
        try:
            outcomes[place] = acts[place]()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    workers = [Worker(target=run, args=(place,)) for place in range(len(acts))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return outcomes


def statuses(outcomes: Sequence[Any]) -> Counter[Any]:
    return Counter(getattr(outcome, "status_code", outcome) for outcome in outcomes)


def test_a_button_pressed_six_times_at_once_begins_one_conversation(work, cast, enter):
    form = {"category": "refill", "subject": "One", "body": "Only one."}
    browsers = [enter(cast.ana) for _ in range(6)]
    ref = begin(browsers[0])
    for step in ("topic", "text"):
        browsers[0].post(reverse(f"draft-{step}", args=[ref]), form)
    answers = at_once([lambda b=b: b.post(reverse("draft-check", args=[ref])) for b in browsers])
    assert statuses(answers) == {302: 6}
    assert len({answer["Location"] for answer in answers}) == 1
    assert (Thread.objects.count(), WorkItem.objects.count()) == (1, 1)
    assert Message.objects.filter(side="patient").count() == 1


def test_a_reply_pressed_six_times_at_once_is_sent_once(work, cast, enter):
    thread = work.thread()
    form = {"body": "Only one.", "seen": str(thread.last_message_id), "form_token": str(uuid4())}
    address = reverse("thread-replies", args=[thread.pk])
    browsers = [enter(cast.ana) for _ in range(6)]
    assert statuses(at_once([lambda b=b: b.post(address, form) for b in browsers])) == {302: 6}
    assert Message.objects.filter(side="patient").count() == 2


def test_a_note_saved_six_times_at_once_is_one_note(work, cast, enter):
    thread = work.thread()
    form = {"body": "Only one.", "form_token": str(uuid4())}
    address = reverse("inbox-notes", args=[thread.pk])
    browsers = [enter(cast.maya) for _ in range(6)]
    assert statuses(at_once([lambda b=b: b.post(address, form) for b in browsers])) == {302: 6}
    assert InternalNote.objects.count() == 1


def test_two_who_answer_at_once_do_not_both_answer(work, cast, enter):
    thread = work.thread()
    address = reverse("inbox-replies", args=[thread.pk])
    form = {"seen": str(thread.last_message_id)}
    browsers = [enter(cast[key]) for key in ("okafor", "maya")]
    answers = at_once([lambda b=b: b.post(address, {**form, "body": "Mine."}) for b in browsers])
    assert statuses(answers) == {302: 1, 409: 1}
    assert Message.objects.filter(side="team").count() == 1


def test_patient_and_daughter_reopening_at_once_make_one_piece_of_work(work, cast, enter):
    thread = work.thread()
    thread.close(by=cast.okafor, outcome="answered")
    address = reverse("thread-replies", args=[thread.pk])
    browsers = [enter(cast[key]) for key in ("ana", "rosa", "ana", "rosa")]
    answers = at_once([lambda b=b: b.post(address, {"body": "It is back."}) for b in browsers])
    assert statuses(answers) == {302: 4}
    assert WorkItem.objects.unfinished().filter(thread=thread).count() == 1
    fresh = Thread.objects.get()
    assert fresh.message_count == Message.objects.filter(side="patient").count() == 5
    assert fresh.last_message_id == Message.objects.latest("sent_at", "id").pk
    assert Closure.objects.filter(reopened_at=None).count() == 0


def test_finishing_and_writing_at_once_leave_no_message_without_work(work, cast, enter):
    thread = work.thread()
    close = reverse("inbox-close", args=[thread.pk])
    reply = reverse("thread-replies", args=[thread.pk])
    staff, patient = enter(cast.okafor), enter(cast.ana)
    answers = at_once(
        [
            lambda: staff.post(close, {"outcome": "answered"}),
            lambda: patient.post(reply, {"body": "Wait, one more thing."}),
        ]
    )
    assert statuses(answers) == {302: 2}
    fresh, last = Thread.objects.get(), Message.objects.latest("sent_at", "id")
    unfinished = WorkItem.objects.unfinished().filter(thread=thread).count()
    assert (fresh.state, unfinished) in (("open", 1), ("closed", 0))
    assert fresh.last_message_id == last.pk


def test_asking_twice_at_once_makes_one_request(work, cast, enter):
    order = work.medicine()
    address = reverse("refill-new", args=[order.pk])
    browsers = [enter(cast[key]) for key in ("ana", "rosa", "ana", "rosa")]
    answers = at_once([lambda b=b: b.post(address, {"comment": ""}) for b in browsers])
    assert statuses(answers) == {302: 4}
    (item,) = RefillRequestItem.objects.all()
    assert all(str(item.pk) in answer["Location"] for answer in answers)
    assert WorkItem.objects.filter(refill=item).count() == 1


def test_of_two_decisions_at_once_one_stands(work, cast, enter):
    from accounts.models import Role, RoleGrant

    RoleGrant.objects.give(user=cast.maya, role=Role.PHYSICIAN, by=FOUNDER)
    item = work.refill()
    address = reverse("refill-decision", args=[item.pk])
    browsers = [enter(work.again(key), fresh="refill-decision") for key in ("okafor", "maya") * 3]
    forms = [{"outcome": "approved"}, {"outcome": "denied", "reason": "AM"}] * 3
    answers = at_once([lambda b=b, f=f: b.post(address, f) for b, f in zip(browsers, forms, strict=True)])
    assert statuses(answers) == {302: 1, 409: 5}
    decision = RefillDecision.objects.get()
    assert RefillRequestItem.objects.get().state == decision.outcome


def test_a_decision_and_taking_it_back_at_once_leave_one_end(work, cast, enter):
    item = work.refill()
    staff, patient = enter(cast.okafor, fresh="refill-decision"), enter(cast.ana)
    answers = at_once(
        [
            lambda: staff.post(reverse("refill-decision", args=[item.pk]), {"outcome": "approved"}),
            lambda: patient.post(reverse("refill-cancel", args=[item.pk])),
        ]
    )
    assert statuses(answers) == {302: 1, 409: 1}
    fresh = RefillRequestItem.objects.get()
    assert fresh.state == ("approved" if RefillDecision.objects.exists() else "cancelled")
    assert not WorkItem.objects.unfinished().exists()


@pytest.mark.parametrize("each", [5, pytest.param(25, marks=pytest.mark.drill)])
def test_what_eight_begin_at_once_clashes_nowhere(work, cast, settings, each):
    """STK-07: no number is handed out twice, of two hundred messages either."""
    settings.TRY_LIMITS = {**settings.TRY_LIMITS, "write-patient": (1_000, timedelta(hours=1))}
    made = at_once([lambda n=n: [work.thread(subject=f"{n}.{m}") for m in range(each)] for n in range(8)])
    threads = [thread for batch in made for thread in batch]
    assert len({thread.pk for thread in threads}) == Thread.objects.count() == 8 * each
    assert WorkItem.objects.count() == 8 * each


def test_two_records_joined_into_each_other_at_once_become_one_and_no_ring(cast, work):
    from accounts.models import Patient, RecordJoin
    from audit.context import SystemAgent
    from audit.refusals import Refusal

    clinic = SystemAgent("system:test")
    twin, third = (
        Patient.objects.register(name="Ana Alvarez", birth_date="1958-03-14", record_number=number, by=clinic)
        for number in ("RC-1", "RC-2")
    )
    ana = cast.patient("ana")
    for one in (twin, third):
        cast.team("desk").care_for(patient=one, by=clinic)

    def join(patient, survivor):
        return lambda: RecordJoin.objects.ask(
            patient=patient, survivor=survivor, reason="One.", births_differ=False, by=work.again("sam")
        )

    outcomes = at_once(
        [join(twin, ana), join(ana, twin), join(third, twin), join(twin, third), join(ana, third)]
    )
    assert all(isinstance(one, RecordJoin | Refusal) for one in outcomes), outcomes
    stays = {row.person_id for row in Patient.objects.filter(pk__in=[ana.pk, twin.pk, third.pk])}
    joins = RecordJoin.objects.running()
    assert len(stays) == 3 - joins.count() and joins.count() >= 1
    for row in Patient.objects.filter(joined_into__isnull=False):
        last = row.pk
        for _step in range(3):
            edge = joins.filter(patient=last).first()
            last = edge.survivor_id if edge is not None else last
        assert last == row.joined_into_id and row.joined_into.joined_into_id is None
