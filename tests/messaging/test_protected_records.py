"""A protected record opens at work only to whoever has said why, once in a session."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audit.models import AuditEvent
from messaging.models import Message
from tests.work import words


@pytest.fixture
def protected(work, cast):
    """Ana's record asks for a reason; there is a conversation and a request of hers."""
    thread, refill = work.thread(subject="Kingfisher", body="A secret heron."), work.refill()
    cast.patient("ana").protect(asks_reason=True, by=cast.okafor)
    return thread, refill


def pages(cast, protected) -> list[str]:
    thread, refill = protected
    return [
        reverse("inbox-thread", args=[thread.pk]),
        reverse("refill", args=[refill.pk]),
        reverse("desk-patient", args=[cast.patient("ana").pk]),
    ]


def test_every_way_in_asks_why_and_opens_for_this_session_alone(protected, cast, enter):
    asks = reverse("reason", args=[cast.patient("ana").pk])
    browser = enter(cast.okafor)
    for page in pages(cast, protected):
        answer = browser.get(page)
        assert answer.status_code == 302
        assert answer["Location"].startswith(asks)
    assert not AuditEvent.objects.filter(type="access", actor=cast.okafor.pk, subtype="read").exists()
    page = browser.get(asks, {"next": pages(cast, protected)[0]})
    assert "Alvarez" not in words(page)
    assert browser.post(asks, {"reason": ""}).status_code == 422
    answer = browser.post(asks, {"reason": "She called the owl line.", "next": pages(cast, protected)[0]})
    assert answer["Location"] == pages(cast, protected)[0]
    for page in pages(cast, protected):
        assert browser.get(page).status_code == 200
    event = AuditEvent.objects.get(type="record", subtype="reason")
    assert event.patient_id == cast.patient("ana").pk
    assert b"owl" not in bytes(event.reason_text)
    other = enter(cast.okafor)
    assert other.get(pages(cast, protected)[0]).status_code == 302, "another session asks again"


def test_programs_are_told_what_is_missing(protected, cast, enter):
    thread, refill = protected
    browser = enter(cast.okafor)
    for name, ref in (("api-thread", thread.pk), ("api-refill", refill.pk)):
        answer = browser.get(reverse(name, args=[ref]))
        assert (answer.status_code, answer.json()["code"]) == (403, "reason_needed")


def test_the_list_shows_whose_turn_it_is_and_no_word_of_it(protected, cast, enter):
    browser = enter(cast.okafor)
    page = words(browser.get(reverse("inbox")))
    assert "Ana Alvarez" in page and "Protected record" in page
    assert "Kingfisher" not in page and "heron" not in page
    browser.post(reverse("reason", args=[cast.patient("ana").pk]), {"reason": "Her call."})
    assert "Kingfisher" in words(browser.get(reverse("inbox")))


def test_what_was_written_before_it_asked_comes_back_after_the_reason(protected, cast, enter):
    thread, _ = protected
    browser, page = enter(cast.okafor), pages(cast, protected)[0]
    address = reverse("inbox-replies", args=[thread.pk])
    answer = browser.post(address, {"body": "Take them at night."}, HTTP_REFERER=f"http://testserver{page}")
    assert answer.status_code == 302 and "/reason/" in answer["Location"]
    assert not Message.objects.filter(side="team").exists()
    browser.post(reverse("reason", args=[cast.patient("ana").pk]), {"reason": "Her call."})
    assert "Take them at night." in words(browser.get(page))


def test_her_own_side_is_never_asked(protected, cast, enter):
    thread, _ = protected
    for key in ("ana", "rosa"):
        assert enter(cast[key]).get(reverse("thread", args=[thread.pk])).status_code == 200
