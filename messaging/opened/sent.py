"""The page that says a message was sent: nothing of what was written is on it, so it can be kept and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from messaging.models import ReadReceipt, Side, Thread, WorkItem, WorkState
from messaging.opened.readers import cover_of

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from messaging.opened.readers import Cover


@dataclass(frozen=True, slots=True)
class SentMessage:
    ref: UUID
    reference: str
    sent_at: datetime
    team: str
    phone: str
    due_at: datetime | None  # while an answer is owed
    is_answered: bool
    is_read: bool
    cover: Cover | None


def sent_message(thread: Thread, *, reader: User) -> SentMessage:
    """What became of the last message that `reader`'s side wrote. It opens no seal."""
    standing = thread.messages.filter(withdrawal=None).order_by("-sent_at", "-id")
    last = standing.filter(side=Side.PATIENT).first()
    answers = standing.filter(side=Side.TEAM, sent_at__gte=last.sent_at if last else thread.opened_at)
    owed = WorkItem.objects.unfinished().filter(thread=thread).exclude(state=WorkState.ON_HOLD).first()
    return SentMessage(
        ref=thread.pk,
        reference=_reference(last.pk if last else thread.pk),
        sent_at=last.sent_at if last else thread.opened_at,
        team=thread.pool.name_to_patients,
        phone=thread.pool.phone,
        # Pressing work is due sooner inside; what the patient was promised stays what she is told.
        due_at=(owed.promised_at or owed.due_at) if owed else None,
        is_answered=answers.exists(),
        is_read=last is not None
        and ReadReceipt.objects.of_what_stands().by_team().filter(message=last).exists(),
        cover=cover_of(thread.pool, patient_id=thread.patient_id) if owed else None,
    )


def _reference(ref: UUID) -> str:
    """The end of the id, which is random, in a form that can be read out on the phone."""
    return f"{ref.hex[-8:-4]}-{ref.hex[-4:]}".upper()
