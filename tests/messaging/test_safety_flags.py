"""What may be dangerous is flagged by whichever door it comes, and never keeps anything from being sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import AuditEvent
from messaging.clock import now
from messaging.models import Answer, Chose, Message, Priority, Safety, SafetyFlag, Shown, WorkItem
from messaging.red_flags import Grade


def test_harmless_words_leave_no_flag(work, cast):
    thread = work.thread()
    thread.post(author=cast.ana, body="No chest pain. Thank you.")
    assert not SafetyFlag.objects.exists()
    assert work.item(thread).priority == Priority.ROUTINE


@pytest.mark.parametrize(
    ("words", "grade", "priority"),
    [
        ("I want to kill myself", Grade.CRISIS, Priority.STAT),
        ("My chest hurts since this morning", Grade.EMERGENCY, Priority.ASAP),
        ("Me duele mucho el pecho", Grade.EMERGENCY, Priority.ASAP),
        ("Tengo fiebre desde hace cinco días", Grade.SAME_DAY, Priority.URGENT),
    ],
)
@pytest.mark.parametrize("place", ["subject", "body"])
def test_a_sign_raises_the_work_wherever_it_stands(work, words, grade, priority, place):
    thread = work.thread(**{place: words})
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.message_id, flag.patient_id) == (
        grade,
        thread.last_message_id,
        thread.patient_id,
    )
    assert work.item(thread).priority == priority


def test_what_she_was_promised_stays_when_the_work_is_brought_forward(work, cast):
    thread = work.thread()
    promised = work.item(thread).due_at
    thread.post(author=cast.ana, body="I cannot breathe")
    item = work.item(thread)
    assert item.promised_at == promised
    assert item.due_at <= now() + timedelta(minutes=30)
    thread.post(author=cast.okafor, body="Call 911.")
    thread.post(author=cast.ana, body="I am home again. Thank you.")
    item = work.item(thread)
    assert (item.priority, item.promised_at) == (Priority.ROUTINE, None)


def test_what_she_answered_counts_by_itself(work):
    safety = Safety(answer=Answer.YES, shown=Shown.STOP, chose=Chose.WENT_ON)
    thread = work.thread(safety=safety)
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.answer, flag.shown, flag.chose) == (None, "yes", "stop", "went_on")
    assert work.item(thread).priority == Priority.ASAP


def test_the_trail_has_the_grade_and_no_word(work):
    work.thread(body="My chest hurts a lot")
    event = AuditEvent.objects.get(type="record", subtype="safety-flag")
    assert event.additional_data["grade"] == "emergency"
    assert "chest" not in str(AuditEvent.objects.values_list("additional_data", "changes"))


def test_a_colleague_who_quotes_a_sign_raises_nothing(work, cast):
    thread = work.thread()
    thread.post(author=cast.okafor, body="Do you have chest pain?")
    assert not SafetyFlag.objects.exists()


def test_a_second_press_flags_once(work, cast):
    from uuid import uuid4

    thread, token = work.thread(), str(uuid4())
    for _ in range(2):
        thread.post(author=cast.ana, body="I cannot breathe", form_token=token)
    assert SafetyFlag.objects.count() == 1
    assert Message.objects.filter(thread=thread, side="patient").count() == 2
    assert WorkItem.objects.get(thread=thread).priority == Priority.ASAP
