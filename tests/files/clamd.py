"""A scanner on a socket that speaks clamd's protocol and knows one virus."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from tests.files.samples import EICAR

if TYPE_CHECKING:
    from collections.abc import Callable


class Clamd:
    """`mood` says how it answers: None as it should, otherwise with these bytes, or with none."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"clamd://127.0.0.1:{self.listener.getsockname()[1]}"
        self.mood: bytes | None = None
        self.asked = 0
        self.heard: Callable[[], object] = lambda: None
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self.listener.accept()
            except OSError:
                return
            with line:
                self._talk(line.makefile("rwb"))

    def _talk(self, line) -> None:
        self.asked += 1
        if line.read(10) != b"zINSTREAM\0":
            line.write(b"UNKNOWN COMMAND\0")
            line.flush()
            return
        content = b""
        while size := int.from_bytes(line.read(4), "big"):
            content += line.read(size)
        self.heard()
        answer = b"stream: Eicar-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
        line.write(answer if self.mood is None else self.mood)
        line.flush()
