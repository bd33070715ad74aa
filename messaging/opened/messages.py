"""Messages as the pages and the API get them: opened, frozen, and worded for one reader."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from audit.prepared import Prepared
from messaging.models import Amendment, Message, ReadReceipt, Side, UnreadAlarm, Withdrawal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person
    from messaging.models import Thread
    from messaging.opened.files import OpenFile
    from messaging.opened.texts import Pair, Texts


Versions = dict["UUID", list[Amendment]]


@dataclass(frozen=True, slots=True)
class Reading:
    """That a person opened a message."""

    person: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """What a message said before it was put right."""

    body: str
    written_at: datetime


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
    # Those who have opened what it said before, and not what it says now.
    read_before: tuple[Reading, ...] = ()
    # It is new because it was put right: its reader has opened what it said before.
    is_new_version: bool = False
    # Put right: since when it says what it says now, and what it said before, oldest first.
    corrected_at: datetime | None = None
    earlier_versions: tuple[Version, ...] = ()
    # Taken back before anybody else read it: then there is no body.
    withdrawn_at: datetime | None = None
    # A version that stands by itself, in a list of all that was written: the message that it puts right.
    corrects: UUID | None = None

    @property
    def is_read_by_others(self) -> bool:
        return bool(self.read_by or self.read_before)

    @property
    def is_acknowledgement(self) -> bool:
        return self.side == Side.SYSTEM

    @property
    def paragraphs(self) -> list[str]:
        """The body's paragraphs, line breaks inside them kept."""
        return [part.strip("\n") for part in self.body.split("\n\n") if part.strip()]


def message_pairs(messages: Iterable[Message], versions: Versions = {}) -> list[Pair]:  # noqa: B006  (never written)
    """What is to be opened of these messages: nothing of one that was taken back, every version of one put right."""
    pairs: list[Pair] = []
    for message in messages:
        if message.body is None or withdrawn_at(message) is not None:
            continue
        pairs.append((message, "body"))
        pairs += [(version, "body") for version in versions.get(message.pk, ())]
    return pairs


def withdrawn_at(message: Message) -> datetime | None:
    """When a message loaded `as_shown` was taken back."""
    return message.withdrawn_at  # type: ignore[attr-defined]


def versions_of(messages: Sequence[Message]) -> Versions:
    """The later versions of those that were put right, oldest first. No statement where none was."""
    amended = [message.pk for message in messages if message.is_amended]  # type: ignore[attr-defined]
    found: Versions = defaultdict(list)
    for version in _amendments(messages=amended) if amended else ():
        found[version.message_id].append(version)
    return found


_amendments = Prepared(lambda *, messages: Amendment.objects.filter(message__in=messages).order_by("number"))


def number_of(message: Message, versions: Versions) -> int:
    """Which version of it is shown: the number of its last correction, 0 as it was sent."""
    later = versions.get(message.pk)
    return later[-1].number if later else 0


def one_by_one(messages: Iterable[OpenMessage], versions: Versions) -> tuple[OpenMessage, ...]:
    """All that was written, each version by itself, in the order it was written in."""
    apart: list[OpenMessage] = []
    for message in messages:
        said = [*message.earlier_versions, Version(message.body, message.corrected_at or message.sent_at)]
        once = replace(message, body=said[0].body, corrected_at=None, earlier_versions=())
        apart.append(once)
        # Of one that was taken back nothing was opened, however often it had been put right before.
        rows = () if message.withdrawn_at else versions.get(message.ref, ())
        for version, row in zip(said[1:], rows, strict=True):
            apart.append(
                replace(
                    once,
                    ref=row.pk,
                    body=version.body,
                    sent_at=version.written_at,
                    corrects=message.ref,
                    files=(),
                )
            )
    return tuple(sorted(apart, key=lambda message: message.sent_at))


def take_as_read(
    messages: Sequence[Message],
    *,
    reader: User,
    receipts: Mapping[UUID, list[ReadReceipt]],
    versions: Versions,
) -> None:
    """Give receipts for what is new to `reader`, before any of it is opened.

    Whoever takes a message back at this moment waits for the receipt, or the receipt waits for her. So what was taken
    back in between is known after this: nobody reads what its writer was told is unread.
    """
    fresh = [
        message
        for message in messages
        if withdrawn_at(message) is None
        and not is_read(message, reader=reader, receipts=receipts, versions=versions)
    ]
    numbers = {message.pk: number_of(message, versions) for message in fresh}
    ReadReceipt.give(by=reader, messages=fresh, numbers=numbers)
    if written := [
        message for message in fresh if message.side != Side.SYSTEM and message.author_id != reader.pk
    ]:
        gone = dict(Withdrawal.objects.filter(message__in=written).values_list("message", "withdrawn_at"))
        for message in written:
            message.withdrawn_at = gone.get(message.pk)  # type: ignore[attr-defined]


def take_as_read_for_patient(
    thread: Thread,
    messages: Sequence[Message],
    *,
    reader: User,
    receipts: Mapping[UUID, list[ReadReceipt]],
    versions: Versions,
    alarm: UUID | None,
) -> bool:
    """The same for the patient's side. Whether nobody needs to call any more about `alarm`, the answer not read."""
    take_as_read(messages, reader=reader, receipts=receipts, versions=versions)
    shown = [message.pk for message in messages if withdrawn_at(message) is None]
    if alarm is None or alarm not in shown:
        return False
    UnreadAlarm.objects.settle_read(thread, by=reader, shown=shown)
    return True


def receipts_of(messages: Sequence[Message]) -> dict[UUID, list[ReadReceipt]]:
    """Who has read these messages, earliest first, in one statement."""
    by_message: dict[UUID, list[ReadReceipt]] = defaultdict(list)
    for given in _given(messages=[message.pk for message in messages]) if messages else ():
        by_message[given.message_id].append(given)
    return by_message


_given = Prepared(lambda *, messages: ReadReceipt.objects.filter(message__in=messages).order_by("read_at"))


def is_read(
    message: Message, *, reader: User, receipts: Mapping[UUID, list[ReadReceipt]], versions: Versions
) -> bool:
    """Whether `reader` has a receipt for what it says now."""
    number = number_of(message, versions)
    return any(r.reader_id == reader.pk and r.version >= number for r in receipts.get(message.pk, ()))


def open_messages(
    messages: Iterable[Message],
    *,
    reader: User,
    texts: Texts,
    people: Mapping[UUID, Person],
    receipts: Mapping[UUID, list[ReadReceipt]],
    versions: Versions = {},  # noqa: B006  (never written)
    files: Mapping[UUID, tuple[OpenFile, ...]],
) -> tuple[OpenMessage, ...]:
    """Build the frozen messages. Readings are shown for the other side only: it is they who wonder."""
    opened = []
    for message in messages:
        number = number_of(message, versions)
        given = [r for r in receipts.get(message.pk, ()) if r.version >= number]
        readers = {r.reader_id for r in given}
        before = {r.reader_id: r for r in receipts.get(message.pk, ()) if r.reader_id not in readers}
        is_new = (
            withdrawn_at(message) is None
            and not message.is_acknowledgement
            and message.author_id != reader.pk
            and reader.pk not in readers
        )
        said = [Version(texts.get((message.pk, "body"), ""), message.sent_at)] + [
            Version(texts[version.pk, "body"], version.written_at)
            for version in versions.get(message.pk, ())
            if (version.pk, "body") in texts
        ]
        opened.append(
            OpenMessage(
                ref=message.pk,
                author=people[message.author_id] if message.author_id else None,
                side=message.side,
                is_mine=message.author_id == reader.pk,
                is_new=is_new,
                is_new_version=is_new and reader.pk in before,
                sent_at=message.sent_at,
                body=said[-1].body,
                language=message.language,
                reply_due_at=message.reply_due_at,
                read_by=_readings(given, people, message),
                read_before=_readings(before.values(), people, message),
                corrected_at=said[-1].written_at if len(said) > 1 else None,
                earlier_versions=tuple(said[:-1]),
                withdrawn_at=withdrawn_at(message),
                files=files.get(message.pk, ()),
                written_with_help=message.written_with_help,
            )
        )
    return tuple(opened)


def _readings(
    receipts: Iterable[ReadReceipt], people: Mapping[UUID, Person], message: Message
) -> tuple[Reading, ...]:
    return tuple(
        Reading(people[receipt.reader_id], receipt.read_at)
        for receipt in receipts
        if receipt.reader_id in people and receipt.reader_id != message.author_id
    )
