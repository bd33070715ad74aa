"""Messages found by their words: opened to be sure of them, and recorded as read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts import limits
from accounts.people import People
from audit.blind_index import Wanted
from audit.recorder import record_read
from messaging.models import Attachment, CategoryCode, Message, Side, Thread, messages_having, not_findable
from messaging.opened.messages import Versions, message_pairs, versions_of
from messaging.opened.paging import Page, Position
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from accounts.models import Patient, User
    from accounts.people import Person
    from audit.blind_index import Place
    from audit.recorder import Receipt
    from messaging.models.message import MessageQuerySet
    from messaging.opened.texts import Texts
    from messaging.search import SearchForm

HITS = 20
# A phrase is known by its words alone until a text is open: how many are opened for one page, in turns.
OPENED = (HITS, 80, 300)
NEWEST_FIRST = ("-sent_at", "-id")
SNIPPET, BEFORE_HIT = 200, 70
# A hit this far from the end of its conversation is on the page of the newest messages.
NEAR_THE_END = 20
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `is_hit` when it is a word that was looked for."""

    text: str
    is_hit: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One message that was found."""

    ref: UUID
    thread_ref: UUID
    before: UUID | None  # the page of its conversation that has it, unless it is the newest
    title: tuple[Piece, ...]
    snippet: tuple[Piece, ...]
    files: tuple[tuple[Piece, ...], ...]  # those whose names have one of the words
    author: Person
    is_mine: bool
    sent_at: datetime
    category: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`next` is where older hits begin, if there may be any. `was_asked` is False before anything was looked for."""

    was_asked: bool
    hits: tuple[Hit, ...]
    next: str
    is_first: bool
    writers: tuple[tuple[str, str], ...]
    is_whole: bool  # False when messages of hers are not prepared for search yet

    @property
    def conversations(self) -> int:
        return len({hit.thread_ref for hit in self.hits})


def open_search(*, reader: User, patient: Patient, asked: SearchForm | None) -> SearchPage:
    """Open what `reader` may read of `patient` and has all the words, newest first. `asked` is a valid form.

    Every text that is opened is named in the event, with what was looked for: also the few that only seemed
    to match. Raises `TooMuch`.
    """
    if asked is not None:
        limits.use("search", reader.pk)
    records = reader.records_with(patient.pk)
    names_of = [record for record in records if "attachments" in reader.scopes_for(record)]
    mine = Thread.objects.of_patients_side(reader).filter(patient__in=records)
    writers = list(_written(mine).order_by().values_list("author", flat=True).distinct())
    people = People.load([*writers, reader.pk], patient_id=patient.pk)
    names: dict[UUID, Person] = {}

    def opening(messages: Sequence[Message], versions: Versions, files: Sequence[Attachment] = ()) -> Receipt:
        receipt = record_read(
            reader=reader,
            of=patient,
            shown=[
                patient,
                *_threads_of(messages),
                *messages,
                *(version for found in versions.values() for version in found),
                *files,
            ],
            named=people.sealed_records(),
            category="message",
            subtype="search",
            query=asked.for_the_trail() if asked else None,
        )
        names.update({} if names else people.opened(receipt))
        return receipt

    hits: list[Hit] = []
    place: Position | None = None
    more = False
    after = Position.parse(asked.cleaned_data["after"]) if asked else None
    if asked is not None:
        wanted = Wanted.read(asked.words)
        candidates = _candidates(mine, asked, wanted, of=records, names_of=names_of)
        place = after
        for length in OPENED:
            page = Page.cut(candidates, keys=NEWEST_FIRST, after=place, length=length)
            rows: tuple[Message, ...] = page.rows
            if not rows:
                more = False
                break
            versions = versions_of(rows)
            files = _files_of(rows, names_of)
            texts = _opened(rows, versions, files, opening(rows, versions, files))
            for number, message in enumerate(rows):
                place = Position((message.sent_at.isoformat(), str(message.pk)))
                more = bool(page.next) or number + 1 < len(rows)
                if (hit := _hit(message, texts, wanted, names, reader, files)) is not None:
                    hits.append(hit)
                    if len(hits) == HITS:
                        break
            if len(hits) == HITS or not more:
                break
    if not names:
        opening((), {})
    return SearchPage(
        was_asked=asked is not None,
        hits=tuple(hits),
        next=str(place) if more and place else "",
        is_first=after is None,
        writers=_choices(names.values(), reader),
        is_whole=bool(hits) or asked is None or not _written(mine).filter(not_findable()).exists(),
    )


def _written(threads: QuerySet[Thread]) -> MessageQuerySet:
    return Message.objects.filter(thread__in=threads, withdrawal=None).exclude(side=Side.SYSTEM)


def _candidates(
    threads: QuerySet[Thread], asked: SearchForm, wanted: Wanted, *, of: list[UUID], names_of: list[UUID]
) -> QuerySet[Message]:
    data = asked.cleaned_data
    if data["category"]:
        threads = threads.filter(category=data["category"])
    if data["state"]:
        threads = threads.filter(state=data["state"])
    found = _written(threads)
    if asked.words:
        found = found.filter(pk__in=messages_having(wanted, of=of, names_of=names_of))
    if data["writer"]:
        found = found.filter(author=data["writer"])
    since, until = asked.bounds()
    if since:
        found = found.filter(sent_at__gte=since)
    if until:
        found = found.filter(sent_at__lt=until)
    later = Message.objects.filter(
        Q(sent_at__gt=OuterRef("sent_at")) | Q(sent_at=OuterRef("sent_at"), pk__gt=OuterRef("pk")),
        thread=OuterRef("thread"),
    ).order_by("sent_at", "pk")
    return (
        found.as_shown()
        .select_related("thread")
        .annotate(page_ends_before=Subquery(later.values("pk")[NEAR_THE_END : NEAR_THE_END + 1]))
    )


def _threads_of(messages: Iterable[Message]) -> list[Thread]:
    return list({message.thread_id: message.thread for message in messages}.values())


def _files_of(messages: Sequence[Message], names_of: list[UUID]) -> list[Attachment]:
    """The files of these messages that the reader may know of."""
    known = [message.pk for message in messages if message.patient_id in names_of]
    return list(Attachment.objects.filter(message__in=known).order_by("uploaded_at", "id"))


def _opened(
    messages: Sequence[Message], versions: Versions, files: Sequence[Attachment], receipt: Receipt
) -> Texts:
    """The texts as they stand now: what was put right is found by its new words."""
    titles = [(thread, "subject") for thread in _threads_of(messages)]
    named = [(file, "name") for file in files]
    texts = open_texts([*message_pairs(messages, versions), *titles, *named], receipt=receipt)
    for message, later in versions.items():
        texts[message, "body"] = texts[later[-1].pk, "body"]
    return texts


def _hit(
    message: Message,
    texts: Texts,
    wanted: Wanted,
    names: dict[UUID, Person],
    reader: User,
    files: Sequence[Attachment],
) -> Hit | None:
    title, body = texts[message.thread_id, "subject"], texts[message.pk, "body"]
    called = [texts[file.pk, "name"] for file in files if file.message_id == message.pk]
    places = wanted.places([title, body, *called])
    if places is None or message.author_id is None:
        return None
    return Hit(
        ref=message.pk,
        thread_ref=message.thread_id,
        before=message.page_ends_before,  # type: ignore[attr-defined]
        title=tuple(_pieces(title, places[0], 0, len(title))),
        snippet=tuple(snippet(body, places[1])),
        files=tuple(
            tuple(_pieces(name, here, 0, len(name)))
            for name, here in zip(called, places[2:], strict=True)
            if here
        ),
        author=names[message.author_id],
        is_mine=message.author_id == reader.pk,
        sent_at=message.sent_at,
        category=str(CategoryCode(message.thread.category_id).label),
        is_open=message.thread.is_open,
    )


def snippet(text: str, places: Sequence[Place]) -> list[Piece]:
    """The part of a text around the first of these places, its words marked, on one line."""
    start = max(0, places[0][0] - BEFORE_HIT) if places else 0
    if start:
        # Not in the middle of a word, unless the word is all there is.
        start += next((n for n, letter in enumerate(text[start : start + 30]) if letter.isspace()), 0)
    end = min(len(text), start + SNIPPET)
    if end < len(text):
        end -= next((n for n, letter in enumerate(text[end - 1 : end - 31 : -1]) if letter.isspace()), 0)
    if places:
        end = max(end, min(places[0][1], start + 2 * SNIPPET))
    pieces = list(_pieces(text, places, start, end))
    if start:
        pieces.insert(0, Piece("… "))
    if end < len(text):
        pieces.append(Piece(" …"))
    return pieces


def _pieces(text: str, places: Sequence[Place], start: int, end: int) -> Iterator[Piece]:
    done = start
    for begin, stop in places:
        if begin < start or stop > end:
            continue
        if begin > done:
            yield Piece(_SPACES.sub(" ", text[done:begin]))
        yield Piece(text[begin:stop], is_hit=True)
        done = stop
    if done < end:
        yield Piece(_SPACES.sub(" ", text[done:end]))


def _choices(people: Iterable[Person], reader: User) -> tuple[tuple[str, str], ...]:
    """Who wrote, for the filter: the reader first, then by name."""
    known = sorted((person for person in people if person.id != reader.pk), key=lambda person: person.name)
    return tuple((str(person.id), person.name) for person in known)
