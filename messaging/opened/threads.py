"""The patient's side: her list of conversations, and one of them with what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import FormerTeamName
from accounts.models.care import said
from accounts.models.proxy import Scope
from accounts.models.user import Standing
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.clock import now
from messaging.models import (
    CategoryCode,
    Closure,
    Draft,
    Message,
    Outcome,
    ReadReceipt,
    Side,
    Thread,
    ThreadState,
    UnreadAlarm,
    WorkItem,
    WorkState,
)
from messaging.models.news import has_news
from messaging.models.shelf import is_put_away
from messaging.models.unread import owes_a_call
from messaging.opened.files import Files
from messaging.opened.messages import (
    OpenMessage,
    message_pairs,
    open_messages,
    receipts_of,
    take_as_read_for_patient,
    versions_of,
)
from messaging.opened.paging import Page, Position
from messaging.opened.previews import previews_of
from messaging.opened.readers import cover_of
from messaging.opened.steps import Step, steps_of
from messaging.opened.team_lines import TeamLine, team_lines
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Patient, User
    from accounts.people import Person
    from messaging.opened.files import OpenFile
    from messaging.opened.readers import Cover

PAGE_LENGTH = 25
MESSAGES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One conversation in the patient's list."""

    ref: UUID
    subject: str
    preview: str
    category: str
    last_author: Person
    last_is_mine: bool
    last_message_at: datetime
    is_open: bool
    is_new: bool
    reply_due_at: datetime | None  # set while the team owes an answer
    is_late: bool
    is_read_by_team: bool


# The list that is no state of a conversation, but of whose eyes it is before.
AWAY = "away"


@dataclass(frozen=True, slots=True)
class PatientInbox:
    """A page of a patient's conversations."""

    state: str
    rows: tuple[ThreadRow, ...]
    page: Page
    open_count: int
    closed_count: int
    new_count: int
    away_count: int
    draft_count: int

    @property
    def shown_total(self) -> int:
        counts = {ThreadState.OPEN.value: self.open_count, ThreadState.CLOSED.value: self.closed_count}
        return counts.get(self.state, self.away_count)


def patient_inbox(*, reader: User, patient: Patient, state: str, after: Position | None) -> PatientInbox:
    """Open a page of `patient`'s conversations for `reader`, new ones first. Recorded as one read."""
    whose: _Whose = {"reader": reader.pk, "patients": reader.records_with(patient.pk), "at": now()}
    counts = _counted.first(**whose) or (0, 0, 0, 0)
    if after is None:
        page = Page.of(_first_page(state, **whose), NEWEST_FIRST, PAGE_LENGTH)
    else:
        page = Page.cut(_threads(state, **whose), keys=NEWEST_FIRST, after=after, length=PAGE_LENGTH)
    threads: list[Thread] = list(page.rows)
    people = People.load([t.last_author_id for t in threads], patient_id=patient.pk)
    receipt = record_read(
        reader=reader,
        of=patient,
        shown=[patient, *threads],
        named=people.sealed_records(),
        category="message",
        subtype="list",
    )
    texts = open_texts([(t, f) for t in threads for f in ("subject", "preview")], receipt=receipt)
    names = people.opened(receipt)
    previews = previews_of(threads, texts, reader=reader, of=patient)
    moment = now()
    rows = [
        ThreadRow(
            ref=t.pk,
            subject=texts[t.pk, "subject"],
            preview=previews[t.pk],
            category=str(CategoryCode(t.category_id).label),
            last_author=names[t.last_author_id],
            last_is_mine=t.last_author_id == reader.pk,
            last_message_at=t.last_message_at,
            is_open=t.is_open,
            is_new=t.is_new,  # type: ignore[attr-defined]
            reply_due_at=t.reply_due_at,  # type: ignore[attr-defined]
            is_late=bool(t.reply_due_at and t.reply_due_at < moment),  # type: ignore[attr-defined]
            is_read_by_team=t.last_side == Side.PATIENT and t.team_read,  # type: ignore[attr-defined]
        )
        for t in threads
    ]
    open_count, closed_count, new_count, away_count = counts
    return PatientInbox(
        state=state,
        rows=tuple(sorted(rows, key=lambda row: not row.is_new)),
        page=page,
        open_count=open_count,
        closed_count=closed_count,
        new_count=new_count,
        away_count=away_count,
        draft_count=Draft.objects.count_of(reader, patient),
    )


NEWEST_FIRST = ("-last_message_at", "-id")


def inbox_counts(reader: User, patient: Patient) -> tuple[int, int, int, int]:
    """How many of `patient`'s conversations are open, finished, new to `reader`, put away. It opens nothing."""
    found = _counted.first(reader=reader.pk, patients=reader.records_with(patient.pk), at=now()) or (
        0,
        0,
        0,
        0,
    )
    return found[0], found[1], found[2], found[3]


class _Whose(TypedDict):
    reader: UUID
    patients: list[UUID]
    at: datetime


def _mine(reader: UUID, patients: list[UUID], at: datetime) -> QuerySet[Thread]:
    return Thread.objects.of_patients_side(Standing(reader), at=at).filter(patient__in=patients)


def _threads(state: str, *, reader: UUID, patients: list[UUID], at: datetime) -> QuerySet[Thread]:
    by_team = ReadReceipt.objects.of_what_stands().by_team()
    read = by_team.filter(message=OuterRef("last_message_id"), message__withdrawal=None)
    owed = WorkItem.objects.filter(
        ~owes_a_call(), thread=OuterRef("pk"), state__in=[WorkState.REQUESTED, WorkState.ACCEPTED]
    ).values(told=Coalesce("promised_at", "due_at"))[:1]
    away = is_put_away(reader)
    return (
        _mine(reader, patients, at)
        .filter(away if state == AWAY else Q(~away, state=state))
        .annotate(
            is_new=has_news(reader, side=Side.TEAM),
            team_read=Exists(read),
            reply_due_at=Subquery(owed),
        )
    )


_first_page = Prepared(
    lambda state, **whose: _threads(state, **whose).order_by(*NEWEST_FIRST)[: PAGE_LENGTH + 1]
)


@Prepared
def _counted(*, reader: UUID, patients: list[UUID], at: datetime) -> QuerySet[Thread, tuple[int, ...]]:
    together = _mine(reader, patients, at).order_by().values(every=Value(1))
    return together.annotate(
        open=Count("pk", filter=Q(~is_put_away(reader), state=ThreadState.OPEN)),
        closed=Count("pk", filter=Q(~is_put_away(reader), state=ThreadState.CLOSED)),
        new=Count("pk", filter=has_news(reader, side=Side.TEAM)),
        away=Count("pk", filter=Q(is_put_away(reader))),
    ).values_list("open", "closed", "new", "away")


@dataclass(frozen=True, slots=True)
class OpenThread:
    """A conversation opened for the patient's side."""

    ref: UUID
    subject: str
    category: str
    pool_name: str
    pool_phone: str
    is_open: bool
    outcome: str
    messages: tuple[OpenMessage, ...]
    team_lines: tuple[TeamLine, ...]
    former_name: str  # of its team, when it was renamed since
    earlier: UUID | None  # the message to page back from, when there are earlier ones
    steps: tuple[Step, ...]
    latest: UUID
    reply_due_at: datetime | None
    is_late: bool
    is_taken_back: bool  # nothing is left to read: every message was taken back
    takes_replies: bool  # what ended long ago goes on in a new conversation
    is_put_away: bool
    may_write: bool
    follows: UUID | None
    followed_by: UUID | None
    may_add_files: bool
    unsent_files: tuple[OpenFile, ...]
    cover: Cover | None = None

    @property
    def unread_acknowledgement(self) -> UUID | None:
        """The automatic answer to what nobody of the team has read or answered yet (PT6)."""
        last = self.messages[-1] if self.messages else None
        written = [m for m in self.messages if m.side == Side.PATIENT]
        by_team = any(r.person.side == "staff" for m in written[-1:] for r in (*m.read_by, *m.read_before))
        return last.ref if last and last.is_acknowledgement and not by_team else None

    @property
    def was(self) -> str:
        """What its team was called when it began, if that was another."""
        first = self.team_lines[0].was if self.team_lines else self.former_name
        return first if first != self.pool_name else ""

    def lines_before(self, message: OpenMessage) -> tuple[TeamLine, ...]:
        """What happened between the message before this one and this one."""
        place = self.messages.index(message)
        if place == 0 and self.earlier is not None:
            return ()
        since = self.messages[place - 1].sent_at if place else None
        return tuple(
            line
            for line in self.team_lines
            if (since is None or line.at >= since) and line.at < message.sent_at
        )

    @property
    def lines_at_the_end(self) -> tuple[TeamLine, ...]:
        return tuple(line for line in self.team_lines if line.at >= self.messages[-1].sent_at)

    @property
    def first_new(self) -> OpenMessage | None:
        return next((message for message in self.messages if message.is_new), None)


def open_thread(thread: Thread, *, reader: User, before: UUID | None = None) -> OpenThread:
    """Open `thread` for its patient's side: record the read, then the seals, then give the receipts.

    At most 50 messages, the newest unless `before` names the message to page back from. The number of
    statements does not depend on how many there are.
    """
    messages, earlier = messages_of(thread, before=before)
    receipts = receipts_of(messages)
    versions = versions_of(messages)
    stands = Stands(*_where_it_stands(thread=thread.pk, reader=reader.pk, at=now())[0])
    ids = {m.author_id for m in messages if m.author_id} | {
        r.reader_id for given in receipts.values() for r in given
    }
    ids.add(reader.pk)
    people = People.load(ids, patient_id=thread.patient_id)
    files = Files.of(thread, messages, reader=reader, side=Side.PATIENT)
    receipt = record_read(
        reader=reader,
        of=thread,
        shown=[
            thread,
            *messages,
            *(version for found in versions.values() for version in found),
            *files.rows,
        ],
        named=people.sealed_records(),
        category="message",
    )
    take_as_read_for_patient(
        thread, messages, reader=reader, receipts=receipts, versions=versions, alarm=stands.unread_alarm
    )
    pairs = [(thread, "subject"), *message_pairs(messages, versions), *files.pairs()]
    texts = open_texts(pairs, receipt=receipt)
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
    calls = stands.unread_alarm
    owed = stands.due_at if stands.state != WorkState.ON_HOLD and calls is None else None
    return OpenThread(
        ref=thread.pk,
        subject=texts[thread.pk, "subject"],
        category=thread.category.words,
        pool_name=thread.pool.name_to_patients,
        pool_phone=thread.pool.phone,
        is_open=thread.is_open,
        outcome=str(Outcome(stands.outcome).label) if stands.outcome else "",
        messages=opened,
        team_lines=team_lines(thread.pk, to_patient=True),
        former_name=said(stands.former_name or "", stands.former_name_es or ""),
        earlier=earlier,
        steps=steps_of(
            opened,
            owed=owed,
            closed_at=stands.closed_at if stands.outcome != Outcome.TAKEN_BACK else None,
            reader=reader,
        )
        if any(message.pk == thread.last_message_id for message in messages)
        else (),  # An older page does not say what happens next: what happened since is on a newer one.
        latest=thread.latest_id,
        reply_due_at=owed,
        is_late=bool(owed and owed < now()),
        is_taken_back=all(m.withdrawn_at for m in opened if not m.is_acknowledgement) and earlier is None,
        takes_replies=stands.closed_at is None or now() < stands.closed_at + settings.REOPEN_WITHIN,
        is_put_away=stands.is_put_away,
        may_write=Scope.WRITE in reader.scopes_for(thread.patient_id),
        follows=stands.follows,
        followed_by=stands.followed_by,
        may_add_files=files.may_open,
        unsent_files=files.unsent(texts),
        cover=cover_of(thread.pool, patient_id=thread.patient_id) if owed else None,
    )


class Stands(NamedTuple):
    """What else there is to say of a conversation, in one statement."""

    outcome: str | None
    closed_at: datetime | None
    state: str | None
    due_at: datetime | None
    unread_alarm: UUID | None  # the answer that somebody is to call about
    is_put_away: bool
    follows: UUID | None
    followed_by: UUID | None
    former_name: str | None
    former_name_es: str | None


@Prepared
def _where_it_stands(*, thread: UUID, reader: UUID, at: datetime) -> QuerySet[Thread, tuple[Any, ...]]:
    closure = Closure.objects.filter(thread=OuterRef("pk"), reopened_at=None).order_by()
    item = WorkItem.objects.unfinished().filter(thread=OuterRef("pk"))
    alarm = UnreadAlarm.objects.standing().filter(thread=OuterRef("pk"))
    # What is kept from a trusted reader is not there to go on in, or to have come from.
    readable = Thread.objects.of_patients_side(Standing(reader), at=at)
    earlier = readable.filter(pk=OuterRef("follows"))
    later = readable.filter(follows=OuterRef("pk")).order_by("-opened_at")
    names = FormerTeamName.objects.filter(team=OuterRef("pool__team"), until__gt=OuterRef("opened_at"))
    return Thread.objects.filter(pk=thread).values_list(
        Subquery(closure.values("outcome")[:1]),
        Subquery(closure.values("closed_at")[:1]),
        Subquery(item.values("state")[:1]),
        Subquery(item.values(told=Coalesce("promised_at", "due_at"))[:1]),
        Subquery(alarm.values("message")[:1]),
        is_put_away(reader),
        Subquery(earlier.values("pk")[:1]),
        Subquery(later.values("pk")[:1]),
        Subquery(names.order_by("until").values("name")[:1]),
        Subquery(names.order_by("until").values("name_es")[:1]),
    )


_newest = Prepared(
    lambda *, thread: (
        Message.objects.filter(thread=thread).as_shown().order_by("-sent_at", "-id")[: MESSAGES_SHOWN + 1]
    )
)


def messages_of(thread: Thread, *, before: UUID | None = None) -> tuple[list[Message], UUID | None]:
    """The page of messages to show, oldest first, and where to page back from.

    The newest page, too, where `before` names the first message of all, or none of this conversation.
    """
    mark = thread.messages.filter(pk=before).first() if before is not None else None
    rows: list[Message] = []
    if mark is not None:
        earlier = Q(sent_at__lt=mark.sent_at) | Q(sent_at=mark.sent_at, pk__lt=mark.pk)
        found = thread.messages.filter(earlier).as_shown()
        rows = list(found.order_by("-sent_at", "-id")[: MESSAGES_SHOWN + 1])
    rows = rows or _newest(thread=thread.pk)
    has_earlier = len(rows) > MESSAGES_SHOWN
    shown = list(reversed(rows[:MESSAGES_SHOWN]))
    return shown, shown[0].pk if has_earlier else None
