from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now

from audit.ids import uuid7


class DataKeyQuerySet(models.QuerySet["DataKey"]):
    def active(self) -> Self:
        return self.filter(state=DataKey.State.ACTIVE)


class DataKey(models.Model):
    """A key that seals one owner's texts, itself wrapped by a key from the key provider.

    Destroying the keys of a patient forgets the patient: nothing sealed for her opens again.
    """

    class State(models.TextChoices):
        ACTIVE = "active"  # seals and opens
        RETIRED = "retired"  # opens
        DESTROYED = "destroyed"  # the row remembers that there was one

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner_id = models.UUIDField()
    provider = models.CharField(max_length=20)
    kek_id = models.CharField(max_length=60)
    wrapped = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner_id"], condition=models.Q(state="active"), name="one_active_data_key"
            ),
        ]
        indexes = [models.Index(fields=["kek_id"], name="data_key_wrapped_by")]

    def __str__(self) -> str:
        return f"data key {self.pk}"
