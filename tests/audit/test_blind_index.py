"""Words behind digests: which words are one, whose key makes them, and what is left when the keys are gone."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection

from audit import keys
from audit.blind_index import Wanted, digests, pieces
from audit.context import SystemAgent
from audit.keys import rewrap_some
from audit.models import DataKey

pytestmark = pytest.mark.django_db


def forget() -> None:
    """As in another process, after this transaction."""
    keys.forget_all()
    connection.run_on_commit.clear()


def finds(typed: str, text: str) -> bool:
    """What a search does: ask by digests, then look at the text. Both must agree when it is a hit."""
    owner = uuid4()
    wanted, kept = Wanted.read(typed), set(digests([text], owner_id=owner))
    (asked,) = wanted.digests([owner])
    by_digests = bool(asked) and all(kept & set(of_word) for of_word in asked)
    by_text = wanted.places([text]) is not None
    assert by_digests or not by_text, "a word stands there and its digest does not"
    return by_digests and by_text


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("headache", "My HEADACHES are back"),
        ("headaches", "One headache."),
        ("reaccion", "Tuve una reacción"),
        ("reacciones", "Tuve una reacción"),
        ("dolor", "Los dolores siguen"),
        ("meses", "hace un mes"),
        ("luz", "las luces"),
        ("allergies", "an allergy"),
        ("manana", "Mañana por la mañana"),
        ("mañana", "MAÑANA"),
        ("mañana", "man\u0303ana"),
        ("ano", "hace un año"),
        ("STRASSE", "die Straße"),
        ("amlod", "Amlodipine 5 mg"),
        ("inflama", "está inflamado"),
        ("medication", "my medications"),
        ("5", "Amlodipine 5 mg"),
        ("ﬁrst", "the first time"),
        ("don't", "I dont know"),
        ("dont", "I don’t know"),
        ("120/80", "It was 120/80 today"),
        ("fever cough", "A cough, and then fever"),
        ('"chest pain"', "Now chest\npain again"),
        ("боль", "сильная БОЛЬ"),
    ],
)
def test_a_word_is_found_however_it_is_written(typed: str, text: str) -> None:
    assert finds(typed, text)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("headache", "My head aches"),
        ("note", "I did not"),
        ("not", "the notes"),
        ("año", "el ano"),
        ("pill", "a pile"),
        ("head", "headache"),
        ("pain", "painting"),
        ("fever cough", "Only fever"),
        ('"chest pain"', "pain in my chest"),
        ('"chest pain"', "chest, and later pain"),
        ("10", "100 mg"),
        ("pass", "the past"),
    ],
)
def test_another_word_is_not_found(typed: str, text: str) -> None:
    assert not finds(typed, text)


def test_letters_alone_and_nothing_at_all_are_no_words_to_look_for() -> None:
    for typed in ("", "a", "y o", '"', "… — !", "''"):
        assert not Wanted.read(typed).can_be_found
    assert pieces("a y I 7") == {"w7"}


def test_the_places_of_the_words_are_those_in_the_text_as_it_is_written() -> None:
    text = "Las CÓLICOS, cólico… cólicos"
    (places,) = Wanted.read("colico").places([text]) or [[]]
    assert [text[start:end] for start, end in places] == ["CÓLICOS", "cólico", "cólicos"]


def test_equal_words_of_two_owners_share_no_digest() -> None:
    text = "I have had a headache since Tuesday"
    hers, his = digests([text], owner_id=uuid4()), digests([text], owner_id=uuid4())
    assert len(hers) == len(his) > 5
    assert not set(hers) & set(his)


def test_a_digest_tells_neither_how_often_nor_where_a_word_stands() -> None:
    owner = uuid4()
    assert digests(["pain fever pain pain"], owner_id=owner) == digests(["fever", "pain"], owner_id=owner)


def test_words_are_found_after_the_wrapping_key_and_after_the_data_key_changed() -> None:
    owner, wanted = uuid4(), Wanted.read("headache")
    before = set(digests(["A headache"], owner_id=owner))
    rewrap_some(by=SystemAgent("system:test"))
    forget()
    assert before & set(wanted.digests([owner])[0][0])
    old = DataKey.objects.get(owner_id=owner)
    old.state = DataKey.State.RETIRED
    old.save()
    forget()
    after = set(digests(["A headache"], owner_id=owner))
    assert not before & after
    asked = set(wanted.digests([owner])[0][0])
    assert before & asked
    assert after & asked


def test_when_the_keys_are_destroyed_no_digest_can_be_asked_for() -> None:
    owner, wanted = uuid4(), Wanted.read("headache")
    digests(["A headache"], owner_id=owner)
    assert wanted.digests([owner])
    key = DataKey.objects.get(owner_id=owner)
    key.state = DataKey.State.DESTROYED
    key.save()
    assert wanted.digests([owner]) == []


def test_the_words_of_many_owners_are_asked_for_at_once(django_assert_num_queries: object) -> None:
    owners = [uuid4() for _ in range(3)]
    for owner in owners:
        digests(["A headache"], owner_id=owner)
    forget()
    with django_assert_num_queries(2):  # type: ignore[operator]
        asked = Wanted.read("headache").digests(owners)
    kept = {frozenset(digests(["headaches"], owner_id=owner)) for owner in owners}
    assert len(asked) == 3
    for (of_word,) in asked:
        assert sum(bool(of_owner & set(of_word)) for of_owner in kept) == 1
