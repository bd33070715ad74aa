"""The one INSERT that writes the trail. The recorder and the change tracker end here."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Sequence
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
            ORDER BY earlier.recorded_at DESC LIMIT 1)"""


def _statement(prior: str) -> str:
    return (
        f"INSERT INTO audit_auditevent ({', '.join(SHARED)}, {', '.join(OF_ROW)}, prior_version_id) "  # noqa: S608
        f"SELECT {', '.join(f'%s::{kind}' for kind in SHARED_TYPES)}, r.*, {prior} "
        f"FROM unnest({', '.join(f'%s::{kind}[]' for kind in OF_ROW.values())}) AS r({', '.join(OF_ROW)})"
    )


_READING = _statement("NULL::uuid")
_CHANGE = _statement(PRIOR)

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
    """Write the rows in one statement. Outside a transaction they are committed when this returns."""
    who = agent or current()
    shared = (
        _boot, activity_at, session_ended_at, type, subtype, action, outcome, outcome_reason[:60],
        who.agent_id, who.agent_pk, who.agent_role[:60], who.on_behalf_of, True, who.auth_method[:30],
        who.session_digest[:32], who.device_id[:60], who.address, who.user_agent_digest[:16], purpose,
        data_category, sensitivity, who.source, who.request_id, who.app_version,
    )  # fmt: skip
    columns: tuple[list[Any], ...] = tuple([] for _ in OF_ROW)
    kinds: dict[ModelBase, int] = {}
    for row in rows:
        values = (
            row.id, next(_counter), row.patient_id, _content_type(row.obj, kinds),
            "" if row.obj is None else str(row.obj.pk), _json(row.additional_data), _json(row.changes),
            _bytes(row.query), _bytes(row.reason_text), keys_of(row.shown),
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE if action in ("U", "D") else _READING, (*shared, *columns))


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
