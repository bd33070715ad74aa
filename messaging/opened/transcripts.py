"""A whole conversation, to print and to keep: opened once, written down, and with a fingerprint."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from accounts import limits
from accounts.people import People
from audit.recorder import record, record_read
from audit.seals import digest
from messaging.clock import clinic_date
from messaging.exports.bundle import as_file, bundle_of, receipt_of
from messaging.exports.check import fingerprint_of_bundle
from messaging.models import Outcome, ReadReceipt, Side, UnreadAlarm
from messaging.opened.files import Files
from messaging.opened.messages import (
    message_pairs,
    one_by_one,
    open_messages,
    take_as_read_for_patient,
    versions_of,
)
from messaging.opened.texts import OpenPatient, open_texts, patient_pairs

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person
    from messaging.models import Thread
    from messaging.opened.messages import OpenMessage


@dataclass(frozen=True, slots=True)
class Closing:
    """That the team finished the conversation."""

    ref: UUID
    by: Person
    at: datetime
    outcome_code: str

    @property
    def outcome(self) -> str:
        return str(Outcome(self.outcome_code).label)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, in its place: a message, with its receipt if the patient's side sent it, or an end."""

    at: datetime
    message: OpenMessage | None = None
    receipt: str = ""
    closing: Closing | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All of a conversation that the patient's side may read. `fingerprint` is of its content, whoever asks.

    `mark` is the clinic's own on that fingerprint: nobody else can make it.
    """

    ref: UUID
    subject: str
    category: str
    team_name: str
    patient: OpenPatient
    lines: tuple[Line, ...]
    asked_by: Person
    asked_on: date
    fingerprint: str
    mark: str
    bundle: dict[str, Any]

    @property
    def has_files(self) -> bool:
        return any(line.message and line.message.files for line in self.lines)

    @property
    def message_count(self) -> int:
        return sum(1 for line in self.lines if line.message and not line.message.is_acknowledgement)


def mark_on(fingerprint: str) -> str:
    return digest(fingerprint, purpose="export")[:32]


def open_transcript(thread: Thread, *, reader: User) -> Transcript:
    """Open all of `thread` for somebody of its patient's side, with every message however long it is.

    Notes among staff are not asked for: there is no road from here to them. The number of statements does not
    depend on the length.
    """
    messages = list(thread.messages.as_shown().order_by("sent_at", "id"))
    versions = versions_of(messages)
    files = Files.of(thread, messages, reader=reader, side=Side.PATIENT)
    closures = list(thread.closures.all())
    receipts: dict[UUID, list[ReadReceipt]] = defaultdict(list)
    for given in ReadReceipt.objects.filter(message__thread=thread).order_by("read_at"):
        receipts[given.message_id].append(given)
    ids = {m.author_id for m in messages} | {c.closed_by_id for c in closures}
    ids |= {r.reader_id for given in receipts.values() for r in given} | {reader.pk}
    people = People.load(ids, patient_id=thread.patient_id)
    receipt = record_read(
        reader=reader,
        of=thread,
        shown=[
            thread,
            thread.patient,
            *messages,
            *(version for found in versions.values() for version in found),
            *files.rows,
        ],
        named=people.sealed_records(),
        category="message",
    )
    take_as_read_for_patient(
        thread,
        messages,
        reader=reader,
        receipts=receipts,
        versions=versions,
        alarm=UnreadAlarm.objects.standing().filter(thread=thread).values_list("message", flat=True).first(),
    )
    pairs = [(thread, "subject"), *patient_pairs(thread.patient), *message_pairs(messages, versions)]
    pairs += files.pairs() + files.content_pairs()
    texts = open_texts(pairs, receipt=receipt)
    names = people.opened(receipt)
    opened = one_by_one(
        open_messages(
            messages,
            reader=reader,
            texts=texts,
            people=names,
            receipts=receipts,
            versions=versions,
            files=files.by_message(texts),
        ),
        versions,
    )
    closings = tuple(Closing(c.pk, names[c.closed_by_id], c.closed_at, c.outcome) for c in closures)
    patient = OpenPatient.of(thread.patient, texts)
    bundle = bundle_of(
        ref=thread.pk,
        subject=texts[thread.pk, "subject"],
        topic=thread.category_id,
        patient=patient,
        messages=opened,
        closings=closings,
        last_at=max([m.withdrawn_at or m.sent_at for m in opened] + [c.closed_at for c in closures]),
    )
    lines = [
        *(
            Line(
                m.sent_at,
                message=m,
                receipt=receipt_of(m, thread.pk) if m.side == Side.PATIENT and not m.withdrawn_at else "",
            )
            for m in opened
        ),
        *(Line(closing.at, closing=closing) for closing in closings),
    ]
    fingerprint = fingerprint_of_bundle(bundle)
    return Transcript(
        ref=thread.pk,
        subject=texts[thread.pk, "subject"],
        category=thread.category.words,
        team_name=thread.pool.name_to_patients,
        patient=patient,
        lines=tuple(sorted(lines, key=lambda line: line.at)),
        asked_by=names[reader.pk],
        asked_on=clinic_date(),
        fingerprint=fingerprint,
        mark=mark_on(fingerprint),
        bundle=bundle,
    )


def open_to_print(thread: Thread, *, reader: User) -> Transcript:
    """The conversation for the page that is printed, and that it was made."""
    transcript = open_transcript(thread, reader=reader)
    write_down(thread, transcript, reader=reader, how="print", detail={})
    return transcript


def download(thread: Thread, *, reader: User, form: str) -> bytes:
    """The conversation as a file to keep, `form` being pdf or json. It is written down before it is handed out.

    Raises `TooMuch`: to make one takes seconds of a worker.
    """
    limits.use("save-conversation", reader.pk)
    transcript = open_transcript(thread, reader=reader)
    if form == "pdf":
        from messaging.exports.paper import as_pdf  # its library takes memory that most workers never need

        made = as_pdf(transcript)
    else:
        made = as_file(transcript.bundle, fingerprint=transcript.fingerprint, mark=transcript.mark)
    file_digest = hashlib.sha256(made).hexdigest()
    write_down(thread, transcript, reader=reader, how="download", detail={"form": form, "file": file_digest})
    return made


def write_down(
    thread: Thread, transcript: Transcript, *, reader: User, how: str, detail: dict[str, str]
) -> None:
    """That it was printed or handed out, and what exactly."""
    record(
        agent=reader,
        type="record",
        subtype=how,
        action="R",
        obj=thread,
        patient_id=thread.patient_id,
        category="message",
        purpose="PATRQT",
        detail={"sha256": transcript.fingerprint, "messages": transcript.message_count, **detail},
    )
