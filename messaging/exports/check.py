"""Whether a conversation that was saved is still what it was: `python check.py FILE`. Needs nothing but Python.

The file is a FHIR Bundle. Its fingerprint is the SHA-256 of everything in it but `identifier` and `meta`, written
as JSON in one way only: keys in order, no spaces, UTF-8. Each message carries a receipt: the same of its text, its
moment, its references and the fingerprints of its files. A ZIP holds that file, the files of the messages, and
SHA256SUMS, which names the fingerprint of each.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# The names of the algorithms, as object identifiers.
SHA_256 = "urn:oid:2.16.840.1.101.3.4.2.1"
HMAC_SHA_256 = "urn:oid:1.2.840.113549.2.9"
# What a ZIP calls its list of fingerprints, and the data.
LIST, DATA = "SHA256SUMS", "conversation.json"
# What stands in the file about the file itself.
ABOUT_ITSELF = ("identifier", "meta")


class NotAnExport(ValueError):
    """This is no conversation that was saved as data."""


@dataclass(frozen=True)
class Found:
    """What was checked: the two fingerprints, and the references of messages whose receipts do not match."""

    said: str
    counted: str
    mark: str
    messages: int
    wrong: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return self.said == self.counted and not self.wrong


def canonical(value: Any) -> bytes:
    """The one way to write this value as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def fingerprint_of_bundle(bundle: dict[str, Any]) -> str:
    return fingerprint({key: value for key, value in bundle.items() if key not in ABOUT_ITSELF})


def receipt(*, conversation: str, message: str, sent: str, body: str, files: Iterable[str] = ()) -> str:
    """The fingerprint of one message as it was sent, with the SHA-256 of each of its files."""
    said: dict[str, Any] = {"body": body, "conversation": conversation, "message": message, "sent": sent}
    if digests := sorted(files):
        said["files"] = digests
    return fingerprint(said)


def digests_in(message: dict[str, Any]) -> list[str]:
    """The SHA-256 of each file of a message, as the data says it."""
    files = [part["contentAttachment"] for part in message.get("payload", []) if "contentAttachment" in part]
    said = [one for file in files for one in file.get("extension", [])]
    return [str(one["valueString"]) for one in said if one["url"] == SHA_256]


def check(data: bytes) -> Found:
    """Count everything again. Raises `NotAnExport`."""
    try:
        bundle = json.loads(data.decode("utf-8"), object_pairs_hook=_each_key_once)
        if bundle["identifier"]["system"] != SHA_256:
            raise NotAnExport("identifier")
        said = bundle["identifier"]["value"]
        entries = [entry["resource"] for entry in bundle["entry"]]
        messages = [one for one in entries if one["resourceType"] == "Communication"]
        wrong = tuple(one["id"] for one in messages if not _holds(one, bundle["id"]))
        tags = bundle.get("meta", {}).get("tag", [])
        mark = next((tag["code"] for tag in tags if tag.get("system") == HMAC_SHA_256), "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as bad:
        raise NotAnExport(str(type(bad).__name__)) from bad
    return Found(str(said), fingerprint_of_bundle(bundle), str(mark), len(messages), wrong)


def _holds(message: dict[str, Any], conversation: str) -> bool:
    given = [one["value"] for one in message.get("identifier", []) if one["system"] == SHA_256]
    if not given:
        return True  # What the portal says by itself has no receipt.
    body = message["payload"][0]["contentString"]
    counted = receipt(
        conversation=conversation,
        message=message["id"],
        sent=message["sent"],
        body=body,
        files=digests_in(message),
    )
    return given == [counted]


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would read one way here and another way elsewhere."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A key stands twice.")
    return found


@dataclass(frozen=True)
class Archive:
    """What a ZIP says: its data, the list of its files, and the names that are not what the list or the data say."""

    found: Found
    list_digest: str
    wrong: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return self.found.is_whole and not self.wrong


def check_archive(path: Path) -> Archive:
    """Count everything in a ZIP again, each file in pieces. Raises `NotAnExport`."""
    try:
        with zipfile.ZipFile(path) as archive:
            said = archive.read(LIST)
            listed = {line[66:]: line[:64] for line in said.decode("utf-8").splitlines()}
            names = [name for name in archive.namelist() if name != LIST]
            wrong = {name for name in listed if names.count(name) != 1} | {*names} - listed.keys()
            counted = {name: _digest_of(archive, name) for name in names if name not in wrong}
            data = archive.read(DATA)
        found = check(data)
        entries = (entry["resource"] for entry in json.loads(data)["entry"])
        known = {digest for one in entries for digest in digests_in(one)}
    except (OSError, ValueError, KeyError, RuntimeError, zlib.error, zipfile.BadZipFile) as bad:
        raise NotAnExport(str(type(bad).__name__)) from bad
    wrong |= {name for name, digest in counted.items() if digest != listed[name]}
    wrong |= {name for name, digest in counted.items() if name.startswith("files/") and digest not in known}
    return Archive(found, hashlib.sha256(said).hexdigest(), tuple(sorted(wrong)))


def _digest_of(archive: zipfile.ZipFile, name: str) -> str:
    counted = hashlib.sha256()
    with archive.open(name) as member:
        while piece := member.read(65_536):
            counted.update(piece)
    return counted.hexdigest()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python check.py FILE\n")
        return 2
    if zipfile.is_zipfile(arguments[0]):
        return _say_of_archive(Path(arguments[0]))
    data = Path(arguments[0]).read_bytes()
    if data.startswith(b"%PDF-"):
        sys.stdout.write(
            f"A PDF. Its SHA-256 is {hashlib.sha256(data).hexdigest()}; the clinic can say whether it made it.\n"
        )
        return 0
    try:
        found = check(data)
    except NotAnExport:
        sys.stdout.write("This is no conversation that was saved as data.\n")
        return 2
    if found.is_whole:
        sys.stdout.write(f"Nothing was changed. {found.messages} messages, SHA-256 {found.counted}\n")
        return 0
    sys.stdout.write(f"CHANGED. The file says SHA-256 {found.said}, and has {found.counted}\n")
    for reference in found.wrong:
        sys.stdout.write(f"CHANGED: message {reference}\n")
    return 1


def _say_of_archive(path: Path) -> int:
    try:
        archive = check_archive(path)
    except NotAnExport:
        sys.stdout.write("This is no conversation that was saved with its files.\n")
        return 2
    if archive.is_whole:
        found = archive.found
        sys.stdout.write(f"Nothing was changed. {found.messages} messages, SHA-256 {found.counted}\n")
        return 0
    for name in (*archive.wrong, *archive.found.wrong):
        sys.stdout.write(f"CHANGED: {name}\n")
    sys.stdout.write("CHANGED. Something in the ZIP is not as it was saved.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
