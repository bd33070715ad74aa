"""Trusted people: somebody with a login of her own who helps a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from accounts.models.patient import Patient
from accounts.models.period import Period, PeriodQuerySet
from audit.ids import uuid7
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent


class Scope(models.TextChoices):
    READ = "read", _("read messages")
    WRITE = "write", _("write messages")
    REFILL = "refill", _("ask for refills")
    ATTACHMENTS = "attachments", _("open and send files")
    HISTORY = "history", _("see who looked at the record")


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


class ProxyGrantQuerySet(PeriodQuerySet):
    def reading(self, user_pk: UUID, *, at: datetime | None = None) -> Self:
        """The grants by which this person may read messages now."""
        return self.current(at).filter(proxy=user_pk, scopes__contains=[Scope.READ])

    def about(self, topic: Any) -> Self:
        """Those that take in this topic: a code, or the column that holds one. No topic named: all of them."""
        topics = Func(
            topic if hasattr(topic, "resolve_expression") else Value(topic),
            template="ARRAY[%(expressions)s]::varchar[]",
        )
        return self.filter(Q(categories=[]) | Q(categories__contains=topics))


class ProxyGrantManager(models.Manager.from_queryset(ProxyGrantQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def give(self, *, by: Agent, **agreed: Any) -> ProxyGrant:
        """What is brought over from elsewhere: see `Trust.objects.give`. Nobody is told, and what runs now returned."""
        from accounts.models.trust import Trust

        trust = Trust.objects.give(by=by, quietly=True, **agreed)
        grant: ProxyGrant = self.current().get(trust=trust, patient=trust.patient_id)
        return grant


class ProxyGrant(Period):
    """What a trusted person may do for a patient, from one moment to another. Every right is read from here, live.

    Rows are laid by the verbs of `Trust`, also for years ahead: what a parent may do at thirteen is there when her
    child is eight. So a right narrows and ends at its moment, whether or not anything runs then.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    trust = models.ForeignKey("accounts.Trust", on_delete=models.PROTECT, related_name="grants")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="proxy_grants")
    proxy = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proxy_grants")
    relationship = models.CharField(max_length=20, choices=Relationship.choices)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    # Of conversations, those about these topics alone. None named: all.
    categories = ArrayField(models.CharField(max_length=32), default=list)
    # What the patient begins herself is kept from this person, unless the patient says otherwise.
    keeps_new_apart = models.BooleanField(default=False)
    # When both were told that this began. Empty for what is still to come.
    announced_at = models.DateTimeField(null=True, blank=True)

    objects = ProxyGrantManager()

    # They tell a young person's birthday; that somebody was trusted, and until when, is in the events of the trust.
    audit_hidden = ("starts_at", "ends_at", "announced_at")

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
        """End the whole trust, at once."""
        self.trust.end(by=by)
