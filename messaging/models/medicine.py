"""A patient's medicines as ordered: what a refill is asked for."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import CareTeam, Patient, ProxyGrant
from accounts.models.patient import of_owner
from audit.ids import uuid7
from audit.seals import Kind, SealedField
from messaging.clock import clinic_date
from messaging.eligibility import Eligibility, standing
from messaging.schedules import Schedule

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User


class PrescriptionQuerySet(models.QuerySet["Prescription"]):
    def of_patients_side(self, user: User) -> Self:
        """The patient's own medicines and those of patients whose refills she may ask for."""
        granted = ProxyGrant.objects.current().filter(proxy=user.pk, scopes__contains=["refill"])
        return self.filter(of_owner(user.pk) | Q(patient__in=granted.values("patient")))


class Prescription(models.Model):
    """One medication order. Its name and directions are sealed; what the rules count is not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="prescriptions")
    team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="+")
    prescriber = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    medicine = SealedField(kind=Kind.HEALTH)
    directions = SealedField(kind=Kind.HEALTH)
    schedule = models.CharField(max_length=3, choices=Schedule.choices, blank=True, default=Schedule.NONE)
    quantity = models.PositiveSmallIntegerField()
    days_supply = models.PositiveSmallIntegerField()
    repeats_allowed = models.PositiveSmallIntegerField(default=0)
    repeats_used = models.PositiveSmallIntegerField(default=0)
    issued_on = models.DateField()
    valid_until = models.DateField()
    last_filled_on = models.DateField(null=True)
    stopped_on = models.DateField(null=True)

    objects = PrescriptionQuerySet.as_manager()

    class Meta:
        ordering = ["stopped_on", "-issued_on", "id"]
        indexes = [models.Index(fields=["patient", "-issued_on"], name="medicines_of_patient")]
        constraints = [
            models.CheckConstraint(condition=Q(schedule__in=Schedule.values), name="schedule_known"),
            models.CheckConstraint(
                condition=Q(repeats_used__lte=models.F("repeats_allowed")), name="repeats_not_overdrawn"
            ),
        ]

    def __str__(self) -> str:
        return f"prescription {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @property
    def repeats_left(self) -> int:
        return self.repeats_allowed - self.repeats_used

    def eligibility(self, *, today: date | None = None) -> Eligibility:
        """What asking for more of this means today, in the clinic's zone unless told."""
        return standing(self, today=today or clinic_date(), patient_is_active=self.patient.is_active)
