"""The small language that rules are written in, and the reader that follows it through a row of words.

chest ..3 {pain}      words, up to three others between; `..` alone is up to two
{heart|chest} hurt*   a word list by name; one of several words; a beginning
a|b                   one of two words
severe?               may be missing
chest &4 {pain}       both, in either order, up to four words between
<103-110> <180-/110-> a number in a range; a pair such as a blood pressure
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from messaging.red_flags.words import Break, Word

NUMBER = re.compile(r"<(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?(?:/(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?)?>")
PLAIN = re.compile(r"[a-z0-9ñ]+\*?")
MOST_BETWEEN = 12
MOST_SLOTS = 12
MOST = 100_000.0


class BadPattern(ValueError):
    """A rule that cannot be read."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers, or of pairs of them."""

    low: float
    high: float
    pair: tuple[float, float] | None

    @classmethod
    def read(cls, low: str, high: str | None, under: str | None, over: str | None) -> Span:
        return cls(
            float(low),
            float(high or MOST),
            (float(under), float(over or MOST)) if under is not None else None,
        )

    def holds(self, value: float, below: float | None) -> bool:
        if not self.low <= value <= self.high:
            return False
        if self.pair is None or below is None:
            return self.pair is None and below is None
        return self.pair[0] <= below <= self.pair[1]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a pattern: words, beginnings of words, whole phrases, or a number."""

    exact: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()
    phrases: tuple[tuple[Slot, ...], ...] = ()
    numbers: tuple[Span, ...] = ()
    may_miss: bool = False
    between: int = 0  # a gap, and nothing else

    def reads(self, word: Word) -> bool:
        if word.value is not None:
            return any(span.holds(word.value, word.below) for span in self.numbers)
        return any(
            form in self.exact or (self.starts and form.startswith(self.starts)) for form in word.forms
        )

    def may_stand(self, words: list[Word], said: frozenset[str]) -> bool:
        """Whether any word of a text, of which `said` is every form, could stand here: a quick no."""
        if not self.exact.isdisjoint(said) or (self.numbers and any(w.value is not None for w in words)):
            return True
        if self.starts and any(form.startswith(self.starts) for form in said):
            return True
        return any(phrase[0].may_stand(words, said) for phrase in self.phrases)

    def ends(self, words: list[Word], at: int) -> Iterable[int]:
        """Where this place may end when it begins at `at`."""
        if at < len(words) and self.reads(words[at]):
            yield at + 1
        for phrase in self.phrases:
            place = at
            for slot in phrase:
                if place >= len(words) or not slot.reads(words[place]):
                    break
                if place > at and words[place].before == Break.HARD:
                    break
                place += 1
            else:
                yield place


@dataclass(frozen=True, slots=True)
class Pattern:
    slots: tuple[Slot, ...]
    source: str

    def may_stand(self, words: list[Word], said: frozenset[str]) -> bool:
        return all(slot.between or slot.may_miss or slot.may_stand(words, said) for slot in self.slots[1:])

    def end(self, words: list[Word], at: int) -> int:
        """Where the pattern ends when it begins at `at`; 0 when it does not. Never looks past a sentence.

        Follows all ways at once, so the work is bounded by the length of the pattern, whatever the text.
        """
        places = {at}
        for slot in self.slots:
            further: set[int] = set()
            for place in places:
                if slot.between:
                    for reach in range(place, min(place + slot.between, len(words)) + 1):
                        further.add(reach)
                        if reach < len(words) and reach > at and words[reach].before == Break.HARD:
                            break
                    continue
                if slot.may_miss:
                    further.add(place)
                if place > at and place < len(words) and words[place].before == Break.HARD:
                    continue
                further.update(slot.ends(words, place))
            if not further:
                return 0
            places = further
        return min(places)


Lists = Mapping[str, "Slot"]


def compiled(source: str, lists: Lists) -> list[Pattern]:
    """Read one rule. `&` makes several patterns of it, one for each order."""
    parts = re.split(r"\s+&(\d)\s+", source.strip())
    pieces, gaps = parts[::2], [int(gap) for gap in parts[1::2]]
    if len(pieces) > 3:
        raise BadPattern(f"{source!r}: at most three in any order")
    if len(pieces) == 1:
        return [Pattern(_slots(pieces[0], lists, source), source)]
    gap = Slot(between=max(gaps)) if max(gaps) else None
    found = []
    for order in permutations(pieces):
        slots: list[Slot] = []
        for number, piece in enumerate(order):
            if number and gap:
                slots.append(gap)
            slots += _slots(piece, lists, source)
        found.append(Pattern(tuple(slots), source))
    return found


def _slots(piece: str, lists: Lists, source: str) -> tuple[Slot, ...]:
    slots = tuple(_slot(term, lists, source) for term in piece.split())
    real = [slot for slot in slots if not slot.between]
    if not real or len(slots) > MOST_SLOTS or all(slot.may_miss for slot in real):
        raise BadPattern(f"{source!r}: nothing to find, or too much")
    if slots[0].between or slots[-1].between or slots[0].may_miss:
        raise BadPattern(f"{source!r}: begins or ends with what may be missing")
    return slots


def _slot(term: str, lists: Lists, source: str) -> Slot:
    if gap := re.fullmatch(r"\.\.(\d{0,2})", term):
        between = int(gap[1] or 2)
        if not 0 < between <= MOST_BETWEEN:
            raise BadPattern(f"{source!r}: {term} is too far")
        return Slot(between=between)
    may_miss = term.endswith("?")
    term = term.rstrip("?")
    exact: set[str] = set()
    starts: list[str] = []
    phrases: list[tuple[Slot, ...]] = []
    numbers: list[Span] = []
    for option in term.split("|"):
        if number := NUMBER.fullmatch(option):
            numbers.append(Span.read(*number.groups()))
        elif "_" in option:
            phrases.append(tuple(_slot(word, lists, source) for word in option.split("_")))
        elif option.startswith("{") and option.endswith("}"):
            try:
                listed = lists[option[1:-1]]
            except KeyError as missing:
                raise BadPattern(f"{source!r}: there is no word list {option}") from missing
            exact |= listed.exact
            starts += listed.starts
            phrases += listed.phrases
            numbers += listed.numbers
        elif PLAIN.fullmatch(option):
            _sort(option, exact, starts)
        else:
            raise BadPattern(f"{source!r}: {option!r} is no word")
    return Slot(frozenset(exact), tuple(starts), tuple(phrases), tuple(numbers), may_miss=may_miss)


def _sort(word: str, exact: set[str], starts: list[str]) -> None:
    if word.endswith("*"):
        starts.append(word[:-1])
    else:
        exact.add(word)


def word_list(name: str, entries: Iterable[str], lists: Lists) -> Slot:
    """A list of words and phrases that patterns call by name. It may take in a list named before it."""
    exact: set[str] = set()
    starts: list[str] = []
    phrases: list[tuple[Slot, ...]] = []
    numbers: list[Span] = []
    for entry in entries:
        words = entry.split()
        if len(words) == 1:
            slot = _slot(entry, lists, f"list {name}")
            exact |= slot.exact
            starts += slot.starts
            phrases += slot.phrases
            numbers += slot.numbers
        else:
            phrase = tuple(_slot(word, lists, f"list {name}") for word in words)
            if any(slot.between or slot.may_miss or slot.phrases for slot in phrase):
                raise BadPattern(f"list {name}: {entry!r} is no plain row of words")
            phrases.append(phrase)
    return Slot(frozenset(exact), tuple(starts), tuple(phrases), tuple(numbers))


class Index:
    """Many patterns, each tried only where its first word stands."""

    def __init__(self, patterns: Iterable[tuple[Pattern, object]]) -> None:
        self._exact: dict[str, list[tuple[Pattern, object]]] = {}
        self._starts: dict[str, list[tuple[Pattern, object]]] = {}
        self._numbers: list[tuple[Pattern, object]] = []
        for pattern, about in patterns:
            first = pattern.slots[0]
            firsts = [first, *(phrase[0] for phrase in first.phrases)]
            for word in {word for slot in firsts for word in slot.exact}:
                self._exact.setdefault(word, []).append((pattern, about))
            for start in {start for slot in firsts for start in slot.starts}:
                self._starts.setdefault(start, []).append((pattern, about))
            if any(slot.numbers for slot in firsts):
                self._numbers.append((pattern, about))

    def found(self, words: list[Word]) -> Iterable[tuple[int, int, object]]:
        """Every place where a pattern stands, as (first word, word after the last, what it is about)."""
        said = frozenset(form for word in words for form in word.forms)
        may_stand: dict[int, bool] = {}
        for at, word in enumerate(words):
            tried: set[int] = set()
            for pattern, about in self._at(word):
                key = id(pattern)
                if key in tried:
                    continue
                tried.add(key)
                if key not in may_stand:
                    may_stand[key] = pattern.may_stand(words, said)
                if may_stand[key] and (end := pattern.end(words, at)):
                    yield at, end, about

    def _at(self, word: Word) -> Iterable[tuple[Pattern, object]]:
        if word.value is not None:
            yield from self._numbers
            return
        for form in word.forms:
            yield from self._exact.get(form, ())
            for length in range(2, len(form) + 1):
                yield from self._starts.get(form[:length], ())
