"""Every page in English and in Spanish, whole in each (AL2, LNG-01)."""

from __future__ import annotations

import ast
import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import translation
from jinja2 import Environment

from accounts.entrance import FACTORS
from accounts.models import KeptForm, Notification, User
from accounts.models.notification import Notice
from accounts.notices import notice_words
from messaging.models import Draft
from portal import dates, errors
from portal.demo_clinic import FOUNDER
from tests import catalogue
from tests.letters import begin

PO = catalogue.catalogue("es")
EDGES = " .,:()?\N{EN DASH}"
ENGLISH = {
    text: one
    for one in PO
    for text in (one.id if isinstance(one.id, tuple) else (one.id,))
    if one.id and text not in (one.string if isinstance(one.string, tuple) else (one.string,))
}
# What is told apart from a name or a word of the clinic's own: the stretches of text between the placeholders.
STRETCHES = sorted(
    {
        stretch.strip(EDGES)
        for text in ENGLISH
        for stretch in catalogue.PLACE.split(text)
        if len(stretch.strip(EDGES)) > 11 and " " in stretch.strip(EDGES)
    }
)
WORDS_ALONE = {text for text in ENGLISH if " " not in text and len(text) > 4 and "%" not in text}


def english_in(page: str) -> list[str]:
    """Words of ours that stand on a page in English. Attributes that are read out count; letters do not."""
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    page = re.sub(r"<form [^>]*data-language>.*?</form>", "", page, flags=re.S)
    page = re.sub(r'<b lang="en">English</b>', "", page)
    page = re.sub(r'<div class="letter".*?</div>', "", page, flags=re.S)
    said = re.findall(r'(?:aria-label|title|placeholder|content|data-on|data-off)="([^"]*)"', page)
    said += re.split(r"<[^>]*>", page)
    pieces = [" ".join(html.unescape(piece).split()) for piece in said]
    return sorted(
        {stretch for stretch in STRETCHES for piece in pieces if stretch in piece}
        | {piece for piece in pieces if piece.strip(" .,:") in WORDS_ALONE}
    )


@pytest.fixture
def spanish(cast):
    """Everybody reads Spanish."""
    for key in cast:
        cast[key].prefer_language("es", by=cast[key])


@pytest.fixture(autouse=True)
def _back_to_english():
    yield
    translation.activate("en")


# The catalogue


@pytest.mark.parametrize("language", catalogue.languages())
def test_every_word_of_the_code_is_in_the_catalogue_and_compiled(language):
    assert catalogue.faults(language) == []


def two_stops(page: str) -> list[str]:
    """Sentences with a stop after their stop, tags left out."""
    return re.findall(r".{0,40}(?<!\.)\.\.(?!\.).{0,10}", re.sub(r"<[^>]*>", "", page))


def test_no_message_has_two_stops_whatever_time_stands_in_it():
    """A stop after a time is the sentence's: a time has none of its own."""
    at = datetime(2026, 3, 10, 20, 17, tzinfo=UTC)
    for language in catalogue.languages():
        translation.activate(language)
        spoken = catalogue.catalogue(language)
        said = [words(at) for words in (dates.clock, dates.deadline, dates.full, dates.short, dates.second)]
        said.append(dates.span(at, at + timedelta(hours=5)))
        for moment in said:
            assert not moment.endswith("."), moment
            for message in spoken:
                for text in message.string if isinstance(message.string, tuple) else (message.string,):
                    assert not two_stops(catalogue.PLACE.sub(moment, text)), text
    for message in PO:
        asked = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        for text, english in zip(texts, asked, strict=True):
            assert text.endswith(".") == english.endswith("."), text
    assert two_stops("Borrador guardado, <time>3:17 p. m.</time>. Puede volver.")


def test_the_catalogue_check_sees_what_is_wrong(monkeypatch, tmp_path):
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    text = catalogue.source("es").read_text()
    text = text.replace('msgstr "Mensaje enviado."', 'msgstr ""').replace(
        'msgstr "Lo tiene %(team)s."', 'msgstr "Lo tiene %(equipo)s."'
    )
    text = text.replace('msgid "Sign out now"', '#, fuzzy\nmsgid "Sign out now"')
    text = text.replace('msgid "Stay signed in"', 'msgid "Stay"')
    (folder / "django.po").write_text(text)
    (folder / "django.mo").write_bytes(catalogue.compiled("es").read_bytes())
    monkeypatch.setattr(catalogue, "LOCALES", tmp_path)
    monkeypatch.setattr(catalogue, "ROOT", catalogue.ROOT)
    monkeypatch.setattr(catalogue, "compiled", lambda _language: _Named(folder / "django.mo"))
    found = "\n".join(catalogue.faults("es"))
    for part in (
        "not in the catalogue: 'Stay signed in'",
        "nowhere in the code: 'Stay'",
        "fuzzy: 'Sign out now'",
        "not translated: 'Message sent.'",
        "other placeholders: '%(team)s has it.'",
        "is not what its source says",
    ):
        assert part in found, part


class _Named(type(catalogue.ROOT)):  # type: ignore[misc]
    def relative_to(self, *_others):
        return self


def test_every_name_that_wraps_words_is_one_the_catalogue_knows():
    for layer in catalogue.LAYERS:
        for path in (catalogue.ROOT / layer).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                    for name in node.names:
                        if "gettext" in name.name:
                            asked = catalogue.KEYWORDS[name.asname or name.name]
                            assert asked == catalogue.KEYWORDS[name.name], path


def test_no_template_says_a_word_outside_the_catalogue():
    lexer = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    for layer in catalogue.LAYERS:
        for path in (catalogue.ROOT / layer).rglob("jinja2/**/*.html"):
            # What these macros and blocks hold is no text but the inside of a tag.
            plain = re.sub(
                r"{% macro (described|extra)\(.*?{%- endmacro %}", "", path.read_text(), flags=re.S
            )
            plain = re.sub(r"{% block \w+_(?:class|attributes) %}.*?{% endblock %}", "", plain)
            text = "".join(value for _line, kind, value in lexer.lex(plain) if kind == "data")
            text = re.sub(r"<(script|style|kbd|code)\b[^>]*>.*?</\1>", "", text, flags=re.S)
            said = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
            said.append(re.sub(r"<[^>]*>", " ", text))
            assert not [word for piece in said for word in re.findall(r"[A-Za-z]{2,}", piece)], path


# Pages


def test_the_pages_of_a_patient_say_nothing_in_english(cast, enter, work, spanish):
    thread, medicine, refill = work.thread(), work.medicine(), work.refill()
    thread.post(author=cast.maya, body="Siga con las pastillas.")
    client = enter(cast.ana)
    letter = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="unsure")
    letter.say_safe(by=cast.ana)
    letter.choose(by=cast.ana, category=thread.category, pool=None)
    letter.keep(by=cast.ana, subject="Mareos", body="Desde el martes.")
    addresses = [
        *(
            f"/messages/drafts/{letter.pk}/{step}/"
            for step in ("urgent", "stop", "topic", "nurse", "text", "check")
        ),
        "/messages/drafts/",
        f"/messages/{thread.pk}/sent/",
        "/messages/",
        "/messages/?show=closed",
        f"/messages/{thread.pk}/",
        "/messages/new/",
        "/medicines/",
        f"/medicines/{medicine.pk}/refill/",
        f"/medicines/requests/{refill.pk}/",
        "/privacy/",
        "/account/",
    ]
    left = {}
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        assert '<html lang="es"' in page
        assert answer["Content-Language"] == "es"
        assert not two_stops(page), address
        if english_in(page):
            left[address] = english_in(page)
    answer = client.post(f"/messages/drafts/{letter.pk}/text/", {"subject": "", "body": ""})
    assert "Escriba su mensaje" in answer.content.decode()
    left.update(
        {"errors": english_in(answer.content.decode())} if english_in(answer.content.decode()) else {}
    )
    assert left == {}


def test_english_on_a_page_is_seen(cast, enter, work):
    """Else the tests around this one would say nothing."""
    found = english_in(enter(cast.ana).get("/messages/new/").content.decode())
    for words in (
        "Bleeding that will not stop",
        "Skip to main content",
        "Medicines",
        "Do you need more time",
    ):
        assert words in found


def test_the_pages_of_the_staff_say_nothing_in_english(cast, enter, work, spanish):
    thread, refill = work.thread(), work.refill()
    thread.note(author=cast.maya, body="Llamar mañana.")
    left = {}
    for key, address in (
        ("okafor", "/inbox/"),
        ("okafor", "/inbox/?view=finished"),
        ("okafor", f"/inbox/{thread.pk}/"),
        ("okafor", "/refills/"),
        ("okafor", f"/refills/{refill.pk}/"),
        ("okafor", "/account/"),
        ("mira", "/audit/events/"),
        ("mira", "/audit/events/?since=gestern"),
    ):
        page = enter(cast[key]).get(address).content.decode()
        assert '<html lang="es"' in page, address
        if english_in(page):
            left[address] = english_in(page)
    assert left == {}


def test_the_way_in_is_in_the_language_of_the_browser(db):
    browser = Client(headers={"Accept-Language": "es-MX,es;q=0.9"})
    page = browser.get("/sign-in/").content.decode()
    assert "Escriba su correo" not in page
    assert "Contraseña" in page
    assert english_in(page) == []
    page = browser.post("/sign-in/", {"email": "", "password": ""}).content.decode()
    assert "Escriba su correo electrónico" in page
    assert english_in(page) == []


def test_every_step_of_the_way_in_says_nothing_in_english(cast, enter, half, spanish):
    newcomer = User.objects.enrol(
        email="new@riverside.example", password="walks by the river", by=FOUNDER, language="es"
    )
    walks = [
        (Client(), ["/sign-in/", "/sign-in/forgotten/", "/sign-in/new-password/nothing/"]),
        (half(cast.ana), ["/sign-in/code/", "/sign-in/recovery/", "/sign-in/lost/"]),
        (half(newcomer), ["/sign-in/set-up/", "/sign-in/set-up/passkey/"]),
        (enter(cast.ana), [f"/sign-in/again/?for={FACTORS}", "/account/password/", "/terms/"]),
        (enter(cast.ana, fresh=FACTORS), ["/account/apps/new/", "/account/codes/", "/account/passkeys/new/"]),
        (enter(cast.ana, fresh="contact"), ["/account/contact/", "/account/email/", "/account/phone/"]),
        (enter(cast.ana), ["/account/email/confirm/nothing/"]),
        (enter(cast.sam), ["/desk/lost/", "/terms/"]),
    ]
    left = {}
    for client, addresses in walks:
        client.cookies["django_language"] = "es"
        for address in addresses:
            answer = client.get(address, follow=True)
            page = answer.content.decode()
            assert '<html lang="es"' in page, address
            if english_in(page):
                left[address] = english_in(page)
    assert left == {}


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500, 503])
def test_error_pages_are_in_her_language(db, status):
    request = RequestFactory().get("/nowhere/")
    request.user = None
    with translation.override("es"):
        page = errors.answer(request, status, "code").content.decode()
        assert 'lang="es"' in page
        assert english_in(page) == []
        assert english_in(errors.plain(*errors.words(status))) == []


def test_a_page_that_is_not_there_is_so_in_spanish(cast, enter, spanish):
    answer = enter(cast.ana).get("/nowhere/")
    assert answer.status_code == 404
    assert "No encontramos esta página" in answer.content.decode()
    assert english_in(answer.content.decode()) == []


@pytest.mark.parametrize("notice", Notice)
def test_every_letter_is_there_in_spanish(notice):
    with translation.override("es"):
        subject, body = notice_words(notice, link="https://portal.example/")
    assert english_in(subject) == english_in(" ".join(body.split())) == []


def test_mail_is_in_the_language_of_the_one_who_gets_it(cast, work, spanish):
    cast.rosa.prefer_language("en", by=cast.rosa)
    thread = work.thread()
    thread.post(author=cast.maya, body="Siga con las pastillas.")
    letters = {
        notice.person_id: notice.as_email()
        for notice in Notification.objects.filter(person__in=[cast.ana, cast.rosa])
    }
    assert letters[cast.ana.pk].subject.startswith("Tiene un mensaje de")
    assert english_in(letters[cast.ana.pk].body.replace("\n", " ")) == []
    assert letters[cast.rosa.pk].subject.startswith("You have a message from")
    assert mail.outbox == []


def test_a_message_keeps_the_language_it_was_written_in(cast, enter, work):
    thread = work.thread()
    cast.ana.prefer_language("es", by=cast.ana)
    page = enter(cast.ana).get(f"/messages/{thread.pk}/").content.decode()
    assert '<div class="letter" lang="en">' in page


# The choice


def offer(page: str) -> tuple[str, str, str]:
    """The other language's code and words, and the page to come back to."""
    form = re.search(
        r'data-language>.*?name="next" value="([^"]*)">.*?value="(\w+)">.*? lang="\w+">([^<]+)<', page, re.S
    )
    assert form is not None
    return form[2], form[3], html.unescape(form[1])


@pytest.mark.parametrize(
    ("key", "address"),
    [("ana", "/messages/?show=closed"), ("okafor", "/inbox/?view=mine"), ("mira", "/audit/events/")],
)
def test_every_page_offers_the_other_language_at_the_same_place(cast, enter, key, address):
    client = enter(cast[key])
    code, words, page = offer(client.get(address).content.decode())
    assert (code, words, page) == ("es", "Ver en español", address)
    answer = client.post("/language/", {"language": code, "next": page})
    assert answer["Location"] == address
    code, words, page = offer(client.get(address).content.decode())
    assert (code, words, page) == ("en", "View in English", address)
    cast[key].refresh_from_db()
    assert cast[key].preferred_language == "es"


def test_the_way_in_and_an_error_offer_it_too(db):
    client = Client()
    assert offer(client.get("/sign-in/?next=/messages/").content.decode())[2] == "/sign-in/?next=/messages/"
    assert offer(client.get("/nowhere/").content.decode())[2] == "/"


def test_an_answer_to_a_form_leads_back_to_the_page_the_form_stands_on(cast, enter, work):
    thread = work.thread()
    client = enter(cast.ana)
    answer = client.post(
        f"/messages/{thread.pk}/replies/",
        {"body": ""},
        headers={"Referer": f"http://testserver/messages/{thread.pk}/"},
    )
    assert offer(answer.content.decode())[2] == f"/messages/{thread.pk}/"
    answer = client.post("/messages/new/", {"body": ""}, headers={"Referer": "http://["})
    assert offer(answer.content.decode())[2] == "/messages/new/"


def test_what_she_chose_on_the_way_in_is_her_choice_from_then_on(cast, enter):
    visitor = Client()
    visitor.post("/language/", {"language": "es"})
    client = enter(cast.ana)
    client.cookies.update(visitor.cookies)
    assert '<html lang="es"' in client.get("/messages/").content.decode()
    cast.ana.refresh_from_db()
    assert cast.ana.preferred_language == "es"
    # Settled: whoever signs in here next does not get it as her own.
    assert client.cookies["language-chosen"].value == ""
    again = enter(cast.okafor)
    again.cookies["django_language"] = "es"
    again.get("/account/")
    cast.okafor.refresh_from_db()
    assert cast.okafor.preferred_language == "en"


def test_her_choice_follows_her_to_another_browser(cast, enter):
    cast.ana.prefer_language("es", by=cast.ana)
    client = enter(cast.ana)
    page = client.get("/messages/", headers={"Accept-Language": "en"}).content.decode()
    assert '<html lang="es"' in page
    # A browser that was told something is believed.
    client.cookies["django_language"] = "en"
    assert '<html lang="en"' in client.get("/messages/").content.decode()


def test_what_stands_unsent_comes_along(cast, enter, work):
    client = enter(cast.ana)
    at = f"/messages/drafts/{begin(client)}/text/"
    client.post("/account/keep/", {"body": "Me duele", "kept-page": at, "kept-action": at})
    client.post("/language/", {"language": "es", "next": at})
    page = client.get(at).content.decode()
    assert "Me duele" in page
    assert "Aquí está lo que escribió." in page
    assert not KeptForm.objects.exists()


# Moments


def test_moments_are_said_as_in_spanish(settings):
    settings.CLINIC_TIME_ZONE = "America/New_York"
    moment = datetime(2026, 3, 10, 20, 12, tzinfo=UTC)
    with time_machine.travel(moment, tick=False), translation.override("es"):
        assert dates.clock(moment) == "4:12 pm"
        assert dates.full(moment) == "martes 10 de marzo, 4:12 pm"
        assert dates.deadline(datetime(2026, 3, 12, 21, 0, tzinfo=UTC)) == "jueves 12 de marzo, 5 pm"
        assert dates.full(datetime(2025, 3, 10, 13, 14, tzinfo=UTC)) == ("lunes 10 de marzo de 2025, 9:14 am")
        assert dates.short(datetime(2026, 3, 2, 20, 12, tzinfo=UTC)) == "2 de marzo"
        assert dates.short(datetime(2026, 3, 9, 20, 12, tzinfo=UTC)) == "lunes"
        assert dates.second(moment) == "10 de marzo de 2026, 4:12:00 pm"
        assert dates.date_of_birth(datetime(1967, 3, 4, tzinfo=UTC).date()) == "4 de marzo de 1967"
