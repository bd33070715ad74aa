"""A pause in what a trusted person may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.patient import Patient
from audit.ids import uuid7
from audit.seals import Kind, SealedField

if TYPE_CHECKING:
    from uuid import UUID


class Freeze(models.Model):
    """That somebody's access is paused while people disagree, by whom, and why. The patient's own is never touched."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    trust = models.ForeignKey("accounts.Trust", on_delete=models.PROTECT, related_name="freezes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    reason = SealedField(kind=Kind.HEALTH)
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField(default=timezone.now)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trust"], condition=Q(lifted_at=None), name="one_standing_freeze")
        ]

    def __str__(self) -> str:
        return f"freeze {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id
