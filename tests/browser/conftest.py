"""Tests in a real browser, against a real server. Without a browser they are left out, loudly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import browsers
from tests.cast import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext

HERE = Path(__file__).parent
# Playwright runs an event loop in this thread, and Django then takes every query for one from a coroutine.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    missing = None if not ours or browsers.find() else "no Chromium or Chrome on this machine"
    if missing and os.environ.get("PORTAL_BROWSER_REQUIRED"):
        raise pytest.UsageError(f"{len(ours)} browser tests would be left out: {missing}.")
    for item in ours:
        item.add_marker(pytest.mark.browser)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The browser that is there, speaking to nobody but our own server."""
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {
        **browser_type_launch_args,
        "executable_path": browsers.find(),
        "args": [*quiet, *as_root, "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"],
    }


@pytest.fixture
def site(live_server: Any) -> Iterator[str]:
    """The address of a running portal."""
    yield live_server.url


@pytest.fixture
def as_(context: BrowserContext, site: str) -> Callable[..., None]:
    """Sign somebody in without the way in: `as_(cast.ana)`."""

    def _as(user: Any, strength: int = 3, fresh: str = "") -> None:
        from django.conf import settings

        key = open_session(user, strength, fresh=fresh).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": site}])

    return _as
