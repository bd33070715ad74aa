"""Passkeys: made with proof, answered once, useless anywhere but here (NST-03, G17)."""

from __future__ import annotations

import json

import pytest
import time_machine
from django.conf import settings as configured
from django.core import mail
from django.test import Client

from accounts.models import (
    AuthenticatorApp,
    Notification,
    Passkey,
    PasskeyChallenge,
    RecoverySheet,
    Session,
    User,
)
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.authenticator import PRESENT, Authenticator
from tests.accounts.steps import give_password, is_in, sign_in
from tests.accounts.test_setting_up import NEW, codes_on

OPTIONS, NEW_OPTIONS = "/sign-in/passkey/options/", "/sign-in/set-up/passkey/options/"


def asked(client: Client, address: str = OPTIONS) -> dict:
    answer = client.post(address)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


@pytest.fixture
def key(cast, enter) -> Authenticator:
    """A passkey of Ana's, added on her account page."""
    key, client = Authenticator(), enter(cast.ana, fresh="factors")
    answer = client.post(
        "/account/passkeys/new/", {"name": "my phone", "answer": key.make(asked(client, NEW_OPTIONS))}
    )
    assert answer.status_code == 302, answer.content.decode()
    return key


def test_a_passkey_is_added_named_used_and_listed(cast, enter, key):
    client = enter(cast.ana)
    page = client.get("/account/").content.decode()
    assert "my phone" in page and "Last used" not in page.split("my phone")[1].split("</li>")[0]
    client = give_password(cast, "ana")
    assert "Use my passkey" in client.get("/sign-in/code/").content.decode()
    answer = client.post("/sign-in/code/", {"answer": key.sign(asked(client))})
    assert answer.status_code == 302
    assert is_in(client)
    page = client.get("/account/").content.decode()
    assert "Last used" in page.split("my phone")[1].split("</li>")[0]
    event = AuditEvent.objects.filter(type="login", additional_data__step="passkey").get()
    assert event.outcome == "0"


def test_a_passkey_alone_is_both_steps(cast, key):
    client = Client()
    answer = client.post("/sign-in/passkey/", {"answer": key.sign(asked(client)), "next": "/privacy/"})
    assert answer["Location"] == "/privacy/"
    assert is_in(client)
    assert Session.objects.latest("started_at").factor == "passkey"


def test_an_answer_opens_once_and_only_where_it_was_asked(cast, key):
    client = Client()
    options = asked(client)
    answer = key.sign(options)
    elsewhere = Client()
    asked(elsewhere)
    assert elsewhere.post("/sign-in/passkey/", {"answer": answer}).status_code == 422
    assert client.post("/sign-in/passkey/", {"answer": answer}).status_code == 302
    again = Client()
    again.cookies[configured.PASSKEY_COOKIE_NAME] = client.cookies[configured.PASSKEY_COOKIE_NAME].value
    assert again.post("/sign-in/passkey/", {"answer": answer}).status_code == 422
    assert not is_in(again) and not is_in(elsewhere)


def test_an_answer_that_comes_too_late_opens_nothing(cast, key):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        client = Client()
        answer = key.sign(asked(client))
        clock.shift(301)
        assert client.post("/sign-in/passkey/", {"answer": answer}).status_code == 422
        assert not is_in(client)


@pytest.mark.parametrize(
    "bad",
    [
        {"origin": "http://testserver.evil.example"},
        {"origin": "https://testserver"},
        {"host": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"count": 1},
    ],
    ids=[
        "another name",
        "another protocol",
        "another host",
        "nobody verified",
        "nobody there",
        "a copy of the key",
    ],
)
def test_what_is_not_ours_or_not_hers_is_refused(cast, key, bad):
    client = Client()
    client.post("/sign-in/passkey/", {"answer": key.sign(asked(client), count=5)})
    assert is_in(client)
    client = Client()
    answer = client.post("/sign-in/passkey/", {"answer": key.sign(asked(client), **{"count": 9, **bad})})
    assert answer.status_code == 422
    assert "That passkey did not work." in answer.content.decode()
    assert not is_in(client)
    assert AuditEvent.objects.filter(type="login", outcome="4", additional_data__step="passkey").exists()


def test_a_phisher_who_passes_everything_on_gets_nothing(cast, key):
    """G17: 0 of 50. The browser signs the name it sees, and that is not ours."""
    let_in = 0
    for number in range(50):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        answer = key.sign(asked(client), origin="http://testserver.example")
        client.post("/sign-in/passkey/", {"answer": answer})
        let_in += is_in(client)
    assert let_in == 0


@pytest.mark.parametrize(
    "rubbish", ["", "{", "[]", "null", "7", '{"rawId": "x"}', "x" * 30_000, '{"response": {}}']
)
def test_rubbish_is_refused_calmly(cast, key, rubbish):
    client = Client()
    asked(client)
    assert client.post("/sign-in/passkey/", {"answer": rubbish}).status_code == 422
    client = give_password(cast, "ana")
    assert client.post("/sign-in/code/", {"answer": rubbish}).status_code == 422
    client = sign_in(cast, "ana")
    assert client.post("/sign-in/again/", {"answer": rubbish, "for": "factors"}).status_code == 422


def test_another_persons_passkey_is_no_second_step(cast, key):
    client = give_password(cast, "ben")
    assert client.post("/sign-in/code/", {"answer": key.sign(asked(client))}).status_code == 422
    assert not is_in(client)


def test_a_closed_account_does_not_open_to_its_passkey(cast, key):
    cast.ana.deactivate(by=cast.root)
    client = Client()
    assert client.post("/sign-in/passkey/", {"answer": key.sign(asked(client))}).status_code == 422


def test_a_passkey_is_the_second_step_once_more_for_one_purpose(cast, enter, key):
    client = enter(cast.ana)
    answer = client.post("/sign-in/again/", {"for": "factors", "answer": key.sign(asked(client))})
    assert answer.status_code == 302
    assert client.get("/account/passkeys/new/").status_code == 200
    client = enter(cast.ana)
    client.post("/sign-in/again/", {"for": "else", "answer": key.sign(asked(client))})
    assert client.get("/account/passkeys/new/").status_code == 302


def test_nobody_adds_a_passkey_without_showing_the_second_step_she_has(cast, enter, half):
    for client in (enter(cast.ana), half(cast.ana)):
        assert client.post(NEW_OPTIONS).status_code == 403
        for page in ("/account/passkeys/new/", "/sign-in/set-up/passkey/"):
            assert client.post(page, {"answer": "{}"}).status_code == 302
    assert not Passkey.objects.exists() and not PasskeyChallenge.objects.exists()


def test_a_passkey_must_sign_our_own_question_to_be_added(cast, enter):
    client, key = enter(cast.ana, fresh="factors"), Authenticator()
    options = asked(client, NEW_OPTIONS)
    for bad in ({"origin": "http://evil.example"}, {"flags": PRESENT}):
        answer = key.make(asked(client, NEW_OPTIONS), **bad)
        assert client.post("/account/passkeys/new/", {"answer": answer}).status_code == 422
    theirs = enter(cast.ben, fresh="factors")
    assert theirs.post("/account/passkeys/new/", {"answer": key.make(options)}).status_code == 422
    assert not Passkey.objects.exists()


def test_who_has_only_a_passkey_cannot_set_up_an_app_with_her_password_alone(cast, enter, key):
    AuthenticatorApp.objects.filter(user=cast.ana).delete()
    client = give_password(cast, "ana")
    page = client.get("/sign-in/code/").content.decode()
    assert "Use my passkey" in page and "6-digit code" not in page
    assert client.get("/sign-in/set-up/")["Location"] == "/sign-in/code/"
    assert client.post("/sign-in/code/", {"code": "123456"}).status_code == 422
    client.post("/sign-in/code/", {"answer": key.sign(asked(client))})
    assert is_in(client)


def test_the_last_second_step_stays_and_any_other_may_go(cast, enter, key):
    client = enter(cast.ana, fresh="factors")
    app, passkey = AuthenticatorApp.objects.proven(cast.ana).get(), Passkey.objects.get()
    assert client.post(f"/account/factors/{app.pk}/remove/").status_code == 302
    answer = client.post(f"/account/factors/{passkey.pk}/remove/")
    assert answer.status_code == 409
    assert Passkey.objects.count() == 1


def test_somebody_new_sets_up_a_passkey_and_her_codes(cast):
    User.objects.enrol(**NEW, by=FOUNDER)
    client, key = Client(), Authenticator()
    client.post("/sign-in/", NEW)
    assert "Make a passkey" in client.get("/sign-in/set-up/passkey/").content.decode()
    made = key.make(asked(client, NEW_OPTIONS))
    assert client.post("/sign-in/set-up/passkey/", {"answer": made})["Location"] == "/sign-in/set-up/codes/"
    assert not is_in(client)
    codes = codes_on(client.post("/sign-in/set-up/codes/", {"show": "1"}).content.decode())
    client.post("/sign-in/set-up/codes/", {"code": codes[0]})
    assert is_in(client)


@pytest.mark.parametrize("who", ["mira", "root"])
def test_who_keeps_the_house_is_led_to_a_passkey_and_needs_it_from_then_on(cast, settings, who):
    settings.PASSKEYS_REQUIRED = True
    client, key = give_password(cast, who), Authenticator()
    answer = client.post("/sign-in/code/", {"code": cast.code(who)})
    assert answer["Location"] == "/sign-in/set-up/passkey/"
    assert not is_in(client)
    assert (
        "Your work opens the accounts of others." in client.get("/sign-in/set-up/passkey/").content.decode()
    )
    made = key.make(asked(client, NEW_OPTIONS))
    assert client.post("/sign-in/set-up/passkey/", {"answer": made})["Location"] == "/"
    assert is_in(client)
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False):
        client = give_password(cast, who)
        assert "6-digit code" not in client.get("/sign-in/code/").content.decode()
        assert client.post("/sign-in/code/", {"code": cast.code(who)}).status_code == 422
        assert not is_in(client)
        client.post("/sign-in/code/", {"answer": key.sign(asked(client))})
        assert is_in(client)
        # Nor is a code enough to show it again.
        client.post("/sign-in/again/", {"for": "factors", "code": cast.code(who)})
        assert client.get("/account/passkeys/new/").status_code == 302
        client.post("/sign-in/again/", {"for": "factors", "answer": key.sign(asked(client))})
        passkey = Passkey.objects.get()
        assert client.post(f"/account/factors/{passkey.pk}/remove/").status_code == 409


def test_patients_and_clinicians_may_go_on_with_an_app(cast, settings):
    settings.PASSKEYS_REQUIRED = True
    for who in ("ana", "okafor", "sam"):
        assert is_in(sign_in(cast, who))


def test_she_is_told_of_every_second_step_that_comes_or_goes(cast, enter, key):
    client = enter(cast.ana, fresh="factors")
    client.post(f"/account/factors/{AuthenticatorApp.objects.proven(cast.ana).get().pk}/remove/")
    sweep_notifications()
    words = [sent.body for sent in mail.outbox if sent.to == ["ana@riverside.example"]]
    assert any("A new second step was added" in body for body in words)
    assert any("A second step was removed" in body for body in words)
    assert not any("my phone" in body for body in words)
    assert set(Notification.objects.values_list("patient", flat=True)) == {None}


def test_a_used_recovery_code_is_told_of(cast):
    RecoverySheet.objects.filter(user=cast.ana).delete()
    sheet, codes = RecoverySheet.objects.print_new(user=cast.ana, by=cast.ana)
    sheet.confirm(by=cast.ana)
    client = give_password(cast, "ana")
    client.post("/sign-in/recovery/", {"code": codes[0]})
    assert is_in(client)
    assert Notification.objects.get().notice == "recovery_code_used"


def test_a_recovery_code_of_a_keeper_opens_nothing_but_a_new_passkey_a_day_later(cast, enter, settings):
    """A code can be asked for on the phone: with her password it begins a day in which everybody hears of it."""
    settings.PASSKEYS_REQUIRED = True
    sheet, codes = RecoverySheet.objects.print_new(user=cast.root, by=cast.root)
    RecoverySheet.objects.filter(user=cast.root, confirmed=True).delete()
    sheet.confirm(by=cast.root)
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        client, key = give_password(cast, "root"), Authenticator()
        client.post("/sign-in/code/", {"code": cast.code("root")})
        client.post("/sign-in/set-up/passkey/", {"answer": key.make(asked(client, NEW_OPTIONS))})
        assert is_in(client)
        # Not for what asks once more: neither the page nor the post.
        assert "recovery" not in client.get("/sign-in/again/?for=people").content.decode()
        answer = client.post("/sign-in/again/?recovery=1", {"for": "people", "code": codes[0]})
        assert answer.status_code == 422 and "Your work needs a passkey." in answer.content.decode()
        close = f"/people/{cast.maya.pk}/close/"
        assert client.get(close)["Location"].startswith("/sign-in/again/")
        thief = give_password(cast, "root")
        answer = thief.post("/sign-in/recovery/", {"code": codes[0]})
        assert answer["Location"] == "/sign-in/lost/" and not is_in(thief)
        assert "You can set up a new second step from" in thief.get("/sign-in/lost/").content.decode()
        assert thief.post(NEW_OPTIONS).status_code == 403
        assert thief.post("/sign-in/set-up/passkey/", {"answer": "{}"})["Location"] == "/sign-in/code/"
        told = Notification.objects.exclude(notice="factor_added").values_list("person", "notice")
        assert set(told) == {
            (cast.root.pk, "recovery_code_used"),
            (cast.root.pk, "factor_lost"),
            (cast.mira.pk, "keeper_lost"),
        }
        clock.shift(24 * 3600 + 1)
        client, new = give_password(cast, "root"), Authenticator()
        made = new.make(asked(client, NEW_OPTIONS))
        assert client.post("/sign-in/set-up/passkey/", {"answer": made}).status_code == 302
        codes = codes_on(client.post("/sign-in/set-up/codes/", {"show": "1"}).content.decode())
        client.post("/sign-in/set-up/codes/", {"code": codes[0]})
        assert is_in(client)
        assert [one.credential_id for one in Passkey.objects.filter(user=cast.root)] == [new.credential_id]


def test_without_a_passkey_a_keepers_code_leads_on_to_one(cast, settings):
    settings.PASSKEYS_REQUIRED = True
    RecoverySheet.objects.filter(user=cast.mira).delete()
    sheet, codes = RecoverySheet.objects.print_new(user=cast.mira, by=cast.mira)
    sheet.confirm(by=cast.mira)
    client = give_password(cast, "mira")
    answer = client.post("/sign-in/recovery/", {"code": codes[0]})
    assert answer["Location"] == "/sign-in/set-up/passkey/" and not is_in(client)
