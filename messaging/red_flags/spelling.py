"""What a misspelled word may be: one slip away from a word that the rules know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

SHORTEST = 5
LONGEST = 20


class Spelling:
    """Guesses in a time that does not depend on how many words are known: slips are looked up, not tried.

    A word that is ordinary by itself ("breadth", "chess") is never taken for another.
    """

    def __init__(
        self,
        spelled: Mapping[str, tuple[tuple[str, ...], ...]],
        vocabulary: frozenset[str],
        starts: tuple[str, ...],
        ordinary: frozenset[str],
    ) -> None:
        self.spelled = dict(spelled)
        self._known = vocabulary
        self._starts = starts
        self._ordinary = ordinary
        self._without: dict[str, set[str]] = {}
        for word in vocabulary | {start for start in starts if len(start) >= SHORTEST}:
            if len(word) >= SHORTEST:
                for shorter in {word, *_shorter(word)}:
                    self._without.setdefault(shorter, set()).add(word)
        self.guess = lru_cache(maxsize=20_000)(self._guess)

    def _guess(self, word: str) -> tuple[str, ...]:
        if (
            not SHORTEST <= len(word) <= LONGEST
            or word in self._known
            or word in self._ordinary
            or (self._starts and word.startswith(self._starts))
        ):
            return ()
        near: set[str] = set()
        for shorter in {word, *_shorter(word)}:
            near |= self._without.get(shorter, set())
        return tuple(sorted(known for known in near if _one_slip(word, known)))


def _shorter(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def _one_slip(word: str, known: str) -> bool:
    """Two letters swapped; or, in a longer word, one more, one less, or another. Not the first one."""
    if len(word) == len(known):
        differ = [at for at, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
        if len(differ) == 2 and differ[1] == differ[0] + 1:
            one, other = differ
            return word[one] == known[other] and word[other] == known[one]
        return len(differ) == 1 and differ[0] > 0 and len(known) > SHORTEST
    if word[0] != known[0]:
        return False
    longer, shorter = (word, known) if len(word) > len(known) else (known, word)
    if len(longer) - len(shorter) != 1 or shorter not in _shorter(longer):
        return False
    # In a short word only a letter that is doubled, or was to be, is a slip; else it is another word.
    return len(known) > SHORTEST or any(
        longer[at] == longer[at + 1] and longer[:at] + longer[at + 1 :] == shorter
        for at in range(len(longer) - 1)
    )
