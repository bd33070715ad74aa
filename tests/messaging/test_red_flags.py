"""Signs of danger in what people write: told from what only sounds like it, in any spelling, in a bounded time."""

from __future__ import annotations

import shutil
import time

import pytest

from bench.learning import digest
from bench.red_flags import FLOORS, GOALS, LABELLED, LEARNED, SPLITS, UNLEARNED, Score, labelled, measured
from messaging.red_flags import Grade, look, weights
from messaging.red_flags.reading import by_rules
from messaging.red_flags.rules import FOLDER, NOT_REVIEWED, BadRules, read, rules


@pytest.mark.parametrize(
    ("danger", "harmless"),
    [
        ("I have chest pain", "I have no chest pain"),
        ("No fever but chest pain since noon", "No fever, chills or chest pain"),
        ("No fever, chest pain started an hour ago", "Denies fever, chest pain"),
        ("I am suicidal", "I am not suicidal"),
        ("I can't breathe", "If I can't breathe, whom do I call?"),
        ("My mom cannot breathe", "My neighbour had a heart attack"),
        ("My son is having a seizure", "My dog had a seizure"),
        ("My chest hurts again", "My chest hurt two years ago"),
        ("I think I am having a stroke", "What are the signs of a stroke?"),
        ("I want to die", "I am dying to see my results"),
        ("kms, i cant do this any more", "I walked 5 kms today"),
        ("My blood pressure is 210/120", "My blood pressure is 128/82"),
        ("my sugar is 40", "my sugar is 110"),
        ("fever of 104", "No fever since Monday"),
        ("Me duele el pecho", "No me duele el pecho"),
        ("Quiero morirme", "Me muero de hambre"),
        ("No tengo fiebre pero me duele el pecho", "No tengo fiebre ni dolor de pecho"),
        ("Mi mamá no puede respirar", "Mi vecina tuvo un infarto"),
        ("me quede sin insulina", "¿Puede esta medicina causar fiebre?"),
        ("I don't feel like living", "I don't feel like cooking"),
        ("I'm going to jump", "I'm going to jump back into rehab"),
        ("My daughter cuts herself", "My daughter cut my hair"),
        ("Tengo una soga lista", "Tengo una carga de trabajo"),
        ("Estoy de más en este mundo", "Estoy en el puente, hay tráfico"),
        ("Huele a gas y estamos mareados", "Tengo gases después de comer"),
        ("My catheter is clogged", "The drain in my sink is clogged"),
        ("INR 5.5, no bleeding", "INR goal is 2.5"),
        ("cough and fever of 103", "cough, no fever, feel ok"),
    ],
)
def test_a_danger_is_told_from_what_only_sounds_like_one(danger, harmless):
    assert look(danger).grade is not None
    assert look(harmless).signs == ()


@pytest.mark.parametrize(
    "written",
    ["chest pian", "CHEST PAIN", "chestpain", "my chest hurrts", "Chest-pain", "chest   pain", "chest\npain"],
)
def test_spelling_is_no_obstacle(written):
    assert look(f"i have {written} since 9").grade == Grade.EMERGENCY


@pytest.mark.parametrize(
    "written", ["can't breathe", "cant breathe", "can’t breathe", "cannot breath", "CANT BREATH"]
)
def test_an_apostrophe_may_be_of_any_kind_or_none(written):
    assert look(f"I {written}").grade == Grade.EMERGENCY


def test_accents_may_be_missing():
    assert look("se me acabo la insulina").signs[0].code == look("se me acabó la insulina").signs[0].code


def test_what_was_found_is_said_as_it_was_written():
    (sign,) = look("Hello, since noon my CHEST  is hurting.").signs
    assert sign.found == "CHEST is hurting"


def test_the_most_pressing_comes_first_and_each_sign_once():
    finding = look("I have a fever", "I want to kill myself. My chest hurts. My chest hurts a lot.")
    assert finding.grade == Grade.CRISIS
    assert [sign.grade for sign in finding.signs] == sorted(sign.grade for sign in finding.signs)
    codes = [sign.code for sign in finding.signs]
    assert len(codes) == len(set(codes))
    assert finding.has_emergency


def test_one_text_completes_another():
    assert look("I am 34 weeks pregnant", "The baby stopped moving").grade == Grade.EMERGENCY
    assert look("The moving company stopped moving boxes").grade is None


def test_both_languages_are_looked_for_in_one_text():
    codes = {sign.code for sign in look("Tengo fiebre and my chest hurts").signs}
    assert {"fever", "chest-pain"} <= codes


HOSTILE = [
    "no chest pain if i get fever " * 180,
    "chest " * 900,
    "no " * 1_700,
    "if i have a history of chest pain and " * 140,
    "pain" * 1_250,
    "a" * 5_000,
    "?!.,;:" * 850,
    "1/2/3/4 " * 650,
    "chest pain. " * 420,
    "no me duele el pecho ni tengo " * 170,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_takes_long_to_look_at(text):
    """Twice the text takes about twice the time: nothing is tried again and again."""
    look("warm")

    def seconds(of: str) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            look(of)
            best = min(best, time.process_time() - began)
        return best

    half, whole = seconds(text[: len(text) // 2]), seconds(text)
    assert whole < 1.0
    assert whole < 3.2 * half + 0.02


@pytest.fixture(scope="module")
def messages():
    # The two largest sets have been learned from, and say nothing more: they are left to the bench.
    found, _each = measured([split for split in SPLITS if split not in ("triage", "practice")])
    return found


def test_the_goals_are_met_on_the_labelled_messages(messages):
    score = Score.of(one for one in messages if one.split in LEARNED)
    assert {grade: (score.share(grade) or 0) >= goal for grade, goal in GOALS.items()} == dict.fromkeys(
        GOALS, True
    )


def test_what_was_not_learned_from_is_found_as_often_as_the_papers_say(messages):
    """The exam: nobody who makes the rules or the table reads it."""
    score = Score.of(one for one in messages if one.split in UNLEARNED)
    assert {grade: (score.share(grade) or 0) >= floor for grade, floor in FLOORS.items()} == dict.fromkeys(
        FLOORS, True
    )


def test_a_wording_that_no_rule_knows_is_found_by_the_table_and_says_by_which_words():
    text = "Mom wants it over, she counted out her heart tablets and said goodbye to the cat."
    assert by_rules(text).grade is None
    (sign,) = look(text).signs
    assert (sign.grade, sign.code) == (Grade.CRISIS, weights.CODE)
    assert "goodbye" in sign.found
    assert sign.found in text
    assert len(sign.found.split()) <= weights.MOST_SHOWN
    assert (
        look("Mom has enough heart tablets until Sunday. Please send the refill to the pharmacy.").signs == ()
    )


LETTERS = {
    "en": (
        "Good morning, a few things about the household. The form for the school came back and they want a stamp on "
        "page two, could you do that. My knees are as they were, the new pills from March help a little at night. We "
        "went to my cousin's wedding in Dayton and the children danced until late. {} The pharmacy on Elm Street has "
        "moved, please send the refill of the cholesterol pills to the one at the station. And tell the lady at the "
        "desk thank you for the parking ticket, that was kind of her."
    ),
    "es": (
        "Buenos días, le escribo por varias cosas. El formulario de la escuela volvió y piden un sello en la segunda "
        "página, si me hace el favor. Las rodillas siguen igual, las pastillas nuevas me ayudan algo por la noche. "
        "Fuimos a la boda de mi prima en Puebla y los niños bailaron hasta tarde. {} La farmacia de la calle Hidalgo "
        "se cambió de lugar, por favor mande la receta del colesterol a la que está en la estación. Y déle las "
        "gracias a la señorita de la recepción, fue muy amable conmigo."
    ),
}


@pytest.mark.parametrize("is_one_sentence", [False, True], ids=["in sentences", "without a stop"])
@pytest.mark.parametrize(
    ("language", "danger", "harmless", "grade"),
    [
        (
            "en",
            "Since breakfast one side of his mouth hangs and he puts the cup beside the table.",
            "Since breakfast one of the boys hangs about and puts the cups on the table.",
            Grade.EMERGENCY,
        ),
        (
            "en",
            "When I lie awake I keep counting how many of the blue tablets it would take.",
            "When I lie awake I keep counting how many of the guests were from Ohio.",
            Grade.CRISIS,
        ),
        (
            "es",
            "Desde el desayuno se le cuelga un lado de la boca y pone la taza fuera de la mesa.",
            "Desde el desayuno el más chico anda contento y pone las tazas en la mesa.",
            Grade.EMERGENCY,
        ),
    ],
)
def test_one_dangerous_sentence_is_found_in_a_long_letter(language, danger, harmless, grade, is_one_sentence):
    letter = LETTERS[language]
    if is_one_sentence:
        letter = letter.replace(".", "").replace(",", "")
    finding = look(letter.format(danger))
    assert finding.grade == grade
    assert set(finding.signs[0].found.split()) & set(danger.split())
    assert look(letter.format(harmless)).grade is None


@pytest.mark.parametrize(
    "words",
    [
        *("Every day.", "It will pass.", "One more thing.", "Hello.", "Newest of all."),
        # In no set that was learned from.
        *("I found my keys.", "Nadie abrió la puerta.", "Me quedé sin datos.", "My hands were full."),
    ],
)
def test_a_few_words_that_say_nothing_are_left_alone(words):
    assert look(words).grade is None


@pytest.mark.parametrize(
    "letter",
    [
        # None of them in a set that was learned from.
        "Thank you for the good advice. I have been swimming on Mondays and Thursdays, and the walk to the lake with "
        "the dog does me good as well. My neighbour comes along and brings the coffee. We will go on like that until "
        "the end of the month.",
        "We are moving in May, so this is goodbye to the clinic on Elm Street. You have been good to us.",
        "Thank you for the call. I gave my old bicycle to the boy next door, he is happy with it.",
        "Gracias por todo. El sábado vinieron los nietos y cenamos en el patio, luego lavé los platos y me fui a "
        "dormir contenta.",
    ],
)
def test_a_kind_letter_in_which_nothing_happens_is_left_alone(letter):
    assert look(letter).grade is None


def test_the_table_was_learned_from_the_sets_that_say_so_and_no_other():
    rows = [row for split in LEARNED for row in labelled(split)]
    assert weights.weights().learned == digest(rows)
    unlearned = {
        (subject, body) for split in UNLEARNED for _language, _grade, subject, body in labelled(split)
    }
    assert unlearned.isdisjoint((subject, body) for _language, _grade, subject, body in rows)


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("table.tsv", "version\t", "version\t0", "not of the version"),
        ("table.tsv", "flag\t", "flag\t-", "nothing could be found"),
        ("table.tsv", "feared\t", "feared\t-", "nothing could be found"),
        ("table.tsv", "flag\t", "colour\tred\nflag\t", "unknown: colour"),
        ("table.tsv", "\n\n", "\n\nword\tmany\t0\t0\n", "ValueError"),
        ("table.tsv", "reviewed\t", "reviewed\t2026-01-01", "go together"),
        ("concepts.toml", 'version = "', 'version = "0', "not of the version"),
        ("concepts.toml", '= "die ', '= "die (died)+ ', "no word"),
        ("concepts.toml", '= "die ', '= "di* ', "too many words"),
        ("concepts.toml", "[concepts]", 'colour = "red"\n[concepts]', "unknown: colour"),
    ],
)
def test_a_table_that_is_malformed_is_refused_whole(tmp_path, file, old, new, complaint):
    shutil.copytree(weights.FOLDER, tmp_path / "learned")
    path = tmp_path / "learned" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadRules, match=complaint):
        weights.read(tmp_path / "learned")


def test_the_labelled_messages_are_many_and_of_every_kind():
    rows = [row for split in SPLITS for row in labelled(split)]
    assert len(rows) >= 500
    assert len({(subject, body) for _language, _grade, subject, body in rows}) == len(rows)
    for language in ("en", "es"):
        assert {grade for of, grade, _subject, _body in rows if of == language} == set(GOALS)
    assert sorted(path.stem for path in LABELLED.glob("*.tsv")) == sorted(SPLITS)


def test_the_rules_say_that_no_clinician_has_signed_them_yet():
    assert (rules().reviewer, rules().reviewed) == (NOT_REVIEWED, None)


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("en.toml", 'code = "seizure"', 'code = "sezure"', "not in signs.toml"),
        ("en.toml", '"slurr*"', '"{slurred}"', "no word list"),
        ("en.toml", '"slurr*"', '"slurr* ..40 speech"', "too far"),
        ("en.toml", '"slurr*"', '"Slurr(ed)+"', "no word"),
        ("en.toml", 'where = "before"', 'where = "somewhere"', "stands nowhere"),
        ("es.toml", 'version = "', 'version = "0', "not of one version"),
        ("es.toml", 'language = "es"', 'language = "pt"', "its language"),
        ("signs.toml", 'seizure = "emergency"', 'seizure = "bad"', "no grade"),
        (
            "signs.toml",
            'seizure = "emergency"',
            'seizure = "emergency"\nrabies = "emergency"',
            "has no words for",
        ),
        ("signs.toml", 'reviewed = ""', "reviewed = 2026-01-01", "go together"),
        ("signs.toml", "[signs]", "[signs", "signs.toml"),
        ("signs.toml", "[signs]", 'colour = "red"\n[signs]', "unknown: colour"),
    ],
)
def test_rules_that_are_malformed_are_refused_whole(tmp_path, file, old, new, complaint):
    shutil.copytree(FOLDER, tmp_path / "rules")
    path = tmp_path / "rules" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadRules, match=complaint):
        read(tmp_path / "rules")
