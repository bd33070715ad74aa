"""The people area: invitations, roles by two, teams, sessions, and shutting somebody out at once (OP4, HSR-13)."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts import leaving
from accounts.models import (
    Invitation,
    InvitationKind,
    Role,
    RoleGrant,
    RoleRequest,
    User,
)
from accounts.refusals import LastAdministrator, NeedsTwo, NotYourOwn, NotYours, RequestOver
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from tests.accounts.invited import PASSWORD, choose_password, link_in_mail, set_up
from tests.accounts.steps import is_in

NILS = {"name": "Nils Berg", "title": "Dr", "email": "nils@riverside.example", "roles": ["nurse"]}


@pytest.fixture
def root(cast, enter):
    return enter(cast.root, fresh="people")


def page(client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def code_on(text: str) -> str:
    return re.findall(r'<code class="secret">([\w-]+)</code>', text)[0]


def letters() -> list[tuple[str, str]]:
    mail.outbox.clear()
    sweep_notifications()
    return [(letter.to[0], letter.body) for letter in mail.outbox]


def test_staff_are_found_by_name_role_and_team(cast, root):
    everybody = page(root, "/people/")
    assert "Dr Chidi Okafor" in everybody and "Maya Chen" in everybody
    assert "Ana" not in everybody and "Alvarez" not in everybody and "Whitfield" not in everybody
    assert "Maya Chen" in page(root, "/people/?name=CHEN") and "Okafor team" in page(
        root, "/people/?name=CHEN"
    )
    assert "Dr Ingrid Lund" not in page(root, "/people/?name=chen")
    nurses = page(root, "/people/?role=nurse")
    assert "Maya Chen" in nurses and "Sam Ortiz" not in nurses
    team = page(root, f"/people/?team={cast.team('lund').pk}")
    assert "Dr Ingrid Lund" in team and "Maya Chen" not in team
    assert "Nobody matches" in page(root, "/people/?state=closed")


def test_patients_are_nobody_in_the_people_area(cast, root):
    assert root.get(f"/people/{cast.ana.pk}/").status_code == 404
    assert root.get(f"/people/{cast.rosa.pk}/").status_code == 404
    refused = AuditEvent.objects.filter(type="refusal", agent_id=str(cast.root.pk))
    assert {event.object_pk for event in refused} == {str(cast.ana.pk), str(cast.rosa.pk)}


def test_looking_at_an_account_is_written_down(cast, root):
    page(root, f"/people/{cast.maya.pk}/")
    event = AuditEvent.objects.filter(type="access", agent_id=str(cast.root.pk)).latest()
    assert (event.object_pk, event.data_category, event.purpose_of_use) == (
        str(cast.maya.pk),
        "account",
        "HOPERAT",
    )


def test_whoever_is_invited_joins_and_the_administrator_never_sees_a_password(cast, root):
    form = root.post("/people/invite/", {**NILS, "teams": [str(cast.team("okafor").pk)]})
    code = code_on(form.content.decode())
    waiting = page(root, "/people/invitations/")
    assert "Dr Nils Berg" in waiting or "Nils Berg" in waiting
    assert "Waiting" in waiting and code not in waiting
    set_up(choose_password(link_in_mail(), code=code))
    nils = User.objects.by_email(NILS["email"])
    assert "Used" in page(root, "/people/invitations/")
    profile = page(root, f"/people/{nils.pk}/")
    assert "Dr Nils Berg" in profile and "Joined by an invitation" in profile and PASSWORD not in profile


def test_a_new_code_and_taking_back_end_the_old_one(cast, root):
    first = code_on(root.post("/people/invite/", NILS).content.decode())
    old_link = link_in_mail()
    invitation = Invitation.objects.get(kind=InvitationKind.STAFF)
    again = root.post(f"/people/invitations/{invitation.pk}/renew/")
    assert code_on(again.content.decode()) != first
    assert root.get(old_link).status_code == 410
    newer = Invitation.objects.filter(kind=InvitationKind.STAFF).latest("invited_at")
    assert root.post(f"/people/invitations/{newer.pk}/revoke/").status_code == 302
    assert root.post(f"/people/invitations/{newer.pk}/revoke/").status_code == 410
    assert {one.state for one in Invitation.objects.all()} == {"revoked"}


def test_roles_and_teams_change_and_everything_is_said(cast, root, enter):
    maya = enter(cast.maya)
    address = f"/people/{cast.maya.pk}/"
    assert root.post(f"{address}roles/", {"role": "front-desk", "change": "give"}).status_code == 302
    assert is_in(maya), "it is only asked for"
    RoleRequest.objects.open().get().approve(by=cast.mira)
    assert not is_in(maya) and User.objects.get(pk=cast.maya.pk).roles == {"nurse", "front-desk"}
    twice = root.post(f"{address}roles/", {"role": "front-desk", "change": "give"})
    assert twice.status_code == 409 and "has this role already" in twice.content.decode()
    root.post(f"{address}roles/", {"role": "nurse", "change": "take"})
    assert User.objects.get(pk=cast.maya.pk).roles == {"front-desk"}
    root.post(f"{address}teams/", {"team": str(cast.team("lund").pk)})
    place = cast.maya.team_memberships.get(team=cast.team("okafor"))
    root.post(f"{address}teams/", {"place": str(place.pk)})
    now = page(root, address)
    assert "Lund team" in now
    for said in (
        "Gave a role",
        "Took away a role",
        "Put somebody into a team",
        "Took somebody out of a team",
    ):
        assert said in now
    to_maya = [body for who, body in letters() if who == "maya@riverside.example"]
    assert len([body for body in to_maya if "may do was changed" in body]) == 2


# Two people


def test_a_keepers_role_is_given_when_a_second_person_agrees(cast, root, enter):
    lund = enter(cast.lund)
    answer = root.post(f"/people/{cast.lund.pk}/roles/", {"role": "account-admin", "change": "give"})
    assert answer.status_code == 302 and "account-admin" not in User.objects.get(pk=cast.lund.pk).roles
    assert {who for who, _body in letters()} == {
        f"{key}@riverside.example" for key in ("root", "mira", "lund")
    }
    asked = RoleRequest.objects.get()
    assert "Give Dr Ingrid Lund the role" in page(root, "/people/requests/")
    for refused in ({"approve": "1"}, {"refuse": "1"}):
        assert root.post(f"/people/requests/{asked.pk}/", refused).status_code == 403
    mira = enter(cast.mira, fresh="people")
    assert mira.get("/people/").status_code == 403
    assert mira.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 302
    assert User.objects.get(pk=cast.lund.pk).roles == {"physician", "account-admin"}
    assert not is_in(lund)
    assert mira.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 409
    said = AuditEvent.objects.filter(type="role").values_list("subtype", flat=True)
    assert {"role-ask", "role-approve", "role-give"} <= set(said)
    assert {who for who, _body in letters()} >= {
        f"{key}@riverside.example" for key in ("root", "mira", "lund")
    }


def test_a_refused_or_withdrawn_request_changes_nothing(cast, root, enter):
    address = f"/people/{cast.lund.pk}/roles/"
    mira = enter(cast.mira, fresh="people")
    for who, act in ((mira, "refuse"), (root, "withdraw")):
        root.post(address, {"role": "account-admin", "change": "give"})
        again = root.post(address, {"role": "account-admin", "change": "give"})
        assert again.status_code == 409
        asked = RoleRequest.objects.open().get()
        assert who.post(f"/people/requests/{asked.pk}/", {act: "1"}).status_code == 302
        assert mira.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 409
    assert User.objects.get(pk=cast.lund.pk).roles == {"physician"}


def test_nobody_decides_about_herself_or_after_a_week(cast):
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        asked = RoleRequest.objects.ask(user=cast.mira, role=Role.ACCOUNT_ADMIN, gives=True, by=cast.root)
        for who in (cast.mira, cast.root, cast.sam):
            with pytest.raises(NotYours):
                asked.approve(by=who)
        clock.shift(7 * 24 * 3600)
        other = RoleRequest.objects.ask(user=cast.lund, role=Role.ACCOUNT_ADMIN, gives=True, by=cast.root)
        with pytest.raises(RequestOver):
            asked.approve(by=cast.mira)
        other.approve(by=cast.mira)
        again = RoleRequest.objects.ask(user=cast.mira, role=Role.ACCOUNT_ADMIN, gives=True, by=cast.root)
        again.approve(by=cast.lund)
        assert User.objects.get(pk=cast.mira.pk).roles == {Role.PRIVACY_OFFICER, Role.ACCOUNT_ADMIN}


def test_no_code_path_gives_a_role_without_a_second_person(cast):
    from portal.demo_clinic import FOUNDER

    for by in (cast.root, FOUNDER):
        with pytest.raises(NeedsTwo):
            RoleGrant.objects.give(user=cast.sam, role=Role.ACCOUNT_ADMIN, by=by)
    with pytest.raises(NeedsTwo):
        RoleGrant.objects.give(user=cast.sam, role=Role.NURSE, by=cast.root)
    with pytest.raises(NeedsTwo):
        RoleGrant.objects.get(user=cast.mira).withdraw(by=cast.root)
    asked = RoleRequest.objects.ask(user=cast.lund, role=Role.ACCOUNT_ADMIN, gives=True, by=cast.root)
    with pytest.raises(NeedsTwo):
        RoleGrant.objects.give(user=cast.lund, role=Role.ACCOUNT_ADMIN, by=cast.root, approved=asked)
    asked.approve(by=cast.mira)
    asked.refresh_from_db()
    with pytest.raises(NeedsTwo):
        RoleGrant.objects.give(user=cast.lund, role=Role.ACCOUNT_ADMIN, by=cast.root, approved=asked)
    with pytest.raises(NeedsTwo):
        RoleGrant.objects.give(user=cast.sam, role=Role.ACCOUNT_ADMIN, by=cast.root, approved=asked)


def test_the_last_administrator_stays(cast):
    for left in (
        lambda: RoleRequest.objects.ask(user=cast.root, role=Role.ACCOUNT_ADMIN, gives=False, by=cast.root),
        lambda: cast.root.deactivate(by=cast.mira),
    ):
        with pytest.raises(LastAdministrator):
            left()


def test_the_roles_in_an_invitation_are_only_asked_for(cast, root, enter):
    form = root.post("/people/invite/", {**NILS, "roles": ["nurse", "privacy-officer"]})
    assert "a second person must agree" in form.content.decode()
    set_up(choose_password(link_in_mail(), code=code_on(form.content.decode())))
    nils = User.objects.by_email(NILS["email"])
    assert not nils.roles
    RoleRequest.objects.get(user=nils, role="nurse").approve(by=cast.mira)
    asked = RoleRequest.objects.get(user=nils, role="privacy-officer")
    assert enter(cast.mira, fresh="people").post(f"/people/requests/{asked.pk}/", {"approve": "1"})
    assert User.objects.get(pk=nils.pk).roles == {"nurse", "privacy-officer"}


def test_nobody_is_put_into_a_team_that_is_closed(cast, root):
    address, team = f"/people/{cast.maya.pk}/teams/", cast.team("lund")
    assert "Lund team" in page(root, f"/people/{cast.maya.pk}/")
    team.closed_at = timezone.now()
    team.save(update_fields=["closed_at"])
    assert "Lund team" not in page(root, f"/people/{cast.maya.pk}/")
    assert root.post(address, {"team": str(team.pk)}).status_code == 422
    assert not cast.maya.team_memberships.filter(team=team).exists()


# Leaving


def test_closing_ends_everything_at_once_and_says_why_under_seal(cast, root, enter, monkeypatch):
    left = []
    monkeypatch.setattr(leaving, "_followers", [*leaving._followers, left.append])
    maya = enter(cast.maya)
    assert root.post(f"/people/{cast.maya.pk}/close/", {"why": ""}).status_code == 422
    assert is_in(maya)
    assert root.post(f"/people/{cast.maya.pk}/close/", {"why": "Has left the clinic"}).status_code == 302
    assert not is_in(maya)
    user = User.objects.get(pk=cast.maya.pk)
    assert not user.is_active and not user.roles
    assert not user.team_memberships.filter(ends_at=None).exists()
    assert (left[-1].people, left[-1].by) == ((user,), cast.root)
    event = AuditEvent.objects.get(type="account", subtype="deactivate")
    assert bytes(event.reason_text) and b"clinic" not in bytes(event.reason_text)
    assert root.post(f"/people/{cast.maya.pk}/close/", {"why": "again"}).status_code == 409
    assert ("maya@riverside.example", True) in [(who, "was closed" in body) for who, body in letters()]
    assert "This account is closed" in page(root, f"/people/{cast.maya.pk}/")


def test_what_an_app_cannot_put_right_keeps_the_account_open(cast, monkeypatch):
    def broken(change):
        raise RuntimeError("no")

    monkeypatch.setattr(leaving, "_followers", [broken])
    with pytest.raises(RuntimeError):
        cast.maya.deactivate(by=cast.root)
    user = User.objects.get(pk=cast.maya.pk)
    assert user.is_active and user.roles == {Role.NURSE}


def test_nobody_closes_her_own_account(cast, root):
    assert root.post(f"/people/{cast.root.pk}/close/", {"why": "tired"}).status_code == 422
    with pytest.raises(NotYourOwn):
        cast.sam.deactivate(by=cast.sam)


def test_who_left_is_invited_back_to_the_same_account_with_rights_chosen_anew(cast, root):
    assert root.post(f"/people/{cast.maya.pk}/invite/", {**NILS, "roles": ["nurse"]}).status_code == 409
    cast.maya.deactivate(by=cast.root)
    form = root.post(
        f"/people/{cast.maya.pk}/invite/", {"email": "m@riverside.example", "roles": ["front-desk"]}
    )
    client = choose_password(link_in_mail(), code=code_on(form.content.decode()))
    assert client.get("/sign-in/code/")["Location"].startswith("/sign-in/set-up/")
    set_up(client)
    user = User.objects.get(pk=cast.maya.pk)
    assert user.is_active and not user.roles
    RoleRequest.objects.get(user=user).approve(by=cast.mira)
    assert user.roles == {"front-desk"}
    assert "Maya Chen" in page(root, f"/people/{cast.maya.pk}/")


def test_sessions_are_ended_one_by_one_and_all_at_once(cast, root, enter):
    one, two = enter(cast.sam), enter(cast.sam)
    session = cast.sam.sessions.order_by("started_at").first()
    assert "Firefox" in page(root, f"/people/{cast.sam.pk}/")
    root.post(f"/people/{cast.sam.pk}/sessions/{session.pk}/end/")
    assert [is_in(one), is_in(two)] == [False, True]
    assert root.post(f"/people/{cast.maya.pk}/sessions/{session.pk}/end/").status_code == 404
    root.post(f"/people/{cast.sam.pk}/sessions/end/")
    assert not is_in(two)
    assert "signed you out" in dict(letters())["sam@riverside.example"]


def test_why_an_account_was_closed_opens_for_whoever_reviews_the_trail(cast, root, enter):
    root.post(f"/people/{cast.maya.pk}/close/", {"why": "Has left the clinic"})
    event = AuditEvent.objects.get(type="account", subtype="deactivate")
    assert "Has left the clinic" in page(enter(cast.mira), f"/audit/events/{event.pk}/")
