"""Log lines tell what happened to the portal, never about a person."""

from __future__ import annotations

import json
import logging
import sys
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from audit import context
from portal.logs import JsonLines

CANARY = "my knee hurts"


def line(message: str, *args: object, error: BaseException | None = None, **extra: object) -> dict:
    information = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("portal.test", logging.ERROR, __file__, 1, message, args, information)
    record.__dict__.update(extra)
    text = JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error):
        return sys.exc_info()[1]  # type: ignore[return-value]


def test_a_line_break_cannot_begin_a_line_of_its_own():
    assert line("asked for %s", "/x\n{'level': 'info'}\r\u2028")["message"].startswith("asked for /x\n")


def test_a_line_carries_the_requests_number():
    number = UUID(int=7)
    with context.bind(request_id=number):
        assert line("hello")["request"] == str(number)
    assert "request" not in line("hello")


def test_what_was_typed_into_an_address_is_left_out():
    assert (
        line("Not Found: %s", f"/messages/?q={CANARY.replace(' ', '+')}&x=1")["message"]
        == "Not Found: /messages/?"
    )


def test_an_error_is_told_by_kind_and_place_not_by_its_words():
    told = line("task failed: %s", ValueError(CANARY), error=raised(ValueError(CANARY)))
    assert CANARY not in json.dumps(told)
    assert told["error"]["kind"] == "builtins.ValueError"
    assert "test_logs.py" in told["error"]["where"][-1]


def test_the_words_of_an_error_behind_an_error_are_left_out_too():
    error = raised(RuntimeError("outer"), raised(ValueError(CANARY)))
    told = line(f"failed because {CANARY}", error=error)
    assert CANARY not in json.dumps(told)
    assert told["error"]["from"] == ["builtins.ValueError"]


def test_a_traceback_that_a_library_writes_as_text_is_cut_off():
    told = line(f"boom\nTraceback (most recent call last):\n  File …\nValueError: {CANARY}")
    assert told["message"] == "boom"


@pytest.mark.django_db
def test_the_databases_words_which_quote_values_are_left_out():
    with pytest.raises(IntegrityError) as failure, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE once (word text UNIQUE)")
        cursor.execute("INSERT INTO once VALUES (%s), (%s)", [CANARY, CANARY])
    assert CANARY in str(failure.value)
    told = line("could not save: %s", failure.value, error=failure.value)
    assert CANARY not in json.dumps(told)
    assert told["error"]["sqlstate"] == "23505"


@pytest.mark.django_db
def test_a_request_line_names_the_address_not_what_was_asked(client, caplog):
    with caplog.at_level(logging.INFO, logger="portal.requests"):
        client.get("/healthz", {"q": CANARY})
    record = next(record for record in caplog.records if record.name == "portal.requests")
    assert record.facts["address"] == "healthz"
    assert CANARY not in JsonLines().format(record)
    assert "knee" not in JsonLines().format(record)
