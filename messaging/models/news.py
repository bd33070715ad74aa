"""What is new to somebody in a conversation: what she has not opened as it stands now (PT15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, Subquery

from accounts.models.user import Standing
from messaging.models.correction import Amendment
from messaging.models.message import Message, ReadReceipt, Side
from messaging.models.thread import Thread

if TYPE_CHECKING:
    from uuid import UUID


def has_news(reader: UUID, *, side: Side, thread: str = "pk") -> Q:
    """The condition that `side` spoke last, in words that `reader` has not opened, or has put something right since.

    For threads, or for rows with a `thread` and a `patient`. What was taken back is no news.
    """
    standing = Message.objects.filter(thread=OuterRef(OuterRef(thread)), withdrawal=None)
    last = standing.exclude(side=Side.SYSTEM).order_by("-sent_at", "-id").values("pk")[:1]
    opened = ReadReceipt.objects.filter(reader=reader)
    unread = Message.objects.filter(
        ~Exists(opened.of_what_stands().filter(message=OuterRef("pk"))), pk=Subquery(last), side=side
    ).exclude(author=reader)
    corrected = Amendment.objects.filter(
        ~Exists(opened.filter(message=OuterRef("message"), version__gte=OuterRef("number"))),
        patient=OuterRef("patient"),
        message__thread=OuterRef(thread),
        message__side=side,
        message__withdrawal=None,
    ).exclude(author=reader)
    return Q(Exists(unread)) | Q(Exists(corrected))


def may_still_be_told(message: UUID, person: UUID) -> bool:
    """Whether a notice of this message may leave for somebody on the patient's side now: not of one taken back."""
    hers = Thread.objects.of_patients_side(Standing(person))
    return hers.filter(messages=message, messages__withdrawal=None).exists()
