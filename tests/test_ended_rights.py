"""What ends a right ends it on every road within a second (G3): pages, forms, the API, polls, files, mails, links.

Every event that ends a right is set beside every address and method of the portal. The addresses are those of the
access matrix, which fails when one is missing; what somebody gets after the event is what another column there says:
whose session is over gets what nobody gets, who has left the team what a colleague of another team gets. A road that
a new capability opens is so tried with every event, without a line here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import enrolment
from accounts.models import (
    AuthenticatorApp,
    CareRelationship,
    CareTeamMembership,
    ContactChange,
    Notification,
    PasswordReset,
    ProxyGrant,
    Role,
    RoleGrant,
    Session,
)
from accounts.models.session import End, Strength
from accounts.notices import Notice
from accounts.policy import declared
from accounts.tasks import sweep_notifications
from portal.demo_clinic import FOUNDER
from tests.test_access_matrix import MATRIX, PEOPLE, ROUTES

if TYPE_CHECKING:
    from tests.cast import Cast, Enter
    from tests.test_access_matrix import Clinic

AT_MOST = 1.0  # seconds between the event and the first answer without the right


@dataclass(frozen=True)
class Event:
    who: str
    happens: Callable[[Cast], object]
    # The column of the matrix that holds afterwards.
    then: Callable[[str, str], int]


def column(who: str) -> Callable[[str, str], int]:
    return lambda name, method: int(MATRIX[name, method].split()[PEOPLE.index(who)])


def no_patients_side(name: str, method: str) -> int:
    """Rosa without a grant: nothing on the patient's side, and elsewhere what she had."""
    rule = (declared(ROUTES[name][1].callback) or {})[method]
    return 403 if "patient" in rule.who else column("rosa")(name, method)


def latest(user) -> Session:
    return Session.objects.filter(user=user).select_related("user").latest("started_at", "id")


def second_app(user) -> AuthenticatorApp:
    app = AuthenticatorApp.objects.prepare(user=user, by=user, secret=b"y" * 20)
    app.confirm(by=user)
    return app


def add_app(cast: Cast) -> None:
    """In another browser, where she is signed in."""
    there = Session.objects.begin(by=cast.okafor)
    there.strength = Strength.FULL
    app = AuthenticatorApp.objects.prepare(user=cast.okafor, by=cast.okafor, secret=b"z" * 20)
    enrolment._counts_from_now_on(there, app)


def leave_team(cast: Cast) -> None:
    for place in CareTeamMembership.objects.current().filter(user=cast.okafor):
        place.end(by=cast.root)


def care_ends(cast: Cast) -> None:
    for relation in CareRelationship.objects.current().filter(patient=cast.patient("ana")):
        if relation.team != cast.team("desk"):
            relation.end(by=cast.root)


def move_email(cast: Cast) -> None:
    change = ContactChange.objects.ask(by=cast.okafor, email="chidi@post.example")
    change.confirm(by=cast.okafor, email="chidi@post.example", former="okafor@riverside.example")


# What stands behind these addresses in the matrix is her own, not a patient's: it stays with her.
HER_OWN = {"absence-end", "absence-cover"}


def colleague(name: str, method: str) -> int:
    return column("okafor" if name in HER_OWN else "lund")(name, method)


nobody = column("nobody")
EVENTS = {
    "deactivated": Event("okafor", lambda cast: cast.okafor.deactivate(by=cast.root), nobody),
    "password changed": Event(
        "okafor", lambda cast: cast.okafor.change_password("kingfisher", by=cast.okafor), nobody
    ),
    "factor added": Event("okafor", add_app, nobody),
    "factor removed": Event(
        "okafor",
        lambda cast: enrolment.remove(Session.objects.begin(by=cast.okafor), second_app(cast.okafor)),
        nobody,
    ),
    "e-mail changed": Event("okafor", move_email, nobody),
    "role given": Event(
        "okafor", lambda cast: RoleGrant.objects.give(user=cast.okafor, role=Role.NURSE, by=FOUNDER), nobody
    ),
    "role taken": Event(
        "okafor",
        lambda cast: RoleGrant.objects.current().get(user=cast.okafor).withdraw(by=cast.root),
        nobody,
    ),
    "session ended": Event(
        "okafor", lambda cast: latest(cast.okafor).end(by=cast.okafor, reason=End.ENDED_BY_OWNER), nobody
    ),
    "signed out everywhere": Event(
        "okafor", lambda cast: cast.okafor.sign_out_everywhere(by=cast.root), nobody
    ),
    "patient deactivated": Event("ana", lambda cast: cast.ana.deactivate(by=cast.root), nobody),
    "left the team": Event("okafor", leave_team, colleague),
    "care ended": Event("okafor", care_ends, colleague),
    "trust ended": Event(
        "rosa", lambda cast: ProxyGrant.objects.get(proxy=cast.rosa).end(by=cast.ana), no_patients_side
    ),
}


def answers(clinic: Clinic, browser: Client, addresses: dict[str, str]) -> dict[tuple[str, str], int]:
    """What this browser gets over every address and method; the way out comes last."""
    found = {}
    for name, method in sorted(MATRIX, key=lambda one: one[0] == "sign-out"):
        if method == "get":
            found[name, method] = browser.get(addresses[name]).status_code
            continue
        form = {"content_type": "application/json"} if name.startswith("api-") else {}
        sent = {"patient": str(clinic.cast.patient("ana").pk)} if name == "account-acting" else {}
        found[name, method] = getattr(browser, method)(addresses[name], sent, **form).status_code
    return found


@pytest.mark.parametrize("event", EVENTS)
def test_after_it_every_road_is_shut_to_the_browser_that_was_open(clinic: Clinic, event: str):
    """0 successes: events beside addresses and methods."""
    what = EVENTS[event]
    addresses = {name: clinic.address(name) for name, _method in MATRIX}
    browser = clinic.enter(clinic.cast[what.who])
    opened = [name for name, method in MATRIX if method == "get" and column(what.who)(name, method) == 200]
    assert len(opened) > 8
    assert {name: browser.get(addresses[name]).status_code for name in opened} == dict.fromkeys(opened, 200)
    what.happens(clinic.cast)
    happened = time.monotonic()
    browser.get(addresses[opened[0]])
    assert time.monotonic() - happened < AT_MOST
    found = answers(clinic, browser, addresses)
    wrong = {key: (status, what.then(*key)) for key, status in found.items() if status != what.then(*key)}
    # Work that is hers to give back when she has the right may be nobody's without it.
    assert {key: pair for key, pair in wrong.items() if pair[0] not in (403, 404)} == {}


@pytest.mark.parametrize(("who", "minutes"), [("okafor", 16), ("ana", 31)])
def test_a_session_whose_time_is_over_gets_what_nobody_gets(clinic: Clinic, who: str, minutes: int):
    addresses = {name: clinic.address(name) for name, _method in MATRIX}
    browser = clinic.enter(clinic.cast[who])
    key = browser.cookies["session"].value
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False):
        found = {}
        for name, method in MATRIX:
            # The way out takes the cookie back; whoever kept a copy tries on.
            browser.cookies["session"] = key
            form = {"content_type": "application/json"} if name.startswith("api-") else {}
            sent = {} if method == "get" else {"data": {}, **form}
            found[name, method] = getattr(browser, method)(addresses[name], **sent).status_code
    assert {key: status for key, status in found.items() if status != nobody(*key)} == {}


# What was under way when the right ended


def lined_up(cast: Cast, who: str) -> None:
    notice = Notice.WORK_WAITING if who == "okafor" else Notice.NEW_MESSAGE
    patient = cast.patient("ana")
    Notification.objects.tell([cast[who].pk], about=patient, notice=notice, patient=patient, once="t")


@pytest.mark.parametrize(
    "event", ["deactivated", "role taken", "left the team", "trust ended", "patient deactivated"]
)
def test_a_mail_that_was_lined_up_is_not_sent_any_more(cast: Cast, event: str):
    what = EVENTS[event]
    for happened in (False, True):
        Notification.objects.all().delete()
        lined_up(cast, what.who)
        (row,) = Notification.objects.all()
        if happened:
            what.happens(cast)
        sweep_notifications()
        row.refresh_from_db()
        assert (row.sent_at is None, row.given_up_at is None) == (happened, not happened)


ENDS_SESSIONS = [name for name, what in EVENTS.items() if what.then is nobody and what.who == "okafor"]


@pytest.mark.parametrize("event", ENDS_SESSIONS)
def test_a_link_that_was_mailed_opens_nothing_any_more(cast: Cast, enter: Enter, event: str):
    """For a new password, and for a new address: each is bound to the account as it was."""
    asked = PasswordReset.objects.create(email_digest=cast.okafor.email_digest, user=cast.okafor)
    links = [f"/sign-in/new-password/{asked.new_token()}/"]
    browser = enter(cast.okafor)
    if event != "e-mail changed":
        change = ContactChange.objects.ask(by=cast.okafor, email="chidi@post.example")
        links.append(f"/account/email/confirm/{change.new_token()}/")
    assert {browser.get(link).status_code for link in links} == {200}
    EVENTS[event].happens(cast)
    if event in ("session ended", "signed out everywhere"):
        # Her account is as it was: she signs in again, and then her links hold. The old browser has nothing.
        links = links[1:]
    for link in links:
        for method in ("get", "post"):
            answer = getattr(browser, method)(link, {"new": "kingfisher under the bridge"})
            assert answer.status_code == 410 or re.match("/sign-in/", answer["Location"]), (method, link)
    cast.okafor.refresh_from_db()
    assert not cast.okafor.check_password("kingfisher under the bridge")
