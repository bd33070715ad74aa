"""What somebody was writing comes back to her: after an ended session, a shut door, a page that came in parts."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import KeptForm, Session, User
from accounts.models.kept import MOST_OFFERED
from messaging.models import Draft, InternalNote, Message, RefillRequest, Thread
from tests import letters
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


def write_after_the_end(browser, page: str, action: str, form: dict[str, str]):
    """Sent from a page that was open when somebody ended its session."""
    return browser.post(action, form, headers={"Referer": f"http://testserver{page}"})


def ended(who, how: str) -> None:
    session = Session.objects.filter(user=who, ended_at=None).latest("started_at")
    if how == "password":
        User.objects.get(pk=who.pk).rights_changed()
    else:
        session.end(by=who, reason=how)


@pytest.mark.parametrize("how", ["ended-by-owner", "ended-by-admin", "password"])
@pytest.mark.parametrize(
    "which", ["a new message", "a reply", "an answer", "a note", "a comment on a refill"]
)
def test_what_came_after_somebody_ended_the_session_is_offered_and_never_filled_in(
    work, cast, enter, which, how
):
    """It may be hers, or that of whoever had her phone: she says."""
    who, page, action, form = page_and_form(work, which)
    browser = enter(cast[who])
    ended(cast[who], how)
    assert "left=held" in write_after_the_end(browser, page, action, form)["Location"]
    back = enter(User.objects.get(pk=cast[who].pk))
    for _look in range(2):
        shown = back.get(page).content.decode()
        assert "Did you write this?" in shown and TEXT in shown
        assert all(TEXT not in box.split("</textarea>")[0] for box in shown.split("<textarea")[1:])
    assert not Draft.objects.exclude(revision=0).exists()
    kept = reverse("kept-form", args=[KeptForm.objects.get().pk])
    assert enter(cast.ben).post(kept, {"take": "yes"}).status_code == 404
    taken = back.post(kept, {"take": "yes"})
    assert taken["Location"] == page
    shown = back.get(page).content.decode()
    assert "Did you write this?" not in shown and "What you wrote is back" in shown
    assert any(TEXT in box.split("</textarea>")[0] for box in shown.split("<textarea")[1:])
    assert not KeptForm.objects.exists()


def test_what_is_offered_can_be_thrown_away_and_takes_nothing_that_stands_there(work, cast, enter):
    _who, page, action, form = page_and_form(work, "a new message")
    browser = enter(cast.ana)
    browser.post(action, {"subject": "Mine", "body": "Surely mine", "revision": "0", "save": "yes"})
    ended(cast.ana, "ended-by-owner")
    for text in ("first", TEXT):
        write_after_the_end(browser, page, action, {**form, "body": text})
    back = enter(cast.ana)
    # The newest from one page of one session, beside what is surely hers.
    assert back.get(page).content.decode().count("Did you write this?</b>") == 1
    back.post(reverse("kept-form", args=[KeptForm.objects.get().pk]), {"take": "yes"})
    box = back.get(page).content.decode().split("<textarea")[1].split("</textarea>")[0]
    assert "Surely mine" in box and TEXT in box
    browser = enter(cast.ana)
    ended(cast.ana, "ended-by-owner")
    write_after_the_end(browser, page, action, {**form, "body": "of a thief"})
    back.post(reverse("kept-form", args=[KeptForm.objects.get().pk]))
    assert not KeptForm.objects.exists()
    assert "of a thief" not in enter(cast.ana).get(page).content.decode()


def test_what_a_key_of_an_ended_session_brings_has_an_end(work, cast, enter):
    """Whoever has it writes for a few pages, no longer than the session could have lasted, for no closed account."""
    browser, threads = enter(cast.ana), [work.thread() for _ in range(MOST_OFFERED + 1)]
    ended(cast.ana, "ended-by-owner")
    left = [
        write_after_the_end(
            browser, reverse("thread", args=[t.pk]), reverse("thread-replies", args=[t.pk]), {"body": TEXT}
        )["Location"]
        for t in threads
    ]
    assert ["left=held" in at for at in left] == [True] * MOST_OFFERED + [False]
    KeptForm.objects.all().delete()
    page, action = reverse("thread", args=[threads[0].pk]), reverse("thread-replies", args=[threads[0].pk])
    with time_machine.travel(timezone.now() + timedelta(hours=12, minutes=1), tick=True):
        assert "left" not in write_after_the_end(browser, page, action, {"body": TEXT})["Location"]
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    assert "left" not in write_after_the_end(browser, page, action, {"body": TEXT})["Location"]
    assert not KeptForm.objects.exists()


def test_a_part_of_a_page_is_not_led_away_from_words_that_nobody_keeps(work, cast, enter):
    _who, page, action, form = page_and_form(work, "a reply")
    for how, leads_on in (("ended-by-owner", True), ("signed-out", False)):
        browser = enter(cast.ana)
        ended(cast.ana, how)
        answer = browser.post(
            action,
            form,
            headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"},
        )
        assert answer.status_code == 401
        assert ("HX-Redirect" in answer) == leads_on


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


@pytest.mark.parametrize("which", ["a new message", "a reply", "an answer", "a note"])
def test_what_is_saved_in_a_second_window_is_not_lost_to_the_first(work, cast, enter, which):
    """Each window builds on what it showed. Whoever comes second sees both texts, and loses neither."""
    who, page, _action, form = page_and_form(work, which)
    browser = enter(cast[who])
    ref = page.rstrip("/").rpartition("/")[2]
    keep = {
        "a new message": page,
        "a reply": reverse("thread-draft", args=[ref]) if which == "a reply" else "",
        "an answer": reverse("inbox-draft", args=[ref]) if which == "an answer" else "",
        "a note": reverse("inbox-draft", args=[ref]) if which == "a note" else "",
    }[which]
    kind = {"kind": "note"} if which == "a note" else {}
    assert (
        browser.post(
            keep, {**form, **kind, "body": "of the first", "revision": "0", "save": "yes"}
        ).status_code
        == 302
    )
    second = browser.post(keep, {**form, **kind, "revision": "0", "save": "yes"})
    assert second.status_code == 409
    assert TEXT in second.content.decode() and "of the first" in words(second)
    assert "another window" in words(second)
    # The page that came back knows of both, and its button keeps what stands in its box.
    revision = re.search(r'name="revision" value="(\d+)"', second.content.decode())
    assert revision is not None
    assert (
        browser.post(keep, {**form, **kind, "revision": revision[1], "save": "yes"}).status_code == 302
        or kind
    )


@pytest.mark.parametrize("which", ["a new message", "a reply", "an answer", "a note"])
def test_a_press_that_its_own_autosave_overtook_or_follows_is_not_another_window(work, cast, enter, which):
    """The line is slow: the page has not heard of its autosave yet, or its autosave comes in after the press."""
    who, page, _action, form = page_and_form(work, which)
    browser, ref = enter(cast[who]), page.rstrip("/").rpartition("/")[2]
    keep = {"a new message": page, "a reply": f"{page}draft/"}.get(which) or reverse(
        "inbox-draft", args=[ref]
    )
    kind = {"kind": "note"} if which == "a note" else {}
    shown = browser.get(page).content.decode()
    box = shown.split('class="note-form"')[1] if which == "a note" else shown
    mine = {"revision": "0", "page": re.search(r'name="page" value="(.+?)"', box)[1], **kind}
    early = {**mine, "body": "kingfisher", "turn": "1", "autosave": "yes"}
    late = {**mine, "body": "kingfisher un", "turn": "2", "autosave": "yes"}
    assert browser.post(keep, early).status_code == 200
    assert browser.post(keep, {**mine, **form, "turn": "3", "save": "yes"}).status_code == 302
    assert browser.post(keep, late).status_code == 409
    assert TEXT in browser.get(page).content.decode()
    # The same words from a page of another name, which has not seen these, are still another window's.
    other = {**mine, **form, "body": "of another", "page": str(uuid4()), "turn": "9", "save": "yes"}
    assert browser.post(keep, other).status_code == 409


def test_a_text_too_long_to_keep_stays_on_its_page(work, cast, enter):
    _who, page, _action, form = page_and_form(work, "a new message")
    thread, browser = work.thread(), enter(cast.ana)
    for keep in (
        page,
        reverse("thread-draft", args=[thread.pk]),
        reverse("draft-files", args=[page.split("/")[3]]),
    ):
        answer = browser.post(
            keep, {**form, "body": "so long " * 2_600 + TEXT, "revision": "0", "save": "yes"}
        )
        assert answer.status_code == 422, keep
        assert TEXT in answer.content.decode(), keep


def test_what_is_added_after_another_window_sent_it_becomes_a_reply(work, cast, enter):
    work.thread()
    browser = enter(cast.ana)
    ref = letters.begin(browser)
    form = {"subject": "Tablets", "body": "Shall I take them?", "revision": "0"}
    browser.post(reverse("draft-topic", args=[ref]), {"category": "medical_question"})
    browser.post(reverse("draft-text", args=[ref]), form)
    sent = letters.send(browser, ref)
    assert sent.status_code == 302, words(sent)
    text = reverse("draft-text", args=[ref])
    # The same words once more are a second press, and nothing was added.
    assert browser.post(text, form)["Location"].endswith("/sent/")
    assert browser.post(text, {**form, "body": TEXT, "autosave": "yes"}).status_code == 410
    # Nor is an empty box anything that was added.
    assert browser.post(text, {**form, "body": " "})["Location"].endswith("/sent/")
    added = browser.post(text, {**form, "body": TEXT}, follow=True)
    assert "What you added here was not sent" in words(added)
    assert TEXT in added.content.decode().split("<textarea")[1]


def test_who_says_that_it_is_urgent_is_told_whom_to_call_though_she_has_many_drafts(
    work, cast, enter, monkeypatch
):
    monkeypatch.setattr("messaging.models.draft.MOST_NEW", 2)
    browser = enter(cast.ana)
    for n in range(2):
        ref = letters.begin(browser)
        browser.post(reverse("draft-text", args=[ref]), {"body": f"Letter {n}", "revision": "0"})
    urgent = browser.post(letters.NEW, {"now": "yes"})
    assert urgent.status_code == 409
    assert 'href="tel:911"' in urgent.content.decode() and "Get help now by phone" in words(urgent)
    assert "You have 20 drafts already" in words(urgent)
    calm = browser.post(letters.NEW, {"now": "no"})
    assert calm.status_code == 409 and "Get help now by phone" not in words(calm)
    for page in (urgent, calm):
        assert f'class="btn " href="{reverse("drafts")}"' in page.content.decode(), (
            "where one can be thrown away"
        )


def test_what_never_got_a_word_makes_room_for_what_is_written_next(work, cast, enter, monkeypatch):
    monkeypatch.setattr("messaging.models.draft.MOST_NEW", 2)
    browser = enter(cast.ana)
    begun = [letters.begin(browser) for _ in range(3)]
    assert len(set(begun)) == 3
    assert Draft.objects.standing().filter(author=cast.ana).count() == 2
    assert not Draft.objects.standing().filter(pk=begun[0]).exists()


def test_a_page_shown_again_at_its_forms_own_address_keeps_its_text_as_well(work, cast, enter):
    """With scripts off, the help for a danger is shown at the address that the reply was sent to."""
    thread = work.thread()
    page, action = reverse("thread", args=[thread.pk]), reverse("thread-replies", args=[thread.pk])
    browser = enter(cast.ana)
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        answer = browser.post(action, {"body": TEXT}, headers={"Referer": f"http://testserver{action}"})
        assert answer.status_code == 302
        assert f"next={quote(page, safe='')}" in answer["Location"]
        assert TEXT in enter(cast.ana).get(page).content.decode()
    letter = page_and_form(work, "a new message")[1]
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        files = reverse("draft-files", args=[letter.split("/")[3]])
        browser = enter(cast.ana)
        with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
            browser.post(files, {"body": TEXT}, headers={"Referer": f"http://testserver{files}"})
            assert TEXT in enter(cast.ana).get(letter).content.decode()
