"""An answer that its author takes back leaves what it answered as it was: with its danger, its promise, its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from messaging.models import Holiday, Priority, UnreadAlarm
from messaging.tasks import watch_unread
from tests.work import words

DAY = timedelta(days=1)
EMERGENCY = "I have crushing chest pain right now"


@pytest.fixture
def clock(work):
    """A Monday at about ten at the clinic, with two weeks of ordinary days behind it."""
    today = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0)
    first = today + timedelta(days=7 - today.weekday())
    while Holiday.objects.filter(date__range=(first.date(), first.date() + timedelta(days=14))).exists():
        first += timedelta(days=7)
    with time_machine.travel(first, tick=False) as clock:
        yield clock


def take_back(browser, thread, message, *, team=True):
    name = "inbox-take-back" if team else "message-take-back"
    answer = browser.post(reverse(name, args=[thread.pk, message.pk]))
    assert answer.status_code == 302
    return answer


@pytest.mark.parametrize("meanwhile", ["nothing", "finished", "called"])
def test_an_emergency_is_one_again_by_the_moment_it_always_was(clock, work, cast, enter, meanwhile):
    thread = work.thread(body=EMERGENCY)
    before = work.item(thread)
    assert before.priority == Priority.ASAP
    clock.shift(600)
    answer = thread.post(author=cast.maya, body="Meant for somebody else.")
    assert "has answered you" in words(enter(cast.ana).get(reverse("message-sent", args=[thread.pk])))
    if meanwhile == "finished":
        thread.close(by=cast.maya, outcome="answered")
    if meanwhile == "called":
        clock.shift(4 * DAY)
        watch_unread()
        assert UnreadAlarm.objects.standing().count() == 1
        assert work.item(thread).priority == Priority.ROUTINE, "what is asked for now is a call"
    maya = enter(cast.maya)
    assert "Check now." not in words(maya.get(reverse("inbox-thread", args=[thread.pk])))
    take_back(maya, thread, answer)
    after = work.item(thread)
    assert (after.is_owed, after.priority, after.due_at) == (True, Priority.ASAP, before.due_at)
    assert after.promised_at == before.promised_at
    assert after.waiting_since == before.waiting_since
    thread.refresh_from_db()
    assert thread.is_open
    assert "Check now. Emergency" in words(maya.get(reverse("inbox-thread", args=[thread.pk])))
    assert "Emergency" in words(maya.get(reverse("inbox"))), "flagged in the list again"
    ana = enter(cast.ana)
    sent = words(ana.get(reverse("message-sent", args=[thread.pk])))
    assert "has answered you" not in sent and "We plan to reply by" in sent
    listed = words(ana.get(reverse("messages")))
    assert "New message" not in listed, "what was taken back is no news"
    assert "Reply" in listed
    # And it can be answered as any other.
    thread.post(author=cast.maya, body="Call 911.")
    assert work.item(thread).is_on_hold


def test_what_ended_by_a_visit_stays_finished_when_a_message_is_taken_back(work, cast, enter):
    thread = work.thread()
    answer = thread.post(author=cast.maya, body="Meant for somebody else.")
    thread.close(by=cast.maya, outcome="visit_booked")
    take_back(enter(cast.maya), thread, answer)
    thread.refresh_from_db()
    assert not thread.is_open and not work.item(thread).is_open


def test_taking_back_an_unread_answer_ends_the_call_about_it_and_the_patient_waits_again(
    clock, work, cast, enter
):
    thread = work.thread()
    promised = work.item(thread).due_at
    answer = thread.post(author=cast.maya, body="Wrong answer.")
    clock.shift(4 * DAY)
    watch_unread()
    maya = enter(cast.maya)
    take_back(maya, thread, answer)
    assert UnreadAlarm.objects.get().how == "overtaken"
    ana = enter(cast.ana)
    for _again in range(2):
        assert "Your team will reply" in words(ana.get(reverse("thread", args=[thread.pk])))
    item = work.item(thread)
    assert (item.is_owed, item.due_at) == (True, promised)
    assert "Not read: call" not in words(maya.get(reverse("inbox")))
    watch_unread()
    assert UnreadAlarm.objects.count() == 1, "an answer that is owed is not one that was not read"


@pytest.mark.parametrize("which", ["the one to call about", "the later one"])
def test_of_two_unread_answers_the_one_that_stands_is_called_about(clock, work, cast, enter, which):
    thread = work.thread()
    first = thread.post(author=cast.maya, body="Please come in.")
    clock.shift(60)
    second = thread.post(author=cast.maya, body="And bring your papers.")
    clock.shift(4 * DAY)
    watch_unread()
    assert UnreadAlarm.objects.standing().get().message == first
    gone, stays = (first, second) if which == "the one to call about" else (second, first)
    take_back(enter(cast.maya), thread, gone)
    watch_unread()
    assert UnreadAlarm.objects.standing().get().message == stays
    assert work.item(thread).is_owed
    enter(cast.ana).get(reverse("thread", args=[thread.pk]))
    assert not UnreadAlarm.objects.standing().exists()
    assert work.item(thread).is_on_hold


def test_a_correction_that_waits_is_not_answered_by_what_came_before_it(clock, work, cast, enter):
    thread = work.thread()
    clock.shift(60)
    thread.post(author=cast.maya, body="Rest.")
    clock.shift(60)
    ana = enter(cast.ana)
    ana.get(reverse("thread", args=[thread.pk]))
    first = thread.messages.order_by("sent_at").first()
    said = {"body": EMERGENCY, "helped": "emergency"}
    assert ana.post(reverse("message-correct", args=[thread.pk, first.pk]), said).status_code == 302
    clock.shift(60)
    more = thread.post(author=cast.ana, body="Never mind this one.")
    take_back(ana, thread, more, team=False)
    item = work.item(thread)
    assert (item.is_owed, item.priority) == (True, Priority.ASAP)
    answer = thread.post(author=cast.maya, body="Meant for somebody else.")
    take_back(enter(cast.maya), thread, answer)
    item = work.item(thread)
    assert (item.is_owed, item.priority) == (True, Priority.ASAP)


def test_a_danger_that_was_taken_back_is_still_told_and_its_words_are_not(work, cast, enter):
    thread = work.thread()
    gone = thread.post(author=cast.ana, body="I want to kill myself tonight")
    take_back(enter(cast.ana), thread, gone, team=False)
    page = words(enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk])))
    assert "Check now." in page and "They took that message back" in page
    assert "kill myself" not in page
    assert work.item(thread).priority == Priority.STAT
