"""Conversations that somebody put away: out of her own list, and in nobody else's way (PT11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import Patient
from audit.ids import uuid7
from audit.verbs import verb
from messaging.clock import now
from messaging.models.message import Side
from messaging.refusals import UnreadBeforePutAway

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from messaging.models.thread import Thread


class PutAwayManager(models.Manager["PutAway"]):
    @verb(actor="by")
    def put(self, thread: Thread, *, by: User) -> None:
        """Out of the list of `by`, until something is written in it. Raises `UnreadBeforePutAway`."""
        thread = thread.locked()
        if thread.messages.unread_by(by).filter(side=Side.TEAM, withdrawal=None).exists():
            raise UnreadBeforePutAway
        self._end(thread, by)
        self.create(thread=thread, patient_id=thread.patient_id, person=by)

    @verb(actor="by")
    def take_out(self, thread: Thread, *, by: User) -> None:
        """Back in the list."""
        self._end(thread.locked(), by)

    def _end(self, thread: Thread, person: User) -> None:
        for one in self.filter(thread=thread, person=person, taken_out_at=None):
            one.taken_out_at = now()
            one.save(update_fields=["taken_out_at"])


class PutAway(models.Model):
    """That one person put a conversation away, and when she got it back. A new message brings it back by itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    put_away_at = models.DateTimeField(default=now)
    taken_out_at = models.DateTimeField(null=True)

    objects = PutAwayManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread", "person"], condition=Q(taken_out_at=None), name="put_away_once"
            ),
        ]

    def __str__(self) -> str:
        return f"put away {self.pk}"


def is_put_away(person: UUID) -> Exists:
    """The condition that `person` has a thread put away, and nothing was written in it since."""
    standing = PutAway.objects.filter(thread=OuterRef("pk"), person=person, taken_out_at=None)
    return Exists(standing.filter(put_away_at__gte=OuterRef("last_message_at")))
