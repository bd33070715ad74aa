"""What a large file costs a web worker in memory, on its way in and on its way out: `script/bench files`."""

from __future__ import annotations

import argparse
import io
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

from PIL import Image

from bench.client import Answer, Visitor, WrongAnswer
from bench.house import CannotMeasure, Ground, House, resident_mb

GOAL_MB = 30
# The least that the loader loads: what is measured here does not depend on how much there is.
SIZE = {"threads": 60, "messages": 600, "events": 300}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/bench files", description=__doc__)
    parser.add_argument("--at-once", type=int, default=4, help="uploads at a time in the second run")
    options = parser.parse_args(arguments)
    ground = Ground(keep=False)
    try:
        ground.open()
        house = House(ground, "bench_files", SIZE, workers=1)
        house.fill()
        house.open(sessions=options.at_once)
        house.open_alone()
        found = measure(house, at_once=options.at_once)
    except (CannotMeasure, WrongAnswer) as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        ground.close()
    print(report(found))
    return 0 if found["one"]["more_mb"] < GOAL_MB else 1


def measure(house: House, *, at_once: int) -> dict[str, Any]:
    (worker,) = house.workers_running()
    visitors = [Visitor(house.port, {"session": key}) for key in house.sessions["ana"]["portal"][:at_once]]
    path, *others = (f"/messages/{ref}/" for ref in house.facts["anas"][: at_once + 1])
    for visitor in visitors:
        visitor.take_token(path)
    # Everything that a worker loads once is loaded before it is measured.
    _send(visitors[0], path, photo(400))
    large = photo(10_000_000)
    one = _peak(worker, lambda: _send(visitors[0], path, large))
    pairs = list(zip(visitors, others, strict=False))
    several = _peak(worker, lambda: _all([partial(_send, visitor, other, large) for visitor, other in pairs]))
    visitors[0].hang_up()
    # The list ends with the large one.
    ref = json.loads(visitors[0].get(f"/api/v1{path.replace('messages', 'threads')}files/").body)[-1]["id"]
    out = _peak(worker, lambda: visitors[0].get(f"/files/{ref}/"))
    return {"bytes": len(large), "at_once": at_once, "one": one, "several": several, "out": out}


def _send(visitor: Visitor, path: str, content: bytes) -> Answer:
    mark = uuid4().hex
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{visitor.token}\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="photo.jpg"\r\n\r\n'
    )
    body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}", "X-Part": "files"}
    visitor.hang_up()  # The server has not waited while the photo was drawn.
    answer = visitor._ask("POST", f"{path}files/", body, headers)  # type: ignore[arg-type]  # bytes do as well
    if answer.status != 200:
        raise WrongAnswer(f"A file was not taken: {answer.status} {answer.body[:300]!r}")
    return answer


def _all(acts: list[Any]) -> None:
    with ThreadPoolExecutor(len(acts)) as crowd:
        for done in [crowd.submit(act) for act in acts]:
            done.result()


def _peak(worker: int, act: Any) -> dict[str, float]:
    """How much more than before the worker held at most while this went on."""
    before = highest = resident_mb(worker)
    over = threading.Event()

    def look() -> None:
        nonlocal highest
        while not over.wait(0.002):
            highest = max(highest, resident_mb(worker))

    looking = threading.Thread(target=look)
    looking.start()
    began = time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    over.set()
    looking.join()
    return {"before_mb": before, "peak_mb": highest, "more_mb": highest - before, "seconds": seconds}


def photo(size: int) -> bytes:
    """A JPEG of about so many bytes: noise, which does not get smaller by being packed."""
    side = max(16, int((size / 1.35) ** 0.5))
    image = Image.effect_noise((side, side), 90).convert("RGB")
    image.save(out := io.BytesIO(), "JPEG", quality=96)
    content = out.getvalue()
    while len(content) > 9_900_000:
        side = side * 9 // 10
        Image.effect_noise((side, side), 90).convert("RGB").save(out := io.BytesIO(), "JPEG", quality=96)
        content = out.getvalue()
    return content


def report(found: dict[str, Any]) -> str:
    words = {
        "one": "one upload",
        "several": f"{found['at_once']} uploads at once",
        "out": "one download",
    }
    lines = [f"Memory of a web worker, with photos of {found['bytes'] / 1e6:.1f} MB", ""]
    lines += ["| | before | peak | more | took |", "|---|---|---|---|---|"]
    for key, what in words.items():
        run = found[key]
        lines.append(
            f"| {what} | {run['before_mb']:.0f} MB | {run['peak_mb']:.0f} MB | {run['more_mb']:.1f} MB "
            f"| {run['seconds']:.1f} s |"
        )
    lines += ["", f"Goal: one upload takes less than {GOAL_MB} MB."]
    return "\n".join(lines)
