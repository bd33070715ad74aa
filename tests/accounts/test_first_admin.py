"""The very first administrator, and the first privacy officer: invited from the command line, without a password."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuthenticatorApp, RoleRequest, User
from accounts.models.factor import second_steps_of
from tests.accounts.invited import PASSWORD, set_up

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    said = io.StringIO()
    call_command("first_admin", *arguments, stdout=said)
    text = said.getvalue()
    return re.findall(r"/join/[\w-]{43}/", text)[0], re.findall(r"[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}", text)[
        0
    ]


def joined(link: str, code: str) -> Client:
    client = Client()
    assert client.post(link, {"code": code, "password": PASSWORD}).status_code == 302
    return client


def test_a_clinic_begins_with_an_administrator_and_an_officer_who_then_agree_on_a_third(settings):
    set_up(joined(*run("ada@riverside.example", "Ada North")))
    ada = User.objects.by_email("ada@riverside.example")
    assert ada.roles == {"account-admin"} and ada.practitioner is not None
    with pytest.raises(CommandError, match="accounts administrator already"):
        run("eve@riverside.example", "Eve")
    set_up(joined(*run("pia@riverside.example", "Pia South", "--officer")))
    pia = User.objects.by_email("pia@riverside.example")
    with pytest.raises(CommandError, match="privacy officer already"):
        run("eve@riverside.example", "Eve", "--officer")
    RoleRequest.objects.ask(user=pia, role="account-admin", gives=True, by=ada)
    assert pia.roles == {"privacy-officer"}


def test_she_sets_up_a_passkey_before_she_is_in(settings):
    settings.PASSKEYS_REQUIRED = True
    client = joined(*run("ada@riverside.example", "Ada North"))
    assert set_up(client).startswith("/sign-in/set-up/passkey/")
    ada = User.objects.by_email("ada@riverside.example")
    assert not ada.roles
    assert [type(step) for step in second_steps_of(ada)] == [AuthenticatorApp]
    assert client.get("/people/")["Location"].startswith("/sign-in/")


def test_where_the_last_one_has_left_there_may_be_a_first_again(cast):
    with pytest.raises(CommandError):
        run("ada@riverside.example", "Ada North")
    cast.root.shut()
    assert run("ada@riverside.example", "Ada North")


def test_an_address_that_is_none_is_refused():
    with pytest.raises(CommandError, match="no e-mail address"):
        run("ada", "Ada North")
