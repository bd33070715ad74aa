"""A patient invited at the desk joins on a phone without help: code, link, password, second step, inbox (SC4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.accounts.invited import NORA, PASSWORD, a_newcomer, link_in_mail
from tests.accounts.test_setting_up import code_of
from tests.browser.test_way_in import PHONE, calm, shot

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["calm"]


def test_a_patient_invited_by_the_desk_lands_in_her_inbox(cast, site, calm, as_):
    page: Page = calm
    a_newcomer(cast)
    as_(cast.sam, fresh="people")
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(f"{site}/desk/accounts/")
    shot(page, "join-01-desk")
    page.get_by_label("Record number").fill("RC-105511")
    page.get_by_role("button", name="Find the account").click()
    shot(page, "join-02-account")
    page.get_by_role("button", name="Invite this patient").click()
    page.get_by_role("heading", name="Your code for").wait_for()
    code = page.locator("code.secret").inner_text()
    shot(page, "join-03-code")
    page.context.clear_cookies()
    page.set_viewport_size(PHONE)
    page.goto(f"{site}/sign-in/")
    page.get_by_role("link", name="I have a code from the clinic").click()
    shot(page, "join-04-code")
    page.get_by_label("Code from the clinic").fill(code.lower().replace("-", " "))
    page.get_by_label("Your birth date").fill("1971-09-24")
    page.get_by_label("Your e-mail").fill(NORA["email"])
    page.get_by_role("button", name="Send me the link").click()
    page.get_by_role("alert").wait_for()
    shot(page, "join-05-wrong")
    page.get_by_label("Your birth date").fill(NORA["birth_date"])
    page.get_by_role("button", name="Send me the link").click()
    page.get_by_role("heading", name="Look in your e-mail").wait_for()
    shot(page, "join-06-sent")
    # The mail is opened in another browser of the same phone: nothing but the link comes along.
    page.context.clear_cookies()
    page.goto(site + link_in_mail())
    page.get_by_label("Your birth date").fill(NORA["birth_date"])
    page.get_by_label("Choose a password").fill(PASSWORD)
    shot(page, "join-07-password")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Set up your second step").wait_for()
    page.get_by_text("I cannot scan it").click()
    seed = page.locator("code.secret").inner_text().replace("-", "")
    page.get_by_label("6-digit code").fill(code_of(seed))
    page.get_by_role("button", name="Check the code").click()
    page.get_by_role("button", name="Show my 10 codes").click()
    page.get_by_role("textbox").fill(page.locator(".codes code").first.inner_text())
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("button", name="I have read this and I agree").click()
    page.get_by_role("heading", level=1, name="Messages").wait_for()
    shot(page, "join-08-inbox")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
