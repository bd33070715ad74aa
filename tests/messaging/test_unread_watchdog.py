"""An answer that its patient does not read becomes work: somebody calls, or writes a letter (NT3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from accounts.models import Notification
from audit.models import AuditEvent
from audit.recorder import label
from messaging.models import Holiday, Priority, UnreadAlarm
from messaging.tasks import watch_unread
from tests.work import words

HOUR, DAY = 3600, 86_400


@pytest.fixture
def monday(work) -> datetime:
    """A Monday at about ten at the clinic, with two weeks of ordinary days behind it."""
    today = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0)
    first = today + timedelta(days=7 - today.weekday())
    while Holiday.objects.filter(date__range=(first.date(), first.date() + timedelta(days=14))).exists():
        first += timedelta(days=7)
    return first


@pytest.fixture
def clock(monday):
    with time_machine.travel(monday, tick=False) as clock:
        yield clock


@pytest.fixture
def answered(clock, work, cast, enter):
    """Answered on Monday, and not read."""
    thread = work.thread(subject="Blood test")
    thread.post(author=cast.maya, body="Please come in.")
    return thread


def called(enter, cast) -> bool:
    return "Not read: call" in words(enter(cast.maya).get(reverse("inbox")))


def test_after_three_open_days_it_is_somebodys_work_and_only_once(answered, clock, cast, enter, work):
    clock.shift(3 * DAY - HOUR)
    watch_unread()
    assert not UnreadAlarm.objects.exists()
    clock.shift(2 * HOUR)
    told = Notification.objects.count()
    for _again in range(3):
        watch_unread()
    alarm = UnreadAlarm.objects.get()
    assert alarm.message == answered.messages.get(side="team")
    assert Notification.objects.count() == told + 1, "its holder is told, once"
    assert called(enter, cast)
    page = words(enter(cast.maya).get(reverse("inbox-thread", args=[answered.pk])))
    assert "Not read: call or send a letter" in page
    event = AuditEvent.objects.get(subtype="unread-alarm")
    assert event.agent_id == "system:unread-watchdog"


def test_whoever_is_to_call_has_the_number_before_her_and_no_day_but_the_calls(answered, clock, cast, enter):
    address = reverse("inbox-thread", args=[answered.pk])
    number, before = '<a href="tel:+15550100161">+1 555 010 0161</a>', enter(cast.maya).get(address)
    about, conversation = _panes(before)
    assert number in about and number not in conversation, (
        "beside it for her work, and not in it before it is asked"
    )
    clock.shift(3 * DAY + HOUR)
    watch_unread()
    about, conversation = _panes(enter(cast.maya).get(address))
    assert number in about and number in conversation
    assert re.search(r"Call due <time[^>]*>Friday", conversation) and "Reply due" not in conversation
    shown = AuditEvent.objects.filter(subtype="read", actor=cast.maya).latest("recorded_at").shown
    assert label(cast.patient("ana")) in shown, "it is opened as any reading is"
    answered.open_item().claim(by=cast.maya)
    colleague = enter(cast.okafor).get(address).content.decode()
    assert number not in colleague, "who does not work it needs no number"


def test_without_a_number_the_page_says_to_send_a_letter(answered, clock, cast, enter):
    cast.patient("ana").call_at("")
    clock.shift(3 * DAY + HOUR)
    watch_unread()
    page = words(enter(cast.maya).get(reverse("inbox-thread", args=[answered.pk])))
    assert "No telephone number is on file. Send a letter." in page and "None on file" in page


def _panes(answer) -> tuple[str, str]:
    """The side panel, and the conversation before it."""
    conversation, about = answer.content.decode().split('<aside class="pane context"')
    return about, conversation


def test_nobody_is_sent_to_call_somebody_who_has_died(answered, clock, cast, enter):
    clock.shift(3 * DAY + HOUR)
    watch_unread()
    assert called(enter, cast)
    state = {"state": "deceased", "reason": "Her daughter called."}
    address = reverse("desk-patient-state", args=[answered.patient_id])
    assert enter(cast.maya).post(address, state).status_code == 302
    assert not called(enter, cast)
    UnreadAlarm.objects.all().delete()
    watch_unread()
    assert not UnreadAlarm.objects.exists()


def test_a_weekend_and_a_holiday_are_no_open_days(clock, monday, work, cast):
    clock.move_to(monday + timedelta(days=3))  # Thursday
    thread = work.thread()
    thread.post(author=cast.maya, body="Please come in.")
    Holiday.objects.create(date=(monday + timedelta(days=7)).date(), name="Founders’ Day")
    clock.move_to(monday + timedelta(days=8, hours=1))  # Tuesday: Friday and Tuesday make two
    watch_unread()
    assert not UnreadAlarm.objects.exists()
    clock.move_to(monday + timedelta(days=9, hours=1))
    watch_unread()
    assert UnreadAlarm.objects.count() == 1


def test_urgent_work_waits_one_day(answered, clock, work):
    item = work.item(answered)
    item.priority = Priority.URGENT
    item.save(update_fields=["priority"])
    clock.shift(DAY + HOUR)
    watch_unread()
    assert UnreadAlarm.objects.count() == 1


@pytest.mark.parametrize("who", ["ana", "rosa"])
def test_whoever_reads_for_the_patient_keeps_it_quiet(answered, clock, cast, enter, who):
    enter(cast[who]).get(reverse("thread", args=[answered.pk]))
    clock.shift(5 * DAY)
    watch_unread()
    assert not UnreadAlarm.objects.exists()


def test_a_colleague_who_reads_it_is_no_patient(answered, clock, cast, enter):
    enter(cast.okafor).get(reverse("inbox-thread", args=[answered.pk]))
    clock.shift(5 * DAY)
    watch_unread()
    assert UnreadAlarm.objects.count() == 1


def test_reading_it_at_last_ends_the_work(answered, clock, cast, enter, work):
    clock.shift(5 * DAY)
    watch_unread()
    assert not work.item(answered).is_on_hold
    page = words(enter(cast.ana).get(reverse("thread", args=[answered.pk])))
    assert "Please come in." in page
    assert UnreadAlarm.objects.get().how == "read"
    assert work.item(answered).is_on_hold
    assert not called(enter, cast)


def test_a_call_ends_the_work_and_says_who_and_how(answered, clock, cast, enter, work):
    clock.shift(5 * DAY)
    watch_unread()
    maya = enter(cast.maya)
    address = reverse("inbox-reached", args=[answered.pk])
    assert maya.post(address, {}).status_code == 422
    assert maya.post(address, {"how": "telepathy"}).status_code == 422
    assert maya.post(address, {"how": "phoned"}).status_code == 302
    alarm = UnreadAlarm.objects.get()
    assert (alarm.how, alarm.settled_by) == ("phoned", cast.maya)
    assert work.item(answered).is_on_hold
    assert maya.post(address, {"how": "letter"}).status_code == 409, "it is not asked for any more"
    watch_unread()
    assert UnreadAlarm.objects.count() == 1, "one call tells of all that was waiting"


def test_a_finished_conversation_is_watched_as_well(answered, clock, cast, enter, work):
    answered.close(by=cast.maya, outcome="answered")
    clock.shift(5 * DAY)
    watch_unread()
    item = work.item(answered)
    assert item.is_open
    assert (
        enter(cast.maya).post(reverse("inbox-reached", args=[answered.pk]), {"how": "letter"}).status_code
        == 302
    )
    assert not work.item(answered).is_open


@pytest.mark.parametrize("how", ["patient writes", "team writes", "team finishes"])
def test_a_conversation_that_goes_on_needs_no_call(answered, clock, cast, enter, how):
    clock.shift(5 * DAY)
    watch_unread()
    if how == "patient writes":
        answered.post(author=cast.ana, body="I am back from a journey.")
    elif how == "team writes":
        answered.post(author=cast.maya, body="Are you there?")
    else:
        answered.close(by=cast.maya, outcome="phoned")
    assert UnreadAlarm.objects.get().how == "overtaken"
    assert not called(enter, cast)


def test_the_patient_is_not_promised_an_answer_she_has(answered, clock, cast, enter):
    clock.shift(5 * DAY)
    watch_unread()
    assert "Reply by" not in words(enter(cast.ana).get(reverse("messages")))
