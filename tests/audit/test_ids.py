from __future__ import annotations

import threading
import time

from audit import ids
from audit.ids import uuid7


def test_an_id_says_when_it_was_made(monkeypatch) -> None:
    monkeypatch.setattr(ids, "_last_ms", 0)  # An earlier test may have lived in the future.
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert before <= made.int >> 80 <= after + 1


def test_ids_grow_also_when_the_clock_goes_back(monkeypatch) -> None:
    first = uuid7()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000_000)
    made = [first, *(uuid7() for _ in range(2000))]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_no_two_threads_get_the_same_id() -> None:
    made: list[object] = []

    def make() -> None:
        made.extend([uuid7() for _ in range(5000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000
