"""Search by words: what a search costs one patient, what it costs in a large clinic, and what it adds to a send."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.house import CannotMeasure, Ground, House
from bench.writing import WORDS, Writer
from portal.local.postgres import PostgresUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

DATABASE = "bench_search"
# Ana has sixty conversations: with so many messages in each, she has two thousand.
LENGTH = 34
KINDS = (
    "a word in half of her messages",
    "a word in one of fifty",
    "two words",
    "a phrase",
    "a word nowhere",
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/bench search", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="messages in the clinic")
    parser.add_argument("--rounds", type=int, default=60, help="searches of each kind")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    ground: Ground | None = None
    try:
        ground = Ground(keep=False)
        ground.cluster.hold()
        threads = max(60, options.messages // LENGTH)
        house = House(ground, DATABASE, {"threads": threads, "messages": options.messages, "events": threads})
        ground.new_database(DATABASE)
        house.run("manage.py", "provision", "--verbosity=0", PORTAL_DB_ROLE="owner")
        house.run("manage.py", "collectstatic", "--noinput", "--verbosity=0", PORTAL_DB_ROLE="app")
        said = house.run(
            "-m", "bench.search", "inside", str(options.messages), str(options.rounds),
            PORTAL_DB_ROLE="owner", BROKER_URL="memory://",
        )  # fmt: skip
    except (CannotMeasure, PostgresUnavailable) as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        if ground is not None:
            ground.close()
    found = json.loads(said)
    print(said if options.json else table(found))
    return 0


def table(found: dict[str, Any]) -> str:
    lines = [
        f"{found['messages']:,} messages in the clinic, {found['anas']:,} of one patient; "
        f"words kept in {found['table_mb']} MB and found by {found['index_mb']} MB of index",
        "",
        f"{'a search by the patient':42} {'hits':>6} {'p50 ms':>8} {'p95 ms':>8} {'SQL p95 ms':>11} {'CPU ms':>8}",
        *(
            f"{kind:42} {row['hits']:>6} {row['p50']:>8} {row['p95']:>8} {row['sql_p95']:>11} {row['cpu']:>8}"
            for kind, row in found["searches"].items()
        ),
        "",
        f"the first search of a worker that has just started: {found['first']} ms",
        f"the same words over all {found['pool_patients']:,} patients of a team: p50 {found['pool']['p50']} ms, "
        f"p95 {found['pool']['p95']} ms",
        f"a message sent: {found['send']['without']} ms without its words, {found['send']['with']} ms with them "
        f"(+{found['send']['percent']} %), of which {found['send']['digests']} ms for the digests",
    ]
    return "\n".join(lines)


class WideWriter(Writer):
    """Writes with some thousand words, as often as people use them: few often, most of them rarely."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        parts = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu".split()  # noqa: SIM905
        rare = ["".join(self.random.choices(parts, k=self.random.randint(2, 4))) for _ in range(4_000)]
        self.words = [*WORDS, *rare]
        self.weights = [1 / (place + 3) for place in range(len(self.words))]

    def _words(self, least: int, most: int) -> str:
        length = self.random.randint(least, most)
        return " ".join(self.random.choices(self.words, self.weights, k=length))

    def body(self) -> str:
        rare = " zebra crossing" if self.random.random() < 0.02 else ""
        return super().body() + (" oxygen" if self.random.random() < 0.5 else "") + rare


def inside(messages: int, rounds: int) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from accounts.models import CareRelationship, Session, Strength
    from audit import blind_index
    from bench.loading import Loader, Size
    from messaging.models import Message, Thread, messages_having

    threads = max(60, messages // LENGTH)
    loader = Loader(Size(threads, messages, threads))
    loader.writer = WideWriter(seed=7)
    facts = loader.load()
    ana, patient = loader.practice.users["ana"], loader.practice.patients["ana"]
    session = Session.objects.begin(by=ana, browser="Firefox")
    session.strengthen(by=ana, strength=Strength.FULL, factor="totp")
    browser = Client(headers={"host": settings.ALLOWED_HOSTS[0].lstrip("*.") or "127.0.0.1"})
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.key
    spent: list[float] = []

    def timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if "messaging_messagewords" in sql and "LATERAL" in sql:
                spent.append(time.perf_counter() - began)

    typed = dict(
        zip(KINDS, ("oxygen", "zebra", "oxygen crossing", '"zebra crossing"', "xylophone"), strict=True)
    )
    import portal.wsgi  # noqa: F401  (a worker starts by it)

    # The first page of a process makes its templates and connections, whatever is looked for.
    began = time.perf_counter()
    browser.post("/messages/search/", {"look_for": "nothing yet"})
    first = round((time.perf_counter() - began) * 1000, 1)
    searches = {}
    for kind, words in typed.items():
        took: list[float] = []
        spent.clear()
        with connection.execute_wrapper(timed):
            used = time.process_time()
            for _round in range(rounds):
                began = time.perf_counter()
                answer = browser.post("/messages/search/", {"look_for": words})
                took.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.status_code  # noqa: S101
        used = (time.process_time() - used) * 1000 / rounds
        wanted = blind_index.Wanted.read(words)
        hits = Message.objects.filter(pk__in=messages_having(wanted, of=[patient.pk])).count()
        searches[kind] = {
            **_figures(took),
            "sql_p95": _figures(spent)["p95"],
            "hits": hits,
            "cpu": round(used, 1),
        }

    of_team = list(
        CareRelationship.objects.current()
        .filter(team=loader.practice.clinic.teams["okafor"])
        .values_list("patient", flat=True)
    )
    worked = Thread.objects.worked_by(loader.practice.users["maya"])
    pool = []
    for _round in range(max(5, rounds // 6)):
        began = time.perf_counter()
        found = messages_having(blind_index.Wanted.read("zebra crossing"), of=of_team)
        newest = Message.objects.filter(thread__in=worked, pk__in=found).order_by("-sent_at", "-id")
        list(newest.values_list("pk", flat=True)[:20])
        pool.append(time.perf_counter() - began)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size('messaging_messagewords'), pg_relation_size('message_words')")
        table_bytes, index_bytes = cursor.fetchone()
    return {
        "messages": facts["messages"],
        "anas": Message.objects.filter(patient=patient).count(),
        "table_mb": round(table_bytes / 2**20, 1),
        "index_mb": round(index_bytes / 2**20, 1),
        "first": first,
        "searches": searches,
        "pool": _figures(pool),
        "pool_patients": len(of_team),
        "send": _send(loader, Thread.objects.filter(patient=patient).first(), rounds),
    }


def _send(loader: Any, thread: Any, rounds: int) -> dict[str, float]:
    """The verb with its words and without, in turns."""
    from audit import blind_index
    from messaging.models import MessageWords

    ana = loader.practice.users["ana"]
    keep = MessageWords.keep
    took: dict[str, list[float]] = {"with": [], "without": [], "digests": []}
    for number in range(6 * rounds + 20):
        how = ("with", "without")[number % 2]
        body = loader.writer.body()
        MessageWords.keep = keep if how == "with" else _nothing  # type: ignore[method-assign]
        began = time.perf_counter()
        thread.post(author=ana, body=body)
        spent = time.perf_counter() - began
        if number >= 20:
            took[how].append(spent)
        began = time.perf_counter()
        blind_index.digests([body], owner_id=thread.patient_id)
        took["digests"].append(time.perf_counter() - began)
    MessageWords.keep = keep  # type: ignore[method-assign]
    middle = {name: round(statistics.median(values) * 1000, 2) for name, values in took.items()}
    return {**middle, "percent": round(100 * (middle["with"] / middle["without"] - 1), 1)}


def _nothing(*args: Any) -> None:
    return None


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    return {
        "p50": round(statistics.median(ordered) * 1000, 1),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000, 1),
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    json.dump(inside(int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
