"""One's own time away as the page shows it, with who reads meanwhile, and who could."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from accounts.people import People
from messaging.clock import clinic_date, now
from messaging.models import Absence
from messaging.models.absence import colleagues_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person


@dataclass(frozen=True, slots=True)
class AbsenceLine:
    ref: UUID
    first_day: date
    last_day: date
    other: Person
    is_now: bool
    is_covered: bool = True


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Somebody is away, and who was named cannot read any more: who could instead. The reader's own stands first."""

    ref: UUID
    away: Person
    is_own: bool
    last_day: date
    colleagues: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Absences:
    """Hers that are not over, those of colleagues whom she covers, and who could cover for her."""

    own: tuple[AbsenceLine, ...]
    covered: tuple[AbsenceLine, ...]
    colleagues: tuple[Person, ...]
    uncovered: tuple[Uncovered, ...]


def absences_of(reader: User) -> Absences:
    """Load it. Names of staff are on the door plate: no receipt is needed."""
    moment = now()
    own = list(Absence.objects.visible_to(reader).filter(ends_at__gt=moment))
    named = Absence.objects.filter(cover=reader, ends_at__gt=moment).select_related("user")
    covered = [absence for absence in named if absence.is_covered]
    could = list(colleagues_of(reader).values_list("pk", flat=True))
    ids = {*could, *(absence.cover_id for absence in own), *(absence.user_id for absence in covered)}
    names = People.load(ids).opened()
    uncovered = [one for one in Absence.objects.coverable_by(reader) if not one.is_covered]
    without = {one.pk for one in uncovered}

    def line(absence: Absence, other: UUID) -> AbsenceLine:
        last = clinic_date(absence.ends_at - timedelta(seconds=1))
        return AbsenceLine(
            absence.pk,
            clinic_date(absence.starts_at),
            last,
            names[other],
            absence.starts_at <= moment,
            absence.pk not in without,
        )

    return Absences(
        own=tuple(line(absence, absence.cover_id) for absence in own),
        covered=tuple(line(absence, absence.user_id) for absence in covered),
        colleagues=_by_name(names[pk] for pk in could),
        uncovered=tuple(
            sorted(map(partial(_uncovered, reader=reader), uncovered), key=lambda one: not one.is_own)
        ),
    )


def _uncovered(absence: Absence, *, reader: User) -> Uncovered:
    could = list(colleagues_of(absence.user).values_list("pk", flat=True))
    names = People.load([absence.user_id, *could]).opened()
    return Uncovered(
        ref=absence.pk,
        away=names[absence.user_id],
        is_own=absence.user_id == reader.pk,
        last_day=clinic_date(absence.ends_at - timedelta(seconds=1)),
        colleagues=_by_name(names[pk] for pk in could),
    )


def _by_name(people: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(sorted(people, key=lambda person: person.name))
