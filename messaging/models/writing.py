"""What a draft is made of: its kinds, its states, how much is kept and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from django.db import models

from audit.seals import digest
from messaging.clock import now
from messaging.models.message import BODY_LIMIT, SUBJECT_LIMIT
from messaging.models.safety import Answer, Chose, Safety, Shown
from messaging.red_flags import look

MOST_NEW = 20
# Words that are too long to send are still kept, so that nobody has to shorten them before they are safe.
KEPT_LIMIT = BODY_LIMIT * 4
UNTOUCHED_FOR = timedelta(days=90)
ENDED_FOR = timedelta(days=1)
# An answer to "Is any of this happening now?" is about now.
ANSWER_HOLDS = timedelta(hours=12)


class DraftKind(models.TextChoices):
    """What it becomes when it is sent. Each belongs to one side: a draft never changes sides with its author."""

    MESSAGE = "message"
    REPLY = "reply"
    ANSWER = "answer"
    NOTE = "note"


class DraftState(models.TextChoices):
    OPEN = "open"
    SENT = "sent"
    DISCARDED = "discarded"


class Urgent(models.TextChoices):
    """The answer to "Is any of this happening now?"."""

    NO = "no"
    YES = "yes"
    UNSURE = "unsure"


_MAY_BE_URGENT = (Urgent.YES, Urgent.UNSURE)
OF_THE_TEAM = (DraftKind.ANSWER, DraftKind.NOTE)


class Written(Protocol):
    """Title and message, wherever they were opened."""

    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in a draft, opened. `revision` says which state of it this is."""

    subject: str
    body: str
    revision: int


@dataclass(frozen=True, slots=True)
class Window:
    """The showing of a page that words come from, and the how-manieth it sends: its own autosaves are no news to it.

    `page` is None where a program sends them, or a page that has no name.
    """

    page: UUID | None = None
    turn: int = 0


NO_WINDOW = Window()


class Kept:
    """What a draft knows of itself without being opened: what became of it, and where its words came from last."""

    state: str
    words_digest: str
    revision: int
    page: UUID | None
    turn: int

    # Written every few seconds while somebody types. Its beginning and its end are events.
    audit_hidden = (
        "revision",
        "page",
        "turn",
        "updated_at",
        "written_with_help",
        "form_token",
        "words_digest",
    )

    if TYPE_CHECKING:

        def _save(self, *columns: str) -> None: ...
        def _save_only(self, *columns: str) -> None: ...

    @property
    def is_open(self) -> bool:
        return self.state == DraftState.OPEN

    @property
    def is_sent(self) -> bool:
        return self.state == DraftState.SENT

    def said(self, subject: str, body: str) -> bool:
        """Whether these were its words when it was last written, or sent."""
        return self.words_digest == words_digest(subject, body)

    def is_of(self, window: Window) -> bool:
        return window.page is not None and window.page == self.page

    def has_moved_on(self, *, seen: int | None, window: Window) -> bool:
        """Whether the words in it are news to the page that sends others.

        A page knows what it sent itself, also where the answer has not reached it, or comes too late to be shown.
        Only what overtook it on the way is newer. Another page has to have `seen` them.
        """
        if self.is_of(window):
            return window.turn < self.turn
        return seen is not None and seen != self.revision

    def hear_again(self, window: Window) -> None:
        """The same words once more, from `window`: what it sent before is older, though it may arrive later."""
        if self.is_of(window) and window.turn > self.turn:
            self.turn = window.turn
            self._save_only("turn")  # The words are as old as they were.

    def touch(self) -> None:
        """Somebody is at it, though no word has changed: it is not forgotten with those that were left."""
        self._save()


class Steps:
    """What must come before a new message is sent, and whether it has."""

    urgent: str
    urgent_at: datetime | None
    safe_at: datetime | None
    category_id: str | None

    @property
    def must_ask_again(self) -> bool:
        """Whether the urgent question has no answer that is about now."""
        return not self.urgent or self.urgent_at is None or now() - self.urgent_at > ANSWER_HOLDS

    @property
    def must_stop(self) -> bool:
        """Whether she said that something urgent may be happening, and not yet that she has called or is safe."""
        return self.urgent in _MAY_BE_URGENT and self.safe_at is None

    def missing_step(self, words: Written) -> str:
        """Which step of a new message is still to do before it can be checked and sent: "" when none is."""
        if self.must_ask_again:
            return "urgent"
        if self.must_stop:
            return "stop"
        if self.category_id is None:
            return "topic"
        sendable = 0 < len(words.subject) <= SUBJECT_LIMIT and 0 < len(words.body) <= BODY_LIMIT
        return "" if sendable else "write"

    def safety_of(self, words: Written) -> Safety:
        """What she answered, what the pages showed her for it and for her words, and that she went on."""
        grade = look(words.subject, words.body).grade
        shown = Shown(grade.code) if grade else Shown.STOP if self.urgent in _MAY_BE_URGENT else Shown.NOTHING
        chose = Chose.NOTHING_SHOWN if shown == Shown.NOTHING else Chose.WENT_ON
        return Safety(answer=Answer(self.urgent), shown=shown, chose=chose)


def words_digest(subject: str, body: str) -> str:
    """Tells the same words from others, without keeping them."""
    return digest(f"{subject}\x1f{body}", purpose="draft")
