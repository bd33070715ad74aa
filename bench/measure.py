"""Measuring: contenders in alternating slices on one machine, so that its drift falls on all of them alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bench.client import Sample, Visitor, WrongAnswer, drive
from bench.house import cpu_seconds, resident_mb
from bench.pages import PAGES, ROWS, Page

if TYPE_CHECKING:
    from bench.client import Answer
    from bench.house import House

MOST_A_SLICE = 20_000
LONGEST_RUN = 600.0
COUNT = {"X-Bench-Count": "1"}


@dataclass
class Contender:
    """One way to answer a page: which server, which address, which session."""

    name: str
    house: House
    page: Page
    floor: str = ""
    path: str = ""
    visitors: list[Visitor] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    sample: Sample = field(default_factory=Sample)
    statements: int = 0
    before_view: int = 0

    def prepare(self, clients: int) -> None:
        keys = self.house.sessions[self.page.person]["floor" if self.floor else "portal"]
        facts = self.house.facts
        for place in range(clients):
            visitor = Visitor(self.house.port, {"session": keys[place]})
            if self.page.is_send:
                visitor.take_token(self.page.form(facts, floor=bool(self.floor), place=place))
            self.visitors.append(visitor)
            self.paths.append(self.path or self.page.path(facts, floor=self.floor, place=place))
            visitor.hang_up()  # The server lets go of a line that is idle for seconds.
        self._count()
        for place in range(clients):  # Warm: templates compiled, keys opened, connections made.
            for number in range(4):
                self.turn(place, number)
        self.hang_up()

    def turn(self, place: int, number: int) -> Answer:
        answer = self.page.ask(self.visitors[place], self.paths[place])
        if answer.status != self.page.status:
            raise WrongAnswer(f"{self.name} answered {self.paths[place]} with {answer.status}.")
        return answer

    def slice(self, seconds: float) -> None:
        workers, databases = self.house.workers_running(), self.house.ground.postgres_processes()
        web, database = cpu_seconds(workers), cpu_seconds(databases)
        sample = drive(self.turn, clients=len(self.visitors), seconds=seconds, most=MOST_A_SLICE)
        sample.web_cpu = cpu_seconds(workers) - web
        sample.database_cpu = cpu_seconds(databases) - database
        self.sample.add(sample)
        self.hang_up()

    def hang_up(self) -> None:
        for visitor in self.visitors:
            visitor.hang_up()

    def _count(self) -> None:
        visitor = self.visitors[0]
        path = self.paths[0]
        for _time in range(2):  # The first fills the caches of the process that happens to answer.
            answer = visitor.post(path, _form(), **COUNT) if self.page.is_send else visitor.get(path, **COUNT)
        if answer.status != self.page.status:
            raise WrongAnswer(f"{self.name} answered {path} with {answer.status}.")
        rows = answer.body.count(ROWS[self.page.key]) if self.page.rows else 0
        if rows < self.page.rows and self.house.size["threads"] >= ENOUGH:
            raise WrongAnswer(f"{self.name}: {path} shows {rows} rows and not {self.page.rows}.")
        self.statements = int(answer.headers["X-Statements"])
        self.before_view = int(answer.headers["X-Statements-Before"])
        self.sample.bytes = len(answer.body)
        visitor.hang_up()

    def figures(self) -> dict[str, Any]:
        sample = self.sample
        each = max(1, sample.requests)
        return {
            "requests": sample.requests,
            "per_second": round(sample.per_second, 1),
            "p50_ms": round(sample.percentile(0.50), 2),
            "p95_ms": round(sample.percentile(0.95), 2),
            "web_cpu_ms": round(sample.web_cpu / each * 1000, 2),
            "database_cpu_ms": round(sample.database_cpu / each * 1000, 2),
            "cpu_ms": round((sample.web_cpu + sample.database_cpu) / each * 1000, 2),
            "statements": self.statements,
            "before_view": self.before_view,
            "bytes": sample.bytes,
        }


ENOUGH = 1_000


def _form() -> dict[str, str]:
    return {"body": "A reply, to count its statements.", "form_token": str(uuid4())}


def compare(contenders: list[Contender], *, clients: int, seconds: float) -> None:
    """Take turns in slices of about a second, each round in another order."""
    for contender in contenders:
        contender.prepare(clients)
    rounds = max(2, round(seconds))
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]][:: -1 if number % 2 else 1]:
            contender.slice(seconds / rounds)


def contenders_of(page: Page, house: House, bare: House | None) -> list[Contender]:
    found = [Contender("product", house, page), Contender("floor", house, page, floor="floor")]
    if page.is_send:
        found.append(Contender("floor, telling nobody", house, page, floor="bare-floor"))
    if page.key == "team":
        found.append(Contender("django templates", house, page, path="/bench/inbox/"))
    if bare is not None:
        found.append(Contender("bare", bare, page))
    return found


def memory(house: House, *, requests: int, clients: int) -> dict[str, Any]:
    """Resident memory of the web workers before, half-way and after a mixed run of so many requests."""
    people = {
        key: [Visitor(house.port, {"session": held["portal"][place]}) for place in range(clients)]
        for key, held in house.sessions.items()
    }
    for place, visitor in enumerate(people["ana"]):
        visitor.take_token(PAGES[0].form(house.facts, floor=False, place=place))

    def turn(place: int, number: int) -> Answer:
        page = PAGES[number % len(PAGES)]
        answer = page.ask(people[page.person][place], page.path(house.facts, place=place))
        if answer.status != page.status:
            raise WrongAnswer(f"{answer.status} in the mixed run, from {page.words}.")
        return answer

    workers = house.workers_running()
    stations = [[round(resident_mb(pid), 1) for pid in workers]]
    sample = Sample()
    for _half in range(2):
        sample.add(drive(turn, clients=clients, seconds=LONGEST_RUN, most=requests // 2))
        for visitors in people.values():
            for visitor in visitors:
                visitor.hang_up()
        stations.append([round(resident_mb(pid), 1) for pid in workers])
    grown = (sum(stations[2]) - sum(stations[1])) * 1024 / max(1, sample.requests / 2)
    return {
        "requests": sample.requests,
        "per_second": round(sample.per_second, 1),
        "start_mb": stations[0],
        "half_mb": stations[1],
        "end_mb": stations[2],
        "kb_a_request_in_second_half": round(grown, 3),
    }
