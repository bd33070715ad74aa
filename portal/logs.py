"""Log lines: one JSON object each, so nothing that was sent to us can begin a line of its own.

They tell what happened to the portal, never about a person: no query parameters, no form fields, and of an error its
kind and its place, not its words, for PostgreSQL's words quote the values.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

from audit import context

_QUERY = re.compile(r"\?[^\s\"']+")
_MESSAGE_LIMIT = 1000


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
        }
        if request := context.request_id():
            line["request"] = request
        error = record.exc_info[1] if record.exc_info else None
        line["message"] = _clean(_said(record), error)
        line |= getattr(record, "facts", {})
        if error is not None:
            line["error"] = _described(error)
        return json.dumps(line, ensure_ascii=True, default=str)


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _clean(message: str, error: BaseException | None) -> str:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for words in (repr(error), str(error)):
            if words:
                message = message.replace(words, type(error).__name__)
        error = error.__cause__ or error.__context__
    # A library that logs a traceback as text puts the error's own words below the first line.
    first = message.split("Traceback (most recent call last)", 1)[0]
    return _QUERY.sub("?", first)[:_MESSAGE_LIMIT].rstrip()


def _described(error: BaseException) -> dict[str, Any]:
    kinds, at, seen = [], error, set[int]()
    sqlstate = None
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        kinds.append(f"{type(at).__module__}.{type(at).__qualname__}")
        sqlstate = sqlstate or getattr(at, "sqlstate", None)
        at = at.__cause__ or at.__context__  # type: ignore[assignment]
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    described: dict[str, Any] = {
        "kind": kinds[0],
        "from": kinds[1:],
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if sqlstate:
        described["sqlstate"] = sqlstate
    return described


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "portal.logs.JsonLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Its handlers print to the console in words of their own, and mail tracebacks to admins.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Refused and mistyped addresses are the request line's business; here only what broke.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.utils.autoreload": {"level": "WARNING"},
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},
    },
}
