"""What a draft is made of: its kinds, its states, how much is kept and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import models

from messaging.models.message import BODY_LIMIT

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


OF_THE_TEAM = (DraftKind.ANSWER, DraftKind.NOTE)


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in a draft, opened. `revision` says which state of it this is."""

    subject: str
    body: str
    revision: int
