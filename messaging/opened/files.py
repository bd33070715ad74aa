"""Files as pages and programs list them: a name, a kind, a size, and whether this reader may have the content."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.filing.kinds import Kind
from messaging.models import Attachment, Scan, Side
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from accounts.models import User
    from messaging.models import Message, Place, Thread
    from messaging.opened.texts import Pair, Texts


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file, named for one reader."""

    ref: UUID
    name: str
    kind: str
    size: int
    scan: str
    is_mine: bool
    may_open: bool
    taken_out: bool  # parts that run by themselves were left behind
    is_cleared: bool = False  # for everybody who may have it, and not only for who added it
    # Opened only where the conversation is kept as data.
    sha256: str = ""
    sha1: str = ""

    @property
    def kind_words(self) -> str:
        return str(Kind(self.kind).label)

    @property
    def size_words(self) -> str:
        if self.size < 1_000_000:
            return _("%(size)s KB") % {"size": number_format(max(1, round(self.size / 1_000)))}
        return _("%(size)s MB") % {"size": number_format(self.size / 1_000_000, 1)}

    @property
    def state_words(self) -> str:
        """What the scanner says, as far as a reader has to know it."""
        if self.scan == Scan.CHECKING:
            return _("Checking for viruses")
        if self.scan == Scan.INFECTED:
            stopped = _("This file did not pass our safety check. Nobody can open it.")
            if not self.is_mine:
                return stopped
            return " ".join([stopped, _("Send us another copy, or call us.")])
        return _("Virus check passed") if self.scan == Scan.CLEAN else _("Not checked for viruses")

    @property
    def is_stopped(self) -> bool:
        return self.scan == Scan.INFECTED

    @property
    def is_checking(self) -> bool:
        return self.scan == Scan.CHECKING


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a page: those of its messages, and those that its reader is about to send."""

    rows: Sequence[Attachment]
    reader: User
    may_open: bool

    @classmethod
    def of(cls, thread: Thread, messages: Iterable[Message], *, reader: User, side: Side) -> Files:
        """In one statement, however many there are. Somebody whose grant says no files gets none."""
        if side == Side.PATIENT and not _may_have_files(reader, thread):
            return cls((), reader, may_open=False)
        ids = [message.pk for message in messages]
        return cls(
            _of_page(thread=thread.pk, messages=ids, reader=reader.pk, side=side), reader, may_open=True
        )

    def pairs(self) -> list[Pair]:
        return [(row, "name") for row in self.rows]

    def content_pairs(self) -> list[Pair]:
        """What says which bytes a file has."""
        later: list[Pair] = [(row, "content_sha1") for row in self.rows if row.content_sha1 is not None]
        return [*((row, "content_hash") for row in self.rows), *later]

    def by_message(self, texts: Texts) -> Mapping[UUID, tuple[OpenFile, ...]]:
        found: dict[UUID, tuple[OpenFile, ...]] = defaultdict(tuple)
        for row in self.rows:
            if row.message_id is not None:
                found[row.message_id] += (open_row(row, texts, reader=self.reader),)
        return found

    def unsent(self, texts: Texts) -> tuple[OpenFile, ...]:
        return tuple(open_row(row, texts, reader=self.reader) for row in self.rows if row.message_id is None)


@Prepared
def _of_page(*, thread: UUID, messages: list[UUID], reader: UUID, side: str) -> QuerySet[Attachment]:
    unsent = Q(message=None, uploaded_by=reader, side=side)
    sent = Q(message__in=messages, message__withdrawal=None)
    return Attachment.objects.filter(sent | unsent, thread=thread).order_by("uploaded_at", "id")


def _may_have_files(reader: User, thread: Thread) -> bool:
    return "attachments" in reader.scopes_for(thread.patient_id)


def open_row(row: Attachment, texts: Texts, *, reader: User) -> OpenFile:
    mine = row.uploaded_by_id == reader.pk
    # Where there is no scanner any more, nobody is checking it.
    scan = row.scan if settings.SCANNER_URL or row.scan != Scan.CHECKING else Scan.UNSCANNED.value
    cleared = scan == Scan.CLEAN or (scan == Scan.UNSCANNED and not settings.SCANNER_URL)
    return OpenFile(
        ref=row.pk,
        name=texts[row.pk, "name"],
        kind=row.kind,
        size=row.size,
        scan=scan,
        is_mine=mine,
        may_open=cleared or (mine and scan != Scan.INFECTED),
        taken_out=row.taken_out,
        is_cleared=cleared,
        sha256=_digest_in(texts.get((row.pk, "content_hash"), "")),
        sha1=_digest_in(texts.get((row.pk, "content_sha1"), "")),
    )


def _digest_in(text: str) -> str:
    """Where its seal is broken, words to show stand in its place."""
    return text if text and not set(text) - set("0123456789abcdef") else ""


def name_of(row: Attachment, *, reader: User) -> str:
    """Under which name it stands. Its name is read."""
    receipt = record_read(
        reader=reader, of=row.thread or row.draft, shown=[row], category="attachment", subtype="list"
    )
    return open_texts([(row, "name")], receipt=receipt)[row.pk, "name"]


def unsent_files(place: Place, *, reader: User) -> tuple[OpenFile, ...]:
    """What `reader` has added there and not sent: for the part of a page that shows it. Its names are read."""
    rows = list(Attachment.objects.waiting_at(place, by=reader))
    if not rows:
        return ()
    receipt = record_read(
        reader=reader, of=place.thread or place.draft, shown=rows, category="attachment", subtype="list"
    )
    texts = open_texts([(row, "name") for row in rows], receipt=receipt)
    return tuple(open_row(row, texts, reader=reader) for row in rows)
