"""Where a page of the trail begins or ends. New events do not shift it, and any depth costs the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

if TYPE_CHECKING:
    from audit.models import AuditEvent

_SHAPE = re.compile(r"([0-9a-f]{1,14})-([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadPosition(ValueError):
    """Not a position that a page of ours has given out."""


@dataclass(frozen=True, slots=True)
class Position:
    recorded_at: datetime
    id: UUID

    @classmethod
    def of(cls, event: AuditEvent) -> Position:
        return cls(event.recorded_at, event.pk)

    @classmethod
    def parse(cls, text: str) -> Position:
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise BadPosition(text)
        try:
            return cls(_EPOCH + int(shape[1], 16) * _MICROSECOND, UUID(shape[2]))
        except OverflowError as bad:
            raise BadPosition(text) from bad

    def __str__(self) -> str:
        return f"{(self.recorded_at - _EPOCH) // _MICROSECOND:x}-{self.id.hex}"

    def older(self) -> Q:
        return Q(recorded_at__lte=self.recorded_at) & (
            Q(recorded_at__lt=self.recorded_at) | Q(id__lt=self.id)
        )

    def newer(self) -> Q:
        return Q(recorded_at__gte=self.recorded_at) & (
            Q(recorded_at__gt=self.recorded_at) | Q(id__gt=self.id)
        )
