"""Trusted people: somebody with a login of her own who helps a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.patient import Patient
from accounts.models.period import Period, PeriodQuerySet
from audit.ids import uuid7
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent


class Scope(models.TextChoices):
    READ = "read", _("read messages")
    WRITE = "write", _("write messages")
    REFILL = "refill", _("ask for refills")


class Relationship(models.TextChoices):
    """How a trusted person stands to the patient, as others say it."""

    DAUGHTER = "daughter", _("daughter")
    SON = "son", _("son")
    MOTHER = "mother", _("mother")
    FATHER = "father", _("father")
    WIFE = "wife", _("wife")
    HUSBAND = "husband", _("husband")
    PARTNER = "partner", _("partner")
    SISTER = "sister", _("sister")
    BROTHER = "brother", _("brother")
    FRIEND = "friend", _("friend")
    GUARDIAN = "guardian", _("guardian")
    OTHER = "other", _("trusted person")


# The same, said to the patient. Whole phrases: other languages bend the word for "your".
SAID_TO_PATIENT = {
    Relationship.DAUGHTER: _("your daughter"),
    Relationship.SON: _("your son"),
    Relationship.MOTHER: _("your mother"),
    Relationship.FATHER: _("your father"),
    Relationship.WIFE: _("your wife"),
    Relationship.HUSBAND: _("your husband"),
    Relationship.PARTNER: _("your partner"),
    Relationship.SISTER: _("your sister"),
    Relationship.BROTHER: _("your brother"),
    Relationship.FRIEND: _("your friend"),
    Relationship.GUARDIAN: _("your guardian"),
    Relationship.OTHER: _("your trusted person"),
}


class RelatedPersonManager(models.Manager["RelatedPerson"]):
    @verb(actor="by")
    def introduce(self, *, user: User, name: str, by: Agent) -> RelatedPerson:
        person = RelatedPerson(user=user)
        person.name = seal(name, into=person, field="name")
        person.save(force_insert=True)
        return person


class RelatedPerson(models.Model):
    """Somebody who is here for a patient's sake. Her name is health data: it tells whom she helps."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="relatedperson"
    )
    name = SealedField(kind=Kind.HEALTH)

    objects = RelatedPersonManager()

    def __str__(self) -> str:
        return f"related person {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.user_id


class ProxyGrantManager(models.Manager.from_queryset(PeriodQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def give(
        self,
        *,
        patient: Patient,
        proxy: User,
        relationship: str,
        scopes: list[str],
        basis: str,
        by: Agent,
    ) -> ProxyGrant:
        grant: ProxyGrant = self.create(
            patient=patient, proxy=proxy, relationship=relationship, scopes=scopes, basis=basis
        )
        return grant


class ProxyGrant(Period):
    """What a patient lets a trusted person do, on what ground and for how long."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="proxy_grants")
    proxy = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proxy_grants")
    relationship = models.CharField(max_length=20, choices=Relationship.choices)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    basis = models.CharField(max_length=80)

    objects = ProxyGrantManager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.UniqueConstraint(
                fields=["patient", "proxy"], condition=Q(ends_at=None), name="trusted_person_once"
            ),
        ]

    def __str__(self) -> str:
        return f"proxy grant {self.pk}"

    @verb(actor="by")
    def end(self, *, by: Agent) -> None:
        self.ends_at = timezone.now()
        self.save(update_fields=["ends_at"])
