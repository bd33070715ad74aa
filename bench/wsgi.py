"""One server for both: below /floor/ go Django's stock middleware and plain views, elsewhere the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from bench.counting import HEADER, Counter, at_the_view
from portal.wsgi import application as product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _floor() -> WSGIHandler:
    ours, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.FLOOR_MIDDLEWARE
    try:
        return WSGIHandler()
    finally:
        settings.MIDDLEWARE = ours


floor = _floor()
for handler in (product, floor):
    # After every middleware, right before the view.
    handler._view_middleware.append(at_the_view)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    handler = floor if environ["PATH_INFO"].startswith("/floor/") else product
    if HEADER not in environ:
        return handler(environ, start_response)
    counter = Counter()

    def answer(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        counts = [("X-Statements", str(counter.total)), ("X-Statements-Before", str(counter.before_view))]
        return start_response(status, [*headers, *counts], *more)

    with connection.execute_wrapper(counter):
        try:
            return handler(environ, answer)
        finally:
            counter.over()
