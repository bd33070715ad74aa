"""The clinic's own clock: opening hours, holidays and the time zone they are written in.

A promise to a patient ("we plan to reply by …") is counted in business time, the time during which
somebody is there to read. Everything here is arithmetic on values; loading them is the pool's work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

# No promise sounds more exact than it is meant: it ends on a half hour.
PROMISED_IN = timedelta(minutes=30)
# A calendar that is closed for this long is a mistake in the settings, not a long holiday.
FURTHEST_LOOK = timedelta(days=120)


_pinned: ContextVar[datetime | None] = ContextVar("messaging_pinned_moment", default=None)


def now() -> datetime:
    """The moment the work is done at: the present, unless history is being written."""
    return _pinned.get() or timezone.now()


@contextmanager
def writing_history(moment: datetime) -> Iterator[None]:
    """Date the rows written in this block at `moment`: for records brought in from elsewhere.

    The audit trail keeps the database's own clock and shows when they were really written.
    """
    token = _pinned.set(moment)
    try:
        yield
    finally:
        _pinned.reset(token)


class NeverOpen(ValueError):
    """No opening hours within four months: nothing can be promised."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One stretch of a day during which the desk is staffed, in local wall-clock time."""

    opens: time
    closes: time


@dataclass(frozen=True)
class BusinessClock:
    """Business time for one pool.

    `hours` maps ISO weekdays (Monday is 1) to the intervals of that day, several where a desk closes for
    lunch. Days in `holidays` are closed. All results are aware UTC moments.
    """

    zone: ZoneInfo
    hours: Mapping[int, tuple[Interval, ...]]
    holidays: frozenset[date] = field(default_factory=frozenset)

    def intervals_from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open stretches at or after `moment`, in order, as UTC pairs.

        Local wall-clock times are turned into UTC one by one, so a day on which the clocks change has
        the hours that really pass. Raises `NeverOpen` when four months bring none.
        """
        day = moment.astimezone(self.zone).date()
        last = day + FURTHEST_LOOK
        while day <= last:
            if day not in self.holidays:
                for interval in sorted(self.hours.get(day.isoweekday(), ()), key=lambda i: i.opens):
                    opens = datetime.combine(day, interval.opens, self.zone).astimezone(UTC)
                    closes = datetime.combine(day, interval.closes, self.zone).astimezone(UTC)
                    if closes > moment and closes > opens:
                        yield max(opens, moment.astimezone(UTC)), closes
            day += timedelta(days=1)
        raise NeverOpen

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody is at the desk at `moment`. The closing minute itself is closed."""
        try:
            opens, _closes = next(self.intervals_from(moment))
        except NeverOpen:
            return False
        return opens <= moment

    def next_opening(self, moment: datetime) -> datetime:
        """When the desk opens next: `moment` itself while it is open."""
        opens, _closes = next(self.intervals_from(moment))
        return opens

    def closes_at(self, moment: datetime) -> datetime | None:
        """When the desk, open at `moment`, closes; None while it is closed."""
        opens, closes = next(self.intervals_from(moment))
        return closes if opens <= moment else None

    def days_later(self, moment: datetime, days: int) -> datetime:
        """The same time of day, `days` days on that are neither closed nor a holiday. Raises `NeverOpen`."""
        local = moment.astimezone(self.zone)
        day, last = local.date(), local.date() + FURTHEST_LOOK
        left = days
        while left:
            day += timedelta(days=1)
            if day > last:
                raise NeverOpen
            if day not in self.holidays and self.hours.get(day.isoweekday()):
                left -= 1
        return datetime.combine(day, local.timetz().replace(tzinfo=None), self.zone).astimezone(UTC)

    def after(self, moment: datetime, business: timedelta) -> datetime:
        """Return the moment at which `business` of open time will have passed since `moment`.

        A span that ends exactly at closing time ends there, not at the next opening.
        """
        left = business
        for opens, closes in self.intervals_from(moment):
            if opens + left <= closes:
                return opens + left
            left -= closes - opens
        raise NeverOpen  # unreachable: intervals_from raises first

    def promise(self, moment: datetime, business: timedelta) -> datetime:
        """The same, up to the next half hour on the wall, and never past the closing time it comes before.

        What is said and what is owed are one moment, so nobody is late by the minutes that were not said.
        """
        # Seconds do not count, or whoever writes at ten sharp is promised half past.
        due = self.after(moment, business).replace(second=0, microsecond=0)
        over = timedelta(minutes=due.astimezone(self.zone).minute)
        rounded = due + (-over % PROMISED_IN)
        closes = self.closes_at(due)
        # At closing time itself the desk is closed.
        return due if closes is None else min(rounded, closes)


def clinic_date(moment: datetime | None = None) -> date:
    """The date at the clinic, at `moment` or now: what "today" means in rules and lists."""
    return timezone.localdate(moment, ZoneInfo(settings.CLINIC_TIME_ZONE))
