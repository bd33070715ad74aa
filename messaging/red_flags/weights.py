"""The second reader: a table of weights, learned from labelled messages, for wordings that no rule foresaw.

`learned/table.tsv` says how much each mark of a text speaks for each grade; `script/bench red-flags --learn` writes
it. It is data like the rules, with a version, and a reviewer who has to sign it. It gives its reasons: the words that
weighed most.
"""

from __future__ import annotations

import math
import tomllib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from messaging.red_flags.concepts import BadConcepts, Concepts
from messaging.red_flags.finding import Grade, Sign
from messaging.red_flags.marks import Mark, marks, passages
from messaging.red_flags.rules import BadRules, rules, signature
from messaging.red_flags.words import Words

FOLDER = Path(__file__).resolve().parent / "learned"
CODE = "weighed"
# A mark that the rules make: they saw words of danger, and others took the meaning away.
TAKEN_AWAY = "&taken-away"
NOTED = 1.0
# What a text is weighed against at the least: in "Every day." nothing stands beside the word that says a little.
LEAST = 20.0
# Of fewer words than this it has to be surer, and the rules are believed: so little is said that one word decides.
FEW, SURER = 8, 0.45
# A message of this many words is a letter, in which one dangerous sentence weighs little: two sentences in a row count
# by themselves where the table is this much surer of them than it has to be of a whole message.
MANY, ALONE = 50, 0.33
SCALE = 100.0
# Words that are shown as found.
MOST_SHOWN = 12
HEAD = frozenset(
    "version reviewer reviewed learned flag sure certain feared crisis emergency start".split()  # noqa: SIM905
)
Weight = tuple[float, float, float]
Found = list[tuple[Words, list[Mark]]]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the table says of a message.

    `believes` is the least pressing grade at which it believes a rule that found something; None: at no grade.
    """

    sign: Sign | None
    believes: Grade | None


class Table:
    """What each mark weighs. Kept packed: tens of thousands of rows in every process would be as many objects."""

    __slots__ = ("_packed", "_places")

    def __init__(self, rows: Iterable[tuple[str, tuple[int, int, int]]]) -> None:
        self._places: dict[str, int] = {}
        self._packed = array("h")
        for name, hundredths in rows:
            self._places[name] = len(self._packed)
            self._packed.extend(hundredths)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, name: str) -> Weight | None:
        place = self._places.get(name)
        if place is None:
            return None
        crisis, emergency, same_day = self._packed[place : place + 3]
        return crisis / SCALE, emergency / SCALE, same_day / SCALE


@dataclass(frozen=True, slots=True)
class Weights:
    version: str
    learned: str  # what the table was learned from: a digest of it
    concepts: Concepts
    table: Table
    start: Weight
    flag: float
    sure: float
    certain: float
    feared: float
    lean: Weight

    def weigh(self, readings: list[Words], noted: tuple[str, ...]) -> Weighed:
        """Weigh the texts of one message, as a whole and passage by passage. Takes a time that grows with their
        length."""
        found = [(words, list(marks(words.rows, self.concepts))) for words in readings]
        harmless, likely = self._likely(_counted(noted, *(those for _words, those in found)))
        worst, sign = self._worst_passage(found if is_letter(readings) else [])
        is_short = _length(readings) < FEW
        # A rule that found a thought of death in a letter is heard where any two sentences leave a doubt.
        believes = None if harmless >= self.certain and worst >= self.certain else Grade.SAME_DAY
        if harmless >= self.sure and not is_short and believes is not None:
            believes = Grade.CRISIS
        signs = []
        if harmless < self.flag * (SURER if is_short else 1.0):
            signs.append(self._sign(likely, found))
        elif likely[0] > self.feared and not is_short:
            signs.append(self._sign([1.0, 0.0, 0.0], found))
        if sign is not None and worst < self.flag * ALONE:
            signs.append(sign)
        return Weighed(min(signs, key=lambda sign: sign.grade, default=None), believes)

    def _worst_passage(self, found: Found) -> tuple[float, Sign | None]:
        """How likely it holds that nothing is dangerous in the worst two sentences, and what they are."""
        worst, sign = 1.0, None
        for words, those in found:
            for passage in passages(words.rows, those):
                harmless, likely = self._likely(_counted((), passage))
                if harmless < worst:
                    worst, sign = harmless, self._sign(likely, [(words, passage)])
        return worst, sign

    def _likely(self, counted: dict[str, float]) -> tuple[float, list[float]]:
        """How likely it holds that nothing is dangerous, and each grade."""
        known = [
            (weight, much) for name, much in counted.items() if (weight := self.table.get(name)) is not None
        ]
        length = math.sqrt(max(LEAST, sum(much * much for _weight, much in known)))
        scores = list(self.start)
        for weight, much in known:
            for grade in range(3):
                scores[grade] += weight[grade] * much / length
        top = max(0.0, *scores)
        powers = [math.exp(score - top) for score in scores]
        total = math.exp(-top) + sum(powers)
        return math.exp(-top) / total, [power / total for power in powers]

    def _sign(self, likely: list[float], found: Found) -> Sign:
        grade = max(range(3), key=lambda at: likely[at] * self.lean[at])
        return Sign(Grade(grade + 1), CODE, self._said(found, grade))

    def _said(self, found: Found, grade: int) -> str:
        """The few words in a row that weighed most."""
        best, shown = 0.0, ""
        for words, those in found:
            spoke = [0.0] * len(words.rows)
            for mark in those:
                weight = self.table.get(mark.name)
                if weight is not None and weight[grade] > 0 and mark.start < mark.end:
                    for place in range(mark.start, mark.end):
                        spoke[place] += weight[grade] * mark.much / (mark.end - mark.start)
            most = min(MOST_SHOWN, len(spoke))
            total = sum(spoke[:most])
            for start in range(max(0, len(spoke) - most) + 1):
                if start:
                    total += spoke[start + most - 1] - spoke[start - 1]
                if most and total > best:
                    best, shown = total, words.said(start, start + most)
        return shown or next(
            (words.said(0, min(MOST_SHOWN, len(words.rows))) for words, _those in found if words.rows), ""
        )


def count(readings: list[Words], noted: tuple[str, ...], concepts: Concepts) -> dict[str, float]:
    """Every mark of a message, with how much it counts."""
    return _counted(noted, *(marks(words.rows, concepts) for words in readings))


def count_passages(readings: list[Words], concepts: Concepts) -> Iterable[dict[str, float]]:
    """The same, of each passage of a letter."""
    for words in readings:
        for passage in passages(words.rows, marks(words.rows, concepts)):
            yield _counted((), passage)


def is_letter(readings: list[Words]) -> bool:
    return _length(readings) >= MANY


def _length(readings: list[Words]) -> int:
    return sum(len(words.rows) for words in readings)


def _counted(noted: tuple[str, ...], *found: Iterable[Mark]) -> dict[str, float]:
    counted = dict.fromkeys(noted, NOTED)
    for mark in chain.from_iterable(found):
        if mark.much > counted.get(mark.name, 0.0):
            counted[mark.name] = mark.much
    return counted


@cache
def weights() -> Weights:
    """The table that ships with the portal, read when the first text is looked at."""
    return read(FOLDER)


def read(folder: Path) -> Weights:
    """Read and check the table in `folder`. Raises `BadRules`."""
    of_concepts, concepts = read_concepts(folder)
    head: dict[str, str] = {}
    try:
        with (folder / "table.tsv").open(encoding="utf-8") as lines:
            for line in lines:
                if line == "\n":
                    break
                name, _, value = line.rstrip("\n").partition("\t")
                head[name] = value
            table = Table(_row(line) for line in lines)
        start = _three(head["start"])
        flag, sure, certain, feared = (float(head[name]) for name in ("flag", "sure", "certain", "feared"))
        lean = (float(head["crisis"]), float(head["emergency"]), 1.0)
        learned = head["learned"]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, OverflowError) as bad:
        raise BadRules(f"table.tsv: {type(bad).__name__} {bad}") from bad
    if unknown := sorted(set(head) - HEAD):
        raise BadRules(f"table.tsv: unknown: {', '.join(unknown)}")
    if not 0.0 < flag <= sure <= certain <= 1.0 or not 0.0 < feared <= 1.0 or not len(table):
        raise BadRules("table.tsv: nothing could be found by it")
    if {signature(head, "table.tsv")[0], of_concepts} != {rules().version}:
        raise BadRules("table.tsv: not of the version of the rules")
    return Weights(of_concepts, learned, concepts, table, start, flag, sure, certain, feared, lean)


def read_concepts(folder: Path) -> tuple[str, Concepts]:
    """The concepts with their version. Raises `BadRules`."""
    try:
        known = tomllib.loads((folder / "concepts.toml").read_text(encoding="utf-8"))
        concepts = Concepts.read(known.pop("concepts"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, BadConcepts) as bad:
        raise BadRules(f"concepts.toml: {type(bad).__name__} {bad}") from bad
    if unknown := sorted(set(known) - {"version", "reviewer", "reviewed"}):
        raise BadRules(f"concepts.toml: unknown: {', '.join(unknown)}")
    return signature(known, "concepts.toml")[0], concepts


def _three(text: str) -> Weight:
    crisis, emergency, same_day = (float(part) for part in text.split())
    return crisis, emergency, same_day


def _row(line: str) -> tuple[str, tuple[int, int, int]]:
    name, *parts = line.split("\t")
    crisis, emergency, same_day = (int(part) for part in parts)
    return name, (crisis, emergency, same_day)
