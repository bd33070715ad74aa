"""The one module that knows how to encrypt. Everything else asks it."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


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
