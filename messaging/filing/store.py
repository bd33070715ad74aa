"""Where sealed files lie: a folder or a bucket, under names that say nothing."""

from __future__ import annotations

import secrets
from typing import IO, TYPE_CHECKING, cast

from django.core.files import File
from django.core.files.storage import storages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.core.files.storage import Storage


def store() -> Storage:
    return storages["files"]


def put(sealed: IO[bytes]) -> str:
    """Store what is sealed, and say under which name."""
    drawn = secrets.token_hex(20)
    return store().save(f"{drawn[:2]}/{drawn[2:]}", File(sealed))


def fetch(name: str) -> IO[bytes]:
    """The stored bytes. Raises `OSError` when they are not there."""
    return cast("IO[bytes]", store().open(name, "rb"))


def drop(name: str) -> None:
    """Remove them. It is no error when they are gone already."""
    store().delete(name)


def holdings() -> Iterator[tuple[str, datetime]]:
    """Every stored name, and when it was written."""
    place = store()
    try:
        folders, _files = place.listdir("")
    except FileNotFoundError:
        return  # Nothing has been stored yet.
    for folder in folders:
        for name in place.listdir(folder)[1]:
            whole = f"{folder}/{name}"
            try:
                written_at = place.get_modified_time(whole)
            except OSError:
                continue  # Removed while we looked.
            yield whole, written_at
