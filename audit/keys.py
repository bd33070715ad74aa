"""Keys. Each owner has data keys, and each data key is wrapped by a key that is not in the database."""

from __future__ import annotations

import base64
import binascii
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction

from audit import cipher
from audit.context import Agent, acting
from audit.ids import uuid7
from audit.models import DataKey

DIGEST_KEY = "digest"


class UnknownKey(Exception):
    """No such data key, or it has been destroyed, or the key that wraps it is not here."""


class KeyProvider(Protocol):
    """Keeps the keys that wrap data keys. `context` names data key and owner, and must match to unwrap."""

    name: str

    @property
    def wrapping(self) -> str:
        """The id of the key that wraps now."""

    def wrap(self, dek: bytes, context: bytes) -> tuple[str, bytes]:
        """The id of the key used, and the wrapped data key."""

    def unwrap(self, kek_id: str, blob: bytes, context: bytes) -> bytes:
        """The data key. Raises `UnknownKey`."""

    def digest_key(self) -> bytes:
        """The key of look-up digests: it never changes, whatever happens to the wrapping keys."""


class _KeyRing:
    """Wrapping keys held in memory: one key a line, an id, a space and 32 bytes in base64.

    The first key wraps; those after it only unwrap what they wrapped earlier. The line called `digest` is the
    key of look-up digests.
    """

    name = "ring"

    def __init__(self, text: str, *, where: str) -> None:
        self.wrapping = ""
        self._keys: dict[str, cipher.Cipher] = {}
        digest_key: bytes | None = None
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            kek_id, key = _read_line(line, where=where)
            if kek_id == DIGEST_KEY and digest_key is None:
                digest_key = key
            elif kek_id == DIGEST_KEY or kek_id in self._keys:
                raise ImproperlyConfigured(f"SEALING_KEYS: {where} names the key {kek_id!r} twice.")
            else:
                self.wrapping = self.wrapping or kek_id
                self._keys[kek_id] = cipher.Cipher(key)
        if not self._keys:
            raise ImproperlyConfigured(f"SEALING_KEYS: {where} holds no sealing key.")
        if digest_key is None:
            raise ImproperlyConfigured(f"SEALING_KEYS: {where} holds no key called {DIGEST_KEY!r}.")
        self._digest_key = digest_key

    def wrap(self, dek: bytes, context: bytes) -> tuple[str, bytes]:
        return self.wrapping, self._keys[self.wrapping].lock(dek, context)

    def unwrap(self, kek_id: str, blob: bytes, context: bytes) -> bytes:
        try:
            return self._keys[kek_id].open(blob, context)
        except (KeyError, cipher.DoesNotOpen):
            raise UnknownKey(kek_id) from None

    def digest_key(self) -> bytes:
        return self._digest_key


def _read_line(line: str, *, where: str) -> tuple[str, bytes]:
    kek_id, _space, encoded = line.strip().partition(" ")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != cipher.KEY_BYTES or not kek_id or len(kek_id) > 60:
        # The line itself stays out of the message: it may be a key with a typing error in it.
        raise ImproperlyConfigured(f"SEALING_KEYS: a line of {where} is not 'id base64-of-32-bytes'.")
    return kek_id, key


class FileKeyProvider(_KeyRing):
    name = "file"

    def __init__(self, path: Path) -> None:
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as failure:
            reason = type(failure).__name__
            raise ImproperlyConfigured(f"SEALING_KEYS: {path} cannot be read ({reason}).") from failure
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ImproperlyConfigured(f"SEALING_KEYS: {path} is open to others; give it mode 0600.")
        super().__init__(text, where=str(path))


class EnvKeyProvider(_KeyRing):
    """Keys from the environment. Commas or line ends part them."""

    name = "env"

    def __init__(self, text: str) -> None:
        super().__init__(text.replace(",", "\n"), where="the environment")


def provider() -> KeyProvider:
    return _provider(settings.SEALING_KEYS)


@lru_cache(maxsize=4)
def _provider(setting: str) -> KeyProvider:
    kind, _colon, rest = setting.partition(":")
    if kind == "file":
        return FileKeyProvider(Path(rest))
    if kind in ("inline", "env"):
        return EnvKeyProvider(rest)
    raise ImproperlyConfigured("SEALING_KEYS starts with neither 'file:' nor 'inline:'.")


@lru_cache(maxsize=64)
def digest_key(purpose: str) -> bytes:
    return cipher.derive(provider().digest_key(), f"digest/{purpose}")


@dataclass(frozen=True, slots=True)
class OpenedKey:
    id: UUID
    owner_id: UUID
    cipher: cipher.Cipher
    words_key: bytes = field(repr=False)  # of the blind index; says nothing about the data key


class _KeyCache:
    """Opened data keys, not too many and not for too long."""

    def __init__(self, *, size: int = 4096, seconds: float = 300) -> None:
        self.size, self.seconds = size, seconds
        self._lock = threading.Lock()
        self._by_id: OrderedDict[UUID, tuple[float, OpenedKey]] = OrderedDict()
        self._active: dict[UUID, UUID] = {}

    def get(self, key_id: UUID) -> OpenedKey | None:
        with self._lock:
            return self._get(key_id)

    def active_for(self, owner_id: UUID) -> OpenedKey | None:
        with self._lock:
            key_id = self._active.get(owner_id)
            return self._get(key_id) if key_id else None

    def put(self, key: OpenedKey, *, active: bool) -> None:
        with self._lock:
            self._by_id[key.id] = (time.monotonic() + self.seconds, key)
            self._by_id.move_to_end(key.id)
            if active:
                self._active[key.owner_id] = key.id
            while len(self._by_id) > self.size:
                self._forget(next(iter(self._by_id)))

    def clear(self) -> None:
        with self._lock:
            self._by_id.clear()
            self._active.clear()

    def _get(self, key_id: UUID) -> OpenedKey | None:
        found = self._by_id.get(key_id)
        if found is None:
            return None
        good_until, key = found
        if good_until < time.monotonic():
            self._forget(key_id)
            return None
        self._by_id.move_to_end(key_id)
        return key

    def _forget(self, key_id: UUID) -> None:
        _until, key = self._by_id.pop(key_id)
        if self._active.get(key.owner_id) == key_id:
            del self._active[key.owner_id]


_cache = _KeyCache()


class _Pending:
    """A key met inside an open transaction, waiting on its `on_commit` list.

    If the transaction, or the savepoint, is rolled back, Django drops the entry and the key with it. Kept any
    longer, it would seal later texts under a key whose row never came to be.
    """

    def __init__(self, key: OpenedKey, *, active: bool) -> None:
        self.key, self.active = key, active

    def __call__(self) -> None:
        if not connection.in_atomic_block:
            _cache.put(self.key, active=self.active)


def forget_all() -> None:
    """Forget every opened key of this process. The next use reads it again."""
    _cache.clear()
    _provider.cache_clear()
    digest_key.cache_clear()


def _pending() -> Iterator[_Pending]:
    for entry in connection.run_on_commit:
        if isinstance(entry[1], _Pending):
            yield entry[1]


def _remember(key: OpenedKey, *, active: bool) -> OpenedKey:
    transaction.on_commit(_Pending(key, active=active))
    return key


def _known(key_id: UUID) -> OpenedKey | None:
    return _cache.get(key_id) or next((entry.key for entry in _pending() if entry.key.id == key_id), None)


def get(key_id: UUID) -> OpenedKey:
    """The data key with this id. One statement, unless it is known here."""
    if (key := _known(key_id)) is not None:
        return key
    load([key_id])
    if (key := _known(key_id)) is None:
        raise UnknownKey(key_id)
    return key


def load(key_ids: Iterable[UUID]) -> None:
    """Make these keys known, all the missing ones in one statement. Ids that do not exist stay unknown."""
    missing = {key_id for key_id in key_ids if _known(key_id) is None}
    if not missing:
        return
    for row in DataKey.objects.filter(pk__in=missing).exclude(state=DataKey.State.DESTROYED):
        try:
            _remember(_open(row), active=row.state == DataKey.State.ACTIVE)
        except UnknownKey:
            continue  # Wrapped by a key that is not here: its texts will say that they do not open.


def living(owner_ids: Iterable[UUID]) -> list[OpenedKey]:
    """Every key of these owners that still opens, active or retired. Two statements at most."""
    wanted = set(owner_ids)
    rows = DataKey.objects.filter(owner_id__in=wanted).exclude(state=DataKey.State.DESTROYED)
    key_ids = list(rows.values_list("pk", flat=True))
    load(key_ids)
    return [key for key_id in key_ids if (key := _known(key_id)) is not None]


def active_for(owner_id: UUID) -> OpenedKey:
    """The key that seals for this owner now. Made on first use."""
    if (key := _cache.active_for(owner_id)) is not None:
        return key
    for entry in _pending():
        if entry.active and entry.key.owner_id == owner_id:
            return entry.key
    row = DataKey.objects.active().filter(owner_id=owner_id).first() or _make(owner_id)
    return _remember(_open(row), active=True)


def _make(owner_id: UUID) -> DataKey:
    key_id = uuid7()
    keeper = provider()
    kek_id, wrapped = keeper.wrap(cipher.new_key(), _context(key_id, owner_id))
    # Two first messages may race. The index lets one key stand, and whoever lost waits here for the winner's.
    key = DataKey(id=key_id, owner_id=owner_id, provider=keeper.name, kek_id=kek_id, wrapped=wrapped)
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError:
        return DataKey.objects.active().get(owner_id=owner_id)
    return key


def rewrap_some(*, by: Agent, batch: int = 100) -> int:
    """Wrap up to `batch` data keys anew with the key that wraps now, and say how many it was.

    The texts stay as they are. Each batch is a transaction of its own: stop whenever, go on later, and pages
    are served all the while. When it says 0, the older wrapping keys are not needed any more.
    """
    keeper = provider()
    with transaction.atomic(), acting(by):
        rows = DataKey.objects.exclude(kek_id=keeper.wrapping).exclude(state=DataKey.State.DESTROYED)
        found = list(rows.select_for_update(skip_locked=True)[:batch])
        for row in found:
            context = _context(row.pk, row.owner_id)
            dek = keeper.unwrap(row.kek_id, bytes(row.wrapped), context)
            row.kek_id, row.wrapped = keeper.wrap(dek, context)
            row.provider = keeper.name
            row.save(update_fields=["kek_id", "wrapped", "provider"])
    return len(found)


def _open(row: DataKey) -> OpenedKey:
    dek = provider().unwrap(row.kek_id, bytes(row.wrapped), _context(row.pk, row.owner_id))
    return OpenedKey(row.pk, row.owner_id, cipher.Cipher(dek), cipher.derive(dek, "words"))


def _context(key_id: UUID, owner_id: UUID) -> bytes:
    return f"data-key|{key_id}|{owner_id}".encode()
