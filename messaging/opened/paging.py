"""Keyset paging: a page costs the same at any depth, and rows that arrive do not shift it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils.dateparse import parse_datetime

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet


class BadPosition(Http404):
    """A page position that nobody was given: a page that does not exist."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the order keys of its last row. Opaque in addresses, empty of health data."""

    values: tuple[str | int, ...]

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(self.values).encode()).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Read a position from an address; "" is the first page. Raises `BadPosition`."""
        if not text:
            return None
        try:
            values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, RecursionError) as bad:
            raise BadPosition from bad
        if not isinstance(values, list) or not all(isinstance(v, str | int) for v in values):
            raise BadPosition
        return cls(tuple(values))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows and the position of the next."""

    rows: tuple[Any, ...]
    next: str

    @classmethod
    def cut(
        cls, queryset: QuerySet[Any], *, keys: tuple[str, ...], after: Position | None, length: int
    ) -> Page:
        """Cut the page of `length` rows that comes after `after`, ordered by `keys` ("-" for descending).

        One statement. The last key must be unique. Raises `BadPosition` for a position of another list.
        """
        rows = queryset.filter(_beyond(queryset.model, keys, after)).order_by(*keys)[: length + 1]
        return cls.of(list(rows), keys, length)

    @classmethod
    def of(cls, rows: list[Any], keys: tuple[str, ...], length: int) -> Page:
        """Make the page of up to `length` rows; one row more says that there is a next page."""
        shown = rows[:length]
        if len(rows) <= length:
            return cls(tuple(shown), "")
        return cls(
            tuple(shown), str(Position(tuple(_plain(getattr(shown[-1], key.lstrip("-"))) for key in keys)))
        )


def _plain(value: Any) -> str | int:
    return (
        value if isinstance(value, int) else value.isoformat() if isinstance(value, datetime) else str(value)
    )


def _beyond(model: type[Model], keys: tuple[str, ...], after: Position | None) -> Q:
    if after is None:
        return Q()
    if len(after.values) != len(keys):
        raise BadPosition
    beyond, equal = Q(pk__in=[]), Q()
    for key, raw in zip(keys, after.values, strict=True):
        name = key.lstrip("-")
        value = _typed(model, name, raw)
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    first = keys[0].lstrip("-")
    # The first key alone bounds the index scan; the rest picks within it.
    bound = Q(
        **{f"{first}__{'lte' if keys[0].startswith('-') else 'gte'}": _typed(model, first, after.values[0])}
    )
    return bound & beyond


def _typed(model: type[Model], name: str, raw: str | int) -> object:
    kind = model._meta.get_field(name).get_internal_type()
    try:
        if kind == "UUIDField":
            return UUID(str(raw))
        if kind == "DateTimeField":
            if (moment := parse_datetime(str(raw))) is None or moment.tzinfo is None:
                raise BadPosition
            return moment
        number = int(raw)
    except (ValueError, TypeError, OverflowError) as bad:
        raise BadPosition from bad
    if not 0 <= number < 2**31:
        raise BadPosition
    return number
