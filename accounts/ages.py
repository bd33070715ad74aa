"""What a birthday changes: how much a parent may do, by the table of the jurisdiction, to the second."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Iterable

ADULT = "adult"  # in place of a table's version
TABLES = Path(__file__).with_name("age_tiers.toml")


@dataclass(frozen=True, slots=True)
class Tier:
    """From one birthday to the next that counts. No categories named: all of them."""

    from_age: int
    to_age: int
    scopes: frozenset[str]
    categories: frozenset[str]
    keeps_new_apart: bool
    own_account: bool


@dataclass(frozen=True, slots=True)
class AgeTable:
    """`version` goes with every grant that was worked out from this table; `reviewer` says who answers for it."""

    jurisdiction: str
    version: str
    reviewer: str
    tiers: tuple[Tier, ...]

    @property
    def adult_at(self) -> int:
        return self.tiers[-1].to_age

    @property
    def own_account_from(self) -> int:
        """The birthday from which on somebody may have an account of her own."""
        without = [tier.to_age for tier in self.tiers if not tier.own_account]
        return without[-1] if without else 0

    def tier_at(self, age: int) -> Tier | None:
        """The tier of somebody of this age; none for an adult."""
        return next((tier for tier in self.tiers if tier.from_age <= age < tier.to_age), None)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What may be done from one moment to another. No end: until somebody ends it."""

    starts_at: datetime
    ends_at: datetime | None
    scopes: tuple[str, ...]
    categories: tuple[str, ...]
    keeps_new_apart: bool = False


@cache
def jurisdictions() -> dict[str, AgeTable]:
    """Every table there is. A table with a gap or an overlap between its tiers is refused: somebody's age is there."""
    said = tomllib.loads(TABLES.read_text(encoding="utf-8"))
    version, reviewer = said.pop("version"), said.pop("reviewer")
    return {
        name: AgeTable(f"{name}", f"{name} {version}", reviewer, _tiers(name, table["tiers"]))
        for name, table in said.items()
    }


def table() -> AgeTable:
    """The one in force here."""
    return jurisdictions()[settings.CLINIC_JURISDICTION]


def birthday(born: date, age: int) -> date:
    """The day somebody turns so old. Who was born on a leap day has it on the first of March in other years."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def turns(born: date, age: int) -> datetime:
    """The first moment of that day where the clinic is, also on a day whose clock skips midnight or has it twice."""
    day = datetime.combine(birthday(born, age), time.min, tzinfo=ZoneInfo(settings.CLINIC_TIME_ZONE))
    # A moment that a clock skips equals no other until it is said in UTC.
    return day.astimezone(UTC)


def age_at(born: date, moment: datetime) -> int:
    today = moment.astimezone(ZoneInfo(settings.CLINIC_TIME_ZONE)).date()
    years = today.year - born.year
    return years if birthday(born, years) <= today else years - 1


def is_adult(born: date, moment: datetime) -> bool:
    return moment >= turns(born, table().adult_at)


def table_of(born: date) -> str:
    """The version that goes with a record: nothing more is worked out for whoever is grown up."""
    return ADULT if is_adult(born, timezone.now()) else table().version


def may_have_account(born: date, moment: datetime) -> bool:
    return moment >= turns(born, table().own_account_from)


def edges(born: date) -> list[datetime]:
    """The moments at which each tier begins, and last the one at which childhood is over."""
    tiers = table().tiers
    return [turns(born, tier.from_age) for tier in tiers] + [turns(born, tiers[-1].to_age)]


def stretches(
    moments: list[datetime],
    *,
    version: str,
    scopes: Iterable[str],
    categories: Iterable[str],
    since: datetime,
    until: datetime | None,
) -> list[Stretch]:
    """What a parent's grant comes to over the years: what was agreed, and never more than each tier allows.

    `moments` are the edges by the table of this version. When another table is in force by now, its last and
    narrowest tier holds until the edges are worked out again.
    """
    tiers = table().tiers
    if version != table().version or len(moments) != len(tiers) + 1:
        tiers, moments = tiers[-1:], [moments[0], moments[-1]]
    agreed, topics = list(scopes), list(categories)
    found = []
    for tier, begins, over in zip(tiers, moments, moments[1:], strict=False):
        starts = max(since, begins)
        ends = min(filter(None, [until, over]))
        allowed = tuple(scope for scope in agreed if scope in tier.scopes)
        narrowed = _both(topics, tier.categories)
        if starts < ends and allowed and narrowed is not None:
            found.append(Stretch(starts, ends, allowed, narrowed, tier.keeps_new_apart))
    return found


def _both(agreed: list[str], allowed: frozenset[str]) -> tuple[str, ...] | None:
    """Topics in both lists, where an empty one is all there are; None when nothing is left."""
    if not agreed or not allowed:
        return tuple(agreed or sorted(allowed))
    return tuple(topic for topic in agreed if topic in allowed) or None


def _tiers(name: str, rows: list[dict[str, Any]]) -> tuple[Tier, ...]:
    tiers = tuple(
        Tier(
            from_age=row["from_age"],
            to_age=row["to_age"],
            scopes=frozenset(row["scopes"]),
            categories=frozenset(row["categories"]),
            keeps_new_apart=row["keeps_new_apart"],
            own_account=row["own_account"],
        )
        for row in rows
    )
    ages = [0, *(tier.to_age for tier in tiers)]
    if [tier.from_age for tier in tiers] != ages[:-1] or ages != sorted(set(ages)):
        raise ValueError(f"The tiers of {name} do not follow each other from birth on.")
    return tiers
