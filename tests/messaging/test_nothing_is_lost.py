"""What somebody was writing comes back to her: after an ended session, a shut door, a page that came in parts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from messaging.models import Draft, InternalNote, Message, RefillRequest, Thread
from tests.work import words

TEXT = "kingfisher under the bridge"


def page_and_form(work, which: str) -> tuple[str, str, str, dict[str, str]]:
    """Who writes, the page she is on, where its form goes, what she typed."""
    if which == "a new message":
        letter = Draft.objects.begin(by=work.cast.ana, patient=work.cast.patient("ana"), urgent="no")
        at = reverse("draft-text", args=[letter.pk])
        return "ana", at, at, {"subject": "Tablets", "body": TEXT}
    if which == "a comment on a refill":
        at = reverse("refill-new", args=[work.practice.prescriptions["metformin"].pk])
        return "ana", at, at, {"comment": TEXT}
    thread = work.thread()
    if which == "a reply":
        return (
            "ana",
            reverse("thread", args=[thread.pk]),
            reverse("thread-replies", args=[thread.pk]),
            {"body": TEXT},
        )
    end = "inbox-notes" if which == "a note" else "inbox-replies"
    return "maya", reverse("inbox-thread", args=[thread.pk]), reverse(end, args=[thread.pk]), {"body": TEXT}


@pytest.mark.parametrize(
    "which", ["a new message", "a reply", "an answer", "a note", "a comment on a refill"]
)
def test_what_was_typed_into_an_ended_session_is_there_after_signing_in_again(work, cast, enter, which):
    who, page, action, form = page_and_form(work, which)
    browser = enter(cast[who])
    written = (Message.objects.count(), InternalNote.objects.count(), RefillRequest.objects.count())
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        answer = browser.post(action, form, headers={"Referer": f"http://testserver{page}"})
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("sign-in"))
        assert (
            Message.objects.count(),
            InternalNote.objects.count(),
            RefillRequest.objects.count(),
        ) == written
        back = enter(cast[who]).get(page).content.decode()
        assert TEXT in back
        if which == "a note":
            # It must not come back in the box that the patient would read.
            assert TEXT not in back.split('class="reply-form"')[1].split("</form>")[0]
            assert 'value="note" checked' in back
        for name, typed in form.items():
            assert typed in back, name
        again = enter(cast[who]).get(page).content.decode()
        # A new message has become part of its draft, the rest is given back once.
        assert (TEXT in again) == (which == "a new message")


def test_nobody_else_finds_what_was_kept(work, cast, enter):
    who, page, action, form = page_and_form(work, "a reply")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        work_browser = enter(cast[who])
    with time_machine.travel(timezone.now() + timedelta(minutes=63), tick=True):
        work_browser.post(action, form, headers={"Referer": f"http://testserver{page}"})
        assert TEXT not in enter(cast.rosa).get(page).content.decode()
        assert TEXT in enter(cast.ana).get(page).content.decode()


@pytest.mark.parametrize("address", ["draft-text", "thread", "refill-new"])
def test_where_a_patient_writes_she_reads_first_whom_to_call_in_an_emergency(work, cast, enter, address):
    letter = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
    refs = {"draft-text": [letter.pk], "thread": [work.thread().pk], "refill-new": [work.medicine().pk]}[
        address
    ]
    page = enter(cast.ana).get(reverse(address, args=refs)).content.decode()
    for help_line in ('href="tel:911"', 'href="tel:988"', "Call nurse"):
        assert help_line in page
        assert page.index(help_line) < page.index("<textarea")


def test_a_part_of_a_page_is_the_same_part(work, cast, enter):
    """With scripts the reply replaces a part of the page; the part comes from the same template."""
    thread = work.thread()
    browser = enter(cast.ana)
    part = browser.post(
        reverse("thread-replies", args=[thread.pk]), {"body": ""}, headers={"HX-Request": "true"}
    )
    whole = browser.post(reverse("thread-replies", args=[thread.pk]), {"body": ""})
    assert part.status_code == whole.status_code == 422
    assert 'id="conversation"' in part.content.decode()
    assert "Write your message" in words(part)


def test_no_page_with_a_record_on_it_stays_in_a_browser(work, cast, enter):
    thread = work.thread()
    for who, at in (
        ("ana", thread.get_absolute_url()),
        ("ana", reverse("api-thread", args=[thread.pk])),
        ("maya", reverse("inbox-thread", args=[thread.pk])),
    ):
        answer = enter(cast[who]).get(at)
        assert answer["Cache-Control"] == "no-store"
        if "api" not in at:
            assert 'hx-history="false"' in answer.content.decode()


def test_titles_and_addresses_say_nothing_of_the_matter(work, cast, enter):
    """They stay in the browser's history, and others read it."""
    thread = work.thread(subject="Headaches")
    for who, at in (("ana", thread.get_absolute_url()), ("maya", reverse("inbox-thread", args=[thread.pk]))):
        page = enter(cast[who]).get(at).content.decode()
        title = page.split("<title>")[1].split("</title>")[0]
        assert "Headaches" not in title and "Ana" not in title
    assert "head" not in Thread.objects.get().get_absolute_url().lower()
