"""The clinic's clock is arithmetic on values, so it is tested without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.clock import BusinessClock, Interval, NeverOpen

NEW_YORK = ZoneInfo("America/New_York")
NINE_TO_FIVE = (Interval(time(9), time(17)),)
WITH_LUNCH = (Interval(time(13), time(17)), Interval(time(9), time(12)))  # in no particular order
WEEK = dict.fromkeys(range(1, 6), NINE_TO_FIVE)


def clock(hours=WEEK, *, holidays=(), zone=NEW_YORK) -> BusinessClock:
    return BusinessClock(zone=zone, hours=hours, holidays=frozenset(holidays))


def local(year, month, day, hour=0, minute=0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def test_a_span_within_the_day_ends_that_day():
    assert clock().after(local(2026, 11, 18, 10), timedelta(hours=2)) == local(2026, 11, 18, 12)


def test_what_comes_before_opening_counts_from_opening():
    assert clock().after(local(2026, 11, 18, 3), timedelta(hours=2)) == local(2026, 11, 18, 11)


def test_what_is_left_at_closing_time_goes_on_the_next_morning():
    assert clock().after(local(2026, 11, 18, 16), timedelta(hours=2)) == local(2026, 11, 19, 10)


def test_a_span_that_ends_at_closing_time_ends_there_and_not_at_the_next_opening():
    assert clock().after(local(2026, 11, 18, 9), timedelta(hours=8)) == local(2026, 11, 18, 17)


def test_a_promise_ends_on_the_next_half_hour_and_never_past_closing_time():
    two_hours = timedelta(hours=2)
    assert clock().promise(local(2026, 11, 18, 10, 17), two_hours) == local(2026, 11, 18, 12, 30)
    assert clock().promise(local(2026, 11, 18, 10, 31), two_hours) == local(2026, 11, 18, 13)
    assert clock().promise(local(2026, 11, 18, 10, 30), two_hours) == local(2026, 11, 18, 12, 30)
    a_little_later = local(2026, 11, 18, 10) + timedelta(seconds=5)
    assert clock().promise(a_little_later, two_hours) == local(2026, 11, 18, 12)
    assert clock().promise(local(2026, 11, 18, 9), timedelta(hours=8)) == local(2026, 11, 18, 17)
    early = clock(dict.fromkeys(range(1, 6), (Interval(time(9), time(16, 45)),)))
    assert early.promise(local(2026, 11, 18, 14, 40), two_hours) == local(2026, 11, 18, 16, 45)
    nepal = ZoneInfo("Asia/Kathmandu")
    morning = datetime(2026, 11, 18, 10, 17, tzinfo=nepal)
    assert clock(zone=nepal).promise(morning, two_hours).astimezone(nepal).minute == 30


def test_a_weekend_does_not_count():
    friday_afternoon = local(2026, 11, 20, 16)
    assert clock().after(friday_afternoon, timedelta(hours=2)) == local(2026, 11, 23, 10)


def test_a_holiday_does_not_count():
    wednesday = local(2026, 11, 25, 16)
    thanksgiving = date(2026, 11, 26)
    assert clock(holidays=[thanksgiving]).after(wednesday, timedelta(hours=2)) == local(2026, 11, 27, 10)
    assert clock().after(wednesday, timedelta(hours=2)) == local(2026, 11, 26, 10)


def test_a_lunch_break_does_not_count():
    week = dict.fromkeys(range(1, 6), WITH_LUNCH)
    assert clock(week).after(local(2026, 11, 18, 11), timedelta(hours=2)) == local(2026, 11, 18, 14)
    assert not clock(week).is_open(local(2026, 11, 18, 12, 30))
    assert clock(week).next_opening(local(2026, 11, 18, 12, 30)) == local(2026, 11, 18, 13)
    assert clock(week).closes_at(local(2026, 11, 18, 11)) == local(2026, 11, 18, 12)


def test_the_opening_minute_is_open_and_the_closing_minute_is_closed():
    assert clock().is_open(local(2026, 11, 18, 9))
    assert not clock().is_open(local(2026, 11, 18, 17))
    assert clock().closes_at(local(2026, 11, 18, 17)) is None


def test_a_night_shift_loses_an_hour_when_clocks_go_forward():
    nights = clock(dict.fromkeys(range(1, 8), (Interval(time(0), time(6)),)))
    before = local(2026, 3, 8, 0)  # at two it becomes three
    assert nights.after(before, timedelta(hours=5)) == local(2026, 3, 8, 6)
    assert nights.after(before, timedelta(hours=6)) == local(2026, 3, 9, 1)


def test_a_night_shift_gains_an_hour_when_clocks_go_back():
    nights = clock(dict.fromkeys(range(1, 8), (Interval(time(0), time(6)),)))
    before = local(2026, 11, 1, 0)  # at two it becomes one again
    assert nights.after(before, timedelta(hours=7)) == local(2026, 11, 1, 6)
    assert nights.after(before, timedelta(hours=8)) == local(2026, 11, 2, 1)


@pytest.mark.parametrize(
    ("saturday", "monday"),
    [((2026, 3, 7), (2026, 3, 9)), ((2026, 10, 31), (2026, 11, 2))],
    ids=["forward", "back"],
)
def test_the_desk_opens_at_nine_on_the_wall_on_both_sides_of_a_change_of_clocks(saturday, monday):
    opens = clock().next_opening(local(*saturday, 12))
    assert opens == local(*monday, 9)
    assert opens.astimezone(NEW_YORK).hour == 9


def test_an_opening_hour_that_the_clocks_skip_is_no_trouble():
    early = clock({7: (Interval(time(2, 15), time(2, 45)), Interval(time(9), time(10)))})
    skipped = local(2026, 3, 8, 0)
    assert early.after(skipped, timedelta(minutes=90)) > skipped


def test_a_desk_that_never_opens_promises_nothing():
    closed = clock({})
    with pytest.raises(NeverOpen):
        closed.after(local(2026, 11, 18, 9), timedelta(hours=1))
    assert not closed.is_open(local(2026, 11, 18, 9))


def test_a_desk_that_holidays_close_for_four_months_promises_nothing():
    first = date(2026, 1, 1)
    closed = clock(holidays=[first + timedelta(days=n) for n in range(200)])
    with pytest.raises(NeverOpen):
        closed.after(local(2026, 1, 1), timedelta(hours=1))


MOMENTS = st.datetimes(
    min_value=datetime(2024, 1, 1), max_value=datetime(2030, 12, 31), timezones=st.just(UTC)
)
SPANS = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(hours=60))
ZONES = st.sampled_from(
    [NEW_YORK, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]
)
DAYS = st.lists(st.integers(min_value=0, max_value=47), min_size=2, max_size=6, unique=True).map(
    lambda halves: tuple(
        Interval(time(a // 2, 30 * (a % 2)), time(b // 2, 30 * (b % 2)))
        for a, b in zip(sorted(halves)[::2], sorted(halves)[1::2], strict=False)
    )
)
WEEKS = st.dictionaries(st.integers(1, 7), DAYS, min_size=1)


@given(WEEKS, ZONES, MOMENTS, SPANS)
def test_every_promise_falls_within_opening_hours_and_after_the_asking(hours, zone, moment, span):
    ticking = clock(hours, zone=zone)
    try:
        due = ticking.after(moment, span)
    except NeverOpen:
        return  # a clinic open half an hour a week cannot promise sixty
    assert due >= moment + span
    # Due at closing time is due: the last moment before it was open.
    assert ticking.is_open(due - timedelta(microseconds=1))


@given(WEEKS, ZONES, MOMENTS, SPANS, SPANS)
def test_a_later_asking_or_a_longer_span_never_brings_an_earlier_promise(hours, zone, moment, span, more):
    ticking = clock(hours, zone=zone)
    try:
        due = ticking.after(moment, span)
        assert ticking.after(moment + more, span) >= due
        assert ticking.after(moment, span + more) >= due
    except NeverOpen:
        return


@given(WEEKS, ZONES, MOMENTS, SPANS, SPANS)
def test_business_time_adds_up(hours, zone, moment, first, second):
    ticking = clock(hours, zone=zone)
    try:
        whole = ticking.after(moment, first + second)
        assert ticking.after(ticking.after(moment, first), second) == whole
    except NeverOpen:
        return
