"""Statements of one request, counted only when the request asks for it; and the floor's own addresses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

HEADER = "HTTP_X_BENCH_COUNT"
_this = threading.local()


class Counter:
    def __init__(self) -> None:
        self.total = self.before_view = 0
        _this.counter = self

    def over(self) -> None:
        _this.counter = None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.total += 1
        return execute(sql, params, many, context)


def at_the_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
    """Note what was asked of the database before the view began."""
    counter: Counter | None = getattr(_this, "counter", None)
    if counter is not None:
        counter.before_view = counter.total


class FloorAddresses:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.urlconf = "bench.floor.urls"
        return self.get_response(request)
