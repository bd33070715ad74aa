"""A password, then a code from the phone. Nothing less opens anything (SC1, SC2, HSR-08, NST-01)."""

from __future__ import annotations

import random
import re

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuthenticatorApp, KnownDevice, Notification, RoleRequest, Session, Strength
from audit.models import AuditEvent
from tests.accounts.steps import give_password, is_in, sign_in

WRONG = "That e-mail and password did not match."
NO_MATCH = "That code did not match. Codes change every 30 seconds. Try the newest one."


def test_a_password_and_a_code_open_the_account(cast):
    client = give_password(cast, "ana")
    assert not is_in(client)
    answer = client.post("/sign-in/code/", {"code": cast.code("ana")})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_in(client)


@pytest.mark.parametrize(
    ("key", "first_page"),
    [
        ("ana", "messages"),
        ("rosa", "messages"),
        ("okafor", "inbox"),
        ("sam", "inbox"),
        ("mira", "audit-events"),
        ("root", "people"),
    ],
)
def test_everybody_starts_where_her_work_is(cast, enter, key, first_page):
    from django.urls import reverse

    answer = enter(cast[key]).get("/")
    assert answer["Location"] == reverse(first_page)


@pytest.mark.parametrize(
    "typed", ["ANA@Riverside.Example", "  ana@riverside.example ", "\uff41\uff4e\uff41@riverside.example"]
)
def test_a_login_is_one_however_it_is_written(cast, typed):
    answer = Client().post("/sign-in/", {**cast.login("ana"), "email": typed})
    assert answer.status_code == 302


def test_wrong_password_and_unknown_account_get_the_same_answer(cast):
    known = Client().post("/sign-in/", {"email": "ana@riverside.example", "password": "not hers"})
    unknown = Client().post("/sign-in/", {"email": "eve@riverside.example", "password": "not hers"})
    assert (known.status_code, unknown.status_code) == (422, 422)
    assert WRONG in known.content.decode()
    assert _bare(known) == _bare(unknown).replace("eve@", "ana@")


def test_an_unknown_account_costs_a_password_hash_too(cast, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    work = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda self, *a, **k: hashed.append(1) or work(self, *a, **k)
    )
    counts = []
    for email in ("ana@riverside.example", "eve@riverside.example"):
        hashed.clear()
        Client().post("/sign-in/", {"email": email, "password": "not hers"})
        counts.append(len(hashed))
    assert counts == [1, 1]


def test_a_known_and_an_unknown_account_cost_the_same_statements(cast):
    asked = []
    for email in ("ana@riverside.example", "eve@riverside.example"):
        with CaptureQueriesContext(connection) as statements:
            Client().post("/sign-in/", {"email": email, "password": "not hers"})
        asked.append([statement["sql"].split()[0] for statement in statements])
    assert asked[0] == asked[1]


def test_a_closed_account_is_refused_like_a_wrong_password(cast):
    cast.ben.deactivate(by=cast.root)
    closed = Client().post("/sign-in/", cast.login("ben"))
    wrong = Client().post("/sign-in/", {**cast.login("ben"), "password": "not his"})
    assert closed.status_code == 422
    assert _bare(closed) == _bare(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"email": "ana@riverside.example"},
        {"password": "x"},
        {"email": "a" * 999, "password": "b" * 5_000},
    ],
)
def test_a_form_half_filled_in_is_asked_again(cast, wrong):
    assert Client().post("/sign-in/", wrong).status_code == 422


@pytest.mark.parametrize("form", ["{0}{1}{2} {3}{4}{5}", "{0}{1}{2}-{3}{4}{5}", " {0} {1} {2} {3} {4} {5} "])
def test_spaces_and_dashes_in_a_code_do_not_matter(cast, form):
    client = give_password(cast, "ana")
    client.post("/sign-in/code/", {"code": form.format(*cast.code("ana"))})
    assert is_in(client)


@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u0966"])
def test_digits_of_other_widths_and_scripts_are_digits(cast, zero):
    client = give_password(cast, "ana")
    client.post(
        "/sign-in/code/", {"code": "".join(chr(ord(zero) + int(digit)) for digit in cast.code("ana"))}
    )
    assert is_in(client)


@pytest.mark.parametrize("form", ["+{}", "{}+", "_{}", "0{}", "{}0", "0x{}", "{}.0e0", "½{}"])
def test_what_only_looks_like_a_code_is_refused(cast, form):
    client = give_password(cast, "ana")
    answer = client.post("/sign-in/code/", {"code": form.format(cast.code("ana"))})
    assert answer.status_code == 422
    assert NO_MATCH in answer.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize("shape", ["{}", "{} ", "{0[0]}{0[1]}{0[2]}-{0[3]}{0[4]}{0[5]}"])
def test_a_code_opens_one_door_once(cast, shape):
    with time_machine.travel("2026-03-10T14:00:05Z", tick=False):
        code = cast.code("ana")
        sign_in(cast, "ana")
        again = give_password(cast, "ana")
        answer = again.post("/sign-in/code/", {"code": shape.format(code)})
    assert answer.status_code == 422
    assert NO_MATCH in answer.content.decode()


def test_an_older_code_opens_nothing_after_a_newer_one(cast):
    """A, then B, then A again within the tolerance."""
    with time_machine.travel("2026-03-10T14:00:05Z", tick=False) as clock:
        first = cast.code("ana")
        sign_in(cast, "ana")
        clock.shift(30)
        sign_in(cast, "ana")
        again = give_password(cast, "ana")
        assert again.post("/sign-in/code/", {"code": first}).status_code == 422
        assert not is_in(again)


@pytest.mark.parametrize(("late", "opens"), [(0, True), (30, True), (60, False), (-30, True), (-60, False)])
def test_a_phone_may_be_one_step_off_and_no_more(cast, late, opens):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        code = cast.code("ana")
        clock.shift(late)
        client = give_password(cast, "ana")
        client.post("/sign-in/code/", {"code": code})
        assert is_in(client) == opens


def test_five_wrong_codes_stop_everybody_for_a_quarter_of_an_hour(cast):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        client = give_password(cast, "ana")
        for _ in range(5):
            assert client.post("/sign-in/code/", {"code": _wrong(cast)}).status_code == 422
        answer = client.post("/sign-in/code/", {"code": cast.code("ana")})
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) == 900
        page = answer.content.decode()
        assert "To keep you safe we stopped for 15 minutes." in page
        assert settings.CLINIC_PHONE in page
        clock.shift(899)
        client = give_password(cast, "ana")
        assert client.post("/sign-in/code/", {"code": cast.code("ana")}).status_code == 429
        clock.shift(2)
        assert is_in(sign_in(cast, "ana"))


def test_a_new_session_is_no_way_around_the_count(cast):
    for _ in range(5):
        give_password(cast, "ana").post("/sign-in/code/", {"code": _wrong(cast)})
    assert give_password(cast, "ana").post("/sign-in/code/", {"code": cast.code("ana")}).status_code == 429


def test_a_guesser_gets_twenty_codes_a_day_over_all_roads(cast):
    """G15: app codes and recovery codes, from any number of places and sessions."""
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        looked_at = 0
        for number in range(30):
            clock.shift(901)
            client = give_password(cast, "ana", client=Client(REMOTE_ADDR=f"192.0.2.{number}"))
            looked_at += client.post("/sign-in/code/", {"code": _wrong(cast)}).status_code == 422
            looked_at += client.post("/sign-in/recovery/", {"code": "A" * 16}).status_code == 422
        assert looked_at == 20


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_he_takes_the_roads_a_guesser_gets_no_more_than_twenty(cast, seed):
    """G15: sign-in and step-up, app and paper, new sessions and a stolen one, from anywhere, at any time of a day."""
    turn = random.Random(seed)  # noqa: S311  (an order, not a secret)
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        stolen = Client()
        stolen.cookies[settings.SESSION_COOKIE_NAME] = (
            sign_in(cast, "ana").cookies[settings.SESSION_COOKIE_NAME].value
        )
        roads = {
            "/sign-in/code/": {"code": "000000"},
            "/sign-in/recovery/": {"code": "A" * 16},
            "/sign-in/again/": {"for": "factors", "code": "000000"},
            "/sign-in/again/?recovery=1": {"for": "factors", "code": "A" * 16},
        }
        looked_at = 0
        for number in range(90):
            road, sent = turn.choice(list(roads.items()))
            client = stolen
            if "again" not in road:
                client = Client(REMOTE_ADDR=f"192.0.{seed}.{number}")
                client.post("/sign-in/", cast.login("ana"))
            answer = client.post(road, sent)
            looked_at += answer.status_code == 422
            clock.shift(turn.choice((5, 300, 901, 1500)))
        assert 15 <= looked_at <= 20


def test_her_own_browser_is_never_shut_for_longer_than_a_quarter_of_an_hour(cast):
    """The guesser shuts himself out, not her: where she has signed in before she has a count of her own."""
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        hers = sign_in(cast, "ana")
        hers.post("/sign-out/")
        clock.shift(60)
        for number in range(40):
            there = Client(REMOTE_ADDR=f"192.0.2.{number}")
            for _ in range(12):
                there.post("/sign-in/", {"email": cast.login("ana")["email"], "password": "wrong"})
            if there.post("/sign-in/", cast.login("ana")).status_code == 302:
                there.post("/sign-in/code/", {"code": _wrong(cast)})
            clock.shift(300)
            if number % 8 == 7:
                give_password(cast, "ana", client=hers)
                hers.post("/sign-in/code/", {"code": cast.code("ana")})
                assert is_in(hers)
                hers.post("/sign-out/")
        give_password(cast, "ana", client=hers)
        tries = [hers.post("/sign-in/code/", {"code": _wrong(cast)}).status_code for _ in range(7)]
        assert tries == [422] * 5 + [429] * 2
        clock.shift(901)
        give_password(cast, "ana", client=hers)
        hers.post("/sign-in/code/", {"code": cast.code("ana")})
        assert is_in(hers)


def test_a_stolen_session_is_not_her_browser(cast):
    """Its guesses at the second step count with everybody else's, and end for the day."""
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        hers, thief = sign_in(cast, "ana"), Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = hers.cookies[settings.SESSION_COOKIE_NAME].value
        looked_at = 0
        for _ in range(40):
            again = thief.post("/sign-in/again/", {"for": "factors", "code": _wrong(cast)})
            looked_at += again.status_code == 422
            clock.shift(400)
        assert looked_at == 14
        assert hers.post("/sign-in/again/", {"for": "factors", "code": cast.code("ana")}).status_code == 302


def test_the_mark_of_a_known_browser_opens_nothing_and_is_nobody_elses(cast):
    client = sign_in(cast, "ana")
    mark = client.cookies[settings.DEVICE_COOKIE_NAME]
    assert mark["httponly"] and mark["samesite"] == "Lax"
    assert KnownDevice.objects.get().user == cast.ana
    assert mark.value not in str(list(KnownDevice.objects.values()))
    other = Client()
    other.cookies[settings.DEVICE_COOKIE_NAME] = mark.value
    assert not is_in(other)
    give_password(cast, "ben", client=other)
    assert Session.objects.latest("started_at").known_device is None
    other.post("/sign-in/code/", {"code": cast.code("ben")})
    assert KnownDevice.objects.count() == 2
    assert settings.DEVICE_COOKIE_NAME not in {
        name for name in other.cookies if other.cookies[name].value != mark.value
    }


def test_she_is_told_of_a_browser_that_is_new_to_her_account(cast):
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        hers = sign_in(cast, "ana")
        assert not Notification.objects.exists()  # the first of all is no news
        hers.post("/sign-out/")
        clock.shift(60)
        sign_in(cast, "ana", client=hers)
        assert not Notification.objects.exists()
        clock.shift(60)
        sign_in(cast, "ana")
        assert Notification.objects.get(person=cast.ana).notice == "new_device"


def test_she_is_told_once_a_day_of_wrong_codes(cast):
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        for number in range(7):
            client = give_password(cast, "ana")
            client.post("/sign-in/code/", {"code": _wrong(cast)})
            clock.shift(901)
            told = [row.notice for row in Notification.objects.filter(person=cast.ana)]
            assert told == (["wrong_codes"] if number >= 4 else [])


def test_a_right_code_forgets_the_wrong_ones(cast):
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        for _ in range(3):
            client = give_password(cast, "ana")
            for _ in range(4):
                client.post("/sign-in/code/", {"code": _wrong(cast)})
            clock.shift(60)
            client.post("/sign-in/code/", {"code": cast.code("ana")})
            assert is_in(client)


def test_one_app_is_asked_and_the_other_is_left_alone(cast):
    """STK-04: a code for one app neither opens nor counts against another."""
    second = AuthenticatorApp.objects.prepare(user=cast.ana, by=cast.ana, name="tablet", secret=b"x" * 20)
    second.confirm(by=cast.ana)
    first = AuthenticatorApp.objects.proven(cast.ana).first()
    client = give_password(cast, "ana")
    assert "Which app?" in client.get("/sign-in/code/").content.decode()
    answer = client.post("/sign-in/code/", {"code": cast.code("ana"), "app": str(second.pk)})
    assert answer.status_code == 422
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.failures, second.failures) == (0, 1)
    client.post("/sign-in/code/", {"code": cast.code("ana"), "app": str(first.pk)})
    assert is_in(client)
    second.refresh_from_db()
    assert second.failures == 1


def test_another_persons_app_does_not_open_the_door(cast):
    client = give_password(cast, "ana")
    theirs = AuthenticatorApp.objects.proven(cast.ben).get()
    client.post("/sign-in/code/", {"code": cast.code("ben"), "app": str(theirs.pk)})
    assert not is_in(client)


@pytest.mark.parametrize(
    "step", ["/sign-in/code/", "/sign-in/recovery/", "/sign-in/set-up/", "/sign-in/set-up/codes/"]
)
def test_the_second_step_needs_the_first(cast, step):
    for answer in (Client().get(step), Client().post(step, {"code": cast.code("ana")})):
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/")


@pytest.mark.parametrize("page", ["/account/", "/account/?from=there"])
def test_after_sign_in_she_is_where_she_wanted_to_go(cast, page):
    client = Client()
    asked = client.get(page)
    assert asked.status_code == 302
    first = client.get(asked["Location"])
    hidden = re.search(r'name="next" value="([^"]*)"', first.content.decode())
    assert hidden and hidden[1] == page
    answer = client.post("/sign-in/", {**cast.login("ana"), "next": page})
    answer = client.post(answer["Location"], {"code": cast.code("ana")})
    assert answer["Location"] == page


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "\t//evil.example",
        "evil.example",
    ],
)
def test_nobody_is_sent_to_another_site(cast, elsewhere):
    client = give_password(cast, "ana", next=elsewhere)
    answer = client.post("/sign-in/code/", {"code": cast.code("ana"), "next": elsewhere})
    assert answer["Location"] == "/"
    assert client.get("/sign-in/", {"next": elsewhere})["Location"] == "/"


def test_every_step_and_every_failure_is_written_down(cast):
    """HSR-11."""
    client = Client()
    client.post("/sign-in/", {**cast.login("ana"), "password": "not hers"})
    client.post("/sign-in/", {"email": "eve@riverside.example", "password": "hers"})
    client.post("/sign-in/", cast.login("ana"))
    client.post("/sign-in/code/", {"code": _wrong(cast)})
    client.post("/sign-in/code/", {"code": cast.code("ana")})
    client.post("/sign-out/")
    ana = str(cast.ana.pk)
    events = AuditEvent.objects.filter(type__in=["login", "session"]).order_by("recorded_at", "id")
    assert [(e.subtype, e.outcome, e.outcome_reason, e.agent_id, e.object_pk == ana) for e in events] == [
        ("login", "4", "wrong-password", "anonymous", True),
        ("login", "4", "wrong-password", "anonymous", False),
        ("login", "0", "", ana, False),
        ("login", "4", "wrong-code", "anonymous", True),
        ("login", "0", "", ana, False),
        ("logout", "0", "", ana, False),
    ]
    assert all(e.network_address == "127.0.0.1" and e.request_id for e in events)
    assert not any("hers" in str(e.additional_data) or "eve" in str(e.additional_data) for e in events)


def test_a_failed_sign_in_is_not_in_the_patients_own_list(cast):
    Client().post("/sign-in/", {**cast.login("ana"), "password": "not hers"})
    assert not AuditEvent.objects.filter(type="login", patient_id=cast.patient("ana").pk).exists()


def test_the_key_changes_with_each_step_and_the_old_one_is_dead(cast):
    client = give_password(cast, "ana")
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/sign-in/code/", {"code": cast.code("ana")})
    after = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert before != after
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert thief.get("/sign-in/code/").status_code == 302
    assert not is_in(thief)


def test_the_database_never_sees_the_key(cast):
    client = sign_in(cast, "ana")
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    session = Session.objects.get(user=cast.ana)
    assert session.strength == Strength.FULL
    assert len(key) == 43
    assert session.key_digest != key
    assert not Session.objects.filter(key_digest=key).exists()


def test_signing_out_ends_it_on_the_server_and_clears_the_browser(cast):
    client = sign_in(cast, "ana")
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    answer = client.post("/sign-out/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert (
        answer.cookies[settings.SESSION_COOKIE_NAME].value
        == answer.cookies[settings.CSRF_COOKIE_NAME].value
        == ""
    )
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(client)


def _wrong(cast) -> str:
    return f"{(int(cast.code('ana')) + 1) % 1_000_000:06d}"


def _bare(answer) -> str:
    """A page without what is different at each load."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
    return re.sub(r'nonce="[^"]+"', "", page)


def _known(cast) -> int:
    return KnownDevice.objects.filter(user=cast.ana).count()


THROWN_OUT = {
    "password": lambda cast, hers, enter: hers.post(
        "/account/password/", {"current": cast.login("ana")["password"], "new": "kingfisher under the bridge"}
    ),
    "factor": lambda cast, hers, enter: hers.post(
        f"/account/factors/{AuthenticatorApp.objects.proven(cast.ana).last().pk}/remove/"
    ),
    "others": lambda cast, hers, enter: hers.post("/account/sessions/others/end/"),
    "one": lambda cast, hers, enter: hers.post(
        f"/account/sessions/{Session.objects.filter(user=cast.ana, ended_at=None).latest('started_at').pk}/end/"
    ),
    "desk": lambda cast, hers, enter: enter(cast.root, fresh="people").post(
        f"/desk/accounts/{cast.patient('ana').pk}/sessions/end/"
    ),
    "closed": lambda cast, hers, enter: cast.ana.deactivate(by=cast.root),
}


@pytest.mark.parametrize("how", list(THROWN_OUT))
def test_who_is_thrown_out_is_a_stranger_from_then_on(cast, enter, how):
    """The mark of a browser outlived whoever was told to leave; it gave him a count of tries of his own."""
    with time_machine.travel("2027-03-10T00:00:00Z", tick=False) as clock:
        more = AuthenticatorApp.objects.prepare(user=cast.ana, by=cast.ana, secret=b"x" * 20)
        more.confirm(by=cast.ana)
        first = str(AuthenticatorApp.objects.proven(cast.ana).first().pk)
        hers, thief = give_password(cast, "ana"), Client()
        hers.post("/sign-in/code/", {"code": cast.code("ana"), "app": first})
        clock.shift(60)
        give_password(cast, "ana", client=thief)
        thief.post("/sign-in/code/", {"code": cast.code("ana"), "app": first})
        assert is_in(hers) and is_in(thief) and _known(cast) == 2
        clock.shift(60)
        hers.post("/sign-in/again/", {"for": "factors", "code": cast.code("ana"), "app": first})
        THROWN_OUT[how](cast, hers, enter)
        assert not is_in(thief)
        assert _known(cast) == (0 if how in ("desk", "closed") else 1)


def test_a_new_role_and_a_return_after_it_are_told_of(cast, enter):
    with time_machine.travel("2027-03-10T00:00:00Z", tick=False) as clock:
        hers = sign_in(cast, "maya")
        ask = {"change": "give", "role": "front-desk"}
        enter(cast.root, fresh="people").post(f"/people/{cast.maya.pk}/roles/", ask)
        asked = RoleRequest.objects.get()
        enter(cast.mira, fresh="people").post(f"/people/requests/{asked.pk}/", {"approve": "1"})
        assert not KnownDevice.objects.filter(user=cast.maya).exists() and not is_in(hers)
        clock.shift(60)
        sign_in(cast, "maya", client=hers)
        assert Notification.objects.filter(person=cast.maya, notice="new_device").count() == 1


def test_a_known_browser_has_a_day_too(cast):
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False) as clock:
        client = sign_in(cast, "ana")
        looked_at = 0
        for _ in range(12):
            clock.shift(901)
            for _ in range(5):
                again = client.post("/sign-in/again/", {"for": "factors", "code": _wrong(cast)})
                looked_at += again.status_code == 422
            client.get("/account/stay/")
            clock.shift(600)
            client.get("/account/stay/")
        assert looked_at == 40


def test_no_guesser_stops_who_is_signed_in(cast, enter):
    """His tries fill the counts of the account and of the house; hers are her own."""
    with time_machine.travel("2026-03-10T00:00:00Z", tick=False):
        hers = sign_in(cast, "ana")
        hers_at_the_door = Client()
        hers_at_the_door.cookies[settings.DEVICE_COOKIE_NAME] = hers.cookies[
            settings.DEVICE_COOKIE_NAME
        ].value
        guesser = Client()
        for number in range(70):
            email = cast.login("ana")["email"] if number < 12 else f"nobody{number}@riverside.example"
            last = guesser.post("/sign-in/", {"email": email, "password": "a guess of mine"})
        for _ in range(70):
            guesser.post("/sign-in/passkey/options/")
        assert last.status_code == 429
        give_password(cast, "ana", client=hers_at_the_door)
        assert hers.post("/sign-in/passkey/options/").status_code == 200
        changing = enter(cast.ana, fresh="factors")
        sent = {"current": "not hers", "new": "kingfisher under the bridge"}
        assert [changing.post("/account/password/", sent).status_code for _ in range(11)][-2:] == [422, 429]
        changing = enter(cast.ana, fresh="factors")
        sent["current"] = cast.login("ana")["password"]
        assert changing.post("/account/password/", sent).status_code == 302
