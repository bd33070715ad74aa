"""Flags on what patients sent, opened for the team beside the message they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from messaging.models import Answer, SafetyFlag, Shown
from messaging.models.safety import signs_written
from messaging.red_flags import Grade
from messaging.red_flags.weights import CODE as WEIGHED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from messaging.opened.texts import Pair, Texts
    from messaging.red_flags import Sign


@dataclass(frozen=True, slots=True)
class OpenFlag:
    """What was found in one message or request, what she answered, and the help that she saw."""

    message_ref: UUID | None
    grade: Grade | None
    signs: tuple[Sign, ...]
    answer: Answer
    shown: Shown
    flagged_at: datetime
    is_answered: bool = False  # the team has written since
    is_taken_back: bool = False  # so nobody reads it, nor the words that were found in it

    @property
    def grade_words(self) -> str:
        return str(self.grade.label) if self.grade is not None else ""

    @property
    def was_asked(self) -> bool:
        return self.answer != Answer.NOT_ASKED

    @property
    def is_pressing(self) -> bool:
        """Whether the team must know at a glance. A "No" with nothing found is kept, and not shown."""
        return self.grade is not None or self.answer in (Answer.YES, Answer.UNSURE)


def flag_pairs(flags: Iterable[SafetyFlag]) -> list[Pair]:
    return [(flag, "found") for flag in flags if flag.found is not None and not _is_taken_back(flag)]


def open_flags(flags: Iterable[SafetyFlag], texts: Texts) -> tuple[OpenFlag, ...]:
    """Build them, in the order they come in, newest first. What a correction says again stands once."""
    opened: list[OpenFlag] = []
    for flag in flags:
        one = OpenFlag(
            message_ref=flag.message_id,
            grade=Grade(flag.grade) if flag.grade is not None else None,
            signs=signs_written(texts.get((flag.pk, "found"), "")),
            answer=Answer(flag.answer),
            shown=Shown(flag.shown),
            flagged_at=flag.flagged_at,
            is_answered=getattr(flag, "is_answered", False),
            is_taken_back=_is_taken_back(flag),
        )
        if not any(_says_as_much(later, one) for later in opened):
            opened.append(one)
    return tuple(opened)


def _says_as_much(later: OpenFlag, earlier: OpenFlag) -> bool:
    return (
        later.message_ref is not None
        and later.message_ref == earlier.message_ref
        and later.is_answered == earlier.is_answered
        and later.grade is not None
        and earlier.grade is not None
        and later.grade <= earlier.grade
        and {_said_by(sign) for sign in earlier.signs} <= {_said_by(sign) for sign in later.signs}
    )


def _said_by(sign: Sign) -> str:
    # What was weighed is no sign of one thing: only the same words are the same.
    return sign.found if sign.code == WEIGHED else sign.code


def _is_taken_back(flag: SafetyFlag) -> bool:
    return getattr(flag, "is_taken_back", False)
