"""What staff write for staff, apart from everything that is said to a patient (TR4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from accounts.models import Patient
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb
from messaging.clock import now
from messaging.models.message import Message, Press, Side

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from messaging.models.thread import Thread


class InternalNoteManager(models.Manager["InternalNote"]):
    @verb(actor="author")
    def keep(
        self, thread: Thread, *, author: User, body: str, form_token: UUID | None = None
    ) -> InternalNote:
        """Keep a note among staff. Nothing is sent, no clock moves, the patient's side never sees it.

        Raises `OwnRecord`, `MayNot`, `FormUsed`.
        """
        thread.side_of(author, door=Side.TEAM)
        press = Press.of(form_token, "note", thread.pk, body)
        if twin := press.earlier_locked(self.all(), author=author):
            return twin
        kept: InternalNote = self.model(
            thread=thread,
            patient_id=thread.patient_id,
            author=author,
            form_token=press.token,
            form_digest=press.digest,
        )
        kept.body = seal(body, into=kept, field="body")
        kept.save()
        record(
            agent=author,
            type="record",
            subtype="note",
            action="C",
            obj=kept,
            patient_id=thread.patient_id,
            category="note",
        )
        thread.drafts.spend(author=author, kind="note", press=press, body=body, into=None)
        return kept


class InternalNote(models.Model):
    """What staff write for staff (TR4): its own table, its own endpoint; no road leads to a message."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="notes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    body = SealedField(kind=Kind.HEALTH)
    written_at = models.DateTimeField(default=now)
    form_token = models.UUIDField(null=True)
    form_digest = models.CharField(max_length=64, blank=True)

    objects = InternalNoteManager()

    class Meta:
        ordering = ["written_at", "id"]
        indexes = [models.Index(fields=["thread", "written_at"], name="note_in_thread")]
        constraints = [models.UniqueConstraint(fields=["author", "form_token"], name="one_note_per_form")]

    def __str__(self) -> str:
        return f"note {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


def was_sent_under(token: UUID, *, author: User) -> bool:
    """Whether a press of the form with this token has made a message or a note of `author`'s."""
    return (
        Message.objects.filter(author=author, form_token=token).exists()
        or InternalNote.objects.filter(author=author, form_token=token).exists()
    )
