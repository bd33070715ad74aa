"""All of it lost: asked after the password, checked at the desk, waited for, and stopped by its owner (details 56)."""

from __future__ import annotations

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import AuthenticatorApp, FactorLoss, KnownDevice, Notification, RecoverySheet
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from tests.accounts.steps import give_password, is_in, sign_in
from tests.accounts.test_setting_up import code_of, seed_on

ANA = {"record_number": "rc-104417", "birth_date": "1958-03-14"}
LOST, DESK, SET_UP = "/sign-in/lost/", "/desk/lost/", "/sign-in/set-up/"


@pytest.fixture
def clock():
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        yield clock


def test_a_day_after_the_desk_has_checked_she_sets_up_a_new_second_step(cast, enter, clock):
    elsewhere = sign_in(cast, "ana")
    clock.shift(60)
    client = give_password(cast, "ana")
    assert "I lost all of it" in client.get(LOST).content.decode()
    client.post(LOST)
    assert "call or visit the front desk" in client.get(LOST).content.decode()
    assert client.get(SET_UP)["Location"] == "/sign-in/code/"
    answer = enter(cast.sam).post(DESK, ANA)
    assert "We sent an e-mail about it." in answer.content.decode()
    assert "Ana" not in answer.content.decode() and "1958" not in answer.content.decode()
    sweep_notifications()
    assert "is lost" in mail.outbox[0].body and mail.outbox[0].to == ["ana@riverside.example"]
    clock.shift(24 * 3600 - 61)
    client = give_password(cast, "ana")
    assert client.get(SET_UP)["Location"] == "/sign-in/code/"
    clock.shift(62)
    assert "You can set up a new second step now." in client.get(LOST).content.decode()
    old = AuthenticatorApp.objects.proven(cast.ana).get()
    seed = seed_on(client.get(SET_UP).content.decode())
    assert client.post(SET_UP, {"code": code_of(seed)})["Location"] == "/sign-in/set-up/codes/"
    assert AuthenticatorApp.objects.proven(cast.ana).get() != old
    assert not RecoverySheet.objects.filter(user=cast.ana, confirmed=True).exists()
    assert not KnownDevice.objects.filter(user=cast.ana).exists()
    assert not is_in(elsewhere)
    # Once: the next one has to show what was set up.
    again = give_password(cast, "ana")
    assert again.get(SET_UP)["Location"] == "/sign-in/code/"
    said = AuditEvent.objects.filter(type="factor").values_list("subtype", flat=True)
    assert {"loss-asked", "loss-checked", "loss-used", "factor-add"} <= set(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"record_number": "RC-104932"},
        {"birth_date": "1958-03-15"},
        {"record_number": "RC-000000"},
        {"birth_date": "not a date"},
    ],
)
def test_what_does_not_fit_starts_nothing(cast, enter, wrong):
    give_password(cast, "ana").post(LOST)
    answer = enter(cast.sam).post(DESK, {**ANA, **wrong})
    assert answer.status_code == 422
    assert FactorLoss.objects.get().checked_at is None


def test_nobody_is_let_in_who_did_not_ask_with_her_password(cast, enter):
    assert enter(cast.sam).post(DESK, ANA).status_code == 422
    assert not FactorLoss.objects.exists()
    assert Client().post(LOST)["Location"].startswith("/sign-in/")
    assert not FactorLoss.objects.exists()


def test_its_owner_stops_it_wherever_she_is_signed_in(cast, enter, clock):
    hers, thief = enter(cast.ana), give_password(cast, "ana")
    assert "is lost" not in hers.get("/account/").content.decode()
    thief.post(LOST)
    enter(cast.sam).post(DESK, ANA)
    assert "Somebody told us that your second step is lost" in hers.get("/account/").content.decode()
    hers.post("/account/lost/cancel/")
    assert "is lost" not in hers.get("/account/").content.decode()
    clock.shift(25 * 3600)
    thief = give_password(cast, "ana")
    assert thief.get(SET_UP)["Location"] == "/sign-in/code/"


def test_a_way_that_nobody_used_shuts_after_a_week(cast, enter, clock):
    give_password(cast, "ana").post(LOST)
    enter(cast.sam).post(DESK, ANA)
    clock.shift(8 * 24 * 3600 - 1)
    assert give_password(cast, "ana").get(SET_UP).status_code == 200
    clock.shift(1)
    client = give_password(cast, "ana")
    assert client.get(SET_UP)["Location"] == "/sign-in/code/"
    client.post(LOST)
    assert FactorLoss.objects.filter(cancelled_at=None).count() == 1


def test_the_desk_may_not_try_for_long(cast, enter):
    sam = enter(cast.sam)
    tries = [sam.post(DESK, {**ANA, "birth_date": f"1958-04-{day:02}"}).status_code for day in range(1, 13)]
    assert tries == [422] * 10 + [429] * 2


def test_who_works_here_is_known_by_those_who_keep_the_house_and_never_by_the_desk_alone(cast, enter, clock):
    """Maya is a nurse, and a patient of Sam's team, too: what the desk can read of her opens no work."""
    record = cast.patient("ben")
    record.user = None
    record.save(update_fields=["user"])
    record.user = cast.maya
    record.save(update_fields=["user"])
    colleague = give_password(cast, "maya")
    assert "who keeps the accounts" in colleague.get(LOST).content.decode()
    colleague.post(LOST)
    loss = FactorLoss.objects.get()
    answer = enter(cast.sam).post(DESK, {"record_number": "RC-104932", "birth_date": "1984-11-02"})
    assert answer.status_code == 422
    assert enter(cast.sam, fresh="people").post(f"/people/lost/{loss.pk}/").status_code == 403
    officer = enter(cast.mira, fresh="people")
    assert "Maya Chen" in officer.get("/people/requests/").content.decode()
    assert enter(cast.mira).post(f"/people/lost/{loss.pk}/")["Location"].startswith("/sign-in/again/")
    assert officer.post(f"/people/lost/{loss.pk}/").status_code == 302
    assert "Maya Chen" not in officer.get("/people/requests/").content.decode()
    assert officer.post(f"/people/lost/{loss.pk}/").status_code == 404
    colleague = give_password(cast, "maya")
    assert colleague.get(SET_UP)["Location"] == "/sign-in/code/"
    clock.shift(24 * 3600 + 1)
    assert give_password(cast, "maya").get(SET_UP).status_code == 200


def test_nobody_lets_herself_back_in_and_the_other_keepers_hear_of_it(cast, enter, clock):
    give_password(cast, "root").post(LOST)
    loss = FactorLoss.objects.get()
    herself = enter(cast.root, fresh="people")
    assert "This is about you" in herself.get("/people/requests/").content.decode()
    assert herself.post(f"/people/lost/{loss.pk}/").status_code == 422
    assert FactorLoss.objects.get().checked_at is None
    assert enter(cast.mira, fresh="people").post(f"/people/lost/{loss.pk}/").status_code == 302
    told = Notification.objects.values_list("person", "notice")
    assert set(told) == {(cast.root.pk, "factor_lost"), (cast.mira.pk, "keeper_lost")}
