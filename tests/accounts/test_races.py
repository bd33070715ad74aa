"""Many at once, in real transactions: one code opens one door, and a limit is a limit (G14, G15, G18, G21)."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import agreements, contacts, enrolment, entrance, joining, limits, passkeys, passwords
from accounts.models import (
    Agreement,
    AuthenticatorApp,
    ContactChange,
    Invitation,
    KeptForm,
    PasswordReset,
    RecoverySheet,
    Role,
    RoleGrant,
    RoleRequest,
    Session,
    Strength,
    TryCounter,
    User,
)
from accounts.passkeys import Site
from accounts.refusals import (
    CodeRefused,
    InvitationOver,
    LinkSpent,
    PasskeyRefused,
    RequestOver,
    SessionEnded,
    TooManyTries,
)
from audit.models import AuditEvent
from audit.refusals import Refusal
from tests.accounts.authenticator import Authenticator
from tests.accounts.invited import NORA, PASSWORD, a_newcomer, invite, link_in_mail
from tests.accounts.steps import is_in

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 20


def at_once(what: Callable[[int], object], times: int = AT_ONCE) -> list[object]:
    """Call it from many threads that all start together, each with its own connection."""
    gate = threading.Barrier(times)

    def one(number: int) -> object:
        try:
            gate.wait()
            return what(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.fixture
def ana(cast):
    return cast.ana


def waiting_sessions(user, count: int = AT_ONCE) -> list[Session]:
    for _ in range(count):
        Session.objects.begin(by=user)
    return list(Session.objects.filter(user=user, strength=Strength.PASSWORD).select_related("user"))


def test_one_app_code_sent_by_twenty_opens_one_door(cast, ana, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    app = AuthenticatorApp.objects.proven(ana).get()
    sessions = waiting_sessions(ana)
    code = cast.code("ana")
    for _ in range(3):
        at_once(lambda n: entrance.enter_with_app(sessions[n], app=app, code=code))
        assert Session.objects.filter(user=ana, strength=Strength.FULL).count() == 1
    events = AuditEvent.objects.filter(
        type="login", subtype="login", outcome="0", additional_data__step="totp"
    )
    assert events.count() == 1


def test_one_app_code_sent_by_twenty_within_the_usual_limits_opens_one_door(cast, ana):
    app = AuthenticatorApp.objects.proven(ana).get()
    sessions = waiting_sessions(ana)
    code = cast.code("ana")
    results = at_once(lambda n: entrance.enter_with_app(sessions[n], app=app, code=code))
    assert Session.objects.filter(user=ana, strength=Strength.FULL).count() == results.count(None) == 1


def test_one_recovery_code_sent_by_twenty_opens_one_door(ana, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    RecoverySheet.objects.filter(user=ana).delete()
    sheet, codes = RecoverySheet.objects.print_new(user=ana, by=ana)
    sheet.confirm(by=ana)
    sessions = waiting_sessions(ana)
    at_once(lambda n: entrance.enter_with_recovery_code(sessions[n], code=codes[0]))
    assert sheet.left == 9
    assert Session.objects.filter(user=ana, strength=Strength.FULL).count() == 1


def test_one_code_shown_again_by_twenty_counts_once(cast, ana, settings):
    """Step-up: the same code for twenty purposes at once, and not for the sign-in that came before."""
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    app = AuthenticatorApp.objects.proven(ana).get()
    sessions = waiting_sessions(ana)
    for session in sessions:
        session.strengthen(by=ana, strength=Strength.FULL, factor="totp")
    code = cast.code("ana")
    at_once(lambda n: entrance.prove_again(sessions[n], app=app, code=code, purpose=f"p{n}"))
    assert Session.objects.filter(user=ana, proven_at__isnull=False).count() == 1


def test_codes_do_not_open_again_after_another_has(cast, ana, settings):
    """A, then B, then A once more; and A in every other spelling."""
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    app = AuthenticatorApp.objects.proven(ana).get()
    with time_machine.travel("2026-03-10T14:00:00Z", tick=False) as clock:
        first = cast.code("ana")
        entrance.enter_with_app(Session.objects.begin(by=ana), app=app, code=first)
        clock.shift(30)
        entrance.enter_with_app(Session.objects.begin(by=ana), app=app, code=cast.code("ana"))
        wide = "".join(chr(0xFF10 + int(digit)) for digit in first)
        for again in (
            first,
            f" {first}",
            f"{first[:3]} {first[3:]}",
            f"{first[:3]}-{first[3:]}",
            wide,
            f"+{first}",
        ):
            with pytest.raises(CodeRefused):
                entrance.enter_with_app(Session.objects.begin(by=ana), app=app, code=again)
    assert Session.objects.filter(user=ana, strength=Strength.FULL).count() == 2


def test_one_link_for_a_new_password_used_by_twenty_sets_one(ana, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    asked = PasswordReset.objects.create(email_digest=ana.email_digest, user=ana)
    token = asked.new_token()
    results = at_once(lambda n: passwords.set_new(token=token, new=f"kingfisher number {n}"))
    assert results.count(None) == 1
    assert sum(isinstance(result, LinkSpent) for result in results) == AT_ONCE - 1
    assert AuditEvent.objects.filter(subtype="password-change").count() == 1


def test_one_link_for_a_new_address_opened_by_twenty_counts_once(ana):
    change = ContactChange.objects.ask(by=ana, email="ana@post.example")
    token = change.new_token()
    sessions = waiting_sessions(ana)
    results = at_once(lambda n: contacts.confirm_email(sessions[n], token=token))
    assert results.count(None) == 1
    assert all(result is None or isinstance(result, LinkSpent | SessionEnded) for result in results), results
    assert AuditEvent.objects.filter(subtype="contact-changed").count() == 1


def test_of_twenty_new_addresses_asked_for_at_once_one_waits(ana):
    results = at_once(lambda n: ContactChange.objects.ask(by=ana, email=f"a{n}@post.example"))
    assert all(isinstance(result, ContactChange) for result in results)
    assert ContactChange.objects.waiting().count() == 1


def test_of_twenty_failures_at_once_one_alarm_is_raised(cast, ana):
    tried = [f"eve{n % 2}@riverside.example" for n in range(AT_ONCE)]
    at_once(lambda n: entrance.open_with_password(email=tried[n], password="x", browser=""))
    raised = AuditEvent.objects.filter(subtype="many-failures")
    assert sorted(event.additional_data["of"] for event in raised) == ["account", "account", "network"]


def test_terms_agreed_to_by_ten_windows_are_agreed_to_once(ana):
    Agreement.objects.filter(user=ana).delete()
    results = at_once(lambda n: agreements.agree(User.objects.get(pk=ana.pk), version="patients-1"), 10)
    assert results == [True] * 10
    assert Agreement.objects.filter(user=ana).count() == 1


def test_one_link_of_an_invitation_used_by_twenty_makes_one_account(cast, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    invite(cast, a_newcomer(cast), email=NORA["email"])
    token, born = link_in_mail().split("/")[-2], date.fromisoformat(NORA["birth_date"])
    results = at_once(
        lambda n: joining.take(token=token, password=PASSWORD, birth_date=born, code="", browser="")
    )
    assert sum(isinstance(result, Session) for result in results) == 1
    assert all(isinstance(result, Session | Refusal) for result in results), results
    assert User.objects.by_email(NORA["email"]) is not None


def test_one_answer_of_a_passkey_sent_by_twenty_opens_one_door(ana, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    key, site = Authenticator(), Site(origin="http://testserver", host="testserver")
    session = Session.objects.begin(by=ana)
    session.strengthen(by=ana, strength=Strength.FULL, factor="totp")
    session.prove_again(by=ana, purpose="factors", factor="totp")
    options = json.loads(enrolment.ask_for_new_passkey(session, site=site))
    enrolment.add_passkey(session, answer=key.make(options), name="", site=site)
    for _ in range(3):
        before = Session.objects.filter(user=ana, factor="passkey").count()
        answer = key.sign(json.loads(passkeys.ask(site, bound_to="b", user=None)))
        results = at_once(
            lambda n, answer=answer: entrance.open_with_passkey(
                answer=answer, site=site, bound_to="b", browser="", browser_key=""
            )
        )
        assert Session.objects.filter(user=ana, factor="passkey").count() == before + 1
        assert sum(isinstance(result, PasskeyRefused) for result in results) == AT_ONCE - 1


def test_one_code_posted_by_twenty_browsers_opens_one(cast, ana):
    code = cast.code("ana")
    keys = [Session.objects.begin(by=ana).key for _ in range(8)]

    def post(number: int) -> bool:
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = keys[number]
        client.post("/sign-in/code/", {"code": code})
        return is_in(client)

    assert Counter(at_once(post, 8)) == {True: 1, False: 7}


@pytest.mark.parametrize("times", [1, 5, 30])
def test_a_limit_of_five_lets_five_through_however_many_come_at_once(settings, times):
    settings.TRY_LIMITS = {"door": (5, timedelta(minutes=15))}
    results = at_once(lambda n: limits.spend(("door", "ana")), times)
    assert results.count(None) == min(times, 5)
    assert sum(isinstance(result, TooManyTries) for result in results) == max(0, times - 5)


def test_a_limit_starts_again_after_its_time_and_not_before(settings):
    settings.TRY_LIMITS = {"door": (2, timedelta(minutes=15))}
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False) as clock:
        limits.spend(("door", "ana"))
        limits.spend(("door", "ana"))
        limits.spend(("door", "ben"))
        with pytest.raises(TooManyTries) as stopped:
            limits.spend(("door", "ana"))
        assert stopped.value.seconds == 900
        clock.shift(899)
        with pytest.raises(TooManyTries):
            limits.spend(("door", "ana"))
        clock.shift(1)
        limits.spend(("door", "ana"))
        limits.give_back(("door", "ana"))
        limits.spend(("door", "ana"))
        limits.spend(("door", "ana"))
    assert "ana" not in str(list(TryCounter.objects.values()))


def test_wrong_passwords_are_counted_by_account_and_by_place(cast, settings):
    settings.TRY_LIMITS = {
        **settings.TRY_LIMITS,
        "password-account": (3, timedelta(minutes=15)),
        "password-address": (5, timedelta(minutes=15)),
    }
    bad = {"email": "ana@riverside.example", "password": "not hers"}
    statuses = [Client(REMOTE_ADDR=f"192.0.2.{n}").post("/sign-in/", bad).status_code for n in range(5)]
    assert statuses == [422, 422, 422, 429, 429]
    statuses = [
        Client(REMOTE_ADDR="198.51.100.7")
        .post("/sign-in/", {**bad, "email": f"x{n}@riverside.example"})
        .status_code
        for n in range(7)
    ]
    assert statuses == [422] * 5 + [429] * 2
    answer = Client(REMOTE_ADDR="192.0.2.99").post("/sign-in/", cast.login("ana"))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) <= 900
    assert "Need help today? Call" in answer.content.decode()


def test_an_unknown_account_is_stopped_like_a_known_one(cast):
    def tries(email: str) -> list[int]:
        return [
            Client().post("/sign-in/", {"email": email, "password": "wrong"}).status_code for _ in range(12)
        ]

    assert tries("ana@riverside.example") == tries("eve@riverside.example") == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ],
)
def test_a_place_is_an_address_or_a_whole_network_of_the_new_kind(first, second, together):
    from audit.context import bind

    places = []
    for address in (first, second):
        with bind(address=address):
            places.append(limits.whence())
    assert (places[0] == places[1]) == together


def test_a_header_is_no_place(cast, settings):
    """A visitor cannot get a fresh count by writing other addresses into her request."""
    settings.TRY_LIMITS = {**settings.TRY_LIMITS, "password-address": (3, timedelta(minutes=15))}
    statuses = [
        Client()
        .post(
            "/sign-in/",
            {"email": f"x{n}@riverside.example", "password": "x"},
            headers={"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"},
        )
        .status_code
        for n in range(5)
    ]
    assert statuses == [422, 422, 422, 429, 429]


def test_a_session_that_is_ended_while_it_is_used_stays_ended(ana):
    """The request under way writes its sign of life and its new key; neither brings the session back."""
    for _ in range(5):
        Session.objects.begin(by=ana)
        session = Session.objects.filter(user=ana).latest("id")
        # All of them have seen the same key before any of them acts.
        copies = [Session.objects.select_related("user").get(pk=session.pk) for _ in range(9)]

        def race(number: int, copies=copies) -> object:
            mine = copies[number]
            if number == 0:
                return mine.end(by=mine.user, reason="signed-out")
            if number % 2:
                return mine.seen(timezone.now() + timedelta(minutes=number))
            return mine.strengthen(by=mine.user, strength=Strength.FULL, factor="totp")

        results = at_once(race, 9)
        session.refresh_from_db()
        assert session.ended_at is not None
        assert results[0] is True
        unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, SessionEnded)]
        assert unexpected == []
        # Two that saw the same key cannot both have turned it.
        assert sum(result is None for result in results[2::2]) <= 1


@pytest.mark.drill
def test_no_ended_session_of_five_hundred_comes_back(ana):
    """G18: 0 of 500. One ends it while another writes its sign of life and a third turns its key."""
    back = 0
    for _ in range(500):
        key = Session.objects.begin(by=ana).key
        found = Session.objects.by_key(key)
        assert found is not None
        acts = (
            lambda s: s.end(by=s.user, reason="signed-out"),
            lambda s: s.seen(timezone.now() + timedelta(minutes=1)),
            lambda s: s.strengthen(by=s.user, strength=Strength.FULL, factor="totp"),
        )
        copies = [Session.objects.select_related("user").get(pk=found.pk) for _ in acts]
        at_once(lambda n, acts=acts, copies=copies: acts[n](copies[n]), 3)
        found.refresh_from_db()
        back += found.ended_at is None
    assert back == 0


def test_one_key_is_turned_once(ana):
    session = Session.objects.begin(by=ana)
    copies = [Session.objects.select_related("user").get(pk=session.pk) for _ in range(8)]
    results = at_once(
        lambda n: copies[n].strengthen(by=ana, strength=Strength.FULL, factor="totp"), len(copies)
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, SessionEnded) for result in results) == 7


def test_pressing_twice_lets_her_in_all_the_same(cast, ana):
    """Both presses lead on, and neither answer takes back the key that the other one brought."""
    key, code = Session.objects.begin(by=ana).key, cast.code("ana")

    def press(number: int) -> tuple[int, str, str]:
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = key
        answer = client.post("/sign-in/code/", {"code": code})
        brought = answer.cookies.get(settings.SESSION_COOKIE_NAME)
        return answer.status_code, answer["Location"].split("?")[0], brought.value if brought else "nothing"

    first, second = sorted(at_once(press, 2), key=lambda seen: seen[2] == "nothing")
    assert first[:2] == (302, "/")
    assert second[0] == 302 and second[1] in ("/", "/sign-in/") and second[2] == "nothing"
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = first[2]
    assert is_in(client)


def test_kept_text_goes_to_one_of_many_tabs(cast, ana):
    from django.http import QueryDict

    KeptForm.keep(by=ana, path="/x/", action="/x/", data=QueryDict("body=dizzy"))
    results = at_once(lambda n: KeptForm.take(ana, "/x/"), 6)
    assert sum(result is not None for result in results) == 1


def test_ten_first_sign_ins_at_once_make_one_sheet_count(cast, ana):
    """Two windows may both print codes; only the sheet that was proven last holds, and there is one."""
    sheets = [RecoverySheet.objects.create(user=ana, name="", confirmed=False) for _ in range(4)]
    at_once(lambda n: sheets[n].confirm(by=ana), len(sheets))
    assert RecoverySheet.objects.filter(user=ana, confirmed=True).count() == 1


def test_one_invitation_taken_by_twenty_makes_one_account(cast, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    patient = a_newcomer(cast)
    for _ in range(3):
        invitation = invite(cast, patient, email=NORA["email"]).invitation
        token = invitation.new_token()
        before = User.objects.count()
        born = date.fromisoformat(NORA["birth_date"])

        def take(number: int, token: str = token, born: date = born) -> Session:
            password = f"kingfisher number {number}"
            return joining.take(token=token, password=password, birth_date=born, code="", browser="")

        results = at_once(take)
        assert sum(isinstance(one, Session) for one in results) == 1
        assert {type(one) for one in results} <= {Session, InvitationOver}
        assert User.objects.count() <= before + 1
        invitation.refresh_from_db()
        assert Session.objects.alive().filter(user=invitation.user).count() >= 1


def test_one_invitation_redeemed_by_two_who_are_signed_in_is_one_persons(cast, settings):
    settings.TRY_LIMITS = {name: (1_000, within) for name, (_most, within) in settings.TRY_LIMITS.items()}
    patient = a_newcomer(cast)
    code = invite(cast, patient).code
    born = date.fromisoformat(NORA["birth_date"])
    people = [cast.rosa, cast.maya]
    sessions = [Session.objects.begin(by=people[number % 2]) for number in range(AT_ONCE)]
    results = at_once(lambda n: joining.redeem(sessions[n], code=code, birth_date=born))
    assert results.count(None) == 1
    assert Invitation.objects.get(patient=patient).user in people


def test_one_request_approved_and_refused_by_twenty_is_decided_once(cast):
    asked = RoleRequest.objects.ask(user=cast.lund, role=Role.ACCOUNT_ADMIN, gives=True, by=cast.root)

    def decide(number: int) -> None:
        (asked.approve if number % 2 else asked.refuse)(by=cast.mira)

    results = at_once(decide)
    assert results.count(None) == 1
    assert {type(one) for one in results} == {type(None), RequestOver}
    asked.refresh_from_db()
    given = RoleGrant.objects.current().filter(user=cast.lund, role=Role.ACCOUNT_ADMIN).count()
    assert given == int(bool(asked.approved))
