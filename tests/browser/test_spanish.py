"""A phone-sized session in Spanish: longer words, the same room."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from messaging.models import Category, Draft
from tests.browser.test_every_page import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visitor(context, site):
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    one = Visitor(page, site)
    yield one
    assert one.wrong == []


def begun(cast):
    letter = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
    letter.choose(by=cast.ana, category=Category.objects.get(code="medical_question"), pool=None)
    return letter.keep(by=cast.ana, subject="Mareos", body="Tengo dolor de pecho.")


def test_a_patients_pages_on_a_phone(cast, work, visitor, as_):
    cast.ana.prefer_language("es", by=cast.ana)
    thread, medicine, refill = work.thread(), work.medicine(), work.refill()
    thread.post(author=cast.maya, body="Siga con las pastillas.")
    visitor.page.context.add_cookies([{"name": "django_language", "value": "es", "url": visitor.site}])
    visitor.go("sign-in")
    as_(cast.ana)
    visitor.go("messages")
    visitor.go("thread", thread.pk)
    visitor.go("message-new")
    letter = begun(cast)
    for step in ("stop", "topic", "nurse", "text", "check"):
        visitor.go(f"draft-{step}", letter.pk)
    visitor.go("drafts")
    visitor.go("message-sent", thread.pk)
    visitor.go("medicines")
    visitor.go("refill-new", medicine.pk)
    visitor.go("refill-request", refill.pk)
    visitor.go("privacy")
    visitor.go("account")


def test_the_teams_pages_in_spanish(cast, work, visitor, as_):
    cast.okafor.prefer_language("es", by=cast.okafor)
    thread, refill = work.thread(), work.refill()
    as_(cast.okafor)
    visitor.go("inbox")
    visitor.go("inbox-thread", thread.pk)
    visitor.go("refill", refill.pk)


def test_what_is_written_stays_when_the_page_changes_its_language(cast, work, visitor, as_):
    as_(cast.ana)
    visitor.go("draft-text", begun(cast).pk)
    page = visitor.page
    page.get_by_label("Your message").fill("Me duele la cabeza desde el martes.")
    page.get_by_role("button", name="Ver en español").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Escriba su mensaje")
    expect(page.get_by_label("Su mensaje")).to_have_value("Me duele la cabeza desde el martes.")
    page.get_by_role("button", name="View in English").click()
    expect(page.get_by_label("Your message")).to_have_value("Me duele la cabeza desde el martes.")
    # Else it would be saved while the next test empties the tables.
    expect(page.locator("[data-draft-status]")).to_contain_text("Draft saved at", timeout=15_000)
