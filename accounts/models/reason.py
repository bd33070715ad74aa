"""Why somebody opened a protected record: asked once in a session, before anything of it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.patient import Patient
from accounts.models.session import Session
from accounts.refusals import ReasonNeeded
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from accounts.models.user import User


class ReasonGivenManager(models.Manager["ReasonGiven"]):
    @verb(actor="by")
    def give(self, *, patient: Patient, session: Session, reason: str, by: User) -> ReasonGiven:
        """Open the record to her for the rest of this session. What she wrote goes into the trail, sealed."""
        given, new = self.get_or_create(patient=patient, session=session, defaults={"user": by})
        if new:
            record(
                agent=by,
                type="record",
                subtype="reason",
                obj=patient,
                patient_id=patient.pk,
                category="patient",
                reason_text=reason,
            )
        return given

    def missing(self, reader: User, patients: Iterable[Patient]) -> frozenset[UUID]:
        """Of these patients those whose record she has to give a reason for first. None protected, none asked for."""
        protected = {patient.pk: patient.person_id for patient in patients if patient.asks_reason}
        if not protected:
            return frozenset()
        asked = {*protected, *protected.values()}
        given = self.filter(session=reader.session_id, patient__in=asked).values_list("patient", flat=True)
        said = set(given)
        return frozenset(pk for pk, person in protected.items() if not {pk, person} & said)

    def ask_first(self, reader: User, patient: Patient) -> None:
        """Raise `ReasonNeeded` unless she has said in this session why she opens this record."""
        if self.missing(reader, [patient]):
            raise ReasonNeeded(patient.pk)


class ReasonGiven(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)

    objects = ReasonGivenManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "patient"], name="one_reason_a_session")]

    def __str__(self) -> str:
        return f"reason {self.pk}"
