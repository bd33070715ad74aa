"""Plain words for patients, counted and not felt: on the catalogue, never on people (AL3)."""

from __future__ import annotations

import re
import unicodedata
from statistics import mean

import pytest

from tests import catalogue

# What patients and the people they trust may read. The rest is for those who work here.
FOR_PATIENTS = re.compile(
    r"accounts/(jinja2/accounts/(?!desk)|forms|refusals|notices|passwords|models/proxy|history)"
    r"|messaging/(jinja2/messaging/(_conversation|medicines|draft_\w+|drafts|_draft_saved|_writing|message_sent|messages|refill_new|refill_request|thread)\.html"
    r"|eligibility|drafting|forms|refusals|opened/(threads|readers|medicines)|models/(pool|refill))"
    r"|portal/(jinja2/(base|base_patient|base_plain|components|errors/)|errors)"
)
SENTENCE = re.compile(r"[^.?!:;]+")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def for_patients(language: str) -> list[str]:
    """Each text patients read, with a name where one goes. English is in the code itself."""
    texts: list[str] = []
    for one in catalogue.in_the_code() if language == "en" else catalogue.catalogue(language):
        if one.id and one.context is None and any(FOR_PATIENTS.match(path) for path, _line in one.locations):
            said = one.id if language == "en" else one.string
            texts += [said] if isinstance(said, str) else list(said)
    return [catalogue.PLACE.sub("Ana", text) for text in texts]


def sentences(texts: list[str]) -> list[list[str]]:
    """Each as its words. A label of two words is no sentence, and would make any text look easy."""
    found = [WORD.findall(piece) for text in texts for piece in SENTENCE.findall(text)]
    return [words for words in found if len(words) > 3]


def english_syllables(word: str) -> int:
    """As a machine counts them: groups of vowels, a silent e at the end aside."""
    word = word.casefold()
    groups = len(re.findall(r"[aeiouy]+", re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouydt])ed$", "", word)))
    return max(groups, 1)


def spanish_syllables(word: str) -> int:
    """Two strong vowels, or a weak one with an accent, count as two; any other run of vowels is one."""
    word = re.sub(r"([íú])", r" \1 ", unicodedata.normalize("NFC", word.casefold()))
    word = unicodedata.normalize("NFD", re.sub(r"qu|gu(?=[eiéí])|y(?=[aeiouáéíóú])", "g", word))
    plain = "".join(letter for letter in word if not unicodedata.combining(letter))
    return max(len(re.findall(r"[iuy]*[aeo][iuy]*|[iu]+", plain)), 1)


def test_syllables_are_counted():
    assert [english_syllables(word) for word in ("message", "write", "asked", "medicine", "the")] == [
        2,
        1,
        1,
        3,
        1,
    ]
    assert [spanish_syllables(word) for word in ("mensaje", "todavía", "quién", "ayuda", "leer")] == [
        3,
        4,
        1,
        3,
        2,
    ]


def test_english_for_patients_is_read_in_the_fifth_grade():
    """Flesch and Kincaid's grade."""
    said = sentences(for_patients("en"))
    words = [word for one in said for word in one]
    grade = 0.39 * len(words) / len(said) + 11.8 * mean(map(english_syllables, words)) - 15.59
    assert grade <= 5, grade


def test_spanish_for_patients_is_easy():
    """Fernández Huerta's scale: 80 and more is easy, as in the fifth grade."""
    said = sentences(for_patients("es"))
    words = [word for one in said for word in one]
    ease = 206.84 - 60 * mean(map(spanish_syllables, words)) - 1.02 * len(words) / len(said)
    assert ease >= 80, ease


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_sentence_runs_on(language):
    assert [" ".join(words) for words in sentences(for_patients(language)) if len(words) > 20] == []


def test_nobody_is_shouted_at_in_spanish_or_called_tu():
    said = " ".join(for_patients("es"))
    assert "!" not in said
    assert not re.search(r"\b(tú|tus|tuyo|te|ti|vosotros|vuestr\w+)\b", said, re.I)
