"""A member of staff as patients meet her: a name and a title, as on the clinic's door plate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from audit.ids import uuid7
from audit.seals import CLINIC_OWNER_ID, Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent


class PractitionerManager(models.Manager["Practitioner"]):
    @verb(actor="by")
    def introduce(self, *, user: User, name: str, by: Agent, title: str = "") -> Practitioner:
        practitioner = Practitioner(user=user, title=title)
        practitioner.name = seal(name, into=practitioner, field="name")
        practitioner.save(force_insert=True)
        return practitioner


class Practitioner(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="practitioner"
    )
    name = SealedField(kind=Kind.DIRECTORY)
    title = models.CharField(max_length=20, blank=True)

    objects = PractitionerManager()

    def __str__(self) -> str:
        return f"practitioner {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return CLINIC_OWNER_ID
