"""The content of a file on its way to somebody who may have it: recorded first, proven chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.files import open_file
from audit.recorder import record_read
from audit.seals import SealBroken, unseal
from messaging.filing import store
from messaging.filing.kinds import MEDIA_TYPES, Kind
from messaging.filing.names import disposition
from messaging.refusals import FileGone

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import IO

    from accounts.models import User
    from audit.receipts import Receipt
    from messaging.models import Attachment


@dataclass(frozen=True, slots=True)
class Download:
    """An open file. `chunks` breaks off where the stored bytes are not the ones that were sealed."""

    chunks: Iterator[bytes]
    size: int
    media_type: str
    disposition: str


def open_download(file: Attachment, *, reader: User) -> Download:
    """Record the reading, then open. Raises `FileGone` when not even the beginning can be had."""
    receipt = record_read(reader=reader, of=file, shown=[file], category="attachment", subtype="download")
    try:
        name = unseal(file, "name", receipt=receipt)
        sha256 = unseal(file, "content_hash", receipt=receipt)
        stored = store.fetch(file.stored_as)
        chunks = open_file(file, "key", stored=stored, sha256=sha256, receipt=receipt)
        first = next(chunks)
    except (SealBroken, OSError) as failure:
        raise FileGone from failure
    return Download(
        chunks=_flow(first, chunks, stored),
        size=file.size,
        media_type=MEDIA_TYPES[Kind(file.kind)],
        disposition=disposition(name),
    )


def content_of(file: Attachment, *, sha256: str, receipt: Receipt) -> Generator[bytes]:
    """The file among others, opened when it is asked for. Raises `OSError`, and `SealBroken` where it is not whole."""
    with store.fetch(file.stored_as) as stored:
        yield from open_file(file, "key", stored=stored, sha256=sha256, receipt=receipt)


def _flow(first: bytes, rest: Iterator[bytes], stored: IO[bytes]) -> Iterator[bytes]:
    with stored:
        yield first
        yield from rest
