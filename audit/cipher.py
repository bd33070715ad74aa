"""The one module that knows how to encrypt. Everything else asks it."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
CHUNK_BYTES = 64 * 1024
PREFIX_BYTES = 7
STREAM_VERSION = b"\x01"
# The nonce counts chunks in four bytes.
MOST_CHUNKS = 2**32 - 1


class DoesNotOpen(Exception):
    """The text, its key or its place is not the one it was locked with."""


class Cipher:
    """AES-256-GCM under one key. Every locking draws a fresh nonce."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"A key has {KEY_BYTES} bytes, not {len(key)}.")
        self._aead = AESGCM(key)

    def __repr__(self) -> str:
        return "<Cipher>"

    def lock(self, text: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, text, place)

    def open(self, locked: bytes, place: bytes) -> bytes:
        try:
            return self._aead.decrypt(locked[:NONCE_BYTES], locked[NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            # The library's own error may carry nothing; ours must not chain text either.
            raise DoesNotOpen from None


class StreamLock:
    """Locks what is too long to hold, chunk by chunk, in the memory of one chunk (STREAM, by Hoang and others).

    The nonce of a chunk is a random beginning, its number, and whether it is the last: left out, added, put
    elsewhere or cut off, it does not open. The key belongs to this one stream and locks nothing else.
    """

    __slots__ = ("_aead", "_held", "_number", "_place", "_prefix")

    def __init__(self, key: bytes, place: bytes) -> None:
        self._aead = AESGCM(key)
        self._place = place
        self._prefix = os.urandom(PREFIX_BYTES)
        self._number = 0
        self._held = bytearray()

    def begin(self) -> bytes:
        """What stands before the chunks."""
        return STREAM_VERSION + self._prefix

    def more(self, text: bytes) -> bytes:
        """Take in some more; give back whatever chunks are full. The last one is held, for it is locked as such."""
        self._held += text
        locked = []
        while len(self._held) > CHUNK_BYTES:
            locked.append(self._lock(bytes(self._held[:CHUNK_BYTES]), last=False))
            del self._held[:CHUNK_BYTES]
        return b"".join(locked)

    def end(self) -> bytes:
        """The last chunk, which may be empty. Nothing can be added after it."""
        locked = self._lock(bytes(self._held), last=True)
        self._held.clear()
        self._number = MOST_CHUNKS
        return locked

    def _lock(self, chunk: bytes, *, last: bool) -> bytes:
        if self._number >= MOST_CHUNKS:
            raise ValueError("This stream has ended.")
        nonce = _chunk_nonce(self._prefix, self._number, last=last)
        self._number += 1
        return self._aead.encrypt(nonce, chunk, self._place)


def open_stream(key: bytes, read: Callable[[int], bytes], place: bytes) -> Iterator[bytes]:
    """Each chunk as soon as it is proven. Raises `DoesNotOpen` at the first that is not the one locked there.

    `read` gives as many bytes as asked for, and fewer only at the end.
    """
    aead = AESGCM(key)
    head = read(len(STREAM_VERSION) + PREFIX_BYTES)
    if len(head) != len(STREAM_VERSION) + PREFIX_BYTES or not head.startswith(STREAM_VERSION):
        raise DoesNotOpen
    prefix = head[len(STREAM_VERSION) :]
    number = 0
    held = read(CHUNK_BYTES + TAG_BYTES)
    while True:
        following = read(CHUNK_BYTES + TAG_BYTES) if len(held) == CHUNK_BYTES + TAG_BYTES else b""
        last = not following
        try:
            yield aead.decrypt(_chunk_nonce(prefix, number, last=last), held, place)
        except (InvalidTag, ValueError):
            raise DoesNotOpen from None
        if last:
            return
        held = following
        number += 1


def _chunk_nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def new_key() -> bytes:
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def derive(key: bytes, purpose: str) -> bytes:
    """A key for one purpose. Knowing it says nothing about the key it came from."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


def mac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def short_mac(key: bytes, message: bytes) -> int:
    """The first eight bytes of the same, as the number that the database keeps it as."""
    return int.from_bytes(hmac.digest(key, message, "sha256")[:8], "big", signed=True)
