"""What nobody of the house can do alone: by no road does a clerk or an administrator come to read a patient."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Invitation, Practitioner, RoleRequest, User
from portal.demo_clinic import FOUNDER
from tests.accounts.invited import PASSWORD, link_in_mail


def code_on(answer) -> str:
    return re.findall(r'<code class="secret">([\w-]+)</code>', answer.content.decode())[0]


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def an_administrator(cast, key: str) -> User:
    user = User.objects.enrol(email=f"{key}@riverside.example", password=None, by=FOUNDER)
    Practitioner.objects.introduce(user=user, name=key, title="", by=FOUNDER)
    asked = RoleRequest.objects.ask(user=user, role="account-admin", gives=True, by=again(cast.root))
    asked.approve(by=again(cast.mira))
    return again(user)


# What an administrator began ends with her


@pytest.mark.parametrize("how", ["closed", "role taken"])
def test_what_an_administrator_began_ends_with_her_right(cast, enter, how):
    kim = an_administrator(cast, "kim")
    browser = enter(kim, fresh="people")
    form = {"name": "Ghost", "email": "ghost@riverside.example", "roles": ["physician"]}
    code = code_on(browser.post("/people/invite/", {**form, "teams": [str(cast.team("okafor").pk)]}))
    link = link_in_mail()
    browser.post(f"/people/{cast.maya.pk}/roles/", {"role": "account-admin", "change": "give"})
    asked = RoleRequest.objects.open().get()
    if how == "closed":
        again(kim).deactivate(by=cast.root, why="dismissed")
    else:
        taken = RoleRequest.objects.ask(user=kim, role="account-admin", gives=False, by=again(cast.root))
        taken.approve(by=again(cast.mira))
    assert {one.state for one in Invitation.objects.filter(invited_by=kim)} == {"revoked"}
    assert Client().post(link, {"code": code, "password": PASSWORD}).status_code == 410
    mira = enter(cast.mira, fresh="people")
    assert mira.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 409
    assert again(cast.maya).roles == {"nurse"}


def test_an_invitation_whose_maker_lost_the_role_unnoticed_opens_nothing(cast, enter):
    """Also where no verb ended it: a period that ran out, or a row changed by hand."""
    kim = an_administrator(cast, "kim")
    form = {"name": "Ghost", "email": "ghost@riverside.example", "roles": ["physician"], "teams": []}
    code = code_on(enter(kim, fresh="people").post("/people/invite/", form))
    link = link_in_mail()
    grant = kim.role_grants.get()
    grant.ends_at = grant.starts_at
    grant.save(update_fields=["ends_at"])
    assert Client().post(link, {"code": code, "password": PASSWORD}).status_code == 410


def test_who_reads_what_is_moved_only_after_the_second_step(cast, work, enter):
    address = reverse("team-merge", args=[cast.team("okafor").pk])
    form = {"successor": str(cast.team("lund").pk)}
    assert enter(cast.root).post(address, form)["Location"].startswith("/sign-in/again/")
    assert enter(cast.root, fresh="people").post(address, form)["Location"].endswith("?done=merged")
