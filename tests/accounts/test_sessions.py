"""Sessions end: by time, by their owner, by whoever changes what she may do (HSR-04, SC5, NST-02, G18)."""

from __future__ import annotations

import itertools
from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import KeptForm, RecoverySheet, Role, RoleGrant, Session, User
from accounts.policy import addresses, declared
from accounts.views.sign_in import WHY_AGAIN
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.steps import give_password, is_in, sign_in

MINUTE, HOUR = 60, 3600


@pytest.fixture
def clock():
    """A clock that stands still. It starts a day on, so that everything the cast was given runs already."""
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False) as clock:
        yield clock


def session_of(user) -> Session:
    return Session.objects.filter(user=user).latest("started_at")


@pytest.mark.parametrize(
    ("who", "idle"), [("okafor", 15), ("sam", 15), ("mira", 15), ("ana", 30), ("rosa", 30)]
)
@pytest.mark.parametrize(("off", "alive"), [(-1, True), (1, False)])
def test_a_session_ends_when_nothing_happens(cast, enter, clock, who, idle, off, alive):
    client = enter(cast[who])
    clock.shift(idle * MINUTE + off)
    assert is_in(client) == alive


def test_a_session_that_ended_is_dead_on_the_server(cast, enter, clock):
    client = enter(cast.ana)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(30 * MINUTE + 1)
    answer = client.get("/account/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=%2Faccount%2F&left=idle")
    assert session_of(cast.ana).end_reason == "idle"
    clock.shift(-30 * MINUTE)  # a clock that is set back does not bring it back
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(thief)


def test_every_sign_of_life_counts_from_its_own_moment(cast, enter, clock):
    client = enter(cast.okafor)
    clock.shift(10)
    assert is_in(client)
    clock.shift(15 * MINUTE - 1)
    assert is_in(client)
    clock.shift(15 * MINUTE + 1)
    assert not is_in(client)


def test_a_sign_of_life_is_written_when_the_answer_is_made(cast, enter, clock):
    client = enter(cast.okafor)
    clock.shift(MINUTE)
    with CaptureQueriesContext(connection) as statements:
        client.get("/account/")
    kinds = [statement["sql"].split()[0] for statement in statements]
    assert kinds.index("UPDATE") == len(kinds) - 1, "one statement, the session's, stands before the view"
    assert session_of(cast.okafor).last_seen_at > timezone.now() - timedelta(seconds=MINUTE)


def test_polling_in_the_background_is_no_sign_of_life(cast, enter, clock):
    client = enter(cast.okafor)
    for _ in range(14):
        clock.shift(MINUTE)
        assert client.get("/account/", headers={"X-Background": "1"}).status_code == 200
    clock.shift(MINUTE + 1)
    assert not is_in(client)


@pytest.mark.parametrize(("off", "alive"), [(-1, True), (1, False)])
@pytest.mark.parametrize("who", ["okafor", "ana"])
def test_a_session_ends_after_twelve_hours_whatever_happens(cast, enter, clock, who, off, alive):
    client = enter(cast[who])
    for _ in range(12 * 6 - 1):
        clock.shift(10 * MINUTE)
        session_of(cast[who]).seen()
    clock.shift(10 * MINUTE + off)
    assert is_in(client) == alive


@pytest.mark.parametrize(("off", "alive"), [(-1, True), (1, False)])
def test_ten_minutes_lie_between_password_and_code(cast, clock, off, alive):
    client = give_password(cast, "ana")
    clock.shift(10 * MINUTE + off)
    client.post("/sign-in/code/", {"code": cast.code("ana")})
    assert is_in(client) == alive


def test_a_person_shut_out_is_out_at_her_next_request(cast, enter):
    client, waiting = enter(cast.maya), give_password(cast, "maya")
    cast.maya.deactivate(by=cast.root)
    assert not is_in(client)
    assert waiting.post("/sign-in/code/", {"code": cast.code("maya")}).status_code == 302
    assert not is_in(waiting)
    assert Session.objects.alive().filter(user=cast.maya).count() == 0


def test_a_change_of_role_ends_what_was_open(cast, enter):
    client = enter(cast.maya)
    RoleGrant.objects.give(user=cast.maya, role=Role.FRONT_DESK, by=FOUNDER)
    assert not is_in(client)
    other = enter(cast.sam)
    RoleGrant.objects.get(user=cast.sam).withdraw(by=cast.root)
    assert not is_in(other)


def test_rights_are_read_at_every_request(cast, enter):
    """A right that ends by its own date is gone at that moment, in the session that is open."""
    client = enter(cast.rosa)
    assert client.get("/privacy/").status_code == 200
    grant = cast.rosa.proxy_grants.get()
    grant.ends_at = timezone.now() + timedelta(minutes=5)
    grant.save()
    assert client.get("/privacy/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert client.get("/privacy/").status_code == 403


def test_one_statement_tells_who_is_asking(cast, enter):
    client = enter(cast.okafor)
    client.get("/account/")
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/sign-in/").status_code == 302  # a page that needs nothing else
    assert len(asked) == 1


def test_a_sign_of_life_is_one_update_at_most_each_second(cast, enter, clock):
    client = enter(cast.okafor)
    clock.shift(2)
    with CaptureQueriesContext(connection) as asked:
        client.get("/sign-in/")
        client.get("/sign-in/")
    assert sum(query["sql"].startswith("UPDATE") for query in asked) == 1


def test_a_visitor_costs_no_statement(db):
    with CaptureQueriesContext(connection) as asked:
        Client().get("/sign-in/")
        noise = Client()
        noise.cookies[settings.SESSION_COOKIE_NAME] = "'; DROP TABLE accounts_session; --"
        noise.get("/sign-in/")
    assert len(asked) == 0


@pytest.mark.parametrize("key", ["", "x", "A" * 43, "A" * 5_000, "schl\xfcssel"])
def test_a_made_up_key_opens_nothing(cast, key):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(client)


def test_an_ended_session_cannot_be_saved_back(cast, enter):
    """A request that was under way when the session ended does not bring it back with what it writes at its end."""
    from accounts.models import Strength
    from accounts.refusals import SessionEnded

    enter(cast.ana)
    under_way = Session.objects.select_related("user").get(user=cast.ana)
    Session.objects.get(pk=under_way.pk).end(by=cast.ana, reason="signed-out")
    with time_machine.travel("2030-01-01"):
        under_way.seen()
    with pytest.raises(SessionEnded):
        under_way.strengthen(by=cast.ana, strength=Strength.FULL, factor="totp")
    with pytest.raises(SessionEnded):
        under_way.prove_again(by=cast.ana, purpose="factors", factor="totp")
    row = Session.objects.get(pk=under_way.pk)
    assert row.ended_at is not None
    assert row.last_seen_at < row.ended_at


def test_she_sees_where_she_is_signed_in_and_ends_one(cast, enter):
    here, there = enter(cast.ana), enter(cast.ana)
    page = here.get("/account/").content.decode()
    assert page.count("Firefox · Linux") >= 2
    assert "This device" in page
    ref = session_of(cast.ana).pk
    assert here.post(f"/account/sessions/{ref}/end/").status_code == 302
    assert is_in(here)
    assert not is_in(there)


def test_she_ends_all_others(cast, enter):
    here, *others = (enter(cast.ana) for _ in range(3))
    here.post("/account/sessions/others/end/")
    assert is_in(here)
    assert not any(is_in(other) for other in others)


def test_anothers_session_cannot_be_ended(cast, enter):
    bens = enter(cast.ben)
    answer = enter(cast.ana).post(f"/account/sessions/{session_of(cast.ben).pk}/end/")
    assert answer.status_code == 404
    assert is_in(bens)
    assert AuditEvent.objects.filter(type="refusal", agent_id=str(cast.ana.pk)).count() == 1


def test_every_end_is_written_down_once(cast, enter, clock):
    client = enter(cast.ana)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(HOUR)
    for _ in range(3):
        client.cookies[settings.SESSION_COOKIE_NAME] = key
        client.get("/account/")
    enter(cast.ben).post("/sign-out/")
    ends = AuditEvent.objects.filter(type="session", subtype="logout").order_by("recorded_at", "id")
    assert [(e.agent_id, e.additional_data["reason"]) for e in ends] == [
        ("system:session-clock", "idle"),
        (str(cast.ben.pk), "signed-out"),
    ]
    assert all(e.session_ended_at is not None for e in ends)


def test_what_is_over_is_tidied_away(cast, enter, clock):
    from accounts.models import TryCounter
    from accounts.tasks import tidy

    left = enter(cast.ana)
    Client().post("/sign-in/", {"email": "ana@riverside.example", "password": "not hers"})
    KeptForm.keep(by=cast.ana, path="/x/", action="/x/", data=QueryDict("body=dizzy"))
    clock.shift(29 * MINUTE)
    tidy()
    assert Session.objects.alive().count() == 1
    assert is_in(left)
    clock.shift(31 * MINUTE)
    tidy()
    assert Session.objects.alive().count() == 0
    assert session_of(cast.ana).end_reason == "idle"
    assert TryCounter.objects.count() == 0
    assert KeptForm.objects.count() == 1
    clock.shift(31 * 24 * HOUR)
    tidy()
    assert KeptForm.objects.count() == 0


# What was being typed when the session ended

TEXT = "I feel dizzy since Tuesday, mostly in the morning."


def write(client: Client, **headers: str):
    return client.post(
        "/account/acting/",
        {"patient": TEXT, "next": ""},
        headers={"Referer": "http://testserver/account/", **headers},
    )


def test_what_was_typed_when_time_ran_out_is_kept(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 1)
    answer = write(client)
    assert answer["Location"] == "/sign-in/?next=%2Faccount%2F&left=kept"
    assert "What you typed is kept for you." in client.get(answer["Location"]).content.decode()
    kept = KeptForm.take(cast.ana, "/account/")
    assert kept is not None
    assert (kept.action, kept.data["patient"]) == ("/account/acting/", TEXT)
    assert "csrfmiddlewaretoken" not in kept.data


def test_it_is_kept_also_when_something_else_noticed_the_end_first(cast, enter, clock):
    client = enter(cast.ana)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(30 * MINUTE + 1)
    client.get("/account/", headers={"X-Background": "1"})
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert "left=kept" in write(client)["Location"]


def test_it_is_given_back_once_and_that_is_a_read(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 1)
    write(client)
    assert KeptForm.take(cast.ben, "/account/") is None
    assert KeptForm.take(cast.ana, "/messages/new/") is None
    assert KeptForm.take(cast.ana, "/account/") is not None
    assert KeptForm.take(cast.ana, "/account/") is None
    event = AuditEvent.objects.get(type="access", data_category="kept-form")
    assert event.agent_id == str(cast.ana.pk)
    assert event.patient_id == cast.patient("ana").pk


def test_it_is_sealed_in_the_database(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 1)
    write(client)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_keptform t")
        assert TEXT.encode().hex() not in cursor.fetchone()[0]


@pytest.mark.parametrize("end", ["signed-out", "deactivated"])
def test_nothing_is_kept_for_a_session_whose_key_was_given_up(cast, enter, end):
    client = enter(cast.ana)
    session_of(cast.ana).end(by=cast.ana, reason=end)
    assert "left" not in write(client)["Location"]
    assert not KeptForm.objects.exists()


@pytest.mark.parametrize("end", ["ended-by-owner", "ended-by-admin", "rights-changed"])
def test_a_page_that_cannot_offer_it_keeps_nothing_of_a_session_that_somebody_ended(cast, enter, end):
    client = enter(cast.ana)
    session_of(cast.ana).end(by=cast.ana, reason=end)
    assert "left=ended" in write(client)["Location"]
    assert not KeptForm.objects.exists()


@pytest.mark.parametrize("noticed", [False, True])
def test_nothing_is_kept_once_the_rights_have_changed(cast, enter, clock, noticed):
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 1)
    if noticed:
        client.get("/account/", headers={"X-Background": "1"})
    cast.ana.rights_changed()
    assert "kept" not in write(client)["Location"]
    assert not KeptForm.objects.exists()


def test_a_long_dead_session_keeps_nothing(cast, enter, clock):
    client = enter(cast.ana)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(31 * MINUTE)
    client.get("/account/")
    clock.shift(12 * HOUR)
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert "left" not in write(client)["Location"]


def test_an_empty_form_or_a_huge_one_is_not_kept(cast, enter, clock):
    client = enter(cast.ana)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(31 * MINUTE)
    for text in ("  ", "x" * 70_000):
        client.cookies[settings.SESSION_COOKIE_NAME] = key
        answer = client.post("/account/acting/", {"patient": text})
        assert "kept" not in answer["Location"]
    assert not KeptForm.objects.exists()


def test_part_of_a_page_leads_the_whole_page_to_sign_in(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(31 * MINUTE)
    answer = write(client, **{"HX-Request": "true", "HX-Current-URL": "http://testserver/account/?tab=2"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Faccount%2F%3Ftab%3D2&left=kept"


def test_the_page_it_came_from_is_one_of_ours_or_none(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(31 * MINUTE)
    answer = write(client, Referer="https://evil.example/account/")
    assert answer["Location"] == "/sign-in/?left=kept"


def test_what_was_typed_before_a_second_step_is_kept_too(cast, enter):
    from accounts.models import AuthenticatorApp

    client = enter(cast.ana)
    app = AuthenticatorApp.objects.proven(cast.ana).get()
    answer = client.post(
        f"/account/factors/{app.pk}/remove/", {"why": TEXT}, headers={"Referer": "http://testserver/account/"}
    )
    assert answer["Location"] == "/sign-in/again/?for=factors&next=%2Faccount%2F"
    kept = KeptForm.take(cast.ana, "/account/")
    assert kept is not None and kept.data["why"] == TEXT


def test_a_page_that_closes_itself_hands_over_what_is_typed(cast, enter, clock):
    unsent = {"body": TEXT, "kept-page": "/messages/new/", "kept-action": "/messages/new/"}
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 5)
    assert client.post("/account/keep/", unsent).status_code == 204
    kept = KeptForm.take(cast.ana, "/messages/new/")
    assert kept is not None and kept.data.dict() == {"body": TEXT}


def test_what_one_person_typed_is_not_kept_for_another_who_signed_in_since(cast, enter):
    unsent = {"body": TEXT, "kept-page": "/messages/new/", "kept-person": str(cast.ana.pk)}
    assert enter(cast.ben).post("/account/keep/", unsent).status_code == 204
    assert not KeptForm.objects.exists()
    assert "X-Kept" in enter(cast.ana).post("/account/keep/", unsent)
    kept = KeptForm.take(cast.ana, "/messages/new/")
    assert kept is not None and kept.data.dict() == {"body": TEXT}


def test_a_visitor_and_a_half_signed_in_person_keep_nothing(cast, half):
    for client in (Client(), half(cast.ana)):
        client.post("/account/keep/", {"body": TEXT, "kept-page": "/x/"})
    assert not KeptForm.objects.exists()


@pytest.mark.parametrize(
    "page",
    [
        "/Ana-Alvarez-diabetes?mrn=RC-1",
        "/account/acting/",  # takes a form and cannot be opened
        "/sign-in/new-password/Ana-Alvarez/",
        "/api/v1/threads/",
        "messages/new/",
        "//[",
        "",
    ],
)
def test_what_is_kept_is_kept_for_a_page_of_ours(cast, enter, page):
    client = enter(cast.ana)
    assert client.post("/account/keep/", {"body": TEXT, "kept-page": page}).status_code == 204
    assert not KeptForm.objects.exists()
    client.post("/account/keep/", {"body": TEXT, "kept-page": "/messages/new/?about=Ana"})
    assert KeptForm.objects.get().path == "/messages/new/"


def test_the_page_a_browser_says_it_came_from_is_not_believed(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(30 * MINUTE + 1)
    write(client, Referer="http://testserver/Ana-Alvarez-diabetes")
    assert not KeptForm.objects.exists()


@pytest.mark.parametrize(
    ("who", "page", "patient", "purpose"),
    [
        ("ana", "/messages/new/", "ana", "PATRQT"),
        ("rosa", "/messages/new/", "ana", "PATRQT"),
        ("ana", "/account/", "ana", "PATRQT"),
        ("maya", "/inbox/", None, "TREAT"),
    ],
)
def test_getting_it_back_is_a_read_of_her_own_kind(cast, enter, who, page, patient, purpose):
    enter(cast[who]).post("/account/keep/", {"body": TEXT, "kept-page": page})
    assert KeptForm.take(User.objects.get(pk=cast[who].pk), page) is not None
    event = AuditEvent.objects.get(type="access", data_category="kept-form")
    assert event.purpose_of_use == purpose
    assert event.patient_id == (cast.patient(patient).pk if patient else None)


def test_staying_is_a_sign_of_life(cast, enter, clock):
    client = enter(cast.ana)
    clock.shift(29 * MINUTE)
    assert client.head("/account/stay/").status_code == 204
    clock.shift(29 * MINUTE)
    assert is_in(client)


# The second step again (G19)


@pytest.mark.parametrize(("off", "fresh"), [(-1, True), (1, False)])
def test_a_second_step_is_fresh_for_five_minutes(cast, clock, off, fresh):
    client = sign_in(cast, "ana")
    assert client.get("/account/apps/new/").status_code == 302
    clock.shift(30)
    answer = client.post(
        "/sign-in/again/", {"for": "factors", "next": "/account/apps/new/", "code": cast.code("ana")}
    )
    assert answer["Location"] == "/account/apps/new/"
    clock.shift(5 * MINUTE + off)
    assert (client.get("/account/apps/new/").status_code == 200) == fresh


def test_the_second_step_again_turns_the_key(cast, clock):
    client = sign_in(cast, "ana")
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    clock.shift(30)
    client.post("/sign-in/again/", {"for": "factors", "code": cast.code("ana")})
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert is_in(client)
    assert not is_in(thief)


def test_the_code_of_the_sign_in_does_not_count_again(cast, clock):
    client = sign_in(cast, "ana")
    answer = client.post("/sign-in/again/", {"for": "factors", "code": cast.code("ana")})
    assert answer.status_code == 422
    assert client.get("/account/apps/new/").status_code == 302


def test_a_recovery_code_shows_the_second_step_too(cast, enter):
    RecoverySheet.objects.filter(user=cast.ana).delete()
    sheet, codes = RecoverySheet.objects.print_new(user=cast.ana, by=cast.ana)
    sheet.confirm(by=cast.ana)
    client = enter(cast.ana)
    again = "/sign-in/again/?recovery=1"
    assert "Recovery code" in client.get(again).content.decode()
    assert client.post(again, {"for": "factors", "code": "A" * 16}).status_code == 422
    assert client.post(again, {"for": "factors", "code": codes[0]}).status_code == 302
    assert client.get("/account/apps/new/").status_code == 200


def test_one_persons_proof_is_not_anothers(cast, enter):
    enter(cast.ana, fresh="factors")
    assert enter(cast.ana).get("/account/apps/new/").status_code == 302


def test_what_the_second_step_is_for_is_a_word_of_ours(cast, clock):
    client = sign_in(cast, "ana")
    clock.shift(30)
    again = "/sign-in/again/"
    assert client.get(again, {"for": "Ana has diabetes"}).status_code == 404
    assert client.post(again, {"for": "Ana has diabetes", "code": cast.code("ana")}).status_code == 404
    assert not Session.objects.exclude(proven_for="").exists()
    assert not AuditEvent.objects.filter(subtype="step-up").exists()
    assert client.post(again, {"for": "factors", "code": cast.code("ana")}).status_code == 302


def test_the_page_knows_whatever_a_rule_asks_a_second_step_for():
    asked_for = {
        rule.fresh_for
        for _route, pattern in addresses()
        for rule in (declared(pattern.callback) or {}).values()
    }
    assert asked_for == set(WHY_AGAIN)


def test_everybody_sees_from_where_each_session_was_used_last_and_nobody_the_whole_address(
    cast, enter, settings
):
    settings.TRUSTED_PROXIES, settings.COUNTRY_HEADER = 1, "CF-IPCountry"
    settings.CLINIC_NETWORKS = [ip_network("198.51.100.0/24"), ip_network("2001:db8:9::/48")]
    ana, phone, later = enter(cast.ana), enter(cast.ana), itertools.count(5, 5)

    def places_after(client, address: str, **more: str) -> str:
        with time_machine.travel(timezone.now() + timedelta(seconds=next(later))):
            client.get("/account/", headers={"X-Forwarded-For": address, **more})
            return ana.get("/account/", headers={"X-Forwarded-For": "198.51.100.20"}).content.decode()

    page = places_after(phone, "203.0.113.77", **{"CF-IPCountry": "MX"})
    assert "From network 203.0.113.x, country MX." in page and "203.0.113.77" not in page
    assert "From network 2001:db8:a:x." in places_after(phone, "2001:db8:a:7::12")
    assert "From a place we do not know." not in places_after(phone, "2001:db8:9:1::5")
    assert places_after(phone, "2001:db8:9:1::5").count("From the clinic’s network.") == 2
    assert "From network 203.0.113.x." in places_after(phone, "198.51.100.20, 203.0.113.8")
    desk = enter(cast.sam).get(f"/desk/accounts/{cast.patient('ana').pk}/").content.decode()
    assert "From network 203.0.113.x." in desk


def test_an_administrator_ends_every_session_of_somebody_and_it_is_written_down(cast, enter):
    first, second, other = enter(cast.ana), enter(cast.ana), enter(cast.ben)
    assert cast.ana.sign_out_everywhere(by=cast.root) == 2
    assert [client.get("/account/").status_code for client in (first, second, other)] == [302, 302, 200]
    ends = AuditEvent.objects.filter(type="session", subtype="logout")
    assert {event.agent_id for event in ends} == {str(cast.root.pk)}
    assert ends.count() == 2
