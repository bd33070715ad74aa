"""The proof that a reading has been written down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, final
from uuid import UUID

from django.db.models import Model

_RECORDER = object()


def label(record: Model) -> str:
    """The name of a record in the trail: what it is and which one, never what it says."""
    return f"{record._meta.label_lower}:{record.pk}"


@final
class Receipt:
    """A committed audit event, and the records that it says are being read.

    Only the recorder makes one, after the event is in the database. Whoever holds none opens nothing.
    """

    __slots__ = ("_covered", "event_id")

    event_id: UUID

    def __init__(self, proof: object, event_id: UUID, shown: Iterable[Model]) -> None:
        if proof is not _RECORDER:
            raise TypeError("A receipt is given by record_read().")
        object.__setattr__(self, "event_id", event_id)
        object.__setattr__(self, "_covered", frozenset((type(item), item.pk) for item in shown))

    def covers(self, record: Model) -> bool:
        return (type(record), record.pk) in self._covered  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise TypeError("A receipt does not change.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A receipt does not leave the process that recorded the reading.")

    def __repr__(self) -> str:
        return f"<Receipt {self.event_id}>"


def _issue(event_id: UUID, shown: Iterable[Model]) -> Receipt:
    return Receipt(_RECORDER, event_id, shown)
