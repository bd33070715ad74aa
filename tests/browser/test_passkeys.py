"""Passkeys in a real browser with a virtual authenticator, under the real content security policy (NST-03)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.test_way_in import PHONE, shot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import CDPSession, Page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def phone(page: Page) -> Iterator[tuple[Page, CDPSession, str]]:
    """A phone with a passkey store that says yes. What the console complains of fails the test."""
    page.set_viewport_size(PHONE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    store = devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )["authenticatorId"]
    yield page, devices, store
    assert [text for text in complaints if "status of 4" not in text] == []


def give_password(page: Page, cast, site: str) -> None:
    page.goto(f"{site}/sign-in/")
    page.get_by_label("E-mail").fill(cast.login("ana")["email"])
    page.get_by_label("Password").fill(cast.login("ana")["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_passkey_is_added_and_opens_the_door_alone_and_as_a_second_step(cast, site, phone):
    page, _devices, _store = phone
    give_password(page, cast, site)
    page.get_by_label("6-digit code").fill(cast.code("ana"))
    page.get_by_role("button", name="Continue with code").click()
    page.get_by_role("heading", level=1, name="Messages").wait_for()
    with_code_used(cast)
    page.goto(f"{site}/account/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("6-digit code").fill(cast.code("ana"))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Add a passkey").wait_for()
    shot(page, "passkey-1-new")
    page.get_by_label("A name for this passkey").fill("my phone")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("heading", level=1, name="Account").wait_for()
    assert page.locator("b", has_text="my phone").is_visible()
    shot(page, "passkey-2-account")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    # Alone
    page.get_by_role("button", name="Sign in with a passkey").wait_for()
    shot(page, "passkey-3-sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("heading", level=1, name="Messages").wait_for()
    page.goto(f"{site}/account/")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    # After the password
    give_password(page, cast, site)
    page.get_by_role("button", name="Use my passkey").wait_for()
    shot(page, "passkey-4-code")
    page.get_by_role("button", name="Use my passkey").click()
    page.get_by_role("heading", level=1, name="Messages").wait_for()
    # Once more before something changes
    page.goto(f"{site}/account/passkeys/new/")
    page.get_by_role("button", name="Use my passkey").click()
    page.get_by_role("heading", name="Add a passkey").wait_for()


def test_a_passkey_that_is_not_there_says_so_and_leaves_the_other_ways_open(cast, site, phone):
    page, devices, store = phone
    devices.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": store, "enabled": True})
    page.goto(f"{site}/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("Your passkey was not used.").wait_for(timeout=70_000)
    shot(page, "passkey-5-none")
    assert page.get_by_label("Password").is_enabled()


def with_code_used(cast) -> None:
    """The code of this half minute is spent; let the test show it once more instead of waiting for the next."""
    from accounts.models import AuthenticatorApp

    AuthenticatorApp.objects.filter(user=cast.ana).update(last_step=-1)
