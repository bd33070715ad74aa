"""Identifiers that sort by the moment they were made."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_COUNTER_BITS = 42
_COUNTER_MAX = (1 << _COUNTER_BITS) - 1

_lock = threading.Lock()
_last_ms = 0
_counter = 0


def uuid7() -> UUID:
    """A version 7 UUID (RFC 9562, method 1). Each is greater than the one before it in this process."""
    global _last_ms, _counter
    tail = int.from_bytes(os.urandom(10), "big")
    with _lock:
        now = time.time_ns() // 1_000_000
        if now > _last_ms:
            _last_ms = now
            # Half the range is left free, so that a busy millisecond can count up without running over.
            _counter = (tail >> 32) & (_COUNTER_MAX >> 1)
        else:
            # The clock stood still or went back: keep the last moment and count on.
            _counter += 1
            if _counter > _COUNTER_MAX:
                _last_ms += 1
                _counter = 0
        moment, counter = _last_ms, _counter
    number = (moment & 0xFFFF_FFFF_FFFF) << 80
    number |= _VERSION | ((counter >> 30) & 0xFFF) << 64
    number |= _VARIANT | (counter & 0x3FFF_FFFF) << 32
    return UUID(int=number | (tail & 0xFFFF_FFFF))


def _forget_lock_in_child() -> None:
    # A fork may happen while another thread holds the lock; the child would wait for ever.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock_in_child)
