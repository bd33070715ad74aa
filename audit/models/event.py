from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn, Self
from uuid import UUID

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audit import shown
from audit.fields import Kind, SealedField
from audit.ids import uuid7
from audit.seen import SeenEntry, visits

TRAIL_OWNER_ID = UUID("00000000-0000-4000-8000-0000000a0d17")

# The role that may read the trail, as the app of roles calls it.
REVIEWER = "privacy-officer"
SEEN_COLUMNS = (
    "recorded_at",
    "type",
    "subtype",
    "data_category",
    "agent_id",
    "actor_id",
    "agent_role",
    "on_behalf_of",
    "purpose_of_use",
    "content_type_id",
    "object_pk",
)


class AppendOnly(TypeError):
    """An event is written by the recorder and never touched again."""


class CurrentTransaction(models.Func):
    """The number of the transaction that writes the row: what a sealer orders and completes by."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()
    arity = 0


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user: Any) -> Self:
        """The whole trail for whoever reviews it, and none of it for anybody else."""
        if REVIEWER in getattr(user, "roles", ()):
            return self.all()
        return self.none()

    def of_patient(self, *records: UUID) -> Self:
        """Of one patient, who may have several records."""
        return self.filter(patient_id__in=records)

    def about_patient(
        self, patient_id: UUID, *, since: datetime | None = None, limit: int = 1000
    ) -> list[SeenEntry]:
        """Who has seen this patient's record, in visits, the newest first. One statement (AU7).

        Only what was really seen or done: somebody who was refused saw nothing.
        """
        events = self.shown_to_patient(patient_id)
        if since is not None:
            events = events.filter(recorded_at__gte=since)
        return visits(events.order_by("-recorded_at", "-id")[:limit])

    def shown_to_patient(self, *records: UUID) -> Self:
        """The events that a patient is told of, for pages that take them in parts and group each with `visits`."""
        seen = self.of_patient(*records).filter(type__in=("access", "record"), outcome="0")
        return seen.only(*SEEN_COLUMNS)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit events are written by audit.recorder, and never changed or deleted.")

    create = update = delete = bulk_create = bulk_update = get_or_create = update_or_create = _refuse
    _raw_delete = _refuse


class AuditEventManager(LogEntryManager.from_queryset(AuditEventQuerySet)):  # type: ignore[misc]
    """django-auditlog sees what changes and calls here; our tracking writes it down."""

    def log_create(self, instance: models.Model, force_log: bool = False, **found: Any) -> None:
        from audit import tracking

        tracking.record_change(instance, found["action"], found.get("changes"))

    def log_m2m_changes(
        self,
        changed_queryset: models.QuerySet[Any],
        instance: models.Model,
        operation: str,
        field_name: str,
        **_: Any,
    ) -> None:
        from audit import tracking

        keys = [str(pk) for pk in changed_queryset.values_list("pk", flat=True)]
        if keys:
            tracking.record_change(instance, self.model.Action.UPDATE, {field_name: {operation: keys}})


class AuditEvent(AbstractLogEntry):
    """One thing that somebody saw, did or tried. Never any text that a person wrote.

    The columns are those of ASTM E2147 and FHIR's AuditEvent. Of django-auditlog's own columns those stay
    that our trail can vouch for: it keeps no address, no correlation id and no clock of a client.
    """

    class Action(models.TextChoices):
        """As in FHIR. django-auditlog asks for these by name."""

        CREATE = "C", _("created")
        ACCESS = "R", _("read")
        UPDATE = "U", _("changed")
        DELETE = "D", _("deleted")
        EXECUTE = "E", _("done")

    class Outcome(models.TextChoices):
        """As in FHIR."""

        SUCCESS = "0", _("done")
        MINOR_FAILURE = "4", _("failed")
        REFUSED = "8", _("refused")
        MAJOR_FAILURE = "12", _("broken")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    xid = models.BigIntegerField(db_default=CurrentTransaction(), editable=False)
    origin_boot = models.UUIDField()
    origin_counter = models.BigIntegerField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    activity_at = models.DateTimeField(null=True)
    session_ended_at = models.DateTimeField(null=True)

    type = models.CharField(max_length=20)
    subtype = models.CharField(max_length=30)
    action = models.CharField(max_length=1, choices=Action.choices)
    outcome = models.CharField(max_length=2, choices=Outcome.choices)
    outcome_reason = models.CharField(max_length=60, blank=True)

    agent_id = models.CharField(max_length=60)
    # No constraint in the database: its check would lock the person's row for every event she causes.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    agent_role = models.CharField(max_length=60)
    on_behalf_of = models.UUIDField(null=True)
    requestor = models.BooleanField(default=True)
    auth_method = models.CharField(max_length=30, blank=True)
    session_id_hash = models.CharField(max_length=32, blank=True)
    device_id = models.CharField(max_length=60, blank=True)
    network_address = models.GenericIPAddressField(null=True)
    user_agent_hash = models.CharField(max_length=16, blank=True)

    purpose_of_use = models.CharField(max_length=10, blank=True)
    reason_text = SealedField(kind=Kind.HEALTH, null=True)
    patient_id = models.UUIDField(null=True)
    content_type = models.ForeignKey(
        "contenttypes.ContentType",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("object type"),
    )
    object_pk = models.CharField(max_length=60, blank=True)
    data_category = models.CharField(max_length=30)
    sensitivity = models.CharField(max_length=10, default="N")
    prior_version_id = models.UUIDField(null=True)
    query = SealedField(kind=Kind.HEALTH, null=True)
    # The records that were shown, 20 bytes each: `audit.shown` reads them.
    shown_keys = models.BinaryField(null=True)
    changes = models.JSONField(null=True)
    additional_data = models.JSONField(null=True)

    source = models.CharField(max_length=10)
    request_id = models.UUIDField(null=True)
    app_version = models.CharField(max_length=20, blank=True)

    # django-auditlog's columns that this trail does without.
    object_id = None
    object_repr = None
    serialized_data = None
    changes_text = None
    cid = None
    remote_addr = None
    remote_port = None
    timestamp = None
    actor_email = None

    objects = AuditEventManager()

    class Meta:
        default_permissions = ()
        ordering = ["-recorded_at", "-id"]
        get_latest_by = "recorded_at"
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="audit_event_by_time"),
            models.Index(fields=["patient_id", "recorded_at", "id"], name="audit_event_by_patient"),
            models.Index(fields=["agent_id", "recorded_at", "id"], name="audit_event_by_agent"),
            models.Index(
                fields=["object_pk", "recorded_at"],
                condition=models.Q(action__in=["C", "U", "D"]),
                name="audit_event_versions",
            ),
        ]

    def __str__(self) -> str:
        return f"audit event {self.pk}"

    @property
    def shown(self) -> tuple[str, ...]:
        """The labels of the records that were shown: "messaging.message:<id>"."""
        return shown.labels(self.shown_keys)

    @property
    def seal_owner_id(self) -> UUID:
        """The trail seals for itself: a search belongs to whoever is asked about it, not to whom it found."""
        return TRAIL_OWNER_ID

    def get_absolute_url(self) -> str:
        return reverse("audit-event", args=[self.pk])

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("An audit event is written by audit.recorder.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("An audit event is never deleted.")
