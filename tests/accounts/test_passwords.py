"""Passwords: what is a good one, changing it, and a link that opens nothing by itself (NST-07, ASV-02)."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import passwords
from accounts.models import AuthenticatorApp, Notification, PasswordReset, Session, User
from accounts.refusals import PasswordTooEasy
from accounts.tasks import look_up_resets, sweep_notifications
from audit.models import AuditEvent
from tests.accounts.steps import give_password, is_in

GOOD = "kingfisher under the bridge"
FORGOTTEN = "/sign-in/forgotten/"


@pytest.mark.parametrize(
    "good",
    [
        "kingfishe9",
        "só água fria",
        "x1x2x3x4x5",
        GOOD,
        "a b c d" * 10,
        "鳥は橋の下で休んでいる",
        "k" + "walnuts " * 100,
    ],
)
def test_length_is_what_counts(cast, good):
    passwords.check(good, user=cast.ana)


@pytest.mark.parametrize(
    "bad",
    [
        "kingfishe",
        "password123",
        "Password1!",
        "1234567890",
        "qwertyuiop",
        "RiversideClinic2026",
        "clinic-portal-1",
        "aaaaaaaaaaaa",
        "ana@riverside.example",
        "ANA@riverside.example",
    ],
)
def test_what_guessers_try_first_is_refused(cast, bad):
    with pytest.raises(PasswordTooEasy):
        passwords.check(bad, user=cast.ana)


def test_changing_it_asks_for_the_second_step_and_the_old_one(cast, enter):
    assert enter(cast.ana).get("/account/password/")["Location"].startswith("/sign-in/again/")
    client = enter(cast.ana, fresh="factors")
    wrong = client.post("/account/password/", {"current": "not hers", "new": GOOD})
    assert wrong.status_code == 422 and "That is not your password." in wrong.content.decode()
    easy = client.post("/account/password/", {"current": cast.login("ana")["password"], "new": "password123"})
    assert easy.status_code == 422 and "Guessers try this one first." in easy.content.decode()
    assert GOOD not in wrong.content.decode()
    assert User.objects.get(pk=cast.ana.pk).check_password(cast.login("ana")["password"])


def test_a_new_password_ends_every_other_session_and_turns_the_key_of_this_one(cast, enter):
    other, client = enter(cast.ana), enter(cast.ana, fresh="factors")
    before = client.cookies["session"].value
    sent = {"current": cast.login("ana")["password"], "new": GOOD}
    assert client.post("/account/password/", sent).status_code == 302
    assert is_in(client) and not is_in(other)
    assert client.cookies["session"].value != before
    stolen = Client()
    stolen.cookies["session"] = before
    assert not is_in(stolen)
    assert Client().post("/sign-in/", cast.login("ana")).status_code == 422
    assert Client().post("/sign-in/", {**cast.login("ana"), "password": GOOD}).status_code == 302
    assert Notification.objects.get(person=cast.ana).notice == "password_changed"
    assert AuditEvent.objects.filter(type="account", subtype="password-change").count() == 1


def link_for(email: str) -> str:
    Client().post(FORGOTTEN, {"email": email})
    mail.outbox.clear()
    sweep_notifications()
    body = next(sent.body for sent in mail.outbox if "new password" in sent.body)
    return re.search(r"/sign-in/new-password/\S+/", body)[0]


def test_a_link_sets_a_new_password_once_and_opens_nothing(cast, enter):
    other, link = enter(cast.ana), link_for("Ana@Riverside.example")
    client = Client()
    assert client.get(link).status_code == client.head(link).status_code == 200
    assert client.post(link, {"new": "short"}).status_code == 422
    assert "Your new password is saved" in client.post(link, {"new": GOOD}).content.decode()
    assert not is_in(client) and not is_in(other)
    assert Client().get(link).status_code == Client().post(link, {"new": GOOD + "!"}).status_code == 410
    # The second step is where it was.
    assert AuthenticatorApp.objects.proven(cast.ana).count() == 1
    client.post("/sign-in/", {**cast.login("ana"), "password": GOOD})
    assert not is_in(client)
    client.post("/sign-in/code/", {"code": cast.code("ana")})
    assert is_in(client)
    told = Notification.objects.filter(person=cast.ana).values_list("notice", flat=True)
    assert set(told) == {"reset_link", "password_changed", "new_device"}


def test_a_link_ends_after_half_an_hour_and_with_any_change_of_the_account(cast):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        link = link_for("ana@riverside.example")
        clock.shift(1799)
        assert Client().get(link).status_code == 200
        clock.shift(1)
        assert Client().get(link).status_code == 410
        link = link_for("ana@riverside.example")
        cast.ana.rights_changed()
        assert Client().get(link).status_code == 410
        clock.shift(3600)
        first, second = link_for("ana@riverside.example"), link_for("ana@riverside.example")
        assert Client().post(first, {"new": GOOD}).status_code == 200
        assert Client().post(second, {"new": GOOD + "!"}).status_code == 410


def test_the_database_holds_no_working_link(cast):
    link = link_for("ana@riverside.example")
    token = link.split("/")[-2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM accounts_passwordreset r")
        assert token not in str(cursor.fetchall())
    assert token not in str(list(AuditEvent.objects.values("changes", "additional_data")))
    assert token not in str(list(Notification.objects.values()))


def test_asking_tells_nothing_about_an_account(cast):
    """Same status, same words, same statements; a mail only where there is an account that is open."""
    cast.ben.deactivate(by=cast.root)
    Client().post(FORGOTTEN, {"email": "first@riverside.example"})  # what a process looks up once
    seen = {}
    for email in ("ana@riverside.example", "eve@riverside.example", "ben@riverside.example"):
        with CaptureQueriesContext(connection) as statements:
            answer = Client().post(FORGOTTEN, {"email": email})
        kinds = tuple(statement["sql"].split()[0] for statement in statements)
        page = re.sub(r'nonce="[^"]+"|value="[^"]{20,}"', "", answer.content.decode())
        seen[email] = (answer.status_code, page, kinds)
    assert len(set(seen.values())) == 1
    look_up_resets()
    assert [row.person for row in Notification.objects.filter(notice="reset_link")] == [cast.ana]


def test_asking_is_limited_alike_for_every_email(cast):
    for email in ("ana@riverside.example", "eve@riverside.example"):
        tries = [Client().post(FORGOTTEN, {"email": email}).status_code for _ in range(5)]
        assert tries == [200] * 3 + [429] * 2


def test_a_link_that_is_too_late_is_not_sent(cast):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        Client().post(FORGOTTEN, {"email": "ana@riverside.example"})
        look_up_resets()
        clock.shift(3601)
        sweep_notifications()
        assert mail.outbox == []
        assert PasswordReset.objects.get().token_digest is None


def test_a_session_begun_before_is_over(cast):
    client = give_password(cast, "ana")
    Client().post(link_for("ana@riverside.example"), {"new": GOOD})
    client.post("/sign-in/code/", {"code": cast.code("ana")})
    assert not is_in(client)
    assert not Session.objects.filter(user=cast.ana, strength=3, ended_at=None).exists()
