"""Who has seen a patient's record, in sentences she can read: who, what, when, and why it was allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import Max, Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import CareTeamMembership, Patient, ProxyGrant, RoleGrant, Scope, User
from accounts.models.care import said
from accounts.models.role import Role
from accounts.people import People, Person, somebody, the_portal
from audit.models import AuditEvent
from audit.models.event import SEEN_COLUMNS
from audit.paging import BadPosition, Position
from audit.recorder import record_read
from audit.seen import SeenEntry, visits

if TYPE_CHECKING:
    from collections.abc import Sequence


PAGE = 100
# What is nobody's to know but its writer's.
UNSENT = ("draft", "kept-form")


@dataclass(frozen=True, slots=True)
class Entry:
    """One visit: the same person at the same thing within an hour, with the reason that held then."""

    who: str
    role: str
    what: str
    why: str
    started_at: datetime
    ended_at: datetime
    letters: str
    side: str
    is_reader: bool
    outside: bool


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class History:
    """One page of the list, newest first. `older` is the place where the next page starts, or empty."""

    days: Sequence[Day]
    people: int
    times: int
    outside: int
    older: str
    is_newest: bool


Period = tuple[datetime, datetime | None]


@dataclass(slots=True)
class Reasons:
    """What made it right for each person to look, at the moment she looked."""

    teams: dict[UUID, list[tuple[str, Period, Period]]] = field(default_factory=dict)
    grants: dict[UUID, list[Period]] = field(default_factory=dict)
    officers: dict[UUID, list[Period]] = field(default_factory=dict)
    patients_own: frozenset[UUID] = frozenset()


def history_for(reader: User, patient: Patient, *, before: str = "") -> History:
    """A page of who has seen this patient's record. That `reader` looks at it is written down first."""
    records = reader.records_with(patient.pk)
    is_own = patient.is_own_of(reader)
    events = AuditEvent.objects.shown_to_patient(*records)
    place = _place(before)
    if place is not None:
        events = events.filter(place.older())
    if not is_own:
        events = events.filter(_told_to_a_trusted_person(reader, patient))
    rows = list(events.only(*SEEN_COLUMNS, "shown_keys").order_by("-recorded_at", "-id")[: PAGE + 1])
    older = str(Position.of(rows[PAGE - 1])) if len(rows) > PAGE else ""
    shown = rows[:PAGE] if is_own else _told(rows[:PAGE], reader, patient)
    found = visits(shown)

    people = People.load([visit.agent_pk for visit in found], patient_id=patient.pk)
    receipt = record_read(
        reader=reader,
        of=patient,
        shown=[patient],
        named=people.sealed_records(),
        category="privacy",
        subtype="list",
        purpose="PATRQT",
        on_behalf_of=None if is_own else patient.pk,
    )
    names = people.opened(receipt)
    reasons = _reasons(records, names)
    entries = [_entry(visit, names, reasons, reader) for visit in found]
    by_others = [entry for entry in entries if not entry.is_reader]
    return History(
        days=[
            Day(day, list(of_day)) for day, of_day in groupby(entries, key=lambda entry: _day(entry.ended_at))
        ],
        people=len({visit.agent_pk for visit in found if visit.agent_pk is not None} - {reader.pk}),
        times=len(by_others),
        outside=sum(entry.outside for entry in entries),
        older=older,
        is_newest=place is None,
    )


def done_by(patient: Patient, person: UUID, *, most: int) -> list[SeenEntry]:
    """What one person saw and did in this record lately, for the patient herself. Names nobody, opens nothing."""
    events = AuditEvent.objects.shown_to_patient(*_records(patient)).filter(agent_id=str(person))
    return visits(events.order_by("-recorded_at", "-id")[:most])


def last_done_by(people: Iterable[UUID], patient: Patient) -> dict[UUID, datetime]:
    """When each of these last saw or did something in this record."""
    events = AuditEvent.objects.shown_to_patient(*_records(patient))
    newest = events.order_by().filter(agent_id__in=[str(person) for person in people])
    found = newest.values_list("agent_id").annotate(last=Max("recorded_at"))
    return {UUID(person): last for person, last in found}


def _records(patient: Patient) -> list[UUID]:
    return list(Patient.objects.one_with(patient).values_list("pk", flat=True))


NOTHING: frozenset[str] = frozenset()
KeptFrom = Callable[[User, Patient, Iterable[str]], frozenset[str]]
_kept_from: KeptFrom = lambda reader, patient, labels: NOTHING  # noqa: E731


def register(kept_from: KeptFrom) -> None:
    """The app of the conversations says which of these, as labels of the trail, do not exist for a trusted reader."""
    global _kept_from
    _kept_from = kept_from


def _told_to_a_trusted_person(reader: User, patient: Patient) -> Q:
    """Who may not ask for refills is not told that there are any; nor of messages who may not read them.

    Of what somebody has begun to write and not sent only she herself is told, and of letters to the patient nobody:
    one that is about what is kept apart looks like any other.
    """
    scopes = reader.scopes_for(patient.pk)
    told = Q(~Q(data_category__in=UNSENT) | Q(actor=reader.pk)) & ~Q(data_category="contact", subtype="send")
    if Scope.REFILL not in scopes:
        told &= ~Q(data_category__in=("medicine", "refill"))
    if Scope.READ not in scopes:
        told &= ~Q(data_category__in=("message", "note", "attachment"))
    return told


def _told(events: list[AuditEvent], reader: User, patient: Patient) -> list[AuditEvent]:
    """Those that do not tell of what does not exist for a trusted reader alone."""
    about = {event.pk: (_object_of(event), _talk_in(event)) for event in events}
    every = {label for thing, talk in about.values() for label in (thing, *talk) if label}
    hidden = _kept_from(reader, patient, every)

    def is_kept(event: AuditEvent) -> bool:
        thing, talk = about[event.pk]
        return thing in hidden or (bool(talk) and talk <= hidden)

    return [event for event in events if not is_kept(event)]


def _object_of(event: AuditEvent) -> str:
    kind = ContentType.objects.get_for_id(event.content_type_id) if event.content_type_id else None
    return f"{kind.app_label}.{kind.model}:{event.object_pk}" if kind is not None else ""


def _talk_in(event: AuditEvent) -> set[str]:
    """What was shown of conversations and of the work on them."""
    return {label for label in event.shown if label.startswith("messaging.")}


def _place(text: str) -> Position | None:
    try:
        return Position.parse(text) if text else None
    except BadPosition:
        return None


def _entry(visit: SeenEntry, names: dict[UUID, Person], reasons: Reasons, reader: User) -> Entry:
    is_reader = visit.agent_pk == reader.pk
    person = _person(visit, names)
    why, outside = _why(visit, person, reasons)
    return Entry(
        who=_("You") if is_reader else person.name,
        role="" if is_reader else person.role_words,
        what=visit.sentence,
        why="" if is_reader else why,
        started_at=visit.first_at,
        ended_at=visit.last_at,
        letters=person.initials,
        side=person.side,
        is_reader=is_reader,
        outside=outside and not is_reader,
    )


def _person(visit: SeenEntry, names: dict[UUID, Person]) -> Person:
    if visit.agent_pk is None:
        return the_portal()
    return names.get(visit.agent_pk) or somebody(visit.agent_pk)


def _why(visit: SeenEntry, person: Person, reasons: Reasons) -> tuple[str, bool]:
    """Why this was allowed at that moment, in words, and whether it came from outside the care team."""
    if visit.agent_pk is None:
        return visit.why, False
    if visit.agent_pk in reasons.patients_own:
        return _("This is the patient's own account"), False
    for begins, ends in reasons.grants.get(visit.agent_pk, ()):
        if _runs((begins, ends), visit.last_at):
            since = date_format(begins.astimezone(_zone()), _("F Y"))
            return _("Chosen as a trusted person in %(month)s") % {"month": since}, False
    for team, member, relation in reasons.teams.get(visit.agent_pk, ()):
        if _runs(member, visit.last_at) and _runs(relation, visit.last_at):
            return _("Works in the %(team)s, which cares for you") % {"team": team}, False
    if any(_runs(period, visit.last_at) for period in reasons.officers.get(visit.agent_pk, ())):
        return _("Checks that records are opened only for good reason, and sees no messages"), False
    return _("Not on your care team"), True


def _reasons(records: Sequence[UUID], people: Iterable[UUID]) -> Reasons:
    """By any of these records of hers: also the account that was closed when they were joined was her own."""
    own = Patient.objects.filter(pk__in=records, user__isnull=False).values_list("user", flat=True)
    found = Reasons(patients_own=frozenset(own))
    ids = list(people)
    memberships = CareTeamMembership.objects.filter(
        user__in=ids, team__care_relationships__patient__in=records
    ).values_list(
        "user",
        "team__name",
        "team__name_es",
        "starts_at",
        "ends_at",
        "team__care_relationships__starts_at",
        "team__care_relationships__ends_at",
    )
    for user, team, team_es, begins, ends, relation_begins, relation_ends in memberships:
        found.teams.setdefault(user, []).append(
            (said(team, team_es), (begins, ends), (relation_begins, relation_ends))
        )
    grants = ProxyGrant.objects.filter(proxy__in=ids, patient__in=records)
    for proxy, begins, ends in grants.values_list("proxy", "starts_at", "ends_at"):
        found.grants.setdefault(proxy, []).append((begins, ends))
    offices = RoleGrant.objects.filter(user__in=ids, role=Role.PRIVACY_OFFICER)
    for officer, begins, ends in offices.values_list("user", "starts_at", "ends_at"):
        found.officers.setdefault(officer, []).append((begins, ends))
    return found


def _runs(period: Period, at: datetime) -> bool:
    begins, ends = period
    return begins <= at and (ends is None or at < ends)


def _day(moment: datetime) -> date:
    return moment.astimezone(_zone()).date()


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.CLINIC_TIME_ZONE)
