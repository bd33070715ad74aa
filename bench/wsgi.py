"""One server for both: below /floor/ go Django's stock middleware and plain views, elsewhere the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test.utils import override_settings

from bench.counting import HEADER, Counter
from portal.wsgi import application as product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _handler(middleware: list[str]) -> WSGIHandler:
    with override_settings(MIDDLEWARE=middleware):
        return WSGIHandler()


COUNTED = ["bench.counting.AtTheView"]
floor = _handler(settings.FLOOR_MIDDLEWARE)
counted_product = _handler([*settings.MIDDLEWARE, *COUNTED])
counted_floor = _handler([*settings.FLOOR_MIDDLEWARE, *COUNTED])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    is_floor = environ["PATH_INFO"].startswith("/floor/")
    if HEADER not in environ:
        return (floor if is_floor else product)(environ, start_response)
    counter = Counter()

    def answer(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        counts = [("X-Statements", str(counter.total)), ("X-Statements-Before", str(counter.before_view))]
        return start_response(status, [*headers, *counts], *more)

    with connection.execute_wrapper(counter):
        return (counted_floor if is_floor else counted_product)(environ, answer)
