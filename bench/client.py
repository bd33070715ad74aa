"""A small load client: a few threads, each with one kept-alive line to this machine, for a bounded time."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode
from uuid import uuid4

from portal.local.server import HOST

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
BODY = (
    "Thank you. I took the tablets as you said and slept better.\n\nShould I keep on with them until Friday? "
)


class WrongAnswer(Exception):
    """The page did not say what it should: a figure for it would mean nothing."""


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class Visitor:
    """One browser: its line, its cookies, and the token its forms carry."""

    def __init__(self, port: int, cookies: dict[str, str]) -> None:
        self.port = port
        self.cookies = dict(cookies)
        self.token = ""
        self.line: http.client.HTTPConnection | None = None

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        body = urlencode({**fields, "csrfmiddlewaretoken": self.token})
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})

    def take_token(self, path: str) -> None:
        found = CSRF.search(self.get(path).body.decode())
        if found is None:
            raise WrongAnswer(f"{path} has no form.")
        self.token = found.group(1)

    def hang_up(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "User-Agent": "bench", **headers}
        was_open = self.line is not None
        try:
            answer = self._send(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # The server hangs up on a line that was quiet for a while, as browsers know: they dial again.
            self.hang_up()
            if not was_open:
                raise
            answer = self._send(method, path, body, headers)
        content = answer.read()
        for text in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(text).items():
                self.cookies[name] = morsel.value
        return Answer(answer.status, content, dict(answer.headers))

    def _send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if self.line is None:
            self.line = http.client.HTTPConnection(HOST, self.port, timeout=30)
        self.line.request(method, path, body, headers)
        return self.line.getresponse()


# One request of the client at this place, its so-and-so-manieth.
Turn = Callable[[int, int], Answer]


@dataclass
class Sample:
    """What one contender did in its slices of time."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bytes: int = 0
    web_cpu: float = 0.0
    database_cpu: float = 0.0

    @property
    def requests(self) -> int:
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    def percentile(self, part: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0

    def add(self, other: Sample) -> None:
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.bytes = max(self.bytes, other.bytes)
        self.web_cpu += other.web_cpu
        self.database_cpu += other.database_cpu


def drive(turn: Turn, *, clients: int, seconds: float, most: int) -> Sample:
    """Let every client take turns until the time is over or `most` answers are in. The first failure ends it."""
    sample, lock, failures = Sample(), threading.Lock(), []
    began = time.perf_counter()
    over = began + seconds
    share = max(1, most // clients)

    def visit(place: int) -> None:
        latencies, size = [], 0
        try:
            for number in range(share):
                start = time.perf_counter()
                if start >= over or failures:
                    break
                size = len(turn(place, number).body)
                latencies.append(time.perf_counter() - start)
        except Exception as failure:  # Told to the thread that waits.
            failures.append(failure)
        with lock:
            sample.latencies.extend(latencies)
            sample.bytes = max(sample.bytes, size)

    crowd = [threading.Thread(target=visit, args=(place,)) for place in range(clients)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    if failures:
        raise failures[0]
    sample.seconds = time.perf_counter() - began
    return sample


def reply(visitor: Visitor, path: str) -> Answer:
    return visitor.post(path, {"body": BODY * 3, "form_token": str(uuid4())})
