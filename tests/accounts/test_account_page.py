"""The pages about oneself: how one signs in, how pages look, who has seen one's record (PT16, AU7)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Patient, ProxyGrant
from audit.models import AuditEvent
from audit.recorder import record_read


@pytest.mark.parametrize(
    ("key", "name"),
    [("ana", "Ana Alvarez"), ("rosa", "Rosa Alvarez"), ("okafor", "Dr Chidi Okafor"), ("root", "Root")],
)
def test_everybody_has_an_account_page(cast, enter, key, name):
    page = enter(cast[key]).get("/account/").content.decode()
    assert f"You are signed in as {name}." in page
    assert "Where you are signed in" in page


@pytest.mark.parametrize(
    ("choice", "cookie"), [("dark", "dark"), ("light", "light"), ("system", ""), ("neon", "")]
)
def test_light_or_dark_is_her_choice(cast, enter, choice, cookie):
    client = enter(cast.ana)
    client.cookies["theme"] = "light"
    answer = client.post("/theme/", {"theme": choice, "next": "/account/"})
    assert answer["Location"] == "/account/"
    assert answer.cookies["theme"].value == cookie
    page = client.get("/account/").content.decode()
    assert (f'data-theme="{cookie}"' in page) == bool(cookie)


def test_a_browser_of_a_language_without_a_catalogue_gets_whole_pages(db):
    page = Client(headers={"Accept-Language": "de"}).get("/sign-in/").content.decode()
    assert '<html lang="en"' in page
    assert "Password" in page


def test_the_language_is_her_choice_and_is_remembered(cast, enter):
    client = enter(cast.ana)
    client.post("/language/", {"language": "es", "next": "/account/"})
    assert '<html lang="es"' in client.get("/account/").content.decode()
    cast.ana.refresh_from_db()
    assert cast.ana.preferred_language == "es"
    client.post("/language/", {"language": "xx"})
    assert '<html lang="es"' in client.get("/account/").content.decode()


def test_a_visitor_may_choose_a_language_too(db):
    client = Client()
    client.post("/language/", {"language": "es"})
    assert '<html lang="es"' in client.get("/sign-in/").content.decode()


# Who has seen my record


def look(reader, patient, category="message", subtype="read", purpose="TREAT"):
    record_read(
        reader=reader, shown=[patient], of=patient, category=category, subtype=subtype, purpose=purpose
    )


def test_she_sees_who_has_seen_her_record_and_why(cast, enter):
    ana = cast.patient("ana")
    for reader in (cast.maya, cast.okafor, cast.rosa):
        look(reader, ana)
    page = enter(cast.ana).get("/privacy/").content.decode()
    for words in (
        "<b>Maya Chen</b>, nurse",
        "<b>Dr Chidi Okafor</b>, your main doctor",
        "<b>Rosa Alvarez</b>, your daughter",
        "Read your messages",
        "Works in the Okafor team, which cares for you",
        "Chosen as a trusted person in",
        "<b>3</b><span>people</span>",
        "<b>0</b><span>outside your care team</span>",
    ):
        assert words in page, words


def test_somebody_outside_the_care_team_is_said_so(cast, enter):
    look(cast.lund, cast.patient("ana"))
    page = enter(cast.ana).get("/privacy/").content.decode()
    assert "Not on your care team" in page
    assert "<b>1</b><span>outside your care team</span>" in page


def test_a_privacy_officer_is_believed_for_as_long_as_she_was_one(cast, enter):
    ana, checks = cast.patient("ana"), "Checks that records are opened only for good reason"
    look(cast.mira, ana, category="audit", subtype="search", purpose="HOPERAT")
    cast.mira.deactivate(by=cast.root)
    page = enter(cast.ana).get("/privacy/").content.decode()
    assert "<b>Mira Haddad</b>" in page
    assert checks in page
    assert "<b>0</b><span>outside your care team</span>" in page
    look(cast.mira, cast.patient("ben"))
    page = enter(cast.ben).get("/privacy/").content.decode()
    assert checks not in page
    assert "Not on your care team" in page


def test_she_does_not_see_who_has_seen_others(cast, enter):
    look(cast.lund, cast.patient("ben"))
    assert "Ingrid Lund" not in enter(cast.ana).get("/privacy/").content.decode()
    assert "Ingrid Lund" in enter(cast.ben).get("/privacy/").content.decode()


def test_looking_at_the_list_is_on_the_list(cast, enter):
    client = enter(cast.rosa)
    client.get("/privacy/")
    event = AuditEvent.objects.get(type="access", data_category="privacy")
    assert (event.agent_id, event.patient_id) == (str(cast.rosa.pk), cast.patient("ana").pk)
    assert event.on_behalf_of == cast.patient("ana").pk
    page = enter(cast.ana).get("/privacy/").content.decode()
    assert "<b>Rosa Alvarez</b>, your daughter" in page


def test_a_trusted_person_sees_the_list_only_with_the_right_to_read(cast, enter):
    look(cast.maya, cast.patient("ana"))
    assert "Maya Chen" in enter(cast.rosa).get("/privacy/").content.decode()
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = ["refill"]
    grant.save()
    assert enter(cast.rosa).get("/privacy/").status_code == 403


@pytest.mark.parametrize("key", ["okafor", "sam", "mira", "root"])
def test_staff_have_no_such_list(cast, enter, key):
    assert enter(cast[key]).get("/privacy/").status_code == 403


def test_the_list_costs_the_same_however_long_it_is(cast, enter):
    client = enter(cast.ana)
    client.get("/privacy/")
    counts = []
    for _ in range(2):
        for key in ("maya", "okafor", "lund", "rosa", "sam"):
            for _ in range(10):
                look(cast[key], cast.patient("ana"))
        with CaptureQueriesContext(connection) as asked:
            client.get("/privacy/", headers={"X-Background": "1"})
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12


def test_the_list_is_turned_page_by_page(cast, enter):
    import re

    ana = cast.patient("ana")
    for number in range(230):
        look(cast.maya if number % 2 else cast.sam, ana, category="message" if number % 3 else "medicine")
    client = enter(cast.ana)
    seen, address = 0, "/privacy/"
    for _ in range(3):
        page = client.get(address).content.decode()
        seen += 1
        older = re.search(r'href="(/privacy/\?before=[^"]+)"[^>]*>Older', page)
        if older is None:
            break
        address = older[1].replace("&amp;", "&")
    assert seen == 3
    assert "Newer" in page


@pytest.mark.parametrize("before", ["x", "0-0", "ffffffffffffff-" + "f" * 32, "1' OR 1=1"])
def test_a_made_up_place_in_the_list_is_no_error(cast, enter, before):
    assert enter(cast.ana).get("/privacy/", {"before": before}).status_code == 200


def test_a_patient_who_has_no_login_is_nobodys_error(cast):
    """A record may exist before its person has an account."""
    from portal.demo_clinic import FOUNDER

    leo = Patient.objects.register(name="Leo", birth_date="2015-01-01", record_number="RC-9", by=FOUNDER)
    assert leo.user is None
    look(cast.maya, leo)
