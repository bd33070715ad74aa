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
        # A session notes a sign of life once a second, on whichever page that falls.
        return sum('SET "last_seen_at"' not in query["sql"] for query in asked)

    return count
