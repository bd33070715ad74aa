"""Statements that are built once and asked many times.

Django builds the SQL of a queryset anew at every request. On a page of a list that costs more processor time than
everything else in the view, and the SQL comes out the same. Here it is kept, with places for the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import SystemRandom
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable, get_related_populators
from psycopg.sql import Literal

Row = TypeVar("Row")
Value = UUID | datetime | str | Sequence[UUID]

# Lists of ids are rounded up to these lengths, so that few statements serve them all.
LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
_random = SystemRandom()


class BakedIn(TypeError):
    """A queryset was built with a moment or an id of its own, which every later reader would have got as well."""


class Prepared(Generic[Row]):
    """A queryset whose SQL is kept.

        _own = Prepared(lambda *, reader, ref, at: Thread.objects.of_patients_side(reader, at=at).filter(pk=ref))
        rows = _own(reader=user.pk, ref=ref, at=now())

    Keyword arguments are values: the queryset is built with stand-ins, and the values take their places at each
    use. Positional arguments give the statement its shape: each combination is built by itself. Whatever decides
    *which* rows the rules allow must be one or the other. A builder that reaches for the clock, or for an id, by
    itself is refused (`BakedIn`): it would answer everybody with the first reader's rights.

    Rows come as a list: models, or tuples where the queryset asks for `values_list`. A list of ids among the values
    is never empty.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self._build = build
        self._made: dict[tuple[Any, ...], _Statement] = {}

    def __call__(self, *shape: Hashable, **values: Value) -> list[Row]:
        kinds = tuple(
            name if isinstance(value, UUID | datetime | str) else (name, _rounded(len(value)))
            for name, value in values.items()
        )
        made = self._made.get((shape, kinds))
        if made is None:
            try:
                made = _Statement(self._build, shape, values)
            except EmptyResultSet:
                return []
            self._made[shape, kinds] = made
        return made.rows(values)

    def first(self, *shape: Hashable, **values: Value) -> Row | None:
        return next(iter(self(*shape, **values)), None)


class _Statement:
    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], shape: Any, values: dict[str, Value]
    ) -> None:
        stand_ins = {name: _stand_in(value) for name, value in values.items()}
        queryset = build(*shape, **stand_ins)
        connection.ensure_connection()
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        text, params = compiler.as_sql()
        places: dict[Any, tuple[str, int]] = {}
        for name, stand_in in stand_ins.items():
            for index, one in enumerate(stand_in if isinstance(stand_in, list) else [stand_in]):
                places[one] = (name, index)
        # Only values stay places. What never changes becomes part of the text, where the planner can see it.
        self.places: list[tuple[str, int]] = []
        pieces = []
        for param in params:
            if isinstance(param, Hashable) and param in places:
                self.places.append(places[param])
                pieces.append("%s")
            else:
                pieces.append(_in_text(param, queryset.model))
        if unused := set(stand_ins) - {name for name, _index in self.places}:
            raise TypeError(
                f"{queryset.model._meta.label} was prepared without: {', '.join(sorted(unused))}."
            )
        following = iter(pieces)
        self.sql = re.sub("%%|%s", lambda mark: mark[0] if mark[0] == "%%" else next(following), text)
        self.compiler = compiler
        self.converters = compiler.get_converters([column for column, _sql, _alias in compiler.select])
        self.info = compiler.klass_info if queryset._iterable_class is ModelIterable else None
        if self.info is not None:
            start, end = self.info["select_fields"][0], self.info["select_fields"][-1] + 1
            self.model: type[Model] = self.info["model"]
            self.own = slice(start, end)
            self.names = [column[0].target.attname for column in compiler.select[start:end]]
            self.related = get_related_populators(self.info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # stubs of Django 6
            self.annotations = tuple(compiler.annotation_col_map.items())

    def rows(self, values: dict[str, Value]) -> list[Any]:
        full = {
            name: value if isinstance(value, UUID | datetime | str) else _filled(value)
            for name, value in values.items()
        }
        params = [
            value[index] if isinstance(value := full[name], list) else value for name, index in self.places
        ]
        with _server_cursor() as cursor:
            cursor.execute(self.sql, params)
            found: Any = cursor.fetchall()
        if self.converters:
            found = self.compiler.apply_converters(found, self.converters)
        if self.info is None:
            return [tuple(row) for row in found]
        return [self._model(row) for row in found]

    def _model(self, row: Sequence[Any]) -> Model:
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.own])
        for related in self.related:
            related.populate(row, made)
        for name, place in self.annotations:
            setattr(made, name, row[place])
        return made


def _in_text(param: Any, model: type[Model]) -> str:
    """A part of the statement that is the same for everybody."""
    for one in param if isinstance(param, list | tuple) else [param]:
        if isinstance(one, UUID | date):
            raise BakedIn(f"{model._meta.label} was prepared with a {type(one).__name__} inside.")
    return Literal(param).as_string(connection.connection).replace("%", "%%")


def _server_cursor() -> CursorWrapper:
    """A cursor that sends text and values apart, so that the server may keep the plan (`prepare_threshold`)."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]
    wrapped: CursorWrapper = connection._prepare_cursor(cursor)  # type: ignore[attr-defined]
    return wrapped


def _stand_in(value: Value) -> Any:
    """Something of the same kind that nobody else can have put into the statement."""
    if isinstance(value, UUID):
        return uuid4()
    if isinstance(value, datetime):
        return datetime(1800, 1, 1, tzinfo=UTC) + timedelta(microseconds=_random.getrandbits(50))
    if isinstance(value, str):
        return uuid4().hex
    return [uuid4() for _place in range(_rounded(len(value)))]


def _rounded(length: int) -> int:
    return next((known for known in LENGTHS if known >= length), length)


def _filled(ids: Sequence[UUID]) -> list[UUID]:
    """The ids, the last one again and again until the list has a length that is prepared for."""
    known = list(ids)
    return known + known[-1:] * (_rounded(len(known)) - len(known))
