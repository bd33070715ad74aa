"""The work in a real browser: write, answer, note, finish, ask, decide. By keys, by touch, and with scripts off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from audit.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def calm(page: Page) -> Iterator[Page]:
    """A page that keeps quiet: what the console complains of fails the test."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size({"width": 1280, "height": 900})
    yield page
    assert [text for text in complaints if "status of 4" not in text] == []


def test_a_reply_is_sent_in_place_and_focus_goes_to_the_confirmation(cast, work, site, calm, as_):
    thread = work.thread()
    as_(cast.ana)
    calm.goto(site + reverse("thread", args=[thread.pk]))
    calm.get_by_label("Your reply").fill("It is better today.\n\nThank you.")
    calm.get_by_role("button", name="Send reply").click()
    expect(calm.locator("#status")).to_have_text("Message sent.")
    expect(calm.locator("#conversation")).to_contain_text("It is better today.")
    expect(calm.locator("#sent")).to_be_focused()
    assert calm.get_by_label("Your reply").input_value() == ""
    assert thread.messages.exclude(body=None).count() == 2


def test_an_empty_reply_keeps_its_page_and_says_what_is_missing(cast, work, site, calm, as_):
    thread = work.thread()
    as_(cast.ana)
    calm.goto(site + reverse("thread", args=[thread.pk]))
    calm.get_by_role("button", name="Send reply").click()
    calm.get_by_role("link", name="Write your message").click()
    expect(calm.get_by_label("Your reply")).to_be_focused()
    assert calm.title().startswith("Error:")


def test_pressing_twice_sends_once(cast, work, site, calm, as_):
    thread = work.thread()
    as_(cast.ana)
    calm.goto(site + reverse("thread", args=[thread.pk]))
    calm.get_by_label("Your reply").fill("Once.")
    calm.get_by_role("button", name="Send reply").dblclick()
    expect(calm.locator("#sent")).to_be_visible()
    assert thread.messages.exclude(body=None).count() == 2


def test_a_file_can_be_saved_again_and_again_and_the_page_says_so(cast, work, site, calm, as_):
    thread = work.thread()
    as_(cast.ana, fresh="export")
    calm.goto(site + reverse("thread-print", args=[thread.pk]))
    for name in ("Save as a PDF", "Save as data for other programs", "Save as a PDF"):
        button = calm.get_by_role("button", name=name)
        with calm.expect_download() as came:
            button.dblclick()
        assert came.value.failure() is None
        expect(calm.locator("#status")).to_contain_text("We are making your file.")
        expect(button).not_to_have_attribute("aria-disabled", "true", timeout=5_000)
    # Two presses in a row are one, and the page stands where it was.
    assert AuditEvent.objects.filter(type="record", subtype="download").count() == 3


def test_what_stands_unsent_is_kept_when_time_is_over(cast, work, site, calm, as_, settings):
    thread = work.thread()
    as_(cast.ana)
    calm.clock.install()
    calm.goto(site + reverse("thread", args=[thread.pk]))
    with calm.expect_response("**/draft/"):
        calm.get_by_label("Your reply").fill("Half a thought")
        calm.clock.run_for(3_100)
    expect(calm.locator("[data-draft-status]")).to_contain_text("Draft saved at")
    calm.clock.run_for((settings.SESSION_IDLE_PATIENT.total_seconds() - 119) * 1000)
    expect(calm.get_by_role("alertdialog")).to_be_visible()
    calm.clock.run_for(130_000)
    expect(calm.get_by_text("What you wrote is back")).to_be_visible()
    assert calm.get_by_label("Your reply").input_value() == "Half a thought"


def test_one_press_stays_signed_in(cast, work, site, calm, as_, settings):
    """The question comes two minutes before the end. A tap, Enter or Escape answers it."""
    as_(cast.ana)
    calm.clock.install()
    calm.goto(site + reverse("messages"))
    question, idle = calm.get_by_role("alertdialog"), settings.SESSION_IDLE_PATIENT.total_seconds()
    for answer in (
        calm.get_by_role("button", name="Stay signed in").click,
        lambda: calm.keyboard.press("Enter"),
        lambda: calm.keyboard.press("Escape"),
    ):
        calm.clock.run_for((idle - 121) * 1000)
        expect(question).to_be_hidden()
        calm.clock.run_for(2_000)
        expect(question).to_be_visible()
        with calm.expect_response(lambda heard: heard.url.endswith(reverse("stay"))):
            answer()
        expect(question).to_be_hidden()
    calm.clock.run_for(110_000)
    expect(calm.get_by_role("heading", name="Messages", level=1)).to_be_visible()


def test_the_team_works_by_keys(cast, work, site, calm, as_):
    thread = work.thread()
    as_(cast.okafor)
    calm.goto(site + reverse("inbox"))
    calm.focus("#main")
    calm.keyboard.press("j")
    expect(calm.locator(f"#row-{thread.pk}")).to_be_focused()
    calm.keyboard.press("o")
    expect(calm.get_by_role("heading", name="Ana Alvarez", level=2)).to_be_visible()
    expect(calm.locator(f"#row-{thread.pk}")).to_be_focused()
    calm.keyboard.press("n")
    calm.keyboard.type("Asked about the dose, jkren.")
    calm.keyboard.press("Control+Enter")
    expect(calm.locator("#status")).to_have_text("Note saved for staff.")
    expect(calm.locator(".internal")).to_contain_text("jkren.")
    expect(calm.locator("#conversation h2")).to_be_focused()
    calm.keyboard.press("r")
    calm.keyboard.type("Keep taking them.")
    calm.keyboard.press("Control+Enter")
    expect(calm.locator("#status")).to_contain_text("Sent to Ana.")
    expect(calm.locator("#conversation h2")).to_be_focused()
    calm.keyboard.press("e")
    calm.get_by_label("How did it end?").select_option("answered")
    calm.get_by_role("button", name="Finish conversation").click()
    expect(calm.locator("#status")).to_have_text("Finished.")
    thread.refresh_from_db()
    assert not thread.is_open


def test_single_keys_can_be_switched_off_and_stay_off(cast, work, site, calm, as_):
    work.thread()
    as_(cast.okafor)
    calm.goto(site + reverse("inbox"))
    calm.get_by_role("button", name="Turn single keys off").click()
    calm.reload()
    calm.focus("#main")
    calm.keyboard.press("j")
    expect(calm.locator("#main")).to_be_focused()


def test_a_note_never_reaches_the_patients_page(cast, work, site, calm, as_):
    thread = work.thread()
    thread.note(author=cast.maya, body="Watch this one closely.")
    as_(cast.ana)
    calm.goto(site + reverse("thread", args=[thread.pk]))
    assert "Watch this one" not in calm.content()


def test_a_decision_asks_for_the_second_step_and_loses_no_word(cast, work, site, calm, as_):
    refill = work.refill()
    as_(cast.okafor)
    calm.goto(site + reverse("refill", args=[refill.pk]))
    calm.get_by_label("Not approved").check()
    calm.get_by_label("Why not").select_option("AM")
    calm.get_by_label("Note to the patient").fill("Come and see us.")
    calm.get_by_role("button", name="Send this answer").click()
    calm.get_by_label("6-digit code").fill(cast.code("okafor"))
    calm.get_by_role("button", name="Continue").click()
    expect(calm.get_by_label("Note to the patient")).to_have_value("Come and see us.")
    expect(calm.get_by_label("Not approved")).to_be_checked()
    calm.get_by_role("button", name="Send this answer").click()
    expect(calm.get_by_text("Decided.")).to_be_visible()
    refill.refresh_from_db()
    assert refill.state == "denied"


def test_everything_works_with_scripts_off(cast, work, site, browser: Browser, enter):
    from django.conf import settings

    def plain(person: Any) -> Page:
        context = browser.new_context(java_script_enabled=False)
        key = enter(person).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": site}])
        return context.new_page()

    medicine = work.medicine()
    page = plain(cast.ana)
    page.goto(site + reverse("message-new"))
    page.get_by_label("I am not sure").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Keep writing my message").click()
    page.get_by_label("A health question").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Title").fill("Tired")
    page.get_by_label("Your message").fill("Since Friday.")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Draft saved at")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Send message").click()
    expect(page.locator("#sent")).to_contain_text("Message sent")
    page.goto(site + reverse("refill-new", args=[medicine.pk]))
    page.locator("main form").get_by_role("button").click()
    expect(page.get_by_text("We have your request.")).to_be_visible()

    page = plain(cast.okafor)
    page.goto(site + reverse("inbox"))
    page.get_by_role("link", name="Ana Alvarez").click()
    page.get_by_role("button", name="Take it").click()
    page.locator(".modes .n input").check()
    page.locator(".note-form textarea").fill("Looked at it.")
    page.get_by_role("button", name="Save note for staff").click()
    page.locator(".reply-form textarea").fill("Drink water.")
    page.get_by_role("button", name="Send to Ana").click()
    expect(page.locator(".msg.mine")).to_contain_text("Drink water.")
    page.locator(".menu summary").click()
    page.get_by_label("How did it end?").select_option("answered")
    page.get_by_role("button", name="Finish conversation").click()
    expect(page.locator(".note-box.ok")).to_contain_text("Finished.")


def test_what_is_new_is_told_and_never_put_under_the_readers_eyes(cast, work, site, calm, as_):
    first = work.thread()
    as_(cast.okafor)
    calm.clock.install()
    with calm.expect_response("**/inbox/version/"):
        calm.goto(site + reverse("inbox-thread", args=[first.pk]))
    work.thread(subject="Another")
    with calm.expect_response("**/inbox/version/"):
        calm.clock.run_for(21_000)
    bar = calm.get_by_role("link", name="The list has changed")
    expect(bar).to_be_visible()
    expect(calm.locator("#status")).to_contain_text("The list has changed")
    assert calm.locator(".qrow").count() == 1
    bar.click()
    expect(calm.locator(".qrow")).to_have_count(2)
