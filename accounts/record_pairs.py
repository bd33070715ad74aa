"""Two records side by side: whether they are one patient's, what a join did, and what was written since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _

from accounts.access import why_not
from accounts.models import (
    CareRelationship,
    Patient,
    PatientState,
    ReasonGiven,
    RecordJoin,
    Trust,
    User,
)
from accounts.people import People
from audit.recorder import record_read, record_refusal
from audit.seals import unseal_all

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.people import Person

PURPOSE = "records"  # for which the second step is asked again before two records become one, or two again
FIELDS = ("name", "birth_date", "phone", "record_number")
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Content:
    """How much is in a record, in numbers."""

    open: int = 0
    finished: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """One conversation that was begun or went on while two records were one. `ref` where the reader works it."""

    topic: str
    of_joined: bool
    messages: int
    last_at: datetime
    ref: UUID | None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    ref: UUID
    name: str
    birth_date: str
    phone: str
    record_number: str
    language: str
    state_words: str
    is_active: bool
    account: str  # none, open or closed
    helps: int  # whom its account helps
    trusted: tuple[str, ...]
    teams: tuple[str, ...]
    content: Content


@dataclass(frozen=True, slots=True)
class Pair:
    one: Side
    other: Side

    @property
    def births_differ(self) -> bool:
        return self.one.birth_date != self.other.birth_date

    @property
    def names_differ(self) -> bool:
        return _folded(self.one.name) != _folded(self.other.name)

    @property
    def both_sign_in(self) -> bool:
        return self.one.account == self.other.account == "open"


@dataclass(frozen=True, slots=True)
class OpenJoin:
    """A join with its two records; `pair.one` is the one that is joined away."""

    ref: UUID
    pair: Pair
    state: str  # waiting, running, dropped or parted
    reason: str
    asked_by: Person
    asked_at: datetime
    confirmed_by: Person | None
    joined_at: datetime | None
    ended_by: Person | None
    ended_at: datetime | None
    parted_because: str
    is_mine: bool
    closed_an_account: bool
    moved_the_account: bool
    written: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class JoinLine:
    ref: UUID
    joined: str
    stays: str
    asked_by: Person
    asked_at: datetime
    joined_at: datetime | None


CountContent = Callable[[UUID], Content]
FindWritten = Callable[[RecordJoin, User], list[Written]]
_count: CountContent = lambda patient: Content()  # noqa: E731
_written: FindWritten = lambda join, reader: []  # noqa: E731


def register(*, count: CountContent, written: FindWritten) -> None:
    """The app of the conversations says how many there are, and which went on since two records were joined."""
    global _count, _written
    _count, _written = count, written


def join_for(user: User, ref: UUID) -> RecordJoin:
    """A join at this desk. Otherwise 404, and remember who tried; both records may ask for a reason first."""
    joins = RecordJoin.objects.at_desk_of(user).select_related("patient__user", "survivor__user")
    join = joins.filter(pk=ref).first()
    if join is None:
        hidden = RecordJoin.objects.filter(pk=ref).select_related("patient", "survivor").first()
        both = [hidden.patient, hidden.survivor] if hidden is not None else [None]
        why = {why_not(user, patient) for patient in both}
        record_refusal(agent=user, target=hidden, reason="own-record" if "own-record" in why else why.pop())
        raise Http404("No such join.")
    for patient in (join.patient, join.survivor):
        ReasonGiven.objects.ask_first(user, patient)
    return join


def open_pair(one: Patient, other: Patient, *, reader: User) -> Pair:
    """Open both, recorded as a reading of each: the two are compared, so both are seen whole."""
    pair, _texts, _names = _opened(one, other, reader=reader)
    return pair


def ask(one: Patient, other: Patient, *, keep_other: bool, reason: str, by: User) -> RecordJoin:
    """Join them, or ask a second person to where their birth dates differ. What is kept is this record or the other."""
    births_differ = open_pair(one, other, reader=by).births_differ
    patient, survivor = (one, other) if keep_other else (other, one)
    join: RecordJoin = RecordJoin.objects.ask(
        patient=patient, survivor=survivor, reason=reason, births_differ=births_differ, by=by
    )
    return join


def open_join(join: RecordJoin, *, reader: User) -> OpenJoin:
    people = {join.asked_by_id, join.confirmed_by_id, join.dropped_by_id, join.parted_by_id}
    pair, texts, names = _opened(join.patient, join.survivor, reader=reader, join=join, people=people)
    ended_by = join.parted_by_id or join.dropped_by_id
    return OpenJoin(
        ref=join.pk,
        pair=pair,
        state=_state(join),
        reason=texts[0],
        asked_by=names[join.asked_by_id],
        asked_at=join.asked_at,
        confirmed_by=names.get(join.confirmed_by_id) if join.confirmed_by_id else None,
        joined_at=join.joined_at,
        ended_by=names.get(ended_by) if ended_by else None,
        ended_at=join.parted_at or join.dropped_at,
        parted_because=texts[1],
        is_mine=join.asked_by_id == reader.pk,
        closed_an_account=join.closed_account_id is not None,
        moved_the_account=join.swapped_accounts,
        written=tuple(_written(join, reader)) if join.joined_at is not None else (),
    )


def at_desk(reader: User) -> tuple[list[JoinLine], list[JoinLine]]:
    """The joins of this desk by record number: those that wait for a second person, and the latest that run."""
    rows = RecordJoin.objects.at_desk_of(reader).select_related("patient", "survivor")
    waiting = list(rows.waiting().order_by("asked_at")[:SHOWN])
    running = list(rows.running().order_by("-joined_at")[:SHOWN])
    found = [*waiting, *running]
    if not found:
        return [], []
    patients = list({row.pk: row for join in found for row in (join.patient, join.survivor)}.values())
    receipt = record_read(
        reader=reader, shown=patients, category="identity", purpose="HOPERAT", subtype="list"
    )
    opened = unseal_all([(row, "record_number") for row in patients], receipt=receipt)
    numbers = {row.pk: str(number) for row, number in zip(patients, opened, strict=True)}
    names = People.load([join.asked_by_id for join in found]).opened()
    lines = [
        JoinLine(
            join.pk,
            numbers[join.patient_id],
            numbers[join.survivor_id],
            names[join.asked_by_id],
            join.asked_at,
            join.joined_at,
        )
        for join in found
    ]
    return lines[: len(waiting)], lines[len(waiting) :]


def _opened(
    one: Patient,
    other: Patient,
    *,
    reader: User,
    join: RecordJoin | None = None,
    people: set[UUID | None] | frozenset[UUID | None] = frozenset(),
) -> tuple[Pair, list[str], dict[UUID, Person]]:
    both = (one, other)
    trusts = list(
        Trust.objects.standing().filter(patient__in=[one.pk, other.pk], proxy__isnull=False).order_by("pk")
    )
    cast = People.load({*people, *(trust.proxy_id for trust in trusts)}, to_patient=False)
    receipt = record_read(
        reader=reader,
        shown=[*both, *([join] if join is not None else [])],
        named=cast.sealed_records(),
        category="patient",
        purpose="HOPERAT",
    )
    pairs = [(patient, field) for patient in both for field in FIELDS]
    texts = [str(text) for text in unseal_all(pairs, receipt=receipt)]
    typed = unseal_all([(join, "reason"), (join, "parted_because")], receipt=receipt) if join else []
    names = cast.opened(receipt)
    helpers = {
        patient.pk: tuple(names[t.proxy_id].name for t in trusts if t.patient_id == patient.pk and t.proxy_id)
        for patient in both
    }
    first, second = texts[: len(FIELDS)], texts[len(FIELDS) :]
    pair = Pair(_side(one, first, helpers[one.pk]), _side(other, second, helpers[other.pk]))
    return pair, [str(text or "") for text in typed], names


def _side(patient: Patient, texts: list[str], trusted: tuple[str, ...]) -> Side:
    name, birth_date, phone, record_number = texts
    care = CareRelationship.objects.current().filter(patient=patient).select_related("team")
    account = "none" if patient.user is None else "open" if patient.user.is_active else "closed"
    helps = Trust.objects.standing().filter(proxy=patient.user_id).count() if patient.user_id else 0
    return Side(
        ref=patient.pk,
        name=name,
        birth_date=birth_date,
        phone=phone,
        record_number=record_number,
        language=patient.language,
        state_words=str(PatientState(patient.state).label),
        is_active=patient.is_active,
        account=account,
        helps=helps,
        trusted=trusted,
        teams=tuple(row.team.name for row in care.order_by("-is_primary", "starts_at")),
        content=_count(patient.pk),
    )


def _state(join: RecordJoin) -> str:
    if join.is_waiting:
        return "waiting"
    if join.is_running:
        return "running"
    return "parted" if join.parted_at is not None else "dropped"


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def state_words(state: str) -> str:
    return {
        "waiting": _("Waits for a second person"),
        "running": _("One record now"),
        "dropped": _("Not joined"),
        "parted": _("Two records again"),
    }[state]
