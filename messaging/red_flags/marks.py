"""What the table of weights counts in a text: words, neighbours, pieces of words, concepts, and pairs of concepts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from messaging.red_flags.concepts import Concepts
from messaging.red_flags.words import Break, Word

# Words after which what follows is denied, and words that end it.
DENYING = frozenset(
    (
        *(
            "no",
            "not",
            "dont",
            "doesnt",
            "didnt",
            "havent",
            "hasnt",
            "hadnt",
            "isnt",
            "wasnt",
            "arent",
            "werent",
        ),
        *("aint", "never", "without", "deny", "denies", "denied", "neither", "nor"),
        *("sin", "ni", "niega", "niego", "nunca", "ningun", "ninguna", "tampoco"),
    )
)
TURNING = frozenset(("but", "pero", "except"))
REACH = 6
# How far apart two concepts may be and still be a pair, in words: a bound on the work for any text.
APART = 14
PIECES = (4, 5)
SHORTEST_IN_PIECES = 5
# A sentence that goes on and on is cut: many write a whole letter without a full stop.
LONGEST_SENTENCE = 20
LONGEST_IN_PIECES = 24
NUMBERS = (
    *((3, "#few"), (12, "#n12"), (30, "#n30"), (60, "#n60"), (94, "#n94")),
    *((130, "#n130"), (180, "#n180"), (250, "#n250"), (400, "#n400")),
)


class Mark(NamedTuple):
    """Something that counts: its name, how much, and from which word up to which it stands."""

    name: str
    much: float
    start: int
    end: int


ASKING = Mark("?", 1.0, 0, 0)


def marks(rows: list[Word], concepts: Concepts) -> Iterable[Mark]:
    """Every mark of one text, in a time that grows with its length."""
    begin = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end].before == Break.HARD:
            yield from _sentence(rows, begin, end, concepts)
            begin = end
    if any(word.asks for word in rows):
        yield ASKING


def passages(rows: list[Word], found: Iterable[Mark]) -> Iterable[list[Mark]]:
    """Of every two sentences in a row the marks that stand in them, in a time that grows with the text's length."""
    number = _numbered(rows)
    standing: dict[tuple[int, int], list[Mark]] = {}
    for mark in found:
        if mark.start < mark.end:
            standing.setdefault((number[mark.start], number[mark.end - 1]), []).append(mark)
    asking = {number[place] for place, word in enumerate(rows) if word.asks}
    for first in range(max(1, number[-1]) if rows else 0):
        last = first + 1
        within = [
            mark for at in ((first, first), (first, last), (last, last)) for mark in standing.get(at, ())
        ]
        yield [*within, ASKING] if asking & {first, last} else within


def _numbered(rows: list[Word]) -> list[int]:
    """For each word the sentence it stands in."""
    numbers: list[int] = []
    number = begin = 0
    for place, word in enumerate(rows):
        if place and (word.before == Break.HARD or place - begin >= LONGEST_SENTENCE):
            number, begin = number + 1, place
        numbers.append(number)
    return numbers


def _sentence(rows: list[Word], begin: int, end: int, concepts: Concepts) -> Iterable[Mark]:
    words = [_said(word) for word in rows[begin:end]]
    denied = list(_denied(words))
    asks = rows[begin].asks
    spoken: list[tuple[int, int, str]] = []
    for place, word in enumerate(words):
        at, sign = begin + place, "!" if denied[place] else ""
        yield Mark(sign + word, 1.0, at, at + 1)
        if word[0] == "#":
            spoken.append((at, at + 1, word))
        elif SHORTEST_IN_PIECES <= len(word) <= LONGEST_IN_PIECES:
            whole = f"^{word}$"
            for length in PIECES:
                for start in range(len(whole) - length + 1):
                    yield Mark("~" + whole[start : start + length], 0.5, at, at + 1)
        if place:
            yield Mark(f"{words[place - 1]} {word}", 1.0, at - 1, at + 1)
        if place > 1:
            yield Mark(f"{words[place - 2]} _ {word}", 1.0, at - 2, at + 1)
        spoken += [(at, at + length, sign + "@" + name) for name, length in concepts.at(words, place)]
    for number, (start, stop, name) in enumerate(spoken):
        if name[0] == "#":
            yield Mark("@" + name, 1.0, start, stop)
        else:
            yield Mark(name, 1.0, start, stop)
        if asks:
            yield Mark("?" + name, 0.7, start, stop)
        for other_start, other_stop, other in spoken[number + 1 :]:
            if other_start - start > APART:
                break
            if other != name:
                one, two = sorted((name, other))
                yield Mark(f"{one}+{two}", 0.8, start, max(stop, other_stop))


def _denied(words: list[str]) -> Iterable[bool]:
    reach = 0
    for word in words:
        yield reach > 0
        if word in DENYING:
            reach = REACH
        elif word in TURNING:
            reach = 0
        elif reach:
            reach -= 1


def _said(word: Word) -> str:
    if word.value is None:
        return word.forms[0]
    value = word.value
    if word.below is not None:
        if value >= 180 or word.below >= 115:
            return "#pressure3"
        return "#pressure2" if value >= 150 or word.below >= 100 else "#pressure1"
    if 1900 <= value <= 2100:
        return "#year"
    if 95 <= value <= 107:
        return "#warm0" if value <= 100.3 else "#warm1" if value < 104 else "#warm2"
    if 37.9 <= value <= 42 and (value >= 39.5 or value != int(value)):
        return "#warm1" if value < 39.5 else "#warm2"
    return next((name for most, name in NUMBERS if value <= most), "#many")
