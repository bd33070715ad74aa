"""What people agree to, in which words, before anything else (KS-01, details 66)."""

from __future__ import annotations

import dataclasses
import json

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts import terms
from accounts.models import Agreement, KeptForm
from accounts.policy import addresses, declared
from audit.models import AuditEvent
from tests.accounts.steps import sign_in
from tests.accounts.test_policy import PUBLIC, every_address
from tests.work import words

# The words of each version, in each language. Another word is another version, and a line of its own here.
WORDS = {
    ("patients-1", "en"): "07605e87e67f9d1333903eb829737a2889d326a3f06f5ceae6d704394a36d504",
    ("patients-1", "es"): "0adb0ec76f9005dcf99b0bdb03d64ca2917bcea223f7b7dcc3fa22e065fe30d0",
    ("staff-1", "en"): "e118b1ad3330f3e0049986f7e4e35634c792a5237f4189c13e4a714bdfe9e6e1",
    ("staff-1", "es"): "103d2829f950a585e18f80ba0330e23c19b8989b068da993174ff90bb6f156c0",
}


def test_a_version_keeps_its_words():
    now = {
        (version, code): text.digest(code)
        for version, text in terms.EVERY.items()
        for code, _name in settings.LANGUAGES
    }
    assert now == {key: value for key, value in WORDS.items() if key in now}
    assert set(now) <= set(WORDS)


@pytest.mark.parametrize("code", ["en", "es"])
def test_the_terms_say_what_they_have_to(code):
    """Turnaround, who reads, off-hours, topics allowed and sensitive, emergency, what is kept, no shared login."""
    with translation.override(code):
        said = [" ".join(map(terms.filled, (part.title, *part.said))) for part in terms.PATIENTS.parts]
    assert len(said) == 6
    assert "911" in said[0] and "988" in said[0] and settings.CLINIC_PHONE in said[0]
    assert all("%(" not in part for part in said)


def forget(user) -> None:
    Agreement.objects.filter(user=user).delete()


def test_after_sign_in_she_reads_and_agrees_and_goes_on_where_she_wanted(cast):
    forget(cast.ana)
    client = sign_in(cast, "ana")
    asked = client.get("/medicines/")
    assert (asked.status_code, asked["Location"]) == (302, "/terms/?next=%2Fmedicines%2F")
    page = client.get(asked["Location"])
    assert "Before you write to us" in words(page) and "Call 911" in words(page)
    answer = client.post("/terms/", {"version": "patients-1", "next": "/medicines/"})
    assert (answer.status_code, answer["Location"]) == (302, "/medicines/")
    assert client.get("/medicines/").status_code == 200
    row = Agreement.objects.get(user=cast.ana)
    assert (row.version, row.language, row.text_digest) == ("patients-1", "en", terms.PATIENTS.digest("en"))
    event = AuditEvent.objects.get(type="account", subtype="terms", object_pk=str(row.pk))
    assert event.agent_id == str(cast.ana.pk)
    assert event.additional_data == {"version": "patients-1", "language": "en"}


def test_the_language_she_read_it_in_is_kept(cast, enter):
    client = enter(cast.ana)
    forget(cast.ana)
    client.post("/language/", {"language": "es", "next": "/terms/"})
    assert 'lang="es"' in client.get("/terms/").content.decode()
    client.post("/terms/", {"version": "patients-1"})
    row = Agreement.objects.get(user=cast.ana)
    assert (row.language, row.text_digest) == ("es", terms.PATIENTS.digest("es"))


@pytest.mark.parametrize(
    ("who", "version"),
    [("ana", "patients-1"), ("rosa", "patients-1"), ("maya", "staff-1"), ("root", "staff-1")],
)
def test_everybody_is_asked_for_what_concerns_her(cast, enter, who, version):
    client = enter(cast[who])
    assert Agreement.objects.get(user=cast[who]).version == version
    forget(cast[who])
    other = {"patients-1": "staff-1", "staff-1": "patients-1"}[version]
    assert client.post("/terms/", {"version": other}).status_code == 409
    assert client.post("/terms/", {"version": version}).status_code == 302
    assert client.get("/account/").status_code == 200


def test_staff_who_are_patients_agree_to_both(cast, enter):
    patient = cast.patient("ben")
    patient.user = cast.maya
    patient.save()
    client = enter(cast.maya)
    Agreement.objects.filter(user=cast.maya, version="patients-1").delete()
    assert client.get("/inbox/").status_code == 302
    assert client.post("/terms/", {"version": "patients-1"}).status_code == 302
    assert client.get("/inbox/").status_code == 200
    assert "Rules for working" in words(client.get("/terms/"))


def test_a_new_version_asks_again_in_the_session_that_is_open(cast, enter, monkeypatch):
    client = enter(cast.ana)
    assert client.get("/messages/").status_code == 200
    newer = dataclasses.replace(terms.PATIENTS, version="patients-2")
    monkeypatch.setattr(terms, "PATIENTS", newer)
    monkeypatch.setattr(terms, "EVERY", {**terms.EVERY, "patients-2": newer})
    assert client.get("/messages/")["Location"] == "/terms/?next=%2Fmessages%2F"
    assert "We have changed this text" in words(client.get("/terms/"))
    assert client.post("/terms/", {"version": "patients-1"}).status_code == 409
    assert client.post("/terms/", {"version": "patients-2"}).status_code == 302
    assert client.get("/messages/").status_code == 200
    assert set(Agreement.objects.filter(user=cast.ana).values_list("version", flat=True)) == {
        "patients-1",
        "patients-2",
    }


def test_before_it_she_reaches_nothing_but_the_way_out(cast, enter):
    """Over every address and method: what asks for both steps leads to the terms, programs are told so."""
    client = enter(cast.okafor)
    forget(cast.okafor)
    reached = set()
    for address, name, rules in every_address():
        if name in PUBLIC or name.startswith("sign-in") or name == "passkey-new-options":
            continue
        for method in rules:
            answer = getattr(client, method)(address)
            if answer.status_code == 403 and answer.json()["code"] == "terms_not_agreed":
                continue
            if answer.status_code == 302 and answer["Location"].startswith("/terms/"):
                continue
            reached.add(name)
    assert reached == {"terms", "stay"}
    open_before = {
        pattern.name
        for _route, pattern in addresses()
        if any(rule.before_terms for rule in (declared(pattern.callback) or {}).values())
    }
    assert open_before == {"terms", "stay"}
    assert client.post("/sign-out/").status_code == 302


def test_programs_get_a_code(cast, enter):
    client = enter(cast.ana)
    forget(cast.ana)
    answer = client.get("/api/v1/threads/")
    assert (answer.status_code, answer.json()["code"]) == (403, "terms_not_agreed")
    sent = client.post("/api/v1/threads/", json.dumps({}), content_type="application/json")
    assert (sent.status_code, sent.json()["code"]) == (403, "terms_not_agreed")


def test_what_she_had_typed_when_new_terms_came_is_kept(cast, enter):
    client = enter(cast.ana)
    forget(cast.ana)
    answer = client.post("/messages/new/", {"body": "I feel dizzy."})
    assert answer["Location"] == "/terms/?next=%2Fmessages%2Fnew%2F"
    kept = KeptForm.take(cast.ana, "/messages/new/")
    assert kept is not None and kept.data["body"] == "I feel dizzy."


def test_agreeing_twice_is_agreeing_once(cast, enter):
    client = enter(cast.ana)
    forget(cast.ana)
    for _ in range(2):
        assert client.post("/terms/", {"version": "patients-1"}).status_code == 302
    assert Agreement.objects.filter(user=cast.ana).count() == 1
    assert "You agreed to this on" in words(client.get("/terms/"))
    events = AuditEvent.objects.filter(subtype="terms", agent_id=str(cast.ana.pk), source="web")
    assert events.count() == 1


def test_the_words_are_asked_for_without_a_statement_more(cast, enter):
    client = enter(cast.ana)
    with CaptureQueriesContext(connection) as asked:
        client.get("/sign-in/")
    assert len(asked) == 1
    forget(cast.ana)
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/medicines/").status_code == 302
    assert len(asked) == 1


def test_a_visitor_and_a_half_signed_in_person_are_not_asked(cast, half):
    forget(cast.ana)
    assert Client().get("/terms/")["Location"].startswith("/sign-in/")
    assert half(cast.ana).get("/terms/")["Location"].startswith("/sign-in/code/")


def test_a_conversation_says_under_which_words_it_was_begun(cast, work):
    thread = work.thread(by="rosa")
    thread.post(author=cast.maya, body="We will call you.")
    events = AuditEvent.objects.filter(type="record", subtype="send").order_by("recorded_at", "id")
    assert [event.additional_data for event in events] == [{"terms": ["patients-1"]}, None]
