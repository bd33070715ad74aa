"""Many files as one ZIP, written while it is sent: never more than a piece of one of them is held."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO


@dataclass(frozen=True, slots=True)
class Member:
    """One file of it. `chunks` is asked when its turn comes."""

    name: str
    sha256: str
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, name: str, content: bytes) -> Member:
        return cls(name, hashlib.sha256(content).hexdigest(), lambda: (content,))


def list_of(members: Iterable[Member]) -> bytes:
    """As `sha256sum --check` reads it."""
    return "".join(f"{member.sha256}  {member.name}\n" for member in members).encode()


def as_zip(members: Iterable[Member], *, at: tuple[int, int, int, int, int, int]) -> Iterator[bytes]:
    """The ZIP in pieces. Packed though it gains little: what is not packed cannot be read while it arrives."""
    made = _Made()
    with zipfile.ZipFile(cast("IO[bytes]", made), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in members:
            about = zipfile.ZipInfo(member.name, date_time=at)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o600 << 16
            with archive.open(about, "w") as place:
                for chunk in member.chunks():
                    place.write(chunk)
                    yield made.taken()
    yield made.taken()


class _Made:
    """What was written and not yet sent on. It cannot be gone back in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        return

    def taken(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole
