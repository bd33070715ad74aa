"""Load a clinic, start the real server, and measure each page beside the same page as a plain Django view."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench import files, measure, red_flags, report, search
from bench.client import WrongAnswer
from bench.house import BARE, PLAIN, CannotMeasure, Ground, House
from bench.measure import Contender, compare, contenders_of
from bench.pages import PAGES
from portal.local.broker import BrokerUnavailable
from portal.local.postgres import PostgresUnavailable

MOST_MESSAGES = 1_000_000
USUAL_LENGTH = 10


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "--threads", type=int, help="conversations to load (10,000 unless --messages says more)"
    )
    parser.add_argument("--messages", type=int, help=f"messages to load, up to {MOST_MESSAGES:,}")
    parser.add_argument("--events", type=int, help="audit events to load (five a conversation)")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="measured time for each page and contender"
    )
    parser.add_argument("--clients", type=int, default=4, help="browsers at a time")
    parser.add_argument(
        "--requests",
        type=int,
        default=2_000,
        help="length of the mixed run for memory (10,000 for the goal); 0: none",
    )
    parser.add_argument("--growth", type=int, default=0, help="compare with so many conversations besides")
    parser.add_argument(
        "--pages", default="", help="only these, with commas: " + ", ".join(p.key for p in PAGES)
    )
    parser.add_argument("--no-tax", action="store_true", help="leave out the server without seal and audit")
    parser.add_argument("--json", type=Path, help="write every figure to this file as well")
    parser.add_argument("--keep", action="store_true", help="keep the loaded databases for the next run")
    options = parser.parse_args(arguments)
    threads, messages = options.threads, options.messages
    options.threads = threads or (max(60, messages // USUAL_LENGTH) if messages else 10_000)
    options.messages = messages or options.threads * USUAL_LENGTH
    options.events = options.events or options.threads * 5
    if options.messages > MOST_MESSAGES:
        parser.error(f"at most {MOST_MESSAGES:,} messages")
    if options.threads < 60 or options.seconds <= 0 or options.clients < 1:
        parser.error("at least 60 threads, some time, and one client")
    return options


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["files"]:
        return files.main(given[1:])
    if given[:1] == ["search"]:
        return search.main(given[1:])
    if given[:1] == ["red-flags"]:
        return red_flags.main(given[1:])  # asks no server
    options = options_of(given)
    signal.signal(signal.SIGTERM, _interrupt)
    ground: Ground | None = None
    try:
        ground = Ground(keep=options.keep)
        ground.open()
        found = run(ground, options)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except (CannotMeasure, WrongAnswer, PostgresUnavailable, BrokerUnavailable) as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # Half-closed would leave servers behind.
        if ground is not None:
            ground.close()
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    print(report.table(found))
    return 0


def run(ground: Ground, options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    size = {"threads": options.threads, "messages": options.messages, "events": options.events}
    house = _house(ground, PLAIN, size, options)
    bare = None if options.no_tax else _house(ground, BARE, size, options, bare=True)
    wanted = {key for key in options.pages.split(",") if key} or {page.key for page in PAGES}
    found: dict[str, Any] = {
        "facts": {key: house.facts[key] for key in ("threads", "messages", "events", "patients")},
        "machine": {
            "cores": os.cpu_count(),
            "postgres": ground.cluster.version,
            "python": platform.python_version(),
            "load": round(os.getloadavg()[0], 1),
            "at": time.strftime("%Y-%m-%d %H:%M"),
        },
        "clients": options.clients,
        "workers": house.workers,
        "seconds": options.seconds,
        "pages": [],
    }
    for page in PAGES:
        if page.key not in wanted:
            continue
        say(f"measuring  {page.words}")
        contenders = contenders_of(page, house, bare)
        compare(contenders, clients=options.clients, seconds=options.seconds)
        found["pages"].append(_page(page, contenders))
    say("measuring  our own time")
    rounds = 2000 if options.seconds >= 1 else 50
    found["own"] = json.loads(house.run("-m", "bench.inside", "own", f"--rounds={rounds}"))
    if options.growth:
        found["growth"] = growth(ground, house, options, wanted)
    if options.requests:
        say(f"measuring  memory over {options.requests:,} mixed requests")
        house.open_alone()
        found["memory"] = measure.memory(house, requests=options.requests, clients=options.clients)
    found["took_seconds"] = round(time.monotonic() - began)
    return found


def _house(
    ground: Ground, database: str, size: dict[str, int], options: argparse.Namespace, *, bare: bool = False
) -> House:
    house = House(ground, database, size, bare=bare)
    say(f"loading    {size['threads']:,} threads{' without seal and audit' if bare else ''}")
    house.fill()
    house.open(sessions=max(4, options.clients))
    return house


def _page(page: Any, contenders: list[Contender]) -> dict[str, Any]:
    by_name = {contender.name: contender for contender in contenders}

    def ratio(name: str) -> float:
        other = by_name[name].sample.per_second
        return round(by_name["product"].sample.per_second / other, 3) if other else 0.0

    def cpu_ratio(name: str) -> float:
        ours = by_name["product"].figures()["cpu_ms"]
        return round(by_name[name].figures()["cpu_ms"] / ours, 3) if ours else 0.0

    found = {
        "key": page.key,
        "words": page.words,
        "goal": page.goal,
        "next_goal": page.next_goal,
        "ratio": ratio("floor"),
        # How much less processor time a request takes: the same comparison, whoever else uses the machine.
        "by_cpu": cpu_ratio("floor"),
        "contenders": {contender.name: contender.figures() for contender in contenders},
    }
    if "bare" in by_name:
        found["tax"] = ratio("bare")
        found["tax_by_cpu"] = cpu_ratio("bare")
    if "django templates" in by_name:
        found["engine"] = ratio("django templates")
        found["engine_by_cpu"] = cpu_ratio("django templates")
    if page.is_send:
        found["ratio_to_bare_floor"] = ratio("floor, telling nobody")
        found["by_cpu_to_bare_floor"] = cpu_ratio("floor, telling nobody")
    return found


def growth(
    ground: Ground, house: House, options: argparse.Namespace, wanted: set[str]
) -> list[dict[str, Any]]:
    """The same pages in a larger clinic, in turns with this one."""
    size = {
        "threads": options.growth,
        "messages": options.growth * USUAL_LENGTH,
        "events": options.growth * 5,
    }
    larger = _house(ground, "bench_larger", size, options)
    found = []
    for page in PAGES:
        if page.key not in wanted:
            continue
        small, large = Contender("small", house, page), Contender("large", larger, page)
        compare([small, large], clients=options.clients, seconds=options.seconds)
        found.append(
            {
                "key": page.key,
                "words": f"{page.words}, {options.threads:,} to {options.growth:,} threads",
                "p50": round(large.sample.percentile(0.5) / small.sample.percentile(0.5), 3),
                "p95": round(large.sample.percentile(0.95) / small.sample.percentile(0.95), 3),
                "statements": f"{small.statements} and {large.statements}",
            }
        )
    return found


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
