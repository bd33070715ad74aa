"""A birth date that was written down wrong: what putting it right would change, before anything is saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import ages, trusted
from accounts.models import Freeze, Patient, Trust
from accounts.models.trusts import differs, is_more, now, under
from accounts.people import People
from accounts.record_refusals import SameBirthDate
from audit.recorder import record_read
from audit.seals import unseal_all

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.ages import Stretch
    from accounts.models import User


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one trusted person. `state` is running or paused; nothing `then`: it is over."""

    name: str
    state: str
    now: tuple[str, ...]
    then: tuple[str, ...]
    topics_now: tuple[str, ...]
    topics_then: tuple[str, ...]
    until_now: datetime | None
    until_then: datetime | None
    keeps_apart: bool
    is_more: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What another date changes. `days` are the birthdays to come that count, with the age of each."""

    born: date
    age_now: int
    age: int
    people: tuple[Change, ...]
    days: tuple[tuple[int, date], ...]
    invitations: int
    too_young: int

    @property
    def let_more(self) -> bool:
        return any(person.is_more for person in self.people)


@dataclass(frozen=True, slots=True)
class BirthDate:
    ref: UUID
    name: str
    record_number: str
    born: date
    changes: Changes | None


def correct(
    patient: Patient, birth_date: date, *, proof: str, reason: str, lets_more: bool, by: User
) -> None:
    """Raises `SameBirthDate`, and what the verb raises."""
    if trusted.born(patient, by=by) == birth_date:
        raise SameBirthDate
    patient.correct_birth_date(birth_date, proof=proof, reason=reason, lets_more=lets_more, by=by)


def open_birth_date(patient: Patient, *, new: date | None, reader: User) -> BirthDate:
    """The date on file, and what `new` would change."""
    paused = Freeze.objects.filter(trust=OuterRef("pk"), lifted_at=None)
    rows = Trust.objects.standing().filter(patient__in=Patient.objects.one_with(patient), proxy__isnull=False)
    rows = rows.select_related("patient").annotate(is_paused=Exists(paused)).order_by("accepted_at", "id")
    trusts = list(rows) if new is not None else []
    people = People.load([trust.proxy_id for trust in trusts], patient_id=patient.pk, to_patient=False)
    receipt = record_read(
        reader=reader,
        shown=[patient, *trusts],
        named=people.sealed_records(),
        category="patient",
        purpose="HOPERAT",
    )
    fields = ("name", "birth_date", "record_number")
    name, on_file, number = map(str, unseal_all([(patient, field) for field in fields], receipt=receipt))
    born, names = date.fromisoformat(on_file), people.opened(receipt)
    changes = None
    if new is not None and new != born:
        found = [
            _change(names[trust.proxy_id].name, trust.is_paused, now(trust), under(trust, new))
            for trust in trusts
            if trust.proxy_id in names and (trust.is_paused or differs(now(trust), under(trust, new)))
        ]
        changes = _changes(patient, born, new, tuple(found))
    return BirthDate(patient.pk, name, number, born, changes)


def _changes(patient: Patient, born: date, new: date, people: tuple[Change, ...]) -> Changes:
    moment, table = timezone.now(), ages.table()
    marks = sorted({table.own_account_from, table.adult_at})
    has_login = patient.user_id is not None
    return Changes(
        born=new,
        age_now=ages.age_at(born, moment),
        age=ages.age_at(new, moment),
        people=people,
        days=tuple((age, ages.birthday(new, age)) for age in marks if ages.turns(new, age) > moment),
        invitations=patient.invitations.unfinished().exclude(birth_digest="").count(),
        too_young=table.own_account_from if has_login and not ages.may_have_account(new, moment) else 0,
    )


def _change(name: str, is_paused: bool, runs: Stretch | None, then: Stretch | None) -> Change:
    scopes_now, topics_now = trusted.in_words(runs) if runs is not None else ((), ())
    scopes_then, topics_then = trusted.in_words(then) if then is not None else ((), ())
    return Change(
        name=name,
        state="paused" if is_paused else "running",
        now=scopes_now,
        then=scopes_then,
        topics_now=topics_now,
        topics_then=topics_then,
        until_now=runs.ends_at if runs is not None else None,
        until_then=then.ends_at if then is not None else None,
        keeps_apart=then.keeps_new_apart if then is not None else False,
        is_more=not is_paused and is_more(then, runs),
    )
