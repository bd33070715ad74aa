"""A second step counts once it has been proven, and recovery codes once one was typed back (SC4, EN4)."""

from __future__ import annotations

import base64
import re
import time

import pytest
import time_machine
from django.db import connection
from django_otp.oath import TOTP

from accounts.models import AuthenticatorApp, RecoveryCode, RecoverySheet, Session, Strength, User
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.steps import give_password, is_in

NEW = {"email": "nora@riverside.example", "password": "nora-walks-by-the-river"}


@pytest.fixture
def nora(cast) -> User:
    """Somebody who has a password and has never signed in."""
    return User.objects.enrol(**NEW, by=FOUNDER)


@pytest.fixture
def client(nora):
    from django.test import Client

    client = Client()
    answer = client.post("/sign-in/", NEW)
    assert client.get(answer["Location"])["Location"] == "/sign-in/set-up/"
    return client


def seed_on(page: str) -> str:
    found = re.search(r"<code[^>]*>([A-Z2-7-]+)</code>", page)
    assert found
    return found[1].replace("-", "")


def code_of(seed: str, at: float | None = None) -> str:
    totp = TOTP(base64.b32decode(seed), 30, 0, 6)
    totp.time = time.time() if at is None else at
    return f"{totp.token():06d}"


def codes_on(page: str) -> list[str]:
    return re.findall(r"<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>", page)


def test_the_first_sign_in_sets_up_an_app_and_recovery_codes(nora, client):
    page = client.get("/sign-in/set-up/").content.decode()
    answer = client.post("/sign-in/set-up/", {"code": code_of(seed_on(page)), "name": "my phone"})
    assert answer["Location"] == "/sign-in/set-up/codes/"
    assert not is_in(client)
    assert codes_on(client.get("/sign-in/set-up/codes/").content.decode()) == []
    codes = codes_on(client.post("/sign-in/set-up/codes/", {"show": "1"}).content.decode())
    assert len(set(codes)) == 10
    answer = client.post("/sign-in/set-up/codes/", {"code": codes[3].lower().replace("-", " ")})
    assert answer["Location"] == "/"
    assert client.get("/account/")["Location"] == "/terms/?next=%2Faccount%2F"
    client.post("/terms/", {"version": "patients-1"})
    page = client.get("/account/").content.decode()
    assert "my phone" in page
    assert "You have 9 codes left." in page


def test_an_app_does_not_count_before_it_has_shown_a_code(nora, client):
    client.get("/sign-in/set-up/")
    assert AuthenticatorApp.objects.get(user=nora).confirmed is False
    answer = client.post("/sign-in/set-up/", {"code": "000000"})
    assert answer.status_code == 422
    assert AuthenticatorApp.objects.proven(nora).count() == 0
    assert not is_in(client)


def test_a_reload_shows_the_same_picture(client):
    first, second = (seed_on(client.get("/sign-in/set-up/").content.decode()) for _ in range(2))
    assert first == second


def test_the_picture_stands_in_the_page_without_style_or_script(client):
    page = client.get("/sign-in/set-up/").content.decode()
    drawn = re.search(r"<svg xmlns.*?</svg>", page, re.DOTALL)
    assert drawn and "<path" in drawn[0]
    assert not re.search(r"style|script|href|on\w+=", drawn[0])


def test_the_picture_names_nobody(nora, client):
    app = AuthenticatorApp.objects.prepare(user=nora, by=nora)
    assert "nora" not in app.config_url(account="account 12ab")


def test_leaving_before_the_codes_are_saved_leads_back_to_them(nora, client):
    with time_machine.travel(time.time(), tick=False) as clock:
        seed = seed_on(client.get("/sign-in/set-up/").content.decode())
        client.post("/sign-in/set-up/", {"code": code_of(seed)})
        client.post("/sign-out/")
        clock.shift(60)
        answer = client.post("/sign-in/", NEW)
        answer = client.post(answer["Location"], {"code": code_of(seed)})
        assert answer["Location"] == "/sign-in/set-up/codes/"
        assert client.get("/account/")["Location"].startswith("/sign-in/set-up/codes/")


def test_a_password_alone_does_not_reach_the_recovery_codes(cast):
    client = give_password(cast, "ana")
    RecoverySheet.objects.filter(user=cast.ana).delete()
    for answer in (
        client.get("/sign-in/set-up/codes/"),
        client.post("/sign-in/set-up/codes/", {"show": "1"}),
    ):
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in/code/")
    assert not RecoveryCode.objects.exists()


def test_a_password_alone_does_not_add_an_app_to_an_account_that_has_one(cast):
    client = give_password(cast, "ana")
    for answer in (client.get("/sign-in/set-up/"), client.post("/sign-in/set-up/", {"code": "123456"})):
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in/code/")
    assert AuthenticatorApp.objects.filter(user=cast.ana).count() == 1


def test_another_app_needs_the_first_one_shown_again(cast, enter):
    answer = enter(cast.ana).get("/account/apps/new/")
    assert answer["Location"].startswith("/sign-in/again/?for=factors")
    client = enter(cast.ana, fresh="factors")
    page = client.get("/account/apps/new/").content.decode()
    answer = client.post("/account/apps/new/", {"code": code_of(seed_on(page)), "name": "tablet"})
    assert answer["Location"] == "/account/"
    assert "tablet" in client.get("/account/").content.decode()
    assert AuthenticatorApp.objects.proven(cast.ana).count() == 2


def test_another_step_shown_for_another_purpose_does_not_count(cast, enter):
    client = enter(cast.ana, fresh="refill-decision")
    assert client.get("/account/apps/new/").status_code == 302


def test_a_change_of_factors_ends_every_other_session(cast, enter):
    elsewhere, client = enter(cast.ana), enter(cast.ana, fresh="factors")
    page = client.get("/account/apps/new/").content.decode()
    client.post("/account/apps/new/", {"code": code_of(seed_on(page))})
    assert is_in(client)
    assert not is_in(elsewhere)


def test_an_app_can_be_removed_but_not_the_last(cast, enter):
    second = AuthenticatorApp.objects.prepare(user=cast.ana, by=cast.ana, name="tablet")
    second.confirm(by=cast.ana)
    client = enter(cast.ana, fresh="factors")
    assert client.post(f"/account/factors/{second.pk}/remove/").status_code == 302
    last = AuthenticatorApp.objects.proven(cast.ana).get()
    answer = client.post(f"/account/factors/{last.pk}/remove/")
    assert answer.status_code == 409
    assert "Add another one first." in answer.content.decode()
    assert AuthenticatorApp.objects.proven(cast.ana).get() == last


def test_anothers_app_cannot_be_removed(cast, enter):
    bens = AuthenticatorApp.objects.proven(cast.ben).get()
    assert enter(cast.ana, fresh="factors").post(f"/account/factors/{bens.pk}/remove/").status_code == 404
    assert AuthenticatorApp.objects.filter(pk=bens.pk).exists()
    refused = AuditEvent.objects.get(type="refusal")
    assert (refused.agent_id, refused.object_pk) == (str(cast.ana.pk), str(bens.pk))


def test_every_change_of_factors_is_written_down(cast, enter):
    client = enter(cast.ana, fresh="factors")
    page = client.get("/account/apps/new/").content.decode()
    client.post("/account/apps/new/", {"code": code_of(seed_on(page)), "name": "tablet"})
    app = AuthenticatorApp.objects.filter(user=cast.ana).latest("created_at")
    client.post(f"/account/factors/{app.pk}/remove/")
    events = AuditEvent.objects.filter(type="factor", object_pk=str(app.pk)).order_by("recorded_at", "id")
    assert [(e.subtype, e.agent_id) for e in events] == [
        ("factor-add", str(cast.ana.pk)),
        ("factor-remove", str(cast.ana.pk)),
    ]


# Recovery codes


@pytest.fixture
def sheet(cast) -> list[str]:
    """Ana's ten codes, saved and proven."""
    made, codes = RecoverySheet.objects.print_new(user=cast.ana, by=cast.ana)
    made.confirm(by=cast.ana)
    return codes


def test_a_recovery_code_opens_the_door_once(cast, sheet):
    client = give_password(cast, "ana")
    answer = client.post("/sign-in/recovery/", {"code": sheet[0]})
    assert answer["Location"] == "/"
    assert is_in(client)
    again = give_password(cast, "ana")
    assert again.post("/sign-in/recovery/", {"code": sheet[0]}).status_code == 422
    assert again.post("/sign-in/recovery/", {"code": sheet[1]}).status_code == 302


@pytest.mark.parametrize(
    "shape",
    [
        str.lower,
        lambda c: "-".join(c),
        lambda c: f" {c[:4]} {c[4:]} ",
        lambda c: c.replace("O", "0").replace("I", "1"),
    ],
)
def test_how_a_recovery_code_is_written_does_not_matter(cast, sheet, shape):
    client = give_password(cast, "ana")
    client.post("/sign-in/recovery/", {"code": shape(sheet[2])})
    assert is_in(client)


def test_anothers_recovery_code_opens_nothing(cast, sheet):
    client = give_password(cast, "ben")
    assert client.post("/sign-in/recovery/", {"code": sheet[0]}).status_code == 422
    assert not is_in(client)


def test_guessing_at_the_app_does_not_shut_the_way_back_in(cast, sheet):
    client = give_password(cast, "ana")
    for _ in range(6):
        answer = client.post("/sign-in/code/", {"code": "000000"})
    assert answer.status_code == 429
    client.post("/sign-in/recovery/", {"code": sheet[0]})
    assert is_in(client)


def test_wrong_recovery_codes_are_counted_too(cast, sheet):
    client = give_password(cast, "ana")
    for _ in range(5):
        assert client.post("/sign-in/recovery/", {"code": "A" * 16}).status_code == 422
    assert client.post("/sign-in/recovery/", {"code": sheet[0]}).status_code == 429


def test_new_codes_replace_the_old_only_when_one_was_typed_back(cast, enter, sheet):
    client = enter(cast.ana, fresh="factors")
    fresh = codes_on(client.post("/account/codes/", {"show": "1"}).content.decode())
    assert is_in_with(cast, sheet[0])
    assert not is_in_with(cast, fresh[0])
    assert client.post("/account/codes/", {"code": "A" * 16}).status_code == 422
    assert client.post("/account/codes/", {"code": fresh[1]}).status_code == 302
    assert not is_in_with(cast, sheet[1])
    assert not is_in_with(cast, fresh[1])
    assert is_in_with(cast, fresh[2])


def is_in_with(cast, code: str) -> bool:
    client = give_password(cast, "ana")
    client.post("/sign-in/recovery/", {"code": code})
    return is_in(client)


# At rest (EN4, STK-03, ONC-15)


def test_seeds_are_sealed_and_codes_hashed_in_the_database(cast, sheet):
    app = AuthenticatorApp.objects.proven(cast.ana).get()
    seed = app.secret()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_authenticatorapp t")
        apps = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_recoverycode t")
        codes = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, ' ') FROM audit_auditevent t")
        trail = cursor.fetchone()[0]
    raw = base64.b32decode(seed)
    for text in (apps, trail):
        for form in (seed, raw.hex(), seed.encode().hex(), base64.b64encode(raw).decode()):
            assert form not in text
    for code in sheet:
        assert code not in codes + trail
        assert code.encode().hex() not in codes + trail


def test_a_recovery_code_has_eighty_bits():
    from accounts.models.factor import ALPHABET, CODE_LENGTH

    assert len(set(ALPHABET)) ** CODE_LENGTH >= 2**80


def test_a_session_that_is_setting_up_is_not_signed_in(nora, client):
    seed = seed_on(client.get("/sign-in/set-up/").content.decode())
    client.post("/sign-in/set-up/", {"code": code_of(seed)})
    assert Session.objects.alive().get(user=nora).strength == Strength.ENROLLING
    answer = client.get("/account/")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/set-up/codes/")
