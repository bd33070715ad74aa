"""A patient's record as the desk sees it: who she is, in what state the record is, who looks after her."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import Http404

from accounts import limits
from accounts.access import at_work
from accounts.models import (
    CareRelationship,
    CareTeam,
    CareTeamMembership,
    FamilyLink,
    Patient,
    PatientState,
    ProxyGrant,
    RecordJoin,
    RecordState,
    RoleGrant,
)
from accounts.models.record_state import may_set
from accounts.models.role import CARING, CLINICAL
from accounts.people import People
from accounts.refusals import NobodyFound
from audit.recorder import record, record_read, record_refusal
from audit.seals import unseal_all

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person

PATIENT_FIELDS = ("name", "birth_date", "phone", "record_number")
STATES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class StateLine:
    """One state the record is or was in."""

    state: str
    words: str
    since: datetime
    until: datetime | None
    set_by: Person
    reason: str
    review_on: date | None
    reviewer: Person | None


@dataclass(frozen=True, slots=True)
class CareLine:
    """A team that looks after her now."""

    ref: UUID
    team: str
    lead: Person | None
    is_primary: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenRecord:
    ref: UUID
    name: str
    birth_date: str
    phone: str
    record_number: str
    language: str
    has_login: bool
    asks_reason: bool
    trusted: int
    state: str
    state_words: str
    now: StateLine | None
    before: tuple[StateLine, ...]
    care: tuple[CareLine, ...]
    family: tuple[Person, ...]
    # The numbers of records that were joined into this one, each with its join.
    joined: tuple[tuple[str, UUID], ...]
    may_join: bool
    # Which states the reader may begin from here; none when she may not end the one that runs.
    may_become: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RecordChoices:
    """What the forms of the page offer."""

    teams: tuple[tuple[str, str], ...]
    leads: tuple[tuple[str, str], ...]
    reviewers: tuple[tuple[str, str], ...]
    staff: tuple[tuple[str, str], ...]


def find_record(*, record_number: str, by: User) -> Patient:
    """Whom the number belongs to, if `by` works for her. Any other number gets the same refusal, which is recorded."""
    limits.spend(("record-number", str(by.pk)))
    patient = Patient.objects.looked_after_by(by).by_record_number(record_number)
    if patient is None:
        hidden = Patient.objects.by_record_number(record_number)
        near = hidden is not None and hidden.is_near_to(by)
        record(
            agent=by,
            type="access",
            subtype="search",
            action="R",
            outcome="4",
            outcome_reason="own-record" if near else "no-such-patient",
            patient_id=hidden.pk if hidden is not None and near else None,
            category="patient",
            query=record_number,
        )
        raise NobodyFound
    limits.give_back(("record-number", str(by.pk)))
    return patient


def record_for(user: User, ref: UUID) -> Patient:
    """The patient if `user` works for her. Otherwise 404. Raises `ReasonNeeded`."""
    return at_work(Patient.objects.looked_after_by(user), user, ref)


def protected_for(user: User, ref: UUID) -> Patient:
    """The protected record about which she is asked. Anything else is not there."""
    patient = Patient.objects.filter(pk=ref, asks_reason=True).first()
    if patient is None or patient.is_near_to(user):
        record_refusal(agent=user, target=patient, reason="own-record" if patient else "absent")
        raise Http404("No such patient.")
    return patient


def works_for(user: User, patient: Patient) -> bool:
    return Patient.objects.looked_after_by(user).filter(pk=patient.pk).exists()


def care_for(user: User, patient: Patient, ref: UUID) -> CareRelationship:
    """One of the relationships of a patient that `user` works for, also one that has just ended."""
    found = CareRelationship.objects.filter(patient=patient, pk=ref).select_related("team").first()
    if found is None:
        record_refusal(agent=user, target=None, reason="absent", patient_id=patient.pk)
        raise Http404
    return found


def open_record(patient: Patient, *, reader: User) -> OpenRecord:
    """Open what the desk works with, recorded as a reading of the record. The same statements for every record."""
    states = list(RecordState.objects.filter(patient=patient).order_by("-starts_at", "-id")[:STATES_SHOWN])
    care = list(
        CareRelationship.objects.current()
        .filter(patient=patient)
        .select_related("team")
        .order_by("-is_primary", "starts_at")
    )
    family = list(FamilyLink.objects.current().filter(patient=patient).values_list("user", flat=True))
    joins = list(RecordJoin.objects.running().filter(survivor=patient).select_related("patient"))
    trusted = ProxyGrant.objects.current().filter(patient=patient).count()
    ids = {row.set_by_id for row in states} | {row.reviewer_id for row in states}
    people = People.load(
        ids | {row.lead_id for row in care} | set(family), patient_id=patient.pk, to_patient=False
    )
    receipt = record_read(
        reader=reader,
        of=patient,
        shown=[patient, *states, *(join.patient for join in joins)],
        named=people.sealed_records(),
        category="patient",
        purpose="HOPERAT",
    )
    sealed = [(patient, field) for field in PATIENT_FIELDS]
    numbers = [(join.patient, "record_number") for join in joins]
    texts = unseal_all([*sealed, *((row, "reason") for row in states), *numbers], receipt=receipt)
    reasons, former = texts[len(PATIENT_FIELDS) :][: len(states)], texts[len(PATIENT_FIELDS) + len(states) :]
    name, birth_date, phone, record_number = map(str, texts[: len(PATIENT_FIELDS)])
    names = people.opened(receipt)
    lines = [
        StateLine(
            state=row.state,
            words=str(PatientState(row.state).label),
            since=row.starts_at,
            until=row.ends_at,
            set_by=names[row.set_by_id],
            reason=str(reason),
            review_on=row.review_on,
            reviewer=names[row.reviewer_id] if row.reviewer_id else None,
        )
        for row, reason in zip(states, reasons, strict=True)
    ]
    state = PatientState(patient.state)
    return OpenRecord(
        ref=patient.pk,
        name=name,
        birth_date=birth_date,
        phone=phone,
        record_number=record_number,
        language=patient.language,
        has_login=patient.user_id is not None,
        asks_reason=patient.asks_reason,
        trusted=trusted,
        state=state,
        state_words=str(state.label),
        now=next((line for line in lines if line.until is None), None),
        before=tuple(line for line in lines if line.until is not None),
        care=tuple(
            CareLine(
                row.pk,
                row.team.name,
                names[row.lead_id] if row.lead_id else None,
                row.is_primary,
                row.starts_at,
            )
            for row in care
        ),
        family=tuple(names[pk] for pk in family if pk in names),
        joined=tuple((str(number), join.pk) for number, join in zip(former, joins, strict=True)),
        may_join=reader.at_the_desk,
        may_become=tuple(
            (value, str(label))
            for value, label in PatientState.choices
            if value != state and may_set(reader, state) and may_set(reader, value)
        ),
    )


def record_choices(*, reader: User) -> RecordChoices:
    """Open teams, who works in them, and who could look at a decision again. Names of staff are on the door plate."""
    teams = list(CareTeam.objects.filter(closed_at=None).order_by("name"))
    members = list(
        CareTeamMembership.objects.current()
        .filter(user__is_active=True, team__closed_at=None)
        .select_related("team")
        .order_by("team__name", "id")
    )
    roles = RoleGrant.objects.current().filter(user__is_active=True, role__in=sorted(CARING))
    held = list(roles.values_list("user", "role"))
    names = People.load([*(row.user_id for row in members), *(user for user, _role in held)]).opened()
    clinicians = dict.fromkeys(user for user, role in held if role in CLINICAL and user != reader.pk)
    everybody = dict.fromkeys(user for user, _role in held)
    return RecordChoices(
        teams=tuple((str(team.pk), team.name) for team in teams),
        leads=tuple(
            (f"{row.team_id}:{row.user_id}", f"{row.team.name}: {names[row.user_id].name}")
            for row in members
            if row.user_id in names
        ),
        reviewers=tuple((str(user), names[user].name) for user in clinicians),
        staff=tuple((str(user), names[user].name) for user in everybody),
    )
