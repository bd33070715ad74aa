"""Reading a text by the rules: every sign in it, less those whose meaning the words around take away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from messaging.red_flags.finding import Finding, Grade, Sign
from messaging.red_flags.patterns import Index
from messaging.red_flags.rules import Context, Known, Rules, rules
from messaging.red_flags.weights import TAKEN_AWAY, weights
from messaging.red_flags.words import Break, Word, Words, words_of

# What is looked at of one text. Far above any limit of what can be sent.
MOST_LETTERS = 20_000
FARTHEST_AFTER = 7
# Words around a sign in which others can take its meaning away: a bound, so that no text costs more than its length.
FARTHEST = 60


@dataclass(frozen=True, slots=True)
class Span:
    """Words `start` up to `end` of a text, and what the rules say they are."""

    start: int
    end: int
    about: object

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


def look(*texts: str) -> Finding:
    """Every sign of danger in these texts (a title, a body, the answers of a form), whatever their language.

    Two readers look: the rules, and the table of weights for what no rule foresaw. What one text says completes
    another: pregnant in the title, bleeding in the body. Takes a time that grows with the length of the texts and
    with nothing else about them.
    """
    by = rules()
    readings = _read(texts, by)
    signs = _by_rules(readings, by)
    weighed = weights().weigh([reading.words for reading in readings], _noted(readings, signs))
    signs = [sign for sign in signs if weighed.believes is not None and sign.grade <= weighed.believes]
    if weighed.sign is not None and all(weighed.sign.grade < sign.grade for sign in signs):
        signs.append(weighed.sign)
    return _finding(signs, by)


def by_rules(*texts: str) -> Finding:
    """What the rules alone find: for measuring what the table adds."""
    by = rules()
    return _finding(_by_rules(_read(texts, by), by), by)


def for_learning(*texts: str) -> tuple[list[Words], tuple[str, ...]]:
    """What the table of weights is shown of a message."""
    by = rules()
    readings = _read(texts, by)
    return [reading.words for reading in readings], _noted(readings, _by_rules(readings, by))


def _read(texts: Iterable[str], by: Rules) -> list[_Reading]:
    return [_Reading(text[:MOST_LETTERS], by) for text in texts if text]


def _noted(readings: list[_Reading], signs: list[Sign]) -> tuple[str, ...]:
    """What the rules noticed that is no sign: words of danger whose meaning the words around took away."""
    return (TAKEN_AWAY,) if not signs and any(reading.saw for reading in readings) else ()


def _finding(signs: list[Sign], by: Rules) -> Finding:
    ordered = tuple(sorted(signs, key=lambda sign: sign.grade))
    return Finding(Grade(ordered[0].grade) if ordered else None, ordered, by.version)


def _by_rules(readings: list[_Reading], by: Rules) -> list[Sign]:
    signs: dict[str, Sign] = {}
    for reading in readings:
        for span in reading.standing:
            known: Known = span.about  # type: ignore[assignment]
            if known.code in signs:
                continue
            if known.beside is not None and not any(other.has(known.beside) for other in readings):
                continue
            said = reading.words.said(span.start, span.end)
            signs[known.code] = Sign(by.grades[known.code], known.code, said)
    return list(signs.values())


class _Reading:
    """One text, read."""

    def __init__(self, text: str, by: Rules) -> None:
        self.by = by
        self.words = words_of(text, spelled=by.spelling.spelled, guess=by.spelling.guess)
        self.rows = self.words.rows
        self.signs = _spans(by.signs, self.rows)
        self.saw = bool(self.signs)
        self.standing: list[Span] = []
        if not self.signs:
            return
        idioms, units = _spans(by.idioms, self.rows), _spans(by.units, self.rows)
        self.signs = [
            sign
            for sign in self.signs
            if not any(idiom.start <= sign.start and sign.end <= idiom.end for idiom in idioms)
            and not any(sign.overlaps(unit) for unit in units)
        ]
        if not self.signs:
            return
        self._sentences()
        self._clauses()
        self.covered = {place for sign in self.signs for place in range(sign.start, sign.end)}
        self.stops = {span.start for span in _spans(by.stops, self.rows)}
        self.stops_up_to = [0, *accumulate(place in self.stops for place in range(len(self.rows)))]
        self.in_part: dict[tuple[int, str, int], bool] = {}
        masks = _spans(by.masks, self.rows)
        self.cues = [
            cue
            for cue in _longest(_spans(by.contexts, self.rows))
            if not any(mask.start <= cue.start < mask.end for mask in masks)
        ]
        self.cues.sort(key=lambda cue: cue.start)
        self.cue_starts = [cue.start for cue in self.cues]
        self.is_affirmed = any(True for _ in by.affirmed.found(self.rows))
        # One for each way of knowing a sign: what one way needs besides may be missing, and another's be there.
        standing: dict[int, Span] = {}
        for sign in self.signs:
            if id(sign.about) not in standing and self._stands(sign):
                standing[id(sign.about)] = sign
        self.standing = list(standing.values())

    def has(self, beside: Index) -> bool:
        """Whether one of these stands in the text, and is not denied in it."""
        return any(
            not hasattr(self, "cues") or not self._is_denied(Span(start, end, None))
            for start, end, _about in beside.found(self.rows)
        )

    def _sentences(self) -> None:
        self.sentence: list[int] = []
        number = 0
        for word in self.rows:
            number += word.before == Break.HARD
            self.sentence.append(number)

    def _clauses(self) -> None:
        starts = {span.start for span in _spans(self.by.clauses, self.rows)}
        self.clause: list[int] = []
        number = 0
        for place, word in enumerate(self.rows):
            number += word.before == Break.HARD or place in starts
            self.clause.append(number)

    def _stands(self, sign: Span) -> bool:
        known: Known = sign.about  # type: ignore[assignment]
        if known.unless is not None and self._in_sentence(known.unless, sign):
            return False
        return not any(
            known.code not in context.spares and self._takes_away(cue, context, sign)
            for cue, context in ((cue, cue.about) for cue in self._near(sign))
            if isinstance(context, Context)
        )

    def _near(self, sign: Span) -> list[Span]:
        first = bisect_left(self.cue_starts, sign.start - FARTHEST)
        return self.cues[first : bisect_left(self.cue_starts, sign.end + FARTHEST_AFTER + 1)]

    def _is_denied(self, span: Span) -> bool:
        return any(
            isinstance(cue.about, Context)
            and cue.about.kind == "negated"
            and self._takes_away(cue, cue.about, span)
            for cue in self._near(span)
        )

    def _takes_away(self, cue: Span, context: Context, sign: Span) -> bool:
        # "Vomiting stopped on Monday": the end of it may stand amid the words that make the sign.
        is_inside = context.where == "after" and sign.start < cue.start < sign.end
        if (cue.overlaps(sign) and not is_inside) or not self._reaches(cue, context, sign):
            return False
        if context.kind.startswith("imagined") and self.is_affirmed:
            return False
        return context.unless is None or not self._in_sentence(context.unless, sign, context.reach)

    def _reaches(self, cue: Span, context: Context, sign: Span) -> bool:
        if self.sentence[cue.start] != self.sentence[sign.start]:
            return False
        is_before = cue.end <= sign.start
        if context.where == ("after" if is_before else "before"):
            return False
        if context.reach == "flow":
            return self._flows(cue, sign)
        if context.where == "after" and cue.start - sign.end > FARTHEST_AFTER:
            return False
        if context.reach == "clause" and self.clause[cue.end - 1] != self.clause[sign.start]:
            return False
        stopped = is_before and self.stops_up_to[sign.start] > self.stops_up_to[cue.end]
        return not (context.where == "before" and stopped)

    def _flows(self, cue: Span, sign: Span) -> bool:
        """Whether a denial runs on from its word to the sign: through a list of complaints, and nothing else."""
        listed = False
        paused = False
        for place in range(cue.end, sign.start + 1):
            word = self.rows[place]
            if place > cue.end and self.clause[place] != self.clause[cue.end]:
                return False
            if place >= cue.end and word.before == Break.SOFT:
                paused, listed = True, False
            if place in self.stops:
                return False
            if place == sign.start:
                break
            if self.by.listing.reads(word):
                listed = True
            elif not (place in self.covered or self.by.flow.reads(word)):
                return False
        if not paused or listed or sign.end >= len(self.rows):
            return True
        # "No fever, chest pain since this morning": what is said of the last one makes it a statement of its own.
        following = self.rows[sign.end]
        return following.before != Break.NONE or not self.by.asserting.reads(following)

    def _in_sentence(self, index: Index, sign: Span, reach: str = "sentence") -> bool:
        parts = self.clause if reach == "clause" else self.sentence
        here = parts[sign.start]
        key = (id(index), reach, here)
        if key not in self.in_part:
            first, last = bisect_left(parts, here), bisect_right(parts, here)
            self.in_part[key] = any(True for _ in index.found(self.rows[first:last]))
        return self.in_part[key]


def _spans(index: Index, rows: list[Word]) -> list[Span]:
    return [Span(start, end, about) for start, end, about in index.found(rows)]


def _longest(spans: Iterable[Span]) -> list[Span]:
    """Of cues that begin at one word, each kind's longest."""
    best: dict[tuple[int, object], Span] = {}
    for span in spans:
        key = (span.start, id(span.about))
        if key not in best or span.end > best[key].end:
            best[key] = span
    return list(best.values())
