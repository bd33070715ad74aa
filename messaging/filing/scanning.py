"""The clinic's virus scanner: a small interface, and ClamAV behind it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
LONGEST_ANSWER = 4_096


class ScanFailed(Exception):
    """There is no verdict: the scanner is away, too slow, or says something else."""


class Scanner(Protocol):
    def finding(self, chunks: Iterable[bytes]) -> str:
        """What was found in the file, by the scanner's name for it; "" when it is clean. Raises `ScanFailed`."""


class Clamd:
    """ClamAV's daemon, spoken to over a socket with its INSTREAM command."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port or 3310
        except ValueError as bad:
            raise ImproperlyConfigured("SCANNER_URL has a port that is no number.") from bad
        if parts.scheme != "clamd" or not (parts.hostname or parts.path):
            raise ImproperlyConfigured(
                "SCANNER_URL is neither clamd:///path/to/socket nor clamd://host:3310."
            )
        self.place: str | tuple[str, int] = (parts.hostname, port) if parts.hostname else parts.path

    def finding(self, chunks: Iterable[bytes]) -> str:
        try:
            with self._line() as line:
                line.sendall(b"zINSTREAM\0")
                for chunk in chunks:
                    if chunk:
                        line.sendall(len(chunk).to_bytes(4, "big") + chunk)
                line.sendall(bytes(4))
                return _verdict(self._answer(line))
        except OSError as failure:
            raise ScanFailed(type(failure).__name__) from failure

    def _line(self) -> socket.socket:
        if isinstance(self.place, tuple):
            line = socket.create_connection(self.place, timeout=CONNECT_SECONDS)
        else:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(CONNECT_SECONDS)
            try:
                line.connect(self.place)
            except OSError:
                line.close()
                raise
        line.settimeout(ANSWER_SECONDS)
        return line

    def _answer(self, line: socket.socket) -> bytes:
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < LONGEST_ANSWER:
            piece = line.recv(1_024)
            if not piece:
                break
            answer += piece
        return answer


def _verdict(answer: bytes) -> str:
    """`stream: OK` is clean and nothing else is."""
    words = answer.rstrip(b"\0\n").decode("ascii", "replace")
    if words == "stream: OK":
        return ""
    if words.startswith("stream: ") and words.endswith(" FOUND"):
        return words.removeprefix("stream: ").removesuffix(" FOUND")[:120] or "unnamed"
    raise ScanFailed("unexpected answer")


def scanner() -> Scanner | None:
    """The scanner of this clinic, or None when it has none."""
    return Clamd(settings.SCANNER_URL) if settings.SCANNER_URL else None
