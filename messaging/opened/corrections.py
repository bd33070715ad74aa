"""One message as its author puts it right: what it says now, ready to be written over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from audit.recorder import record_read
from messaging.models import ReadReceipt
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from accounts.models import User
    from messaging.models import Message


@dataclass(frozen=True, slots=True)
class OwnMessage:
    ref: UUID
    thread: UUID
    body: str
    sent_at: datetime
    is_read: bool  # somebody else has opened it, so it can be corrected and not taken back
    is_taken_back: bool


def open_own_message(message: Message, *, reader: User) -> OwnMessage:
    """Open what `reader` wrote, in its latest version. Recorded as a reading of that message."""
    taken_back = hasattr(message, "withdrawal")
    latest = message.amendments.order_by("-number").first() or message
    receipt = record_read(reader=reader, of=message, shown=[message, latest], category="message")
    texts = {} if taken_back else open_texts([(latest, "body")], receipt=receipt)
    return OwnMessage(
        ref=message.pk,
        thread=message.thread_id,
        body=texts.get((latest.pk, "body"), ""),
        sent_at=message.sent_at,
        is_read=ReadReceipt.objects.filter(message=message).exclude(reader=reader).exists(),
        is_taken_back=taken_back,
    )
