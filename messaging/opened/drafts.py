"""Drafts as their author's pages show them: the list, one of them to go on with, and the last look before sending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from accounts.models import ProxyGrant
from accounts.models.user import Standing
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from audit.seals import UNREADABLE
from messaging.clock import now
from messaging.models import SUBJECT_LIMIT, Draft, DraftKind, Pool, Thread
from messaging.models.confidence import begins_apart
from messaging.opened.help import help_for
from messaging.opened.readers import readers_of
from messaging.opened.texts import open_texts
from messaging.red_flags import look
from messaging.refusals import NoPool

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Patient, User
    from accounts.people import Person
    from messaging.opened.help import Help
    from messaging.opened.readers import Readers

LINE = 160


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One draft in the list. A reply is called by the conversation that it belongs to."""

    ref: UUID
    subject: str
    preview: str
    is_reply: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft opened for its author. `patient_name` is set when she writes for somebody else."""

    ref: UUID
    subject: str
    body: str
    revision: int
    form_token: UUID
    written_with_help: bool
    updated_at: datetime
    patient_name: str
    follows: UUID | None  # the conversation that it goes on from


@dataclass(frozen=True, slots=True)
class Check:
    """Everything that is sent with the next press, who reads it by when, and who else can."""

    draft: OpenDraft
    topic: str
    readers: Readers
    team_changed_from: str  # the team that was chosen and cannot read it any more
    has_choice: bool
    also_read_by: tuple[Person, ...]
    may_keep_apart: bool  # she is the patient, and trusts somebody who could read it
    is_apart: bool
    help: Help | None  # for words that may mean danger
    urgent: str  # her answer, as the first page said it


def drafts_of(*, reader: User, patient: Patient) -> list[DraftRow]:
    """Open the list of `reader`'s own drafts for `patient`: one recorded reading."""
    drafts = list(
        Draft.objects.visible_to(reader)
        .standing()
        .of_patients_side(patient)
        .select_related("thread")
        .order_by("-updated_at")
    )
    if not drafts:
        return []
    threads = {draft.thread.pk: draft.thread for draft in drafts if draft.thread is not None}
    receipt = record_read(
        reader=reader,
        of=patient,
        shown=[patient, *drafts, *threads.values()],
        category="draft",
        subtype="list",
    )
    texts = open_texts(
        [
            *((draft, field) for draft in drafts for field in ("subject", "body")),
            *((thread, "subject") for thread in threads.values()),
        ],
        receipt=receipt,
    )
    return [
        DraftRow(
            ref=draft.pk,
            subject=texts[draft.thread_id, "subject"] if draft.thread_id else texts[draft.pk, "subject"],
            preview=" ".join(texts[draft.pk, "body"].split())[:LINE],
            is_reply=draft.kind == DraftKind.REPLY,
            updated_at=draft.updated_at,
        )
        for draft in drafts
    ]


def open_draft(draft: Draft, *, reader: User) -> OpenDraft:
    """Open one for its author, to go on writing. Recorded."""
    return _opened(draft, reader, People.load([]))[0]


def written_in(thread: Thread, *, reader: User, kind: str) -> OpenDraft | None:
    """Open what `reader` has begun to write in `thread`, if anything. Recorded when there is."""
    draft = _written_in.first(reader.cares, kind, reader=reader.pk, thread=thread.pk, at=now())
    return open_draft(draft, reader=reader) if draft else None


def all_written_in(thread: Thread, *, reader: User) -> dict[str, OpenDraft]:
    """The same for everything that `reader` has begun there, by its kind, in one statement."""
    drafts = _written_in(reader.cares, "", reader=reader.pk, thread=thread.pk, at=now())
    return {draft.kind: open_draft(draft, reader=reader) for draft in drafts}


@Prepared
def _written_in(cares: bool, kind: str, *, reader: UUID, thread: UUID, at: datetime) -> QuerySet[Draft]:
    drafts = Draft.objects.visible_to(Standing(reader, cares), at=at).standing().filter(thread=thread)
    return (drafts.filter(kind=kind) if kind else drafts).select_related("patient")


def open_check(draft: Draft, *, reader: User) -> Check:
    """Open a draft for the last look. Raises `NoPool` when nobody could read it."""
    if draft.category is None:
        raise NoPool
    reachable = Pool.objects.reachable_by(draft.patient).staffed()
    pool = Pool.objects.for_message(patient=draft.patient, category=draft.category, chosen=draft.pool)
    readers = readers_of(pool, patient=draft.patient, category=draft.category)
    if readers.due_at is None:
        raise NoPool
    granted = ProxyGrant.objects.current().filter(patient=draft.patient, scopes__contains=["read"])
    granted = granted.about(draft.category.pk)
    trusted = [pk for pk in granted.values_list("proxy", flat=True) if pk != reader.pk]
    is_apart = _is_apart(draft, reader)
    others = [] if is_apart else list(trusted)
    is_own = draft.patient.is_own_of(reader)
    if (owner := draft.patient.owner_id) and not is_own:
        others.append(owner)
    people = People.load(others, patient_id=draft.patient_id)
    opened, names = _opened(draft, reader, people)
    lost = draft.pool is not None and draft.pool.pk != pool.pk
    return Check(
        draft=opened,
        topic=draft.category.words,
        readers=readers,
        team_changed_from=draft.pool.name_to_patients if lost and draft.pool else "",
        has_choice=reachable.count() > 1,
        also_read_by=tuple(names[pk] for pk in others if pk in names),
        may_keep_apart=is_own and bool(trusted),
        is_apart=is_apart,
        help=help_for(look(opened.subject, opened.body), pool),
        urgent=draft.urgent,
    )


def _is_apart(draft: Draft, reader: User) -> bool:
    """Whether it would be kept from trusted people: as she said, else like what it follows, else as her age says."""
    if draft.confidential is not None:
        return draft.confidential
    return bool(draft.follows and draft.follows.confidential) or begins_apart(reader, draft.patient)


def title_of(thread: Thread, *, reader: User) -> str:
    """Open the title of a conversation, for what goes on from it; "" when it cannot be read. Recorded."""
    receipt = record_read(reader=reader, of=thread, shown=[thread], category="message")
    title = open_texts([(thread, "subject")], receipt=receipt)[thread.pk, "subject"]
    return "" if title == str(UNREADABLE) else title[:SUBJECT_LIMIT]


def _opened(draft: Draft, reader: User, people: People) -> tuple[OpenDraft, dict[UUID, Person]]:
    for_another = not draft.patient.is_own_of(reader) and draft.kind in (DraftKind.MESSAGE, DraftKind.REPLY)
    named = [*people.sealed_records(), *([draft.patient] if for_another else [])]
    receipt = record_read(reader=reader, of=draft, shown=[draft], named=named, category="draft")
    pairs = [(draft, "subject"), (draft, "body"), *([(draft.patient, "name")] if for_another else [])]
    texts = open_texts(pairs, receipt=receipt)
    # The notice of a broken seal is no text of hers, to be sent on.
    own = {
        field: "" if (text := texts[draft.pk, field]) == str(UNREADABLE) else text
        for field in ("subject", "body")
    }
    opened = OpenDraft(
        ref=draft.pk,
        subject=own["subject"],
        body=own["body"],
        revision=draft.revision,
        form_token=draft.form_token,
        written_with_help=draft.written_with_help,
        updated_at=draft.updated_at,
        patient_name=texts[draft.patient_id, "name"] if for_another else "",
        follows=draft.follows_id,
    )
    return opened, people.opened(receipt)
