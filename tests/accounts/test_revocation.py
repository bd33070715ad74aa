"""What ends a right ends it at the next request, on every road (G3): pages, forms, the API, an open poll."""

from __future__ import annotations

import time

import pytest

from accounts import enrolment
from accounts.models import AuthenticatorApp, ProxyGrant, Role, RoleGrant, Session
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER

ROADS = {
    "page": lambda client: client.get("/inbox/").status_code,
    "poll": lambda client: client.get("/inbox/version/", headers={"X-Background": "1"}).status_code,
    "api": lambda client: client.get("/api/v1/threads/").status_code,
    "form": lambda client: client.post("/language/", {"language": "en"}).status_code,
    "own": lambda client: client.get("/account/").status_code,
}
OPEN = {"page": 200, "poll": 200, "api": 200, "own": 200}


def second_app(user) -> AuthenticatorApp:
    app = AuthenticatorApp.objects.prepare(user=user, by=user, secret=b"y" * 20)
    app.confirm(by=user)
    return app


def elsewhere(user) -> Session:
    """Another session of hers, in which she does something."""
    return Session.objects.filter(user=user).select_related("user").latest("started_at")


EVENTS = {
    "password": lambda cast: cast.okafor.change_password("kingfisher", by=cast.okafor),
    "factor-add": lambda cast: cast.okafor.rights_changed() or second_app(cast.okafor),
    "factor-remove": lambda cast: enrolment.remove(elsewhere(cast.okafor), second_app(cast.okafor)),
    "role-given": lambda cast: RoleGrant.objects.give(user=cast.okafor, role=Role.NURSE, by=FOUNDER),
    "role-ended": lambda cast: RoleGrant.objects.get(user=cast.okafor, ends_at=None).withdraw(by=cast.root),
    "closed": lambda cast: cast.okafor.deactivate(by=cast.root),
    "by-admin": lambda cast: cast.okafor.sign_out_everywhere(by=cast.root),
}


@pytest.mark.parametrize("event", EVENTS)
def test_after_it_no_road_is_open_to_the_session_from_before(cast, enter, work, event):
    work.thread()
    client = enter(cast.okafor)
    assert {road: ROADS[road](client) for road in OPEN} == OPEN
    enter(cast.okafor)
    began = time.monotonic()
    EVENTS[event](cast)
    found = {road: ROADS[road](client) for road in OPEN}
    assert time.monotonic() - began < 1
    assert found == {"page": 302, "poll": 302, "api": 401, "own": 302}


def test_a_trusted_person_is_cut_off_while_her_page_is_open(cast, enter, work):
    thread = work.thread()
    client = enter(cast.rosa)
    page, api = f"/messages/{thread.pk}/", f"/api/v1/threads/{thread.pk}/"
    assert client.get(page).status_code == client.get(api).status_code == 200
    ProxyGrant.objects.get(proxy=cast.rosa).end(by=cast.ana)
    assert client.get(page).status_code in (403, 404)
    assert client.get(api).status_code in (403, 404)
    assert client.post(f"/messages/{thread.pk}/replies/", {"body": "still here"}).status_code in (403, 404)


def test_an_administrator_ends_every_session_of_somebody_and_it_is_written_down(cast, enter):
    first, second, other = enter(cast.ana), enter(cast.ana), enter(cast.ben)
    assert cast.ana.sign_out_everywhere(by=cast.root) == 2
    assert [client.get("/account/").status_code for client in (first, second, other)] == [302, 302, 200]
    ends = AuditEvent.objects.filter(type="session", subtype="logout")
    assert {event.agent_id for event in ends} == {str(cast.root.pk)}
    assert ends.count() == 2
