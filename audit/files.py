"""The seal on what is too long for a column: a file in chunks, under a key of its own, locked to its row.

The key of a file is a sealed text of its row (`Kind.FILE`), so whoever may open the row's seals may open the file,
under the same receipt, and destroying the owner's data key destroys every file of hers.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING

from audit import cipher
from audit.cipher import CHUNK_BYTES
from audit.receipts import Receipt
from audit.seals import NotRecorded, SealBroken, open_file_key, owner_of, report, seal

if TYPE_CHECKING:
    from django.db.models import Model

    from audit.fields import Sealed

__all__ = ["CHUNK_BYTES", "SealedFile", "Transit", "open_file"]


class Transit:
    """A place on disk for bytes on their way, which nobody can read but this object.

    Its key is in no other place than this object's memory, and the file has no name: a process that dies leaves
    neither. Written once, then read as often as one likes.
    """

    def __init__(self) -> None:
        self._key = cipher.new_key()
        self._lock = cipher.StreamLock(self._key, b"transit")
        # Without a name from the start: there is nothing to clear away.
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close())
        self._file.write(self._lock.begin())
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, text: bytes) -> None:
        self._file.write(self._lock.more(text))
        self._hash.update(text)
        self.size += len(text)

    def finish(self) -> Transit:
        self._file.write(self._lock.end())
        self._file.flush()
        return self

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        return cipher.open_stream(self._key, self._file.read, b"transit")

    def close(self) -> None:
        self._file.close()


class SealedFile:
    """A file as it will be stored: locked to the row `into`, with the sealed key that belongs in its `field`."""

    def __init__(self, chunks: Iterable[bytes], *, into: Model, field: str) -> None:
        key = cipher.new_key()
        lock = cipher.StreamLock(key, _place(into, field))
        plain, locked = hashlib.sha256(), hashlib.sha256()
        # What other programs of clinics compare files by. Nothing of ours trusts it.
        old = hashlib.sha1(usedforsecurity=False)
        self.size = self.sealed_size = 0
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by whoever stores it)

        def put(piece: bytes) -> None:
            self.file.write(piece)
            locked.update(piece)
            self.sealed_size += len(piece)

        put(lock.begin())
        for chunk in chunks:
            plain.update(chunk)
            old.update(chunk)
            self.size += len(chunk)
            put(lock.more(chunk))
        put(lock.end())
        self.file.seek(0)
        self.sha256 = plain.hexdigest()
        self.sha1 = old.hexdigest()
        self.sealed_sha256 = locked.hexdigest()
        self.key: Sealed = seal(base64.b64encode(key).decode(), into=into, field=field)


def open_file(
    record: Model, field: str, *, stored: IO[bytes], sha256: str, receipt: Receipt
) -> Iterator[bytes]:
    """The file in chunks, each proven before it is given out, and the last one only when the whole is right.

    Raises `NotRecorded` without a receipt, at once; `SealBroken` wherever a chunk is not the one that was locked
    there, after writing that down. What was given out until then is genuine.
    """
    if not isinstance(receipt, Receipt) or not receipt.covers(record):
        raise NotRecorded(record)
    return _chunks(record, field, stored.read, sha256)


def _chunks(record: Model, field: str, read: Callable[[int], bytes], sha256: str) -> Iterator[bytes]:
    whole = hashlib.sha256()
    held = b""
    try:
        key = base64.b64decode(open_file_key(record, field))
        for chunk in cipher.open_stream(key, read, _place(record, field)):
            whole.update(chunk)
            if held:
                yield held
            held = chunk
    except (cipher.DoesNotOpen, SealBroken, OSError):
        broken = SealBroken(record, field)
        report(broken)
        raise broken from None
    if whole.hexdigest() != sha256:
        broken = SealBroken(record, field)
        report(broken)
        raise broken
    yield held


def _place(record: Model, field: str) -> bytes:
    row_id, owner_id = record.pk, owner_of(record)
    return b"|".join((b"file", record._meta.db_table.encode(), field.encode(), row_id.bytes, owner_id.bytes))
