"""The clinic is founded through its verbs once in a process; after that its rows are put back as they were.

Founding it takes hundreds of statements, and most tests begin with it.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, transaction

Made = TypeVar("Made")
# Seconds. A test that travels in time founds a clinic of its own: its rights must begin at that time. And after
# as long it is founded again: somebody may be signed in, and today is not always the same day.
SAME_TIME = 300


@dataclass(frozen=True)
class Rows:
    epoch: tuple[str, int]
    tables: dict[str, bytes]
    made: bytes


_remembered: dict[str, Rows] = {}


def remembered(name: str, build: Callable[[], Made]) -> Made:
    """What `build` makes in an empty database, made now or put back from the first time."""
    from audit import keys
    from audit.models import DataKey

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT string_agg(id || model, ',' ORDER BY id) FROM django_content_type),"
            " abs(extract(epoch FROM clock_timestamp()) - %s),"
            " EXISTS (SELECT FROM accounts_user) OR EXISTS (SELECT FROM audit_datakey)",
            [time.time()],
        )
        content_types, apart, is_used = cursor.fetchone()
    if is_used or apart > SAME_TIME:
        return _anew(build)
    epoch = content_types, int(time.time() // SAME_TIME)
    kept = _remembered.get(name)
    if kept is None or kept.epoch != epoch:
        made = _anew(build)
        _remembered[name] = Rows(epoch, _taken(), pickle.dumps(made))
        return made
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in kept.tables.items():
            with cursor.copy(f'COPY "{table}" FROM STDIN (FORMAT binary)') as copy:
                copy.write(rows)
    # Whoever founds a clinic knows its keys from then on.
    keys.load(set(DataKey.objects.values_list("pk", flat=True)))
    return pickle.loads(kept.made)  # noqa: S301  (our own, of a moment ago)


def _anew(build: Callable[[], Made]) -> Made:
    with transaction.atomic():
        return build()


def _taken() -> dict[str, bytes]:
    from audit.tracking import our_models

    taken: dict[str, bytes] = {}
    with connection.cursor() as cursor:
        for model in our_models():
            table = model._meta.db_table
            with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as copy:
                rows: Any = b"".join(bytes(part) for part in copy)
            # A header of 19 bytes and a trailer of 2 are an empty table.
            if len(rows) > 21:
                taken[table] = rows
    return taken
