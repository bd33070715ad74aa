"""That a conversation is finished, and how it ended (TR15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import leaving
from accounts.models import Patient
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb
from messaging.clock import now
from messaging.models.message import Side
from messaging.refusals import AlreadyClosed, UnreadBeforeFinish

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from messaging.models.thread import Thread


class Outcome(models.TextChoices):
    """Why a conversation is finished (TR15). Staff choose; patients read the words."""

    ANSWERED = "answered", _("Answered")
    VISIT_BOOKED = "visit_booked", _("Visit booked")
    REFILL_DECIDED = "refill_decided", _("Refill decided")
    PHONED = "phoned", _("Talked on the phone")
    NO_REPLY_NEEDED = "no_reply_needed", _("No reply needed")
    REDIRECTED = "redirected", _("Sent to another team")
    # Nobody chooses it: all that was said was taken back before anybody read it.
    TAKEN_BACK = "taken_back", _("Taken back")


# What staff can say of a conversation that they finish.
ENDINGS = [(one.value, one.label) for one in Outcome if one != Outcome.TAKEN_BACK]


class ClosureManager(models.Manager["Closure"]):
    @verb(actor="by")
    def end(self, thread: Thread, *, by: User, outcome: str, seen: UUID | None = None) -> Closure:
        """Finish the conversation with an outcome (TR15). The patient can always write again.

        Raises `UnreadBeforeFinish` when `seen`, the `latest_id` of the page of whoever finishes, is not that of
        the thread any more; `AlreadyClosed`, `HeldByAnother`, `OwnRecord`, `MayNot`.
        """
        leaving.as_things_stand()
        thread = thread.locked()
        thread.side_of(by, door=Side.TEAM)
        if not thread.is_open:
            raise AlreadyClosed
        if seen is not None and seen != thread.latest_id:
            raise UnreadBeforeFinish
        item = thread.open_item()
        if item is not None:
            item.check_free_for(by)
        thread.overtake_unread(by=by)
        return thread.finish(by=by, outcome=Outcome(outcome), item=item)

    def write(self, thread: Thread, *, by: User, outcome: Outcome) -> Closure:
        """Write down how a conversation ended. For the verbs that end one, in their transaction."""
        closure: Closure = self.create(
            thread=thread, patient_id=thread.patient_id, closed_by=by, outcome=outcome
        )
        record(
            agent=by,
            type="record",
            subtype="close",
            action="U",
            obj=thread,
            patient_id=thread.patient_id,
            category="message",
            detail={"outcome": str(outcome)},
        )
        return closure


class Closure(models.Model):
    """That a conversation was finished, by whom and how; and when somebody wrote in it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="closures")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    closed_at = models.DateTimeField(default=now)
    reopened_at = models.DateTimeField(null=True)

    objects = ClosureManager()

    class Meta:
        ordering = ["closed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(reopened_at=None), name="one_standing_closure"
            ),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="outcome_known"),
        ]

    def __str__(self) -> str:
        return f"closure {self.pk}"
