"""What the privacy officer sees of the trail: frozen rows, and her own looking recorded before they are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from audit import directory, words
from audit.context import Agent
from audit.directory import PersonLabel
from audit.forms import EventFilter, EventSearch
from audit.models import AuditEvent
from audit.paging import Position
from audit.receipts import Receipt
from audit.recorder import record, record_read
from audit.seals import unseal_all

PAGE = 50
# What only the page of one event shows.
NOT_IN_THE_LIST = ("additional_data", "changes", "query", "reason_text")
# Counting on would cost as much as reading them all.
COUNT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Who:
    """The one who acted. `key` filters the list for the same one."""

    key: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class AboutWhom:
    """The patient, by record number alone: names and charts are no business of the review."""

    ref: UUID
    record_number: str


@dataclass(frozen=True, slots=True)
class EventRow:
    ref: UUID
    recorded_at: datetime
    who: Who
    on_behalf_of: AboutWhom | None
    patient: AboutWhom | None
    what: str
    why: str
    address: str
    source: str
    outcome: str
    outcome_words: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    name: str
    label: str
    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Review:
    rows: tuple[EventRow, ...]
    total: int
    total_is_all: bool
    active: tuple[ActiveFilter, ...]
    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One column of an event, named and in words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """Everything an event says."""

    row: EventRow
    facts: tuple[Fact, ...]
    shown: tuple[str, ...]
    changes: tuple[Change, ...]
    prior: UUID | None
    searched_for: str
    reason_text: str


def review(reader: Agent, asked: EventFilter) -> Review:
    """One page of the events that match a valid filter. Looking is an event, with what was looked for (AU7)."""
    matching = _matching(reader, asked)
    events, newer, older = _cut(matching, asked)
    # Ordering would sort everything only to count it.
    total = matching.order_by()[: COUNT_UP_TO + 1].count()
    wanted = asked.cleaned_data["patient"]
    cast = _Cast(events, extra_patient=wanted)
    receipt = record_read(
        reader=reader,
        shown=cast.patients.values(),
        category="audit",
        purpose="HOPERAT",
        subtype="search" if asked.active else "list",
        query=asked.in_the_address or None,
    )
    cast.open(receipt)
    asked.record_number = cast.number(wanted)
    return Review(
        rows=tuple(cast.row(event) for event in events),
        total=min(total, COUNT_UP_TO),
        total_is_all=total <= COUNT_UP_TO,
        active=tuple(_active(asked, cast)),
        newer=newer,
        older=older,
    )


def record_miss(reader: Agent, asked: EventSearch) -> None:
    """Write down a search for a number that nobody has: trying numbers is seen as well."""
    record(
        agent=reader,
        type="access",
        subtype="search",
        action="R",
        outcome="4",
        outcome_reason="no-such-patient",
        category="audit",
        purpose="HOPERAT",
        query=urlencode({"patient": asked.data.get("patient", "")}),
    )


def open_event(reader: Agent, event: AuditEvent) -> OpenEvent:
    """All of one event. Opening it is an event as well."""
    cast = _Cast([event])
    receipt = record_read(
        reader=reader,
        of=event,
        shown=[event, *cast.patients.values()],
        category="audit",
        purpose="HOPERAT",
    )
    cast.open(receipt)
    searched_for, reason_text = unseal_all([(event, "query"), (event, "reason_text")], receipt=receipt)
    return OpenEvent(
        row=cast.row(event),
        facts=tuple(fact for fact in _facts(event) if fact.value),
        shown=event.shown,
        changes=tuple(_changes(event)),
        prior=event.prior_version_id,
        searched_for=searched_for,
        reason_text=reason_text,
    )


def _matching(reader: Agent, asked: EventFilter) -> QuerySet[AuditEvent]:
    given = asked.cleaned_data
    events: QuerySet[AuditEvent] = AuditEvent.objects.visible_to(reader)
    if given["person"]:
        events = events.filter(agent_id=given["person"])
    if given["patient"]:
        events = events.filter(patient_id__in=directory.registered().records_of(given["patient"]))
    if given["sort"]:
        events = events.filter(type__in=words.SORTS[given["sort"]][1])
    if given["outcome"]:
        events = events.filter(outcome=given["outcome"])
    first, end = asked.bounds()
    if first:
        events = events.filter(recorded_at__gte=first)
    if end:
        events = events.filter(recorded_at__lt=end)
    return events


def _cut(matching: QuerySet[AuditEvent], asked: EventFilter) -> tuple[list[AuditEvent], str, str]:
    """The events of this page, newest first, and the positions of its neighbours ("" where there is none)."""
    before, after = asked.cleaned_data["newer"], asked.cleaned_data["older"]
    matching = matching.defer(*NOT_IN_THE_LIST)
    if before:
        found = list(matching.filter(before.newer()).order_by("recorded_at", "id")[: PAGE + 1])
        has_newer, has_older = len(found) > PAGE, True
        page = found[:PAGE][::-1]
    else:
        found = list(
            matching.filter(after.older() if after else Q()).order_by("-recorded_at", "-id")[: PAGE + 1]
        )
        has_newer, has_older = bool(after), len(found) > PAGE
        page = found[:PAGE]
    if not page:
        return [], "", ""
    return (
        page,
        str(Position.of(page[0])) if has_newer else "",
        str(Position.of(page[-1])) if has_older else "",
    )


class _Cast:
    """The people and patients that some events speak of."""

    def __init__(self, events: Iterable[AuditEvent], *, extra_patient: UUID | None = None) -> None:
        events = list(events)
        known = directory.registered()
        self.people: Mapping[UUID, PersonLabel] = known.people({e.actor_id for e in events if e.actor_id})
        ids = {e.patient_id for e in events} | {e.on_behalf_of for e in events} | {extra_patient}
        self.patients: Mapping[UUID, Model] = known.patients({pk for pk in ids if pk})
        self._numbers: dict[UUID, str] = {}

    def open(self, receipt: Receipt) -> None:
        pairs = [(record, "record_number") for record in self.patients.values()]
        opened = unseal_all(pairs, receipt=receipt)
        self._numbers = dict(zip(self.patients, opened, strict=True))

    def patient(self, patient_id: UUID | None) -> AboutWhom | None:
        if patient_id is None:
            return None
        return AboutWhom(patient_id, self.number(patient_id) or _("not on file"))

    def number(self, patient_id: UUID | None) -> str:
        """Her record number, or nothing where no record has this id."""
        return self._numbers.get(patient_id, "") if patient_id else ""

    def who(self, event: AuditEvent) -> Who:
        if event.actor_id is None:
            return Who(event.agent_id, words.agent(event.agent_id), words.role(event.agent_role))
        label = self.people.get(event.actor_id)
        name = label.name if label else _("Somebody not on file")
        return Who(event.agent_id, name, label.role if label and label.role else words.role(event.agent_role))

    def row(self, event: AuditEvent) -> EventRow:
        return EventRow(
            ref=event.pk,
            recorded_at=event.recorded_at,
            who=self.who(event),
            on_behalf_of=self.patient(event.on_behalf_of),
            patient=self.patient(event.patient_id),
            what=words.what_was_done(event),
            why=words.purpose(event.purpose_of_use),
            address=event.network_address or "",
            source=event.source,
            outcome=event.outcome,
            outcome_words=words.outcome(event.outcome),
            reason=words.reason(event.outcome_reason),
        )


def _active(asked: EventFilter, cast: _Cast) -> Iterable[ActiveFilter]:
    given = asked.cleaned_data
    in_words = {
        "person": lambda: dict(asked.fields["person"].choices).get(given["person"], ""),  # type: ignore[attr-defined]
        "patient": lambda: about.record_number if (about := cast.patient(given["patient"])) else "",
        "sort": lambda: str(words.SORTS[given["sort"]][0]),
        "outcome": lambda: words.outcome(given["outcome"]),
        "since": lambda: given["since"].isoformat(),
        "until": lambda: given["until"].isoformat(),
    }
    for name in asked.active:
        rest = {key: value for key, value in asked.active.items() if key != name}
        yield ActiveFilter(name, str(asked.fields[name].label), str(in_words[name]()), _query(rest))


def _query(filters: dict[str, str]) -> str:
    return f"?{urlencode(filters)}" if filters else "?"


def _facts(event: AuditEvent) -> Iterable[Fact]:
    yield Fact(_("Event"), str(event.pk))
    yield Fact(_("Happened at"), event.activity_at.isoformat() if event.activity_at else "")
    yield Fact(_("Kind"), f"{event.type}, {event.subtype}")
    yield Fact(_("Data"), words.category(event.data_category))
    yield Fact(_("Sensitivity"), event.sensitivity)
    yield Fact(_("Thing"), _object(event))
    yield Fact(_("Role then"), words.role(event.agent_role))
    yield Fact(_("Signed in with"), event.auth_method)
    yield Fact(_("Session"), event.session_id_hash)
    yield Fact(_("Device"), event.device_id)
    yield Fact(_("Network address"), event.network_address or "")
    yield Fact(_("Browser"), event.user_agent_hash)
    yield Fact(_("Came through"), event.source)
    yield Fact(_("Request"), str(event.request_id or ""))
    yield Fact(_("Version of the portal"), event.app_version)
    yield Fact(_("Place in the trail"), f"{event.xid}, {event.origin_boot}, {event.origin_counter}")
    for key, value in (event.additional_data or {}).items():
        yield Fact(key, _plain(value))


def _object(event: AuditEvent) -> str:
    if event.content_type_id is None:
        return ""
    kind = ContentType.objects.get_for_id(event.content_type_id)
    return f"{kind.app_label}.{kind.model}:{event.object_pk}"


def _changes(event: AuditEvent) -> Iterable[Change]:
    for field, value in sorted((event.changes or {}).items()):
        if isinstance(value, list) and len(value) == 2:
            yield Change(field, _plain(value[0]), _plain(value[1]))
        else:
            yield Change(field, "", _plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return "" if value in (None, "None") else str(value)
