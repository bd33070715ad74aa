"""Which records an event showed, in few bytes: a page of fifty letters names fifty records."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

_KIND = 4
_WIDTH = _KIND + 16


def keys_of(records: Iterable[Model]) -> bytes | None:
    """The number of the content type and the id of each record. None for no record."""
    kinds: dict[type[Model], bytes] = {}
    keys = bytearray()
    for record in dict.fromkeys(records):
        model = type(record)
        if not isinstance(record.pk, UUID):
            raise TypeError(f"A {record._meta.label} cannot be shown: it has no UUID as its id.")
        if model not in kinds:
            # Django keeps content types in memory after the first look.
            kinds[model] = ContentType.objects.get_for_model(model).pk.to_bytes(_KIND, "big")
        keys += kinds[model]
        keys += record.pk.bytes
    return bytes(keys) or None


def labels(keys: bytes | memoryview | None) -> tuple[str, ...]:
    whole = bytes(keys or b"")
    parts = [whole[start : start + _WIDTH] for start in range(0, len(whole), _WIDTH)]
    return tuple(f"{_kind(int.from_bytes(part[:_KIND], 'big'))}:{UUID(bytes=part[_KIND:])}" for part in parts)


def _kind(content_type_id: int) -> str:
    try:
        kind = ContentType.objects.get_for_id(content_type_id)
    except ContentType.DoesNotExist:
        return f"removed-kind-{content_type_id}"
    return f"{kind.app_label}.{kind.model}"
