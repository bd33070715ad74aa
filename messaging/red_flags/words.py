"""A text as a row of words: folded for comparing, each remembering where it stands in what was written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

# Every alternative begins with another kind of character, so no text makes it try twice.
_MARKS = "'’‘`´"  # noqa: RUF001  people's keyboards have them all
_PARTS = re.compile(
    r"(?P<without>\b[wW]/[oO](?:ut)?\b)"
    r"|(?P<number>\d+(?:[.,]\d+)?)(?:\s?/\s?(?P<below>\d+))?"
    rf"|(?P<word>[^\W\d_]+(?:[{_MARKS}][^\W\d_]+)*)"
    r"|(?P<hard>[.!?;…]+|\n\s*\n)"
    r"|(?P<soft>[,:()\n\"“”]|[-\u2013\u2014](?=\s)|\u2014)"
)
_APOSTROPHES = str.maketrans("", "", _MARKS)


class Break(IntEnum):
    """What stands before a word: nothing, a pause, the end of a sentence."""

    NONE = 0
    SOFT = 1
    HARD = 2


@dataclass(frozen=True, slots=True)
class Word:
    """`forms` are what the word may be read as; numbers have none, but a value (and a lower one, as in 120/80)."""

    forms: tuple[str, ...]
    start: int
    end: int
    before: Break
    value: float | None = None
    below: float | None = None
    asks: bool = False  # the sentence it stands in ends with a question mark


@dataclass(slots=True)
class Words:
    """The words of one text."""

    text: str
    rows: list[Word] = field(default_factory=list)

    def said(self, start: int, end: int) -> str:
        """What stands from word `start` up to word `end`, as it was written."""
        return " ".join(self.text[self.rows[start].start : self.rows[end - 1].end].split())


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """Small letters without accents and apostrophes; a letter three times or more is a letter once or twice."""
    plain = unicodedata.normalize("NFKD", word.translate(_APOSTROPHES)).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"(.)\1{2,}", r"\1", plain)


def words_of(text: str, *, spelled: dict[str, tuple[tuple[str, ...], ...]], guess) -> Words:  # type: ignore[no-untyped-def]
    """Split `text`. `spelled` reads a word as others ("chestpain"); `guess` gives what a misspelled one may be."""
    words = Words(text)
    before = Break.HARD
    sentence = 0
    for part in _PARTS.finditer(text):
        kind = part.lastgroup
        if kind == "hard":
            # Three dots are a pause: people go on after them.
            stop = part.group()
            if "?" in stop:
                _ask(words, sentence)
            pause = Break.SOFT if stop in ("...", "…", "..") else Break.HARD
            before = max(before, pause)
            sentence = len(words.rows) if pause == Break.HARD else sentence
            continue
        if kind == "soft":
            before = max(before, Break.SOFT)
            continue
        start, end = part.span()
        if kind in ("number", "below"):
            value = float(part["number"].replace(",", ".")) if len(part["number"]) < 12 else 0.0
            below = float(part["below"]) if part["below"] and len(part["below"]) < 12 else None
            words.rows.append(Word((), start, end, before, value, below))
        elif kind == "without":
            words.rows.append(Word(("without",), start, end, before))
        else:
            word = folded(part.group()[:200])
            for several in spelled.get(word, ((word,),)):
                words.rows.append(Word((*several, *guess(several[0])), start, end, before))
                before = Break.NONE
        before = Break.NONE
    return words


def _ask(words: Words, sentence: int) -> None:
    for place in range(sentence, len(words.rows)):
        word = words.rows[place]
        words.rows[place] = Word(
            word.forms, word.start, word.end, word.before, word.value, word.below, asks=True
        )
