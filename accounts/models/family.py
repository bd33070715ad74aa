"""Who of the staff is near to a patient: there she stands on the patient's side, and does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts import leaving
from accounts.models.patient import Patient
from accounts.models.period import Period, PeriodQuerySet
from accounts.models.trust import Trust
from accounts.refusals import MayNotSetState
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models.user import User


class FamilyLinkManager(models.Manager.from_queryset(PeriodQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def declare(self, *, patient: Patient, user: User, by: User) -> FamilyLink:
        """Keep `user` away from this record in her work from now on. What she holds of it goes back to the others.

        It opens nothing to her. Declaring it again changes nothing. Raises `MayNotSetState`.
        """
        leaving.alone()
        mine = by.pk == user.pk
        if not mine and not Patient.objects.looked_after_by(by).filter(pk=patient.pk).exists():
            raise MayNotSetState
        standing = self.current().filter(patient=patient, user=user).first()
        if standing is not None:
            return standing
        link: FamilyLink = self.create(patient=patient, user=user, declared_by=by)
        record(
            agent=by,
            type="record",
            subtype="family",
            action="C",
            obj=link,
            patient_id=patient.pk,
            category="patient",
        )
        leaving.settle(leaving.Leaving(by=by, people=(user,)))
        return link


class FamilyLink(Period):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="family_links")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="family_links")
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = FamilyLinkManager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.UniqueConstraint(
                fields=["patient", "user"], condition=Q(ends_at=None), name="family_once"
            ),
        ]

    def __str__(self) -> str:
        return f"family link {self.pk}"


def near(person: UUID, *, at: datetime | None = None, through: str = "patient") -> Q:
    """The condition that a row is about somebody near to `person`: herself, whom she helps, her family.

    `through` is the row's column that names the patient. Each part is asked once for a whole list, not for each row.
    """
    own = Patient.objects.filter(user=person).values("pk")
    # Also while it is paused: whoever quarrels about a record is not the one to work on it.
    helped = Trust.objects.standing().filter(proxy=person).values("patient")
    family = FamilyLink.objects.current(at).filter(user=person).values("patient")
    # Near to one record of a person is near to all of them. Few records are joined, so this costs little.
    joined = Patient.objects.filter(joined_into__isnull=False)
    touched = joined.filter(
        Q(pk__in=helped)
        | Q(pk__in=family)
        | Q(joined_into__user=person)
        | Q(joined_into__in=helped)
        | Q(joined_into__in=family)
    ).values("joined_into")
    near_to = Q(**{f"{through}__in": own}) | Q(**{f"{through}__in": helped}) | Q(**{f"{through}__in": family})
    same = joined.filter(joined_into__in=touched).values("pk")
    return near_to | Q(**{f"{through}__in": touched}) | Q(**{f"{through}__in": same})
