"""The rules: files of words, kept apart from the code so that a clinician can read and sign them.

`rules/signs.toml` names every sign with its grade; a file for each language says by which words it is known, and
what words around it take its meaning away. A file that is malformed is refused whole, with the place named.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from messaging.red_flags.finding import Grade
from messaging.red_flags.patterns import BadPattern, Index, Pattern, Slot, compiled, word_list
from messaging.red_flags.spelling import Spelling

FOLDER = Path(__file__).resolve().parent / "rules"
NOT_REVIEWED = "not yet reviewed by a clinician"
WHERE = ("before", "after", "around")
REACH = ("flow", "clause", "sentence")
PARTS = {
    "language",
    "version",
    "reviewer",
    "reviewed",
    "lists",
    "spelled",
    "ordinary",
    "sign",
    "context",
    "idioms",
}
SINGLE = ("flow", "stops", "clauses", "affirmed", "asserting", "listing")


class BadRules(ValueError):
    """The rules cannot be used: where, and why."""


@dataclass(frozen=True, slots=True)
class Known:
    """One way in which a sign is known: its code, and the places that must be in the text besides."""

    code: str
    beside: Index | None = None
    unless: Index | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Words that take the meaning of a sign away: denied, past, another person's, only thought of."""

    kind: str
    where: str
    reach: str
    spares: frozenset[str]
    unless: Index | None


@dataclass
class Rules:
    """All languages together: people mix them, and the tag of a message is not to be trusted with a life."""

    version: str
    reviewer: str
    reviewed: date | None
    grades: Mapping[str, Grade]
    signs: Index
    contexts: Index
    masks: Index  # words that look like a cue and are none
    idioms: Index
    units: Index  # what is a measure in part is no sign at all
    flow: Slot
    stops: Index
    clauses: Index
    affirmed: Index
    asserting: Slot
    listing: Slot
    spelling: Spelling
    languages: tuple[str, ...] = ()
    ways: Mapping[str, int] = field(default_factory=dict)


@cache
def rules() -> Rules:
    """The rules that ship with the portal, read once."""
    return read(FOLDER)


def read(folder: Path) -> Rules:
    """Read and check the rules in `folder`. Raises `BadRules`."""
    head = _toml(folder / "signs.toml")
    _only(head, {"version", "reviewer", "reviewed", "signs"}, "signs.toml")
    try:
        grades = {code: Grade[str(grade).upper()] for code, grade in head["signs"].items()}
    except KeyError as unknown:
        raise BadRules(f"signs.toml: there is no grade {unknown}") from unknown
    version, reviewer, reviewed = signature(head, "signs.toml")
    files = [path for path in sorted(folder.glob("*.toml")) if path.name != "signs.toml"]
    if not files:
        raise BadRules("there is no language")
    languages = [_Language(path, grades) for path in files]
    ways = {code: sum(len(one.ways.get(code, ())) for one in languages) for code in grades}
    together: dict[str, list[Any]] = {
        part: list(chain.from_iterable(getattr(one, part) for one in languages))
        for part in ("signs", "contexts", "masks", "idioms", "units", "stops", "clauses", "affirmed")
    }
    vocabulary = frozenset(chain.from_iterable(one.vocabulary for one in languages))
    starts = tuple(sorted(set(chain.from_iterable(one.starts for one in languages))))
    spelled: dict[str, tuple[tuple[str, ...], ...]] = {}
    for one in languages:
        spelled.update(one.spelled)
    if {one.version for one in languages} != {version}:
        raise BadRules("the files are not of one version")
    return Rules(
        version=version,
        reviewer=reviewer,
        reviewed=reviewed,
        grades=grades,
        **{part: Index(patterns) for part, patterns in together.items()},
        flow=word_list("flow", chain.from_iterable(one.single["flow"] for one in languages), {}),
        asserting=word_list(
            "asserting", chain.from_iterable(one.single["asserting"] for one in languages), {}
        ),
        listing=word_list("listing", chain.from_iterable(one.single["listing"] for one in languages), {}),
        spelling=Spelling(
            spelled, vocabulary, starts, frozenset(chain.from_iterable(one.ordinary for one in languages))
        ),
        languages=tuple(one.language for one in languages),
        ways=ways,
    )


class _Language:
    """One file of words, checked."""

    def __init__(self, path: Path, grades: Mapping[str, Grade]) -> None:
        self.name = path.name
        data = _toml(path)
        _only(data, PARTS, self.name)
        self.language = data.get("language", "")
        if self.language != path.stem:
            raise BadRules(f"{self.name}: says that its language is {self.language!r}")
        self.version, _reviewer, _reviewed = signature(data, self.name)
        self.lists: dict[str, Slot] = {}
        for name, entries in data.get("lists", {}).items():
            self.lists[name] = self._read(lambda n=name, e=entries: word_list(n, e, self.lists), name)
        self.spelled = self._spelled(data.get("spelled", {}))
        self.ordinary = frozenset(data.get("ordinary", {}).get("words", ()))
        self.ways: dict[str, list[Pattern]] = {}
        self.signs = list(chain.from_iterable(self._sign(block, grades) for block in data.get("sign", ())))
        missing = sorted(set(grades) - set(self.ways))
        if missing:
            raise BadRules(f"{self.name}: has no words for {', '.join(missing)}")
        context = dict(data.get("context", {}))
        self.contexts: list[tuple[Pattern, object]] = []
        for kind, block in context.pop("cues", {}).items():
            self.contexts += self._context(kind, block, grades)
        self.masks = [(p, "mask") for p in self._patterns(context.pop("masks", ()), "masks")]
        self.idioms = [
            (p, "idiom") for p in self._patterns(data.get("idioms", {}).get("patterns", ()), "idioms")
        ]
        self.units = [(p, "unit") for p in self._patterns(data.get("idioms", {}).get("units", ()), "units")]
        self.stops = [(p, "stop") for p in self._patterns(context.pop("stops", ()), "stops")]
        self.clauses = [(p, "clause") for p in self._patterns(context.pop("clauses", ()), "clauses")]
        self.affirmed = [(p, "affirmed") for p in self._patterns(context.pop("affirmed", ()), "affirmed")]
        self.single = {name: context.pop(name, []) for name in ("flow", "asserting", "listing")}
        if context:
            raise BadRules(f"{self.name}: unknown under context: {', '.join(sorted(context))}")
        slots = [
            slot
            for pattern, _about in [*self.signs, *self.contexts, *self.masks, *self.idioms]
            for slot in pattern.slots
        ]
        slots += [inner for slot in slots for phrase in slot.phrases for inner in phrase]
        self.vocabulary = {word for slot in slots for word in slot.exact}
        self.starts = {start for slot in slots for start in slot.starts}

    def _sign(self, block: Mapping[str, Any], grades: Mapping[str, Grade]) -> list[tuple[Pattern, object]]:
        _only(block, {"code", "patterns", "beside", "unless"}, f"{self.name}: sign")
        code = block.get("code", "")
        if code not in grades:
            raise BadRules(f"{self.name}: {code!r} is not in signs.toml")
        patterns = self._patterns(block.get("patterns", ()), code)
        if not patterns:
            raise BadRules(f"{self.name}: {code} has no patterns")
        beside = self._patterns(block.get("beside", ()), code)
        unless = self._patterns(block.get("unless", ()), code)
        known = Known(
            code,
            Index((p, "beside") for p in beside) if beside else None,
            Index((p, "unless") for p in unless) if unless else None,
        )
        self.ways.setdefault(code, []).extend(patterns)
        return [(pattern, known) for pattern in patterns]

    def _context(
        self, kind: str, block: Mapping[str, Any], grades: Mapping[str, Grade]
    ) -> list[tuple[Pattern, object]]:
        _only(block, {"where", "reach", "cues", "unless", "spares"}, f"{self.name}: {kind}")
        if block.get("where") not in WHERE or block.get("reach") not in REACH:
            raise BadRules(f"{self.name}: {kind} stands nowhere or reaches nothing")
        unknown = set(block.get("spares", ())) - set(grades)
        if unknown:
            raise BadRules(f"{self.name}: {kind} spares {', '.join(sorted(unknown))}, which is no sign")
        unless = self._patterns(block.get("unless", ()), kind)
        context = Context(
            kind,
            block["where"],
            block["reach"],
            frozenset(block.get("spares", ())),
            Index((p, "unless") for p in unless) if unless else None,
        )
        return [(pattern, context) for pattern in self._patterns(block.get("cues", ()), kind)]

    def _patterns(self, sources: Any, where: str) -> list[Pattern]:
        return [
            pattern
            for source in sources
            for pattern in self._read(lambda s=source: compiled(s, self.lists), where)
        ]

    def _spelled(self, entries: Mapping[str, str]) -> dict[str, tuple[tuple[str, ...], ...]]:
        return {word: tuple((part,) for part in meant.split()) for word, meant in entries.items()}

    def _read(self, reading: Any, where: str) -> Any:
        try:
            return reading()
        except (BadPattern, TypeError, AttributeError) as bad:
            raise BadRules(f"{self.name}: {where}: {bad}") from bad


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise BadRules(f"{path.name}: {bad}") from bad


def _only(data: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if unknown := sorted(set(data) - allowed):
        raise BadRules(f"{where}: unknown: {', '.join(unknown)}")


def signature(data: Mapping[str, Any], name: str) -> tuple[str, str, date | None]:
    """Version, who reviewed the file, and when. Who has not reviewed it has no date; who has, has one."""
    version, reviewer, reviewed = data.get("version", ""), data.get("reviewer", ""), data.get("reviewed", "")
    if not isinstance(version, str) or not version or len(version) > 32:
        raise BadRules(f"{name}: has no version")
    if not isinstance(reviewer, str) or not reviewer:
        raise BadRules(f"{name}: does not say who reviewed it")
    if (reviewer == NOT_REVIEWED) != (reviewed == ""):
        raise BadRules(f"{name}: a reviewer and the day of the review go together")
    if reviewed != "" and not isinstance(reviewed, date):
        raise BadRules(f"{name}: {reviewed!r} is no day")
    return version, reviewer, reviewed or None
