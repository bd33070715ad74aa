"""What words are about, whatever the language: the same concept for "gun" and "pistola"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from messaging.red_flags.words import folded

SHORTEST_START = 3
_ENTRY = re.compile(r"[a-z0-9]+\*?|[a-z0-9]+(?:_[a-z0-9]+)+")


class BadConcepts(ValueError):
    """A concept that cannot be read."""


@dataclass(frozen=True, slots=True)
class Concepts:
    """Words, beginnings of words, and phrases, each with what it is about."""

    exact: Mapping[str, tuple[str, ...]]
    starts: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, entries: Mapping[str, str]) -> Concepts:
        exact: dict[str, dict[str, None]] = {}
        starts: dict[str, dict[str, None]] = {}
        phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, words in entries.items():
            for word in words.split():
                entry = folded(word)
                if not _ENTRY.fullmatch(entry):
                    raise BadConcepts(f"{name}: {word!r} is no word")
                if "_" in entry:
                    phrase = tuple(entry.split("_"))
                    phrases.setdefault(phrase[0], []).append((phrase, name))
                elif entry.endswith("*"):
                    if len(entry) <= SHORTEST_START:
                        raise BadConcepts(f"{name}: {word!r} begins too many words")
                    starts.setdefault(entry[:-1], {})[name] = None
                else:
                    exact.setdefault(entry, {})[name] = None
        # Most words are about one thing: the thousands of them share its tuple.
        one: dict[tuple[str, ...], tuple[str, ...]] = {}

        def shared(names: Iterable[str]) -> tuple[str, ...]:
            several = tuple(names)
            return one.setdefault(several, several)

        return cls(
            {word: shared(names) for word, names in exact.items()},
            {start: shared(names) for start, names in starts.items()},
            {first: tuple(found) for first, found in phrases.items()},
        )

    def at(self, words: list[str], place: int) -> Iterable[tuple[str, int]]:
        """What is spoken of at `place`: each concept with the number of words that say it."""
        word = words[place]
        for name in self.exact.get(word, ()):
            yield name, 1
        for length in range(SHORTEST_START, len(word) + 1):
            for name in self.starts.get(word[:length], ()):
                yield name, 1
        for phrase, name in self.phrases.get(word, ()):
            if tuple(words[place : place + len(phrase)]) == phrase:
                yield name, len(phrase)
