"""When somebody may have an account of her own, and when she is grown up: days on which the clinic invites her."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import ages
from accounts.models.invitation import Invitation
from accounts.models.joined import InvitationKind
from accounts.models.patient import Patient, PatientState
from accounts.record_refusals import NobodyToInvite
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import date

    from accounts.models.user import User
    from audit.context import Agent


class ComingOfAgeQuerySet(models.QuerySet["ComingOfAge"]):
    def waiting(self) -> Self:
        """To be invited now. Who was invited is away from here until the invitation is over and nobody came."""
        invited = Invitation.objects.open().filter(kind=InvitationKind.PATIENT, patient=OuterRef("patient"))
        later = ComingOfAge.objects.filter(
            patient=OuterRef("patient"), age__gt=OuterRef("age"), opened_at__isnull=False
        )
        return self.filter(
            ~Exists(invited),
            ~Exists(later),
            opened_at__isnull=False,
            dismissed_at=None,
            patient__user=None,
            patient__joined_into=None,
            patient__state=PatientState.ACTIVE,
        )

    def too_early(self, patient: Patient) -> bool:
        """Whether the day from which she may have an account is still to come."""
        to_come = self.filter(patient=patient, age=ages.table().own_account_from, at__gt=timezone.now())
        return to_come.exists()


class ComingOfAgeManager(models.Manager.from_queryset(ComingOfAgeQuerySet)):  # type: ignore[misc]  # built at run time
    def lay(self, patient: Patient, born: date) -> None:
        """Write down the days to come, inside a verb. What is past was seen by whoever registered her; a day that was
        waited for stays, wherever it moves."""
        moment, table = timezone.now(), ages.table()
        rows = {row.age: row for row in self.filter(patient=patient)}
        for age in {table.own_account_from, table.adult_at}:
            row, at = rows.pop(age, None), ages.turns(born, age)
            if row is not None:
                row.at = at
                if at > moment:
                    row.opened_at = row.dismissed_at = row.dismissed_by = None
                row.save(update_fields=["at", "opened_at", "dismissed_at", "dismissed_by"])
            elif at > moment:
                self.create(patient=patient, age=age, at=at)
        for row in rows.values():
            row.delete()

    @verb(actor="by")
    def reckon(self, *, patient: Patient, born: date, by: Agent) -> None:
        """The same for a record from before there was such a list, or when another age table is in force."""
        patient.age_table = ages.table_of(born)
        patient.save(update_fields=["age_table"])
        self.lay(patient, born)

    @verb(actor="by")
    def open_due(self, *, by: Agent) -> int:
        """Put those whose day has come on the list of whoever invites. How many have no account."""
        due = self.filter(opened_at=None, at__lte=timezone.now()).select_related("patient")
        asked = 0
        for row in due.select_for_update(of=("self",), skip_locked=True):
            row.opened_at = timezone.now()
            row.save(update_fields=["opened_at"])
            if row.age == ages.table().adult_at:
                row.patient.age_table = ages.ADULT
                row.patient.save(update_fields=["age_table"])
            if row.patient.owner_id is None:
                row._remember("due", by=by)
                asked += 1
        return asked

    @verb(actor="by")
    def dismiss(self, *, patient: Patient, reason: str, by: User) -> None:
        """Take her off the list uninvited. Why stands in the trail, sealed. Raises `NobodyToInvite`."""
        Patient.objects.select_for_update().get(pk=patient.pk)
        row = self.waiting().filter(patient=patient).first()
        if row is None:
            raise NobodyToInvite
        row.dismissed_at, row.dismissed_by = timezone.now(), by
        row.save(update_fields=["dismissed_at", "dismissed_by"])
        row._remember("not-invited", by=by, reason_text=reason)


class ComingOfAge(models.Model):
    """That one patient turns so old. The rows stand there years before, as grants do (`ProxyGrant`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="comings_of_age")
    age = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    # When the nightly job put her on the list, and when somebody took her off it without inviting her.
    opened_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = ComingOfAgeManager()

    audit_hidden = ("at", "opened_at")  # They tell a young person's birthday.

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "age"], name="comes_of_age_once")]
        indexes = [
            models.Index(fields=["at"], name="comings_of_age_ahead", condition=models.Q(opened_at=None))
        ]

    def __str__(self) -> str:
        return f"coming of age {self.pk}"

    def _remember(self, what: str, *, by: Agent, reason_text: str = "") -> None:
        record(
            agent=by,
            type="invitation",
            subtype=what,
            action="U",
            obj=self,
            patient_id=self.patient_id,
            category="identity",
            detail={"age": self.age},
            reason_text=reason_text,
        )
