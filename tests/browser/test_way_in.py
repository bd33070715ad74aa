"""The way in, in a real browser on a phone: set up once, then a password and a code (SC1, A14)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.accounts.test_setting_up import NEW, code_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 390, "height": 844}
SHOTS = os.environ.get("PORTAL_SHOTS")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def calm(page: Page) -> Page:
    """A phone's page that keeps quiet: what the console complains of fails the test."""
    page.set_viewport_size(PHONE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    # A 4xx answer to a form is a line in the console, too, and none of ours.
    assert [text for text in complaints if "status of 4" not in text] == []


def test_somebody_new_sets_up_her_phone_and_keeps_her_codes(cast, site, calm):
    from accounts.models import User
    from portal.demo_clinic import FOUNDER

    User.objects.enrol(**NEW, by=FOUNDER)
    page = calm
    page.goto(site)
    shot(page, "1-sign-in")
    page.get_by_label("E-mail").fill(NEW["email"])
    page.get_by_label("Password").fill(NEW["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Set up your second step").wait_for()
    picture = page.locator(".qr svg")
    box = picture.bounding_box()
    assert box and box["width"] >= 150 and abs(box["width"] - box["height"]) < 2
    page.get_by_text("I cannot scan it").click()
    seed = page.locator("code.secret").inner_text().replace("-", "")
    shot(page, "2-set-up")
    page.get_by_label("6-digit code").fill("000 000")
    page.get_by_role("button", name="Check the code").click()
    page.get_by_role("alert").wait_for()
    shot(page, "3-set-up-wrong")
    page.get_by_label("6-digit code").fill(code_of(seed))
    page.get_by_role("button", name="Check the code").click()
    page.get_by_role("button", name="Show my 10 codes").click()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    shot(page, "4-codes")
    page.get_by_role("textbox").fill(codes[0])
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("heading", name="Before you write to us", level=1).wait_for()
    shot(page, "5-terms")
    page.get_by_role("button", name="I have read this and I agree").click()
    page.get_by_role("heading", name="Account", level=1).wait_for()
    shot(page, "5-account")


def test_a_password_and_a_pasted_code_open_the_door(cast, site, calm):
    page = calm
    page.goto(f"{site}/privacy/")
    page.get_by_label("E-mail").fill(cast.login("ana")["email"])
    page.get_by_label("Password").fill(cast.login("ana")["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("6-digit code").wait_for()
    shot(page, "6-code")
    page.get_by_label("6-digit code").fill("000000")
    page.get_by_role("button", name="Continue with code").click()
    page.get_by_text("That code did not match.").first.wait_for()
    shot(page, "7-code-wrong")
    code = cast.code("ana")
    page.get_by_label("6-digit code").fill(f" {code[:3]} {code[3:]} ")
    page.get_by_role("button", name="Continue with code").click()
    page.get_by_role("heading", name="Who has seen my record", level=1).wait_for()
    shot(page, "8-privacy")
