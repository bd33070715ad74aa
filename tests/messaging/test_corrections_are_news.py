"""What a team puts right is unread until somebody has read the correction: in lists, in receipts, for the watchdog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from messaging.models import Amendment, Holiday, PutAway, ReadReceipt, UnreadAlarm
from messaging.tasks import watch_unread
from tests.messaging.test_record_states import put
from tests.work import words

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def clock(work):
    """A Monday at about ten at the clinic, with two weeks of ordinary days behind it."""
    today = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0)
    first = today + timedelta(days=7 - today.weekday())
    while Holiday.objects.filter(date__range=(first.date(), first.date() + timedelta(days=14))).exists():
        first += timedelta(days=7)
    with time_machine.travel(first, tick=False) as clock:
        yield clock


@pytest.fixture
def told(clock, work, cast, enter):
    """Ana was told to take two tablets, and has read it."""
    thread = work.thread()
    clock.shift(MINUTE)
    thread.post(author=cast.maya, body="Take two tablets.")
    clock.shift(MINUTE)
    enter(cast.ana).get(thread.get_absolute_url())
    clock.shift(MINUTE)
    return thread


def correct(thread, cast, body="Take ONE tablet."):
    return Amendment.objects.write(thread, thread.messages.get(author=cast.maya), by=cast.maya, body=body)


def inbox(browser, show=""):
    return words(browser.get(reverse("messages"), {"show": show} if show else {}))


def staff_page(browser, thread):
    return words(browser.get(reverse("inbox-thread", args=[thread.pk])))


@pytest.mark.parametrize("is_last", [True, False])
def test_the_patient_finds_it_in_her_list_and_staff_see_that_she_has_not_read_it(
    told, clock, work, cast, enter, is_last
):
    ana, maya = enter(cast.ana), enter(cast.maya)
    if not is_last:
        told.post(author=cast.ana, body="Thank you.")
        clock.shift(MINUTE)
    PutAway.objects.put(told, by=cast.ana)
    clock.shift(MINUTE)
    work.thread(subject="A newer one")
    clock.shift(MINUTE)
    assert "New message" not in inbox(ana) and "Headaches" not in inbox(ana)
    assert "Read by Ana" in staff_page(maya, told)
    correct(told, cast)
    listed = inbox(ana)
    assert "New message" in listed and "Messages, 1 new" in listed
    assert listed.index("Headaches") < listed.index("A newer one")
    assert "Nothing is off your list" in inbox(ana, "away")
    answer = ana.post(reverse("thread-put-away", args=[told.pk]))
    assert answer.status_code == 409, "and it is not put away unread"
    assert "New message" not in inbox(ana), "that page has shown it"
    shown = staff_page(maya, told)
    assert "The correction is not read yet" not in shown and "Read by Ana" in shown
    assert ReadReceipt.objects.filter(reader=cast.ana, message__author=cast.maya).count() == 2


def test_until_then_staff_see_who_read_what_it_said_before(told, cast, enter, clock):
    correct(told, cast)
    clock.shift(MINUTE)
    maya, ana = enter(cast.maya), enter(cast.ana)
    shown = staff_page(maya, told)
    assert "The correction is not read yet. Ana" in shown and "read what it said before" in shown
    answer = told.messages.get(author=cast.maya)
    back = maya.post(reverse("inbox-take-back", args=[told.pk, answer.pk]))
    assert back.status_code == 409, "its first words were read"
    first = words(ana.get(told.get_absolute_url()))
    assert "corrected a message" in first
    again = words(ana.get(told.get_absolute_url()))
    assert "corrected a message" not in again
    clock.shift(MINUTE)
    assert "The correction is not read yet" not in staff_page(maya, told)


def test_a_correction_that_nobody_reads_becomes_a_call_and_each_version_once(told, clock, work, cast, enter):
    clock.shift(4 * DAY)
    watch_unread()
    assert not UnreadAlarm.objects.exists(), "she has read it"
    correct(told, cast)
    clock.shift(6 * DAY)
    for _again in range(2):
        watch_unread()
    assert UnreadAlarm.objects.standing().get().version == 1
    assert "Not read: call" in words(enter(cast.maya).get(reverse("inbox")))
    ana = enter(cast.ana)
    assert "Take ONE tablet." in words(ana.get(told.get_absolute_url()))
    assert UnreadAlarm.objects.get().how == "read" and work.item(told).is_on_hold
    clock.shift(MINUTE)
    correct(told, cast, body="Take ONE tablet, at night.")
    clock.shift(6 * DAY)
    watch_unread()
    assert UnreadAlarm.objects.standing().get().version == 2
    # Whoever writes needs no call, though the last message was hers.
    told.post(author=cast.ana, body="I am back.")
    assert not UnreadAlarm.objects.standing().exists()


def test_what_the_patient_puts_right_is_news_for_the_team(told, clock, work, cast, enter):
    maya = enter(cast.maya)
    staff_page(maya, told)
    ana = enter(cast.ana)
    more = told.post(author=cast.ana, body="And I am dizzy.")
    clock.shift(MINUTE)
    staff_page(maya, told)
    assert "Read by the team" in inbox(ana)
    clock.shift(MINUTE)
    Amendment.objects.write(told, more, by=cast.ana, body="And I am NOT dizzy.")
    assert "Read by the team" not in inbox(ana)
    assert "Your team will read the correction" in words(ana.get(told.get_absolute_url()))
    assert "No person has read it yet" not in words(ana.get(told.get_absolute_url()))
    clock.shift(MINUTE)
    staff_page(maya, told)
    assert "Read by the team" in inbox(ana)


def test_the_team_has_read_it_when_one_of_the_team_has(work, cast, enter):
    thread = work.thread()
    ana = enter(cast.ana)
    enter(cast.rosa).get(thread.get_absolute_url())
    assert "Read by the team" not in inbox(ana)
    staff_page(enter(cast.maya), thread)
    assert "Read by the team" in inbox(ana)


def test_nobody_is_called_about_the_record_of_somebody_who_has_died(clock, work, cast, enter):
    called, unread = work.thread(), work.thread(subject="Another")
    called.post(author=cast.maya, body="Please come in.")
    clock.shift(3 * DAY)
    unread.post(author=cast.maya, body="And bring your papers.")
    clock.shift(DAY)
    watch_unread()
    assert UnreadAlarm.objects.standing().get().thread == called
    put(cast, "deceased")
    assert UnreadAlarm.objects.get().how == "overtaken"
    assert work.item(called).is_on_hold
    clock.shift(5 * DAY)
    watch_unread()
    assert UnreadAlarm.objects.count() == 1
    assert "Not read: call" not in words(enter(cast.maya).get(reverse("inbox")))


@pytest.mark.parametrize("page", ["thread-print", "thread-pdf", "thread-data"])
def test_reading_it_on_paper_is_reading_too(clock, work, cast, enter, page):
    thread = work.thread()
    thread.post(author=cast.maya, body="Please come in.")
    clock.shift(4 * DAY)
    watch_unread()
    browser, address = enter(cast.ana, fresh="export"), reverse(page, args=[thread.pk])
    answer = browser.get(address) if page == "thread-print" else browser.post(address)
    assert answer.status_code == 200
    assert UnreadAlarm.objects.get().how == "read"
    assert work.item(thread).is_on_hold
