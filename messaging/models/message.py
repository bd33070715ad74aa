"""One copy of what was said, and who has read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import Patient, User
from audit.ids import uuid7
from audit.prepared import Prepared
from audit.seals import Kind, SealedField, digest
from messaging.clock import now
from messaging.refusals import FormUsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

Written = TypeVar("Written", bound=models.Model)
BODY_LIMIT = 5_000
SUBJECT_LIMIT = 120
PREVIEW_LENGTH = 160


class Side(models.TextChoices):
    """Whose side of the conversation a message comes from. A proxy writes on the patient's side."""

    PATIENT = "patient"
    TEAM = "team"
    SYSTEM = "system"


class MessageQuerySet(models.QuerySet["Message"]):
    def unread_by(self, reader: User) -> Self:
        """Messages that others wrote and `reader` has not opened as they stand now."""
        opened = ReadReceipt.objects.of_what_stands().filter(message=OuterRef("pk"), reader=reader.pk)
        return self.exclude(author=reader.pk).exclude(side=Side.SYSTEM).filter(~Exists(opened))

    def as_shown(self) -> Self:
        """With what became of each since it was sent: `withdrawn_at`, and whether there `is_amended` text."""
        from messaging.models.correction import Amendment

        versions = Amendment.objects.filter(message=OuterRef("pk"))
        return self.annotate(withdrawn_at=F("withdrawal__withdrawn_at"), is_amended=Exists(versions))


class Message(models.Model):
    """What one person wrote, once, for everybody in the thread (PT1).

    An acknowledgement is a message without a body: its words are fixed and it carries the moment a reply
    is due. The text never changes; the database refuses UPDATE and DELETE of it (PT11).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="messages")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    side = models.CharField(max_length=8, choices=Side.choices)
    body = SealedField(kind=Kind.HEALTH, null=True)
    language = models.CharField(max_length=8, default="en")
    reply_due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(default=now)
    # The form's own token: a second press of the same button finds the first message (unique with author).
    form_token = models.UUIDField(null=True)
    form_digest = models.CharField(max_length=64, blank=True)
    # Somebody sat beside her. Told by herself, for whoever reads it.
    written_with_help = models.BooleanField(default=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["sent_at", "id"]
        indexes = [models.Index(fields=["thread", "sent_at", "id"], name="message_in_thread")]
        constraints = [
            models.UniqueConstraint(fields=["author", "form_token"], name="one_message_per_form"),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="message_side_known"),
            models.CheckConstraint(
                condition=Q(side=Side.SYSTEM, author=None, body=None)
                | (~Q(side=Side.SYSTEM) & Q(author__isnull=False, body__isnull=False)),
                name="message_said_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @property
    def is_acknowledgement(self) -> bool:
        """Whether this is the automatic answer that nobody has read the message yet (PT6)."""
        return self.side == Side.SYSTEM


class ReadReceiptQuerySet(models.QuerySet["ReadReceipt"]):
    def of_what_stands(self) -> Self:
        """Those for what a message says now. Who has read what it said before has not read the correction."""
        from messaging.models.correction import Amendment

        return self.filter(
            ~Exists(Amendment.objects.filter(message=OuterRef("message"), number__gt=OuterRef("version")))
        )

    def by_team(self) -> Self:
        return self.filter(reader__practitioner__isnull=False)


class ReadReceipt(models.Model):
    """That one person opened one version of a message, and when (PT15). Rendering is reading; listing is not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="receipts")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField(default=now)
    # The number of the correction that was read; 0 is the message as it was sent.
    version = models.PositiveSmallIntegerField(default=0)

    objects = ReadReceiptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "reader", "version"], name="one_receipt_per_version")
        ]

    def __str__(self) -> str:
        return f"receipt {self.pk}"

    @classmethod
    def give(cls, *, by: User, messages: Iterable[Message], numbers: Mapping[UUID, int] = {}) -> None:
        """Note that `by` has read these messages; those read before keep their first moment.

        `numbers` says which version was shown of those that were put right.
        One statement however many messages, because every thread page calls it. The access itself is
        already in the audit trail: this is for the people in the thread.
        """
        moment = now()
        rows = [
            ReadReceipt(
                message=message,
                reader=by,
                patient_id=message.patient_id,
                read_at=moment,
                version=numbers.get(message.pk, 0),
            )
            for message in messages
            if message.author_id != by.pk and message.side != Side.SYSTEM
        ]
        ReadReceipt.objects.bulk_create(rows, ignore_conflicts=True)


class Press(NamedTuple):
    """One press of a form's button: the token of the form, and a keyed digest of what it was to send, and where to.

    The same press again is harmless. Other words under the same token are not the same press.
    """

    token: UUID | None
    digest: str

    @classmethod
    def of(cls, token: UUID | None, *what: object) -> Press:
        """`what` is everything the press decides; none of its texts has the separator in it."""
        if token is None:
            return cls(None, "")
        return cls(token, digest("\x1f".join(map(str, what)), purpose="form"))

    def earlier(self, rows: models.QuerySet[Written], **by: User) -> Written | None:
        """What the first press wrote, if this is a later one. `by` names the column of who pressed.

        Raises `FormUsed` when something else was sent under this token. Expects a lock that both presses need.
        """
        if self.token is None:
            return None
        twin = rows.filter(form_token=self.token, **by).first()
        # Rows from before there were digests have none.
        if twin is not None and getattr(twin, "form_digest", "") not in ("", self.digest):
            raise FormUsed
        return twin

    def earlier_locked(self, rows: models.QuerySet[Written], *, author: User) -> Written | None:
        """The same, behind a lock on the writer: two presses may arrive at once with nothing else to wait for."""
        if self.token is not None:
            lock_writer(author)
        return self.earlier(rows, author=author)


def lock_writer(author: User) -> None:
    """Let two acts of one person, arriving at once, go one after the other."""
    _writer_locked(pk=author.pk)


_writer_locked = Prepared(
    lambda *, pk: User.objects.select_for_update(no_key=True).filter(pk=pk).values_list("pk")
)
