"""Messages as the pages and the API get them: opened, frozen, and worded for one reader."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from audit.prepared import Prepared
from messaging.models import Message, ReadReceipt, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person
    from messaging.opened.files import OpenFile
    from messaging.opened.texts import Pair, Texts


@dataclass(frozen=True, slots=True)
class Reading:
    """That a person opened a message."""

    person: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """One message, opened for one reader. `author` is None for the automatic acknowledgement."""

    ref: UUID
    author: Person | None
    side: str
    is_mine: bool
    is_new: bool
    sent_at: datetime
    body: str
    language: str
    reply_due_at: datetime | None
    read_by: tuple[Reading, ...]
    files: tuple[OpenFile, ...] = ()
    written_with_help: bool = False

    @property
    def is_acknowledgement(self) -> bool:
        return self.side == Side.SYSTEM

    @property
    def paragraphs(self) -> list[str]:
        """The body's paragraphs, line breaks inside them kept."""
        return [part.strip("\n") for part in self.body.split("\n\n") if part.strip()]


def message_pairs(messages: Iterable[Message]) -> list[Pair]:
    return [(message, "body") for message in messages if message.body is not None]


def receipts_of(messages: Sequence[Message]) -> dict[UUID, list[ReadReceipt]]:
    """Who has read these messages, earliest first, in one statement."""
    by_message: dict[UUID, list[ReadReceipt]] = defaultdict(list)
    for given in _given(messages=[message.pk for message in messages]) if messages else ():
        by_message[given.message_id].append(given)
    return by_message


_given = Prepared(lambda *, messages: ReadReceipt.objects.filter(message__in=messages).order_by("read_at"))


def not_yet_read(
    messages: Iterable[Message], *, reader: User, receipts: Mapping[UUID, list[ReadReceipt]]
) -> list[Message]:
    """Those of `messages` that `reader` has no receipt for."""
    return [m for m in messages if all(r.reader_id != reader.pk for r in receipts.get(m.pk, []))]


def open_messages(
    messages: Iterable[Message],
    *,
    reader: User,
    texts: Texts,
    people: Mapping[UUID, Person],
    receipts: Mapping[UUID, list[ReadReceipt]],
    files: Mapping[UUID, tuple[OpenFile, ...]],
) -> tuple[OpenMessage, ...]:
    """Build the frozen messages. Readings are shown for the other side only: it is they who wonder."""
    opened = []
    for message in messages:
        given = receipts.get(message.pk, [])
        opened.append(
            OpenMessage(
                ref=message.pk,
                author=people[message.author_id] if message.author_id else None,
                side=message.side,
                is_mine=message.author_id == reader.pk,
                is_new=not message.is_acknowledgement
                and message.author_id != reader.pk
                and all(receipt.reader_id != reader.pk for receipt in given),
                sent_at=message.sent_at,
                body=texts.get((message.pk, "body"), ""),
                language=message.language,
                reply_due_at=message.reply_due_at,
                read_by=tuple(
                    Reading(people[receipt.reader_id], receipt.read_at)
                    for receipt in given
                    if receipt.reader_id in people and receipt.reader_id != message.author_id
                ),
                files=files.get(message.pk, ()),
                written_with_help=message.written_with_help,
            )
        )
    return tuple(opened)
