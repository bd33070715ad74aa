"""Learning the table of weights from labelled messages: `script/bench red-flags --learn`. Plain Python; the same sets
give the same table."""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from messaging.red_flags.concepts import Concepts
from messaging.red_flags.reading import for_learning
from messaging.red_flags.rules import rules
from messaging.red_flags.weights import LEAST, count, count_passages, is_letter

Row = tuple[str, str, str, str]  # language, grade, subject, body
Table = dict[str, tuple[float, float, float]]
GRADES = ("crisis", "emergency", "same_day", "none")
ROUNDS = 14
STEP = 0.5
HOLD = 0.05  # how much large weights are held back, the more the seldomer a mark is seen
SEEN = 2  # a mark seen less often than this is chance
KEPT = 40_000
SCALE = 100.0
# Below this share of harmlessness a message is flagged; above the second a rule is not believed, above the third not
# even one that found a thought of death.
FLAG, SURE, CERTAIN = 0.6, 0.6, 0.9
# A crisis that is this likely is taken for one, whatever the rest: few messages of a hundred are one, and it is missed
# at the highest price.
FEARED = 0.25
# How much more readily the more pressing of two grades is taken.
LEAN = (4.0, 1.4)
# What speaks for a grade before a word is read: against each of them, or a text in no known word would be flagged.
START = -2.0


def digest(rows: Iterable[Row]) -> str:
    """What a table was learned from, in a word."""
    return hashlib.sha256("\n".join(sorted("\t".join(row) for row in rows)).encode()).hexdigest()[:16]


def learn(rows: Sequence[Row], concepts: Concepts) -> Table:
    """Three weights for each mark, those for `none` being nothing: by stochastic steps that shrink where a mark has
    been seen often."""
    graded = list(_examples(rows, concepts))
    found = [one for _grade, one in graded]
    seen = Counter(name for one in found for name in one)
    numbers = {
        name: at for at, name in enumerate(sorted(name for name, times in seen.items() if times >= SEEN))
    }
    examples = []
    for grade, one in graded:
        pairs = [(numbers[name], much) for name, much in one.items() if name in numbers]
        length = math.sqrt(max(LEAST, sum(much * much for _at, much in pairs)))
        examples.append((GRADES.index(grade), [(at, much / length) for at, much in pairs]))
    hold = [HOLD / seen[name] for name in numbers]
    weights = [[0.0] * len(numbers) for _ in range(3)]
    moved = [[1e-4] * len(numbers) for _ in range(3)]
    order = list(range(len(examples)))
    chance = random.Random(1)  # noqa: S311  an order, and always the same one
    for _ in range(ROUNDS):
        chance.shuffle(order)
        for number in order:
            grade, marked = examples[number]
            likely = _likely([START + sum(weights[k][at] * much for at, much in marked) for k in range(3)])
            for k in range(3):
                wrong = likely[k] - (grade == k)
                if abs(wrong) < 1e-3:
                    continue
                row, gone = weights[k], moved[k]
                for at, much in marked:
                    slope = wrong * much + hold[at] * row[at]
                    gone[at] += slope * slope
                    row[at] -= STEP * slope / math.sqrt(gone[at])
    size = {name: max(abs(weights[k][at]) for k in range(3)) for name, at in numbers.items()}
    kept = sorted(size, key=lambda name: (-size[name], name))[:KEPT]
    return {
        name: (weights[0][numbers[name]], weights[1][numbers[name]], weights[2][numbers[name]])
        for name in kept
    }


def _examples(rows: Sequence[Row], concepts: Concepts) -> Iterable[tuple[str, dict[str, float]]]:
    """Every message, and of a harmless letter every passage: nothing in it is dangerous by itself either."""
    for _language, grade, subject, body in rows:
        readings, noted = for_learning(subject, body)
        yield grade, count(readings, noted, concepts)
        if grade == "none" and is_letter(readings):
            yield from ((grade, one) for one in count_passages(readings, concepts))


def _likely(scores: list[float]) -> list[float]:
    top = max(0.0, *scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.exp(-top) + sum(powers)
    return [power / total for power in powers]


def write(table: Table, path: Path, *, learned_from: str) -> None:
    by = rules()
    head = {
        "version": by.version,
        "reviewer": by.reviewer,
        "reviewed": by.reviewed.isoformat() if by.reviewed else "",
        "learned": learned_from,
        "flag": str(FLAG),
        "sure": str(SURE),
        "certain": str(CERTAIN),
        "feared": str(FEARED),
        "crisis": str(LEAN[0]),
        "emergency": str(LEAN[1]),
        "start": " ".join([f"{START:.3f}"] * 3),
    }
    lines = [f"{name}\t{value}" for name, value in head.items()] + [""]
    for name in sorted(table):
        lines.append("\t".join((name, *(str(round(weight * SCALE)) for weight in table[name]))))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
