"""The same visits to the same pages, in the dark. A page is added in the other file and is then looked at in both."""

from __future__ import annotations

import pytest

from tests.browser.test_every_page import *  # noqa: F403


@pytest.fixture
def theme() -> str:
    return "dark"
