"""Whether a conversation that was saved is still what it was: `python check.py FILE`. Needs nothing but Python.

The file is a FHIR Bundle. Its fingerprint is the SHA-256 of everything in it but `identifier` and `meta`, written
as JSON in one way only: keys in order, no spaces, UTF-8. Each message carries a receipt: the same of its text, its
moment and its references.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The names of the algorithms, as object identifiers.
SHA_256 = "urn:oid:2.16.840.1.101.3.4.2.1"
HMAC_SHA_256 = "urn:oid:1.2.840.113549.2.9"
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


def receipt(*, conversation: str, message: str, sent: str, body: str) -> str:
    """The fingerprint of one message as it was sent."""
    return fingerprint({"body": body, "conversation": conversation, "message": message, "sent": sent})


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
    counted = receipt(conversation=conversation, message=message["id"], sent=message["sent"], body=body)
    return given == [counted]


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would read one way here and another way elsewhere."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A key stands twice.")
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python check.py FILE\n")
        return 2
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
