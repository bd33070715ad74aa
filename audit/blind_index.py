"""Words as digests: texts can be found by their words while they stay sealed.

Each digest is keyed by one owner's data key, so that equal words of two owners share nothing, and whoever holds the
database alone cannot tell which word is meant. What it gives away is in `docs/threat-model.md`.

The digests of a text follow the key that seals now. A search asks under every key of the owner that still lives:
rewrapping changes nothing, a new data key needs no rebuilding, and when the keys are destroyed the digests are noise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from audit import cipher, keys

# Which rules made the digests of a text. One higher when `fold`, `pieces` or `spellings` find other words.
RULES = 1
# Words that are longer are found by how they begin, too.
BEGINNINGS = (5, 8)
LONGEST_WORD = 64
MOST_WORDS = 12
# Marks that stand on or within letters: Latin, Greek and Cyrillic, Hebrew, Arabic, Devanagari.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f"
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}]|['’](?=[^\W_]))*")
_QUOTED = re.compile(r"[\"“”«»„]([^\"“”«»„]*)[\"“”«»„]")
_ENYE = "ñ"
# Before what stands aside. No piece begins with it.
_ASIDE = "a"


def fold(word: str) -> str:
    """One spelling for a word: without case, accents and the widths of its letters. `ñ` becomes `n`, too."""
    plain = unicodedata.normalize("NFKC", word).casefold().replace("'", "").replace("’", "")
    apart = unicodedata.normalize("NFKD", plain)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))[:LONGEST_WORD]


def words_in(text: str) -> Iterator[tuple[str, int, int]]:
    """Every word of a text, folded, and where it stands."""
    for found in _WORD.finditer(text):
        if word := fold(found[0]):
            yield word, found.start(), found.end()


@lru_cache(maxsize=1024)
def spellings(word: str) -> frozenset[str]:
    """A folded word and what it may be as one and as many, in English and in Spanish.

    Guessed when somebody searches and not when somebody writes: better rules need no rebuilding.
    """
    found = {word}
    if word.isdigit() or len(word) < 3:
        return frozenset(found)
    found.add(word + "s")
    if word.endswith("y"):
        found.add(word[:-1] + "ies")
    if word.endswith("z"):
        found.add(word[:-1] + "ces")
    if _takes_es(word):
        found.add(word + "es")
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        found.add(word[:-1])
        if word.endswith("ies"):
            found.add(word[:-3] + "y")
        if word.endswith("ces"):
            found.add(word[:-3] + "z")
        if word.endswith("es") and _takes_es(word[:-2]):
            found.add(word[:-2])
    return frozenset(found)


def _takes_es(word: str) -> bool:
    return word.endswith(("d", "j", "l", "n", "r", "s", "x", "y", "z", "ch", "sh", "o"))


def pieces(text: str) -> set[str]:
    """What of a text is kept as digests: its words, and how its longer words begin. A letter alone is no word."""
    found = set()
    for word, _start, _end in words_in(text):
        if len(word) == 1 and not word.isdigit():
            continue
        found.add(f"w{word}")
        found.update(f"{length}{word[:length]}" for length in BEGINNINGS if len(word) >= length)
    return found


def digests(texts: Iterable[str], *, owner_id: UUID, aside: Iterable[str] = ()) -> list[int]:
    """The digests of the words of these texts, in no order that tells of theirs.

    What stands `aside` has digests of its own: not everybody who may look for words in the texts may look there.
    """
    key = keys.active_for(owner_id).words_key
    found = {piece for text in texts for piece in pieces(text)}
    found |= {_ASIDE + piece for text in aside for piece in pieces(text)}
    return sorted(cipher.short_mac(key, piece.encode()) for piece in found)


@dataclass(frozen=True, slots=True)
class Term:
    """One word that is looked for."""

    word: str
    spellings: frozenset[str]
    has_enye: bool

    @classmethod
    def of(cls, typed: str) -> Term:
        word = fold(typed)
        kept = unicodedata.normalize("NFC", typed).casefold()
        return cls(word, spellings(word), _ENYE in kept)

    @property
    def is_indexed(self) -> bool:
        return len(self.word) > 1 or self.word.isdigit()

    @property
    def pieces(self) -> frozenset[str]:
        """Any of these among the digests of a text says that the word is probably in it."""
        found = {f"w{spelling}" for spelling in self.spellings}
        length = max((length for length in BEGINNINGS if length <= len(self.word)), default=0)
        if length:
            found.add(f"{length}{self.word[:length]}")
        return frozenset(found)

    def means(self, word: str, written: str) -> bool:
        """Whether `word`, folded from `written`, is the word that is looked for. `ano` finds `año`, `año` no `ano`."""
        if word not in self.spellings and not (
            len(self.word) >= BEGINNINGS[0] and word.startswith(self.word)
        ):
            return False
        return not self.has_enye or _ENYE in unicodedata.normalize("NFC", written).casefold()


Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for: all of these words, and each phrase in one piece."""

    terms: tuple[Term, ...]
    phrases: tuple[tuple[Term, ...], ...]

    @classmethod
    def read(cls, typed: str) -> Wanted:
        """Words part at whatever is no letter; what stands in quotation marks is a phrase."""
        phrases = []
        for quoted in _QUOTED.findall(typed):
            terms = tuple(_terms(quoted))
            if len(terms) > 1:
                phrases.append(terms)
        unique = {(term.word, term.has_enye): term for term in _terms(typed)}
        return cls(tuple(unique.values())[:MOST_WORDS], tuple(phrases))

    @property
    def can_be_found(self) -> bool:
        return any(term.is_indexed for term in self.terms)

    def digests(self, owner_ids: Iterable[UUID], *, aside_of: Iterable[UUID] = ()) -> list[list[list[int]]]:
        """For each owner, and each word, the digests it may have under every living key of hers.

        What stands aside of a text is looked through only for the owners that `aside_of` names.

        A text of hers has all the words when it has one of each list. Two statements at most, however many owners.
        """
        opened: dict[UUID, list[keys.OpenedKey]] = {}
        for key in keys.living(owner_ids):
            opened.setdefault(key.owner_id, []).append(key)
        words = [sorted(term.pieces) for term in self.terms if term.is_indexed]
        everywhere = [pieces + [_ASIDE + piece for piece in pieces] for pieces in words]
        all_of_them = set(aside_of)
        return [
            [
                [cipher.short_mac(key.words_key, piece.encode()) for key in of_owner for piece in pieces]
                for pieces in (everywhere if owner_id in all_of_them else words)
            ]
            for owner_id, of_owner in opened.items()
        ]

    def places(self, texts: Sequence[str]) -> list[list[Place]] | None:
        """Where the words stand in each of the texts, or None when not all of them are there.

        Digests are short and say nothing of order: only the text itself says that it is a hit.
        """
        missing, no_phrase = set(self.terms), set(self.phrases)
        places: list[list[Place]] = []
        for text in texts:
            here: list[Place] = []
            words = list(words_in(text))
            for number, (word, start, end) in enumerate(words):
                meant = [term for term in self.terms if term.means(word, text[start:end])]
                if meant:
                    missing.difference_update(meant)
                    here.append((start, end))
                for phrase in self.phrases:
                    behind = words[number : number + len(phrase)]
                    if len(behind) == len(phrase) and all(
                        term.means(one, text[begin:stop])
                        for term, (one, begin, stop) in zip(phrase, behind, strict=True)
                    ):
                        no_phrase.discard(phrase)
            places.append(here)
        return None if missing or no_phrase else places


def _terms(typed: str) -> Iterator[Term]:
    for found in _WORD.finditer(typed):
        if (term := Term.of(found[0])).word:
            yield term
