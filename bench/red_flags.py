"""How well signs of danger are told from harmless words: against the labelled messages that ship with the tests."""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABELLED = Path(__file__).resolve().parent.parent / "tests" / "messaging" / "labelled"
# What the table of weights has learned from; and what neither it nor the rules were made with.
LEARNED = (
    *("development", "held-out", "fresh", "second", "third", "fourth", "ordinary", "triage", "practice"),
    *("short", "minds", "bodies", "today", "letters", "mixed", "harmless", "questions", "everyday", "pairs"),
    *("asked", "dark", "post", "kind", "quiet", "amid"),
)
UNLEARNED = ("exam", "second-exam", "third-exam")
SPLITS = LEARNED + UNLEARNED
NONE = "none"
GRADES = ("crisis", "emergency", "same_day", NONE)
# What is reached on the set that nobody learned from, less a little: nothing that is reached may be lost unseen.
FLOORS = {"crisis": 0.95, "emergency": 0.95, "same_day": 0.95, NONE: 0.93}
GOALS = {"crisis": 0.95, "emergency": 0.95, "same_day": 0.90, NONE: 0.90}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with the grade that a person gave it, and the one that the rules give it."""

    split: str
    language: str
    grade: str
    found: str


@dataclass(frozen=True)
class Score:
    """Of the messages of one grade, how many are found at that grade or a more pressing one; of harmless ones, how
    many are left alone. A false alarm is no miss, and a crisis that is shown 911 only is one."""

    table: Counter[tuple[str, str]]

    @classmethod
    def of(cls, messages: Iterable[Labelled]) -> Score:
        return cls(Counter((one.grade, one.found) for one in messages))

    def size(self, grade: str) -> int:
        return sum(self.table[grade, found] for found in GRADES)

    def share(self, grade: str) -> float | None:
        """Sensitivity for a grade; specificity for `none`."""
        size = self.size(grade)
        rank = GRADES.index(grade)
        right = GRADES[: rank + 1] if grade != NONE else (NONE,)
        return sum(self.table[grade, found] for found in right) / size if size else None


def labelled(split: str) -> list[tuple[str, str, str, str]]:
    """The messages of a split as (language, grade, subject, body)."""
    with (LABELLED / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [(language, grade, subject, body) for language, grade, subject, body in rows]


def measured(splits: Iterable[str] = SPLITS, *, by_rules_alone: bool = False) -> tuple[list[Labelled], float]:
    """Every message looked at, and the mean time for one in milliseconds."""
    from messaging.red_flags.reading import by_rules
    from messaging.red_flags.reading import look as by_both

    look = by_rules if by_rules_alone else by_both
    look("")  # the rules are read once, and not in the time of the first message
    messages = []
    began = time.perf_counter()
    for split in splits:
        for language, grade, subject, body in labelled(split):
            finding = look(subject, body)
            found = finding.grade.code if finding.grade is not None else NONE
            messages.append(Labelled(split, language, grade, found))
    return messages, (time.perf_counter() - began) * 1_000 / max(1, len(messages))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/bench red-flags", description=__doc__)
    parser.add_argument("--json", type=Path, help="write every figure to this file as well")
    parser.add_argument(
        "--learn", action="store_true", help="learn the table of weights again from the learned sets"
    )
    parser.add_argument(
        "--rules", action="store_true", help="measure the rules alone, without the table of weights"
    )
    options = parser.parse_args(arguments)
    _settings()
    if options.learn:
        learn()
    messages, each = measured(by_rules_alone=options.rules)
    print(report(messages, each))
    if options.json:
        options.json.write_text(json.dumps(figures(messages), indent=2) + "\n")
    total = Score.of(one for one in messages if one.split in LEARNED)
    return 0 if all((total.share(grade) or 0) >= goal for grade, goal in GOALS.items()) else 1


def learn() -> None:
    """Write the table of weights anew. Takes a few minutes."""
    from bench import learning
    from messaging.red_flags.weights import FOLDER, read_concepts, weights

    rows = [row for split in LEARNED for row in labelled(split)]
    table = learning.learn(rows, read_concepts(FOLDER)[1])
    learning.write(table, FOLDER / "table.tsv", learned_from=learning.digest(rows))
    weights.cache_clear()


def figures(messages: list[Labelled]) -> dict[str, Any]:
    return {
        name: {grade: {"size": score.size(grade), "share": score.share(grade)} for grade in GRADES}
        for name, score in _scores(messages).items()
    }


def report(messages: list[Labelled], each: float) -> str:
    from messaging.red_flags.rules import rules

    by = rules()
    lines = [
        f"Rules {by.version}, {by.reviewer}. {len(by.grades)} signs, {sum(by.ways.values())} patterns in "
        f"{' and '.join(by.languages)}. {len(messages)} messages, {each:.1f} ms each.",
        "",
        "| | " + " | ".join(f"{grade} (goal {goal:.2f})" for grade, goal in GOALS.items()) + " |",
        "|---|" + "---|" * len(GRADES),
    ]
    for name, score in _scores(messages).items():
        cells = []
        for grade in GRADES:
            share = score.share(grade)
            cells.append(f"{share:.3f} of {score.size(grade)}" if share is not None else "-")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    total = Score.of(messages)
    lines += ["", "| a person said | " + " | ".join(f"found {grade}" for grade in GRADES) + " |"]
    lines.append("|---|" + "---|" * len(GRADES))
    for grade in GRADES:
        lines.append(f"| {grade} | " + " | ".join(str(total.table[grade, found]) for found in GRADES) + " |")
    return "\n".join(lines)


def _scores(messages: list[Labelled]) -> dict[str, Score]:
    """All of them, each split, each language."""
    parts: dict[str, Iterable[Labelled]] = {"all": messages}
    for split in SPLITS:
        parts[split] = [one for one in messages if one.split == split]
    for language in sorted({one.language for one in messages}):
        parts[language] = [one for one in messages if one.language == language]
    return {name: Score.of(part) for name, part in parts.items()}


def _settings() -> None:
    from django.conf import settings

    if not settings.configured:
        settings.configure(USE_I18N=False)
