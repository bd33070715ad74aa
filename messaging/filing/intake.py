"""From what somebody chose to what may be kept: its kind by content, made safe in a program of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from audit.files import CHUNK_BYTES, Transit
from messaging.filing.kinds import HEAD_BYTES, MOST_BYTES, Kind, kind_of
from messaging.refusals import FileBusy, FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messaging.filing.uploads import SealedUpload

WASHING = Path(__file__).with_name("washing.py")
WALL_SECONDS = 14
# Each may take a gigabyte for a moment; the rest of the machine has other things to do.
AT_ONCE = 2
WAIT_SECONDS = 15
_places = threading.BoundedSemaphore(AT_ONCE)


class Washed:
    """A file that may be kept. `taken_out` says that parts of it were left behind."""

    def __init__(self, kind: Kind, content: Transit, *, taken_out: bool) -> None:
        self.kind, self.content, self.taken_out = kind, content, taken_out


def wash(upload: SealedUpload) -> Washed:
    """Make a file safe to keep. Raises `FileRefused`, saying why, and `FileBusy`."""
    if upload.problem:
        raise FileRefused(upload.problem)
    if upload.size == 0:
        raise FileRefused("empty")
    read_as = kind_of(next(upload.chunks())[:HEAD_BYTES])
    if not read_as:
        raise FileRefused("wrong_kind")
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise FileBusy
    try:
        return _wash(upload.chunks(), read_as)
    finally:
        _places.release()


def _wash(chunks: Iterator[bytes], read_as: str) -> Washed:
    # No environment and no open files of ours: our keys are not its to know.
    with subprocess.Popen(
        [sys.executable, "-I", str(WASHING), read_as],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
    ) as program:
        clock = threading.Timer(WALL_SECONDS, program.kill)
        clock.start()
        washed = Transit()
        try:
            assert program.stdin is not None and program.stdout is not None  # noqa: S101  (both are pipes)
            try:
                for chunk in chunks:
                    program.stdin.write(chunk)
                program.stdin.close()
            except BrokenPipeError:
                pass  # It ended before it had read everything: its answer, or its silence, says why.
            line = program.stdout.readline(10_000)
            while chunk := program.stdout.read(CHUNK_BYTES):
                washed.write(chunk)
                if washed.size > 2 * MOST_BYTES:
                    raise FileRefused("unreadable")
            if program.wait() != 0 or not line.endswith(b"\n"):
                raise FileRefused("unreadable")
            return _believe(line, washed.finish())
        except BaseException:
            washed.close()
            program.kill()
            raise
        finally:
            clock.cancel()


def _believe(line: bytes, content: Transit) -> Washed:
    """What the program says of a file. It may have been taken over by what it read: nothing else is believed."""
    try:
        facts = json.loads(line)
        because = facts.get("refused")
        if because is None and content.size <= MOST_BYTES:
            return Washed(Kind(facts["kind"]), content, taken_out=bool(facts.get("taken_out")))
    except (ValueError, KeyError, AttributeError):
        because = "unreadable"
    raise FileRefused(str(because or "too_big"))
