"""Moments in words, on the clinic's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from portal import dates

NOON = datetime(2026, 3, 10, 16, 12, tzinfo=UTC)  # 12:12 in New York


@pytest.fixture(autouse=True)
def _a_tuesday(settings):
    settings.CLINIC_TIME_ZONE = "America/New_York"
    with time_machine.travel(NOON, tick=False):
        yield


def test_a_moment_in_full_is_in_the_clinics_zone():
    assert dates.full(datetime(2026, 3, 10, 13, 14, tzinfo=UTC)) == "Tuesday, March 10, 9:14 am"


def test_another_year_is_said():
    assert dates.full(datetime(2025, 3, 10, 13, 14, tzinfo=UTC)) == "Monday, March 10, 2025, 9:14 am"


def test_a_deadline_at_a_whole_hour_has_no_zeros():
    assert dates.deadline(datetime(2026, 3, 12, 21, 0, tzinfo=UTC)) == "Thursday, March 12, 5 pm"
    assert dates.deadline(datetime(2026, 3, 12, 21, 30, tzinfo=UTC)) == "Thursday, March 12, 5:30 pm"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 3, 10, 20, 12, tzinfo=UTC), "4:12 pm"),
        (datetime(2026, 3, 9, 20, 12, tzinfo=UTC), "Monday"),
        (datetime(2026, 3, 12, 20, 12, tzinfo=UTC), "Thursday"),
        (datetime(2026, 3, 2, 20, 12, tzinfo=UTC), "March 2"),
        (datetime(2025, 11, 2, 20, 12, tzinfo=UTC), "November 2, 2025"),
        # Already the 11th in UTC, still the evening of the 10th at the clinic.
        (datetime(2026, 3, 11, 1, 0, tzinfo=UTC), "9:00 pm"),
    ],
)
def test_a_list_says_as_little_as_it_can(moment, words):
    assert dates.short(moment) == words


def test_noon_and_midnight_are_twelve():
    assert dates.clock(datetime(2026, 3, 10, 16, 0, tzinfo=UTC)) == "12:00 pm"
    assert dates.clock(datetime(2026, 3, 10, 4, 0, tzinfo=UTC)) == "12:00 am"


def test_the_trail_is_said_to_the_second():
    assert dates.second(datetime(2026, 3, 8, 7, 14, 9, tzinfo=UTC)) == "Mar 8, 2026, 3:14:09 am"


def test_a_visit_within_one_minute_is_one_time():
    assert dates.span(NOON, NOON + timedelta(seconds=20)) == "12:12 pm"
    assert dates.span(NOON, NOON + timedelta(minutes=10)) == "12:12 pm to 12:22 pm"


def test_what_is_late_counts_below_zero():
    assert dates.minutes_until(NOON + timedelta(minutes=12)) == 12
    assert dates.minutes_until(NOON - timedelta(seconds=30)) == -1


def test_machines_are_told_the_same_moment():
    assert dates.marked(NOON, "12:12 pm") == '<time datetime="2026-03-10T12:12:00-04:00">12:12 pm</time>'
    assert dates.marked(date(1967, 3, 4), "<b>") == '<time datetime="1967-03-04">&lt;b&gt;</time>'
