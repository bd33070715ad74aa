"""The one INSERT that writes the trail. The recorder and the change tracker end here."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.db.models.base import ModelBase

from audit.context import Context, current
from audit.fields import Sealed
from audit.ids import uuid7
from audit.shown import keys_of

# What is the same for every row of one statement, and what differs from row to row.
SHARED = (
    "origin_boot", "activity_at", "session_ended_at", "type", "subtype", "action", "outcome",
    "outcome_reason", "agent_id", "actor_id", "agent_role", "on_behalf_of", "requestor", "auth_method",
    "session_id_hash",
    "device_id", "network_address", "user_agent_hash", "purpose_of_use", "data_category", "sensitivity",
    "source", "request_id", "app_version",
)  # fmt: skip
SHARED_TYPES = (
    "uuid", "timestamptz", "timestamptz", "varchar", "varchar", "varchar", "varchar", "varchar",
    "varchar", "uuid", "varchar", "uuid", "boolean", "varchar", "varchar",
    "varchar", "inet", "varchar", "varchar", "varchar", "varchar",
    "varchar", "uuid", "varchar",
)  # fmt: skip
OF_ROW = {
    "id": "uuid", "origin_counter": "bigint", "patient_id": "uuid", "content_type_id": "integer",
    "object_pk": "varchar", "additional_data": "jsonb", "changes": "jsonb", "query": "bytea",
    "reason_text": "bytea",
    "shown_keys": "bytea",
}  # fmt: skip
# Every column but the database's own clock and transaction number.
WRITABLE = (*SHARED, *OF_ROW, "prior_version_id")
# The event that made the state which this one changes, or NULL for a reading.
PRIOR = """(SELECT earlier.id FROM audit_auditevent earlier
            WHERE earlier.object_pk = r.object_pk AND earlier.content_type_id = r.content_type_id
              AND earlier.action IN ('C', 'U', 'D')
            ORDER BY earlier.recorded_at DESC, earlier.id DESC LIMIT 1)"""
# The same, where an event that is written together with this one, or after it, made a state of the object: unless a
# still later one of this transaction is in the table already.
AFTER = """coalesce((SELECT later.id FROM audit_auditevent later
            WHERE later.object_pk = r.object_pk AND later.content_type_id = r.content_type_id
              AND later.action IN ('C', 'U', 'D') AND later.xid = pg_current_xact_id()::text::bigint
              AND later.id > r.after_id AND later.id < r.id
            ORDER BY later.id DESC LIMIT 1), r.after_id)"""


def _statement(prior: str) -> str:
    return (
        f"INSERT INTO audit_auditevent ({', '.join(SHARED)}, {', '.join(OF_ROW)}, prior_version_id) "  # noqa: S608
        f"SELECT {', '.join(f'%s::{kind}' for kind in SHARED_TYPES)}, r.*, {prior} "
        f"FROM unnest({', '.join(f'%s::{kind}[]' for kind in OF_ROW.values())}) AS r({', '.join(OF_ROW)})"
    )


_READING = _statement("NULL::uuid")
_CHANGE = _statement(PRIOR)
# Events of several kinds at once: nothing is shared, and who follows whom within them is known here.
_KINDS = dict(zip(SHARED, SHARED_TYPES, strict=True)) | OF_ROW | {"after_id": "uuid"}
_SEVERAL = (
    f"INSERT INTO audit_auditevent ({', '.join(WRITABLE)}) "  # noqa: S608
    f"SELECT {', '.join(f'r.{name}' for name in (*SHARED, *OF_ROW))}, "
    f"CASE WHEN r.after_id IS NOT NULL THEN {AFTER} WHEN r.action IN ('U', 'D') THEN {PRIOR} END "
    f"FROM unnest({', '.join(f'%s::{kind}[]' for kind in _KINDS.values())}) AS r({', '.join(_KINDS)})"
)

_PLACE = {name: place for place, name in enumerate((*SHARED, *OF_ROW))}
_ACTION, _ID, _CONTENT_TYPE, _OBJECT = (
    _PLACE[name] for name in ("action", "id", "content_type_id", "object_pk")
)

_encode = json.JSONEncoder(separators=(",", ":")).encode

# Which process wrote the row, and which of its rows it is: a row that vanishes leaves a gap.
_boot = uuid4()
_counter = itertools.count(1)


def _new_origin() -> None:
    global _boot, _counter
    _boot, _counter = uuid4(), itertools.count(1)


os.register_at_fork(after_in_child=_new_origin)


@dataclass(slots=True)
class Row:
    """What one event says about its patient and its object."""

    patient_id: UUID | None = None
    obj: Model | None = None
    additional_data: dict[str, Any] | None = None
    changes: dict[str, Any] | None = None
    query: Sealed | None = None
    reason_text: Sealed | None = None
    shown: Iterable[Model] = ()
    id: UUID = field(default_factory=uuid7)


class _Gathered:
    """The events of one verb, until it is done, and which of them made the latest state of an object."""

    __slots__ = ("depth", "latest", "outer", "rows")

    def __init__(self, depth: int, outer: _Gathered | None) -> None:
        self.depth = depth
        self.outer = outer
        self.rows: list[tuple[Any, ...]] = []
        self.latest: dict[tuple[Any, str], UUID] = {}

    def add(self, row: tuple[Any, ...]) -> None:
        self.rows.append((*row, self.state_before(row)))
        if row[_ACTION] in ("C", "U", "D"):
            self.latest[row[_CONTENT_TYPE], row[_OBJECT]] = row[_ID]

    def state_before(self, row: tuple[Any, ...]) -> UUID | None:
        """The event that this one follows, if it waits here or in a verb around this one."""
        if row[_ACTION] not in ("U", "D"):
            return None
        gathered: _Gathered | None = self
        while gathered is not None:
            if (found := gathered.latest.get((row[_CONTENT_TYPE], row[_OBJECT]))) is not None:
                return found
            gathered = gathered.outer
        return None


_gathered: ContextVar[_Gathered | None] = ContextVar("audit_gathered", default=None)


@contextmanager
def in_one_statement() -> Iterator[None]:
    """Write the events of this block when it ends, all in one INSERT, in the transaction that is open around it.

    A block that fails writes none of them, as its transaction keeps nothing of what they would tell. What is
    recorded behind a savepoint inside the block is written there: the savepoint may be rolled back alone.
    """
    mine = _Gathered(len(connection.atomic_blocks), _gathered.get())
    token = _gathered.set(mine)
    try:
        yield
    finally:
        _gathered.reset(token)
    _write_several(mine.rows)


def write(
    *,
    type: str,
    subtype: str,
    action: str,
    data_category: str,
    rows: Sequence[Row],
    outcome: str = "0",
    outcome_reason: str = "",
    purpose: str = "",
    sensitivity: str = "N",
    activity_at: datetime | None = None,
    session_ended_at: datetime | None = None,
    agent: Context | None = None,
) -> None:
    """Write the rows in one statement. Outside a transaction they are committed when this returns.

    Inside `in_one_statement` they are written when that ends.
    """
    who = agent or current()
    shared = (
        _boot, activity_at, session_ended_at, type, subtype, action, outcome, outcome_reason[:60],
        who.agent_id, who.agent_pk, who.agent_role[:60], who.on_behalf_of, True, who.auth_method[:30],
        who.session_digest[:32], who.device_id[:60], who.address, who.user_agent_digest[:16], purpose,
        data_category, sensitivity, who.source, who.request_id, who.app_version,
    )  # fmt: skip
    kinds: dict[ModelBase, int] = {}
    values = [
        (
            row.id, next(_counter), row.patient_id, _content_type(row.obj, kinds),
            "" if row.obj is None else str(row.obj.pk), _json(row.additional_data), _json(row.changes),
            _bytes(row.query), _bytes(row.reason_text), keys_of(row.shown),
        )
        for row in rows
    ]  # fmt: skip
    gathered = _gathered.get()
    if gathered is None:
        _write_alike(shared, values)
    elif gathered.depth == len(connection.atomic_blocks):
        for row in values:
            gathered.add((*shared, *row))
    else:
        whole = [(*shared, *row) for row in values]
        _write_several([(*row, gathered.state_before(row)) for row in whole])


def _write_alike(shared: tuple[Any, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    statement = _CHANGE if shared[_ACTION] in ("U", "D") else _READING
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in OF_ROW]
    with connection.cursor() as cursor:
        cursor.execute(statement, (*shared, *columns))


def _write_several(rows: list[tuple[Any, ...]]) -> None:
    """Each row whole, with the event it follows at its end."""
    if len(rows) == 1 and rows[0][-1] is None:
        (row,) = rows
        _write_alike(row[: len(SHARED)], [row[len(SHARED) : -1]])
    elif rows:
        with connection.cursor() as cursor:
            cursor.execute(_SEVERAL, [list(column) for column in zip(*rows, strict=True)])


def _content_type(obj: Model | None, kinds: dict[ModelBase, int]) -> int | None:
    if obj is None:
        return None
    model = type(obj)
    if model not in kinds:
        # Django keeps content types in memory after the first look.
        kinds[model] = ContentType.objects.get_for_model(model).pk
    return kinds[model]


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else _encode(value)


def _bytes(value: Sealed | None) -> bytes | None:
    return None if value is None else bytes(value)
