"""Transactional tests empty every table. Most of them are empty, and TRUNCATE costs half a second all the same."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg import sql
from psycopg.errors import DeadlockDetected

# Written by migrations. A kind of content under another number would ask for another clinic, too.
STAYS = {"django_content_type", "auth_permission"}
# Whoever is still writing is waited for. The triggers that let nothing be deleted stand again, each as it stood.
EMPTY = """
    DO $$
    DECLARE
        name text;
        is_used boolean;
        guard record;
        guards text[] := '{{}}';
    BEGIN
        LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
        FOREACH name IN ARRAY ARRAY[{names}] LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_used;
            CONTINUE WHEN NOT is_used;
            FOR guard IN SELECT tgname, tgenabled FROM pg_trigger
                          WHERE tgrelid = name::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A') LOOP
                EXECUTE format('ALTER TABLE %I DISABLE TRIGGER %I', name, guard.tgname);
                guards := guards || format(
                    'ALTER TABLE %I ENABLE %s TRIGGER %I',
                    name, CASE guard.tgenabled WHEN 'A' THEN 'ALWAYS' END, guard.tgname
                );
            END LOOP;
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        SET CONSTRAINTS ALL IMMEDIATE;
        FOREACH name IN ARRAY guards LOOP
            EXECUTE name;
        END LOOP;
    END $$
"""


def sql_flush(self: DatabaseOperations, style: Any, tables: list[str], **kwargs: Any) -> list[str]:
    emptied = sorted(set(tables) - STAYS)
    text = sql.SQL(EMPTY).format(
        tables=sql.SQL(", ").join(map(sql.Identifier, emptied)),
        names=sql.SQL(", ").join(map(sql.Literal, emptied)),
    )
    return [text.as_string(self.connection.connection)]


def execute_sql_flush(self: DatabaseOperations, statements: list[str]) -> None:
    # What a browser sends as it closes may still be answered, and hold what is to be emptied.
    for _ in range(4):
        try:
            return _stock(self, statements)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    return _stock(self, statements)


_stock = DatabaseOperations.execute_sql_flush
