"""The team's side of one conversation: messages, notes and events in order, and who it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Case, OuterRef, Subquery, When
from django.utils.translation import gettext as _

from accounts.models import CareRelationship
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.clock import now
from messaging.models import (
    Closure,
    InternalNote,
    Outcome,
    Priority,
    SafetyFlag,
    Side,
    Thread,
    WorkItem,
    WorkState,
)
from messaging.models.unread import owes_a_call
from messaging.models.work import is_held
from messaging.opened.files import Files
from messaging.opened.flags import OpenFlag, flag_pairs, open_flags
from messaging.opened.messages import (
    OpenMessage,
    message_pairs,
    open_messages,
    receipts_of,
    take_as_read,
    versions_of,
)
from messaging.opened.team_lines import team_lines
from messaging.opened.texts import OpenPatient, open_texts, person_pairs, person_rows
from messaging.opened.threads import messages_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User
    from accounts.people import Person
    from messaging.opened.files import OpenFile


FLAGS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class OpenNote:
    """A note among staff. It has no field in common with a message but its moment."""

    ref: UUID
    author: Person
    written_at: datetime
    body: str

    @property
    def paragraphs(self) -> list[str]:
        return [part.strip("\n") for part in self.body.split("\n\n") if part.strip()]


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened to the conversation, in one sentence."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the conversation: `kind` is message, note or event."""

    kind: str
    at: datetime
    message: OpenMessage | None = None
    note: OpenNote | None = None
    event: EventLine | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation opened for a member of the team that works it."""

    ref: UUID
    subject: str
    category: str
    patient: OpenPatient
    is_open: bool
    outcome: str
    entries: tuple[Entry, ...]  # newest first
    earlier: UUID | None
    latest: UUID
    item_state: str
    owner: Person | None
    is_mine: bool
    is_held_by_another: bool
    is_waiting_for_patient: bool
    priority: int
    due_at: datetime | None
    is_late: bool
    team_name: str
    owes_a_call: bool  # the patient has not read the answer: phone or letter
    call_at: str | None  # her number, for whoever is to call
    unsent_files: tuple[OpenFile, ...]
    lead_ref: UUID | None = None  # who leads the patient's care in this team
    flags: tuple[OpenFlag, ...] = ()  # newest first

    def answered_flags_of(self, message: OpenMessage) -> tuple[OpenFlag, ...]:
        """What was found in it, and in what it was corrected to, that the team has answered."""
        return tuple(
            f for f in self.flags if f.message_ref == message.ref and f.is_pressing and f.is_answered
        )

    @property
    def pressing(self) -> tuple[OpenFlag, ...]:
        """The flags that nobody has answered: those on what came since the team last wrote."""
        return tuple(flag for flag in self.flags if flag.is_pressing and not flag.is_answered)

    @property
    def messages(self) -> tuple[OpenMessage, ...]:
        """The messages alone, oldest first, without notes and events."""
        return tuple(entry.message for entry in reversed(self.entries) if entry.message is not None)

    @property
    def priority_words(self) -> str:
        return str(Priority(self.priority).label)


def open_conversation(thread: Thread, *, reader: User, before: UUID | None = None) -> Conversation:
    """Open `thread` for its team: one recorded read for everything on the page, then the receipts."""
    messages, earlier = messages_of(thread, before=before)
    notes = list(InternalNote.objects.filter(thread=thread).order_by("written_at"))
    closures = list(thread.closures.all())
    found = SafetyFlag.objects.filter(thread=thread).as_shown()
    flags = list(found.order_by("-flagged_at", "-id")[:FLAGS_SHOWN])
    item = _latest_work.first(thread=thread.pk, at=now())
    owner_id = item.owner_id if item and item.is_open and item.held else None  # type: ignore[attr-defined]
    receipts = receipts_of(messages)
    versions = versions_of(messages)
    people = People.load(
        _people_of(messages, notes, closures, receipts)
        | ({item.owner_id} if item and item.owner_id else set()),
        patient_id=thread.patient_id,
        to_patient=False,
    )
    files = Files.of(thread, messages, reader=reader, side=Side.TEAM)
    owes = bool(item and item.owes_a_call)  # type: ignore[attr-defined]
    calls = [(thread.patient.stays, "phone")] if owes and owner_id in (None, reader.pk) else []
    receipt = record_read(
        reader=reader,
        of=thread,
        shown=[
            thread,
            *person_rows(thread.patient),
            *messages,
            *(version for found in versions.values() for version in found),
            *notes,
            *flags,
            *files.rows,
        ],
        named=people.sealed_records(),
        category="message",
    )
    take_as_read(messages, reader=reader, receipts=receipts, versions=versions)
    texts = open_texts(
        [
            (thread, "subject"),
            *person_pairs(thread.patient),
            *message_pairs(messages, versions),
            *((note, "body") for note in notes),
            *flag_pairs(flags),
            *files.pairs(),
            *calls,
        ],
        receipt=receipt,
    )
    names = people.opened(receipt)
    opened = open_messages(
        messages,
        reader=reader,
        texts=texts,
        people=names,
        receipts=receipts,
        versions=versions,
        files=files.by_message(texts),
    )
    entries = [
        *(Entry("message", m.sent_at, message=m) for m in opened if not m.is_acknowledgement),
        *(
            Entry(
                "note",
                n.written_at,
                note=OpenNote(n.pk, names[n.author_id], n.written_at, texts[n.pk, "body"]),
            )
            for n in notes
        ),
        *(Entry("event", line.at, event=line) for line in _events(closures, names)),
        *(
            Entry("event", line.at, event=EventLine(line.at, line.staff_words))
            for line in team_lines(thread.pk, to_patient=False)
        ),
    ]
    owed = item is not None and item.is_open and item.state != WorkState.ON_HOLD
    return Conversation(
        ref=thread.pk,
        subject=texts[thread.pk, "subject"],
        category=thread.category.words,
        patient=OpenPatient.at_work(thread.patient, texts),
        is_open=thread.is_open,
        outcome=next((str(Outcome(c.outcome).label) for c in closures if c.reopened_at is None), ""),
        entries=tuple(sorted(entries, key=lambda entry: entry.at, reverse=True)),
        earlier=earlier,
        latest=thread.latest_id,
        item_state=str(WorkState(item.state).label) if item else "",
        owner=names.get(owner_id) if owner_id else None,
        is_mine=owner_id == reader.pk,
        is_held_by_another=owner_id is not None and owner_id != reader.pk,
        is_waiting_for_patient=bool(item and item.state == WorkState.ON_HOLD),
        priority=item.priority if item else Priority.ROUTINE,
        due_at=item.due_at if item and owed else None,
        is_late=bool(item and owed and item.due_at < now()),
        team_name=thread.pool.name,
        owes_a_call=owes,
        call_at=texts[thread.patient.person_id, "phone"] if calls else None,
        lead_ref=item.lead_id if item else None,  # type: ignore[attr-defined]
        flags=open_flags(flags, texts),
        unsent_files=files.unsent(texts),
    )


@Prepared
def _latest_work(*, thread: UUID, at: datetime) -> QuerySet[WorkItem]:
    """With what else has to be known of it, and of its patient, in one statement."""
    care = CareRelationship.objects.current(at).filter(
        patient=OuterRef("patient"), team=OuterRef("pool__team")
    )
    items = WorkItem.objects.filter(thread=thread).annotate(
        owes_a_call=owes_a_call(),
        held=Case(When(is_held(at), then=True), default=False),
        lead_id=Subquery(care.values("lead")[:1]),
    )
    return items.order_by("-created_at")[:1]


def _people_of(messages, notes, closures, receipts) -> set[UUID]:  # type: ignore[no-untyped-def]
    ids = {m.author_id for m in messages if m.author_id}
    ids |= {n.author_id for n in notes}
    ids |= {c.closed_by_id for c in closures}
    return ids | {r.reader_id for given in receipts.values() for r in given}


def _events(closures: list[Closure], names: dict[UUID, Person]) -> list[EventLine]:
    lines = []
    for closure in closures:
        lines.append(
            EventLine(
                closure.closed_at,
                _("%(name)s finished this conversation: %(outcome)s")
                % {"name": names[closure.closed_by_id].name, "outcome": Outcome(closure.outcome).label},
            )
        )
        if closure.reopened_at:
            lines.append(EventLine(closure.reopened_at, _("It was opened again")))
    return lines
