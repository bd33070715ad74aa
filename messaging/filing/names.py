"""What a file is called: for people to read, and safe to give to any computer."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from messaging.filing.kinds import ENDINGS, Kind

LONGEST = 120
# Parts of a path, what shells and file systems take for orders, and what turns the reading direction around.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


def kept_name(given: str, kind: Kind) -> str:
    """The name somebody gave it, without paths and tricks, with the ending of what it is now."""
    text = unicodedata.normalize("NFC", given.encode("utf-8", "replace").decode()).replace("\\", "/")
    stem = _UNSAFE.sub(" ", text.rsplit("/", 1)[-1])
    if "." in stem.strip(". "):
        stem = stem.rsplit(".", 1)[0]
    stem = " ".join(stem.split()).strip(". ")[:LONGEST].strip(". ")
    if not stem or _RESERVED.match(stem):
        stem = "file"
    return f"{stem}.{ENDINGS[kind]}"


def shown_name(given: str) -> str:
    """The same for a file that was not taken, to say which one it was."""
    text = unicodedata.normalize("NFC", given.encode("utf-8", "replace").decode()).replace("\\", "/")
    return " ".join(_UNSAFE.sub(" ", text.rsplit("/", 1)[-1]).split())[:LONGEST]


def disposition(name: str) -> str:
    """RFC 6266: the name in plain letters for old programs, and as it is for all others. Never shown inline."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]+", "_", plain).strip(". ") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
