"""The sealed column: bytes that open nothing by themselves."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.core import checks
from django.core.exceptions import FieldError, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import Exact, IsNull
from django.utils.translation import gettext_lazy as _

VERSION = 1
# Version, data key, nonce, and at least the tag of an empty text.
SHORTEST = 1 + 16 + 12 + 16


class Kind(Enum):
    """Which door opens a seal."""

    HEALTH = "health"  # only with a receipt
    DIRECTORY = "directory"  # names of staff, as on the clinic's door plate
    SECRET = "secret"  # only the code that checks a second factor  # noqa: S105
    FILE = "file"  # the key of a file: only `audit.files`, which opens it under a receipt


class Sealed(bytes):
    """A text as it is stored: version, data key, nonce, ciphertext. Made by `seal`, or read from a column."""

    def __new__(cls, value: bytes) -> Sealed:
        if len(value) < SHORTEST or value[0] != VERSION:
            raise ValueError("These bytes are not a sealed text.")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"<Sealed, {len(self)} bytes>"

    __str__ = __repr__


class IsNothing(Exact):
    def get_prep_lookup(self) -> Any:
        if self.rhs is not None:
            raise FieldError("A sealed text is compared with None and with nothing else.")
        return None


class SealedField(models.BinaryField):
    """A column for sealed text. It cannot be searched, compared, put in a form or read without its door."""

    description = _("Sealed text")

    def __init__(self, *args: Any, kind: Kind = Kind.HEALTH, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["kind"] = self.kind
        return name, path, args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if not isinstance(self.model._meta.pk, models.UUIDField | models.OneToOneField):
            # The row's id is part of the seal, so it must be known before the row is written.
            found.append(checks.Error("A model with sealed fields needs a UUID primary key.", obj=self))
        if not hasattr(self.model, "seal_owner_id"):
            found.append(checks.Error("A model with sealed fields needs `seal_owner_id`.", obj=self))
        return found

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> bytes | None:
        if value is None:
            return None
        stored = bytes(value)
        try:
            return Sealed(stored)
        except ValueError:
            # Damaged from outside. Loading the row must still work; opening it will say that it is broken.
            return stored

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise ValidationError(
                f"{self.model._meta.label}.{self.name} takes what seal() made, not {type(value).__name__}."
            )
        return super().get_db_prep_value(bytes(value), connection, prepared)

    def get_lookup(self, lookup_name: str) -> Any:
        # The same text never seals to the same bytes: a comparison would look right and find nothing.
        return {"isnull": IsNull, "exact": IsNothing}.get(lookup_name)

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError("Sealed text is not serialized.")

    def formfield(self, **kwargs: Any) -> None:
        return None
