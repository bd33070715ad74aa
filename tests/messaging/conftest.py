from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def count_statements(db) -> Callable[[Callable[[], object]], int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(act: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as asked:
            act()
        return len(asked)

    return count
