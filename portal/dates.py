"""Moments in words, on the clinic's clock: "4:12 pm", "Tuesday, March 10, 9:14 am"."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as in_words
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def at_the_clinic(moment: datetime) -> datetime:
    return moment.astimezone(_zone(settings.CLINIC_TIME_ZONE))


def today() -> date:
    return at_the_clinic(timezone.now()).date()


def clock(moment: datetime) -> str:
    """`4:12 pm`."""
    return _time(at_the_clinic(moment).time())


def day(moment: datetime | date) -> str:
    """`Tuesday, March 10`, and the year when it is another one."""
    when = _date(moment)
    return _day(get_language(), when, when.year == today().year)


def full(moment: datetime) -> str:
    """`Tuesday, March 10, 9:14 am`."""
    return f"{day(moment)}, {clock(moment)}"


def deadline(moment: datetime) -> str:
    """`Thursday, March 12, 5 pm`: a whole hour is said without its zeros."""
    return f"{day(moment)}, {_time(at_the_clinic(moment).time(), round_hours=True)}"


def short(moment: datetime) -> str:
    """For lists: `4:12 pm` today, `Monday` in the last week or the next, else `March 2`."""
    when, now = _date(moment), today()
    if when == now:
        return clock(moment)
    return _day_in_a_list(get_language(), when, abs(when - now) < timedelta(days=7), when.year == now.year)


def minutes_until(moment: datetime) -> int:
    """Whole minutes from now; below zero when the moment has passed."""
    return int((moment - timezone.now()).total_seconds() // 60)


def second(moment: datetime) -> str:
    """For the trail: `Mar 8, 2026, 3:14:09 am`."""
    at = at_the_clinic(moment)
    stamp = f"{at.hour % 12 or 12}:{at:%M:%S} {_half(at.time())}"
    return f"{_day_in_the_trail(get_language(), at.date())}, {stamp}"


def span(start: datetime, end: datetime) -> str:
    """`4:02 pm to 4:12 pm`, or one time when it is the same minute."""
    first, last = clock(start), clock(end)
    return first if first == last else gettext("%(first)s to %(last)s") % {"first": first, "last": last}


def date_of_birth(born: date) -> str:
    """`March 4, 1967`."""
    return in_words(born, pgettext("date of birth", "F j, Y"))


def marked(moment: datetime | date, words: str) -> SafeString:
    """The words in a `<time>` element that says the same to machines."""
    exact = (
        at_the_clinic(moment).isoformat(timespec="seconds")
        if isinstance(moment, datetime)
        else moment.isoformat()
    )
    return format_html('<time datetime="{}">{}</time>', exact, words)


def _date(moment: datetime | date) -> date:
    return at_the_clinic(moment).date() if isinstance(moment, datetime) else moment


# A page says the same few days again and again, and looking up their names is most of the work of it.


@lru_cache(maxsize=2048)
def _day(language: str | None, when: date, this_year: bool) -> str:
    if this_year:
        return in_words(when, pgettext("day in full", "l, F j"))
    return in_words(when, pgettext("day in full with year", "l, F j, Y"))


@lru_cache(maxsize=2048)
def _day_in_a_list(language: str | None, when: date, this_week: bool, this_year: bool) -> str:
    if this_week:
        return in_words(when, "l")
    if this_year:
        return in_words(when, pgettext("day in a list", "F j"))
    return in_words(when, pgettext("day in a list with year", "F j, Y"))


@lru_cache(maxsize=2048)
def _day_in_the_trail(language: str | None, when: date) -> str:
    return in_words(when, pgettext("day in the trail", "M j, Y"))


# Without a stop at its end in any language: a sentence that ends with a time has one of its own.
@lru_cache(maxsize=16)
def _half_of_the_day(language: str | None, morning: bool) -> str:
    return gettext("am") if morning else gettext("pm")


def _half(at: time) -> str:
    return _half_of_the_day(get_language(), at.hour < 12)


def _time(at: time, *, round_hours: bool = False) -> str:
    minutes = "" if round_hours and at.minute == 0 else f":{at.minute:02}"
    return f"{at.hour % 12 or 12}{minutes} {_half(at)}"
