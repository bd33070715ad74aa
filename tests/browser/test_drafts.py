"""Writing on a phone: the whole way by keys alone, and what is typed is kept while it is typed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import KeptForm, Session
from accounts.models.session import End
from messaging.models import Category, Draft, Message, Thread

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

RING = """() => {
  const at = document.activeElement;
  return getComputedStyle(at.closest('.choice') || at).outlineStyle;
}"""
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_written_and_sent_on_a_phone_by_keys_alone(cast, work, site, context, as_):
    as_(cast.ana)
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site + reverse("message-new"))

    def tab_to(what: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("what => document.activeElement.matches(what)", what):
                ring = page.evaluate(RING)
                assert ring == "solid", what
                return
        raise AssertionError(what)

    tab_to("[name=now]")
    page.keyboard.press("Space")
    tab_to("main form .btn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/topic/")
    tab_to("[name=category]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    tab_to("main form > .btn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/text/")
    tab_to("[name=subject]")
    page.keyboard.type("Dizzy")
    tab_to("[name=body]")
    page.keyboard.type("Since Friday.")
    expect(page.locator("[data-counter]")).to_have_text("13 of 5,000 letters")
    tab_to("main form > .btn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check/")
    tab_to("main form .btn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sent/")
    expect(page.locator("#sent")).to_contain_text("Message sent")
    assert Thread.objects.get().category_id == "medical_question"


def test_words_are_kept_after_a_pause_and_on_leaving_the_field_and_used_up_by_sending(
    cast, work, site, context, as_
):
    thread = work.thread()
    as_(cast.ana)
    page = context.new_page()
    page.clock.install()
    page.goto(site + thread.get_absolute_url())
    box, status = page.get_by_label("Your reply"), page.locator("[data-draft-status]")
    with page.expect_response("**/draft/"):
        box.press_sequentially("Half")
        page.clock.run_for(3_100)
    expect(status).to_contain_text("Draft saved at")
    expect(page.locator("#status")).to_contain_text("Draft saved at")
    with page.expect_response("**/draft/"):
        box.press_sequentially(" a reply")
        page.keyboard.press("Tab")
    assert Draft.objects.get().revision == 2
    page.reload()
    expect(page.get_by_label("Your reply")).to_have_value("Half a reply")
    # Nothing of it is in the browser.
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Half" not in stored and "reply" not in stored
    page.get_by_role("button", name="Send reply").click()
    expect(page.locator("#sent")).to_be_visible()
    assert not Draft.objects.standing().exists()
    assert Message.objects.filter(side="patient").count() == 2


def test_a_press_is_not_refused_for_what_its_own_page_has_just_kept(cast, work, site, context, as_):
    """The line is slow: the answer to the autosave has not come back when the button is pressed."""
    letter = Draft.objects.begin(
        by=cast.ana,
        patient=cast.patient("ana"),
        urgent="no",
        category=Category.objects.get(code="medical_question"),
    )
    as_(cast.ana)
    page, held = context.new_page(), []

    def slowly(route):
        if "autosave" in (route.request.post_data or ""):
            held.append(route.fetch())  # The server has it, the page does not know.
        else:
            route.continue_()

    page.goto(site + reverse("draft-text", args=[letter.pk]))
    page.get_by_role("button", name="Continue").click()
    page.route("**/text/", slowly)
    page.get_by_label("Title").fill("Tablets")
    page.get_by_label("Your message").focus()
    page.get_by_label("Your message").fill("Shall I take them?")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check/")
    assert held and all(answer.status == 200 for answer in held)
    expect(page.get_by_text("Shall I take them?")).to_be_visible()


def end_of(session: Session, how: str) -> None:
    """It is over, on the server alone: the page does not know."""
    if how == "time":
        idle = session.last_seen_at - timedelta(hours=1)
        Session.objects.filter(pk=session.pk).update(last_seen_at=idle)
    else:
        session.end(by=session.user, reason=End.ENDED_BY_OWNER)


@pytest.mark.parametrize(
    ("how", "says", "way_in"),
    [
        ("time", "What you wrote is kept for you.", "What you typed is kept for you."),
        ("owner", "What you wrote is set aside for you.", "What you typed is set aside."),
    ],
)
def test_no_page_leaves_while_somebody_types_and_all_of_it_comes_back(
    cast, work, site, context, as_, how, says, way_in
):
    thread = work.thread()
    as_(cast.ana)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site + thread.get_absolute_url())
    box, note = page.get_by_label("Your reply"), page.get_by_role("alert")
    end_of(Session.objects.latest("started_at"), how)
    box.press_sequentially("Idle ")
    box.blur()
    expect(note.get_by_text("You were signed out.")).to_be_visible()
    expect(note.get_by_text(says)).to_be_visible()
    box.press_sequentially("body and many long words")
    assert page.url == site + thread.get_absolute_url()
    note.get_by_role("link", name="Sign in").click()
    expect(page.get_by_text(way_in)).to_be_visible()
    as_(cast.ana)
    page.goto(site + thread.get_absolute_url())
    if how == "owner":
        offer = page.get_by_role("region", name="Did you write this?")
        expect(offer).to_contain_text("Idle body and many long words")
        expect(box).to_have_value("")
        offer.get_by_role("button", name="Yes, go on with it").click()
    expect(page.get_by_text("What you wrote is back.")).to_be_visible()
    expect(box).to_have_value("Idle body and many long words")
    assert not KeptForm.objects.exists()


def set_aside(context: BrowserContext, address: str) -> tuple[Page, Locator, Locator]:
    """A page whose session its owner ended elsewhere while "Still here" was typed; its box, and what it says."""
    page = context.new_page()
    page.goto(address)
    box, note = page.get_by_label("Your reply"), page.get_by_role("alert")
    end_of(Session.objects.latest("started_at"), "owner")
    box.press_sequentially("Still here")
    box.blur()
    expect(note.get_by_text("set aside for you")).to_be_visible()
    return page, box, note


def test_who_signs_in_again_in_another_tab_goes_on_where_she_was(cast, work, site, context, as_):
    thread = work.thread()
    as_(cast.ana)
    page, _box, note = set_aside(context, site + thread.get_absolute_url())
    # Somebody else at the same machine is not she: nothing of hers is sent.
    as_(cast.ben)
    page.get_by_role("button", name="Send reply").click()
    expect(note.get_by_text("still on this page")).to_be_visible()
    assert thread.messages.exclude(body=None).count() == 1
    as_(cast.ana)
    page.get_by_role("button", name="Send reply").click()
    expect(page.locator("#sent")).to_be_visible()
    expect(page.locator("#conversation")).to_contain_text("Still here")
    assert not KeptForm.objects.filter(user=cast.ana).exists()


def test_nothing_that_was_sent_after_all_is_offered_once_more(cast, work, site, context, as_):
    thread = work.thread()
    as_(cast.ana)
    page, box, note = set_aside(context, site + thread.get_absolute_url())
    # Signed in elsewhere by now: what this page sends is surely hers, and is kept beside what was only offered.
    as_(cast.ana)
    with page.expect_response(lambda answer: answer.url.endswith("/keep/")):
        box.press_sequentially(", and more")
    expect(note.get_by_text("What you wrote is kept for you.")).to_be_visible()
    assert KeptForm.objects.filter(user=cast.ana).count() == 2
    page.get_by_role("button", name="Send reply").click()
    expect(page.locator("#sent")).to_be_visible()
    expect(page.locator("#conversation")).to_contain_text("Still here, and more")
    assert not KeptForm.objects.filter(user=cast.ana).exists()
