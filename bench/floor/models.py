"""The same rows in plain columns. Teams, pools and topics hold no sealed text, so the floor uses the portal's own."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.ids import uuid7

USER = settings.AUTH_USER_MODEL


class Patient(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.OneToOneField(USER, on_delete=models.PROTECT, related_name="floor_patient")
    name = models.CharField(max_length=120)
    birth_date = models.DateField()
    phone = models.CharField(max_length=40)
    record_number = models.CharField(max_length=40, unique=True)
    language = models.CharField(max_length=8, default="en")

    @property
    def age(self) -> int:
        today = timezone.localdate()
        before = (today.month, today.day) < (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - before


class Profile(models.Model):
    user = models.OneToOneField(USER, primary_key=True, on_delete=models.PROTECT, related_name="profile")
    name = models.CharField(max_length=120)
    role_words = models.CharField(max_length=60)
    side = models.CharField(max_length=8)

    @property
    def initials(self) -> str:
        words = self.name.removeprefix("Dr ").split()
        return (words[0][0] + words[-1][0]).upper()

    @property
    def given_name(self) -> str:
        return self.name.split()[0]


class Thread(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="threads")
    pool = models.ForeignKey("messaging.Pool", on_delete=models.PROTECT, related_name="+")
    category = models.ForeignKey("messaging.Category", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=120)
    preview = models.CharField(max_length=160)
    state = models.CharField(max_length=8)
    opened_at = models.DateTimeField(default=timezone.now)
    last_message_at = models.DateTimeField()
    last_message_id = models.UUIDField()
    last_author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    last_side = models.CharField(max_length=8)
    message_count = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["patient", "state", "-last_message_at", "-id"], name="floor_inbox")]

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Message(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=8)
    body = models.TextField(blank=True)
    language = models.CharField(max_length=8, default="en")
    reply_due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(default=timezone.now)
    form_token = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["thread", "sent_at", "id"], name="floor_in_thread")]
        constraints = [models.UniqueConstraint(fields=["author", "form_token"], name="floor_one_per_form")]


class Receipt(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="receipts")
    reader = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "reader"], name="floor_one_receipt")]


class WorkItem(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    pool = models.ForeignKey("messaging.Pool", on_delete=models.PROTECT, related_name="floor_items")
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="items")
    state = models.CharField(max_length=12)
    priority = models.PositiveSmallIntegerField(default=3)
    owner = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    waiting_since = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["pool", "priority", "due_at", "id"],
                name="floor_team_inbox",
                condition=Q(state__in=["requested", "accepted", "on_hold"]),
            ),
        ]

    # What the page asks of a row.

    @property
    def ref(self) -> object:
        return self.thread_id

    @property
    def subject(self) -> str:
        return self.thread.subject

    @property
    def preview(self) -> str:
        return self.thread.preview

    @property
    def is_late(self) -> bool:
        return self.due_at < timezone.now()

    @property
    def is_new(self) -> bool:
        return self.thread.last_side == "patient" and not self.seen


class Notice(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    event_key = models.CharField(max_length=120)
    person = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    notice = models.CharField(max_length=24)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event_key", "person"], name="floor_one_notice")]


class Event(models.Model):
    """A row of a list like the audit trail's, for the page that shows fifty of them."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    recorded_at = models.DateTimeField(default=timezone.now)
    type = models.CharField(max_length=20)
    subtype = models.CharField(max_length=30)
    data_category = models.CharField(max_length=30)
    actor = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10)
    address = models.GenericIPAddressField(null=True)
    outcome = models.CharField(max_length=2)

    class Meta:
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="floor_by_time"),
            models.Index(fields=["patient", "recorded_at", "id"], name="floor_by_patient"),
        ]

    @property
    def what(self) -> str:
        if self.subtype == "list":
            return _("Listed: %(what)s") % {"what": self.category_words}
        return _("Opened: %(what)s") % {"what": self.category_words}

    @property
    def category_words(self) -> str:
        return {"message": _("messages"), "medicine": _("medicines")}.get(
            self.data_category, self.data_category
        )

    @property
    def why(self) -> str:
        return {"TREAT": _("Care"), "HOPERAT": _("Running the clinic")}.get(self.purpose, "")

    @property
    def outcome_words(self) -> str:
        return _("Done") if self.outcome == "0" else _("Refused")
