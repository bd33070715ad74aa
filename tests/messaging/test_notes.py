"""Notes among staff stay among staff (TR4): every page, answer, mail and event of the patient's side is searched."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.models import Notification
from audit.models import AuditEvent
from messaging.models import InternalNote, Message
from tests.work import words

CANARY = "kingfisher-under-the-bridge"


def notes(thread) -> str:
    return reverse("inbox-notes", args=[thread.pk])


def test_a_note_is_read_by_staff_and_is_no_message(work, cast, enter):
    thread = work.thread()
    answer = enter(cast.maya).post(notes(thread), {"body": CANARY}, follow=True)
    assert "Note saved for staff." in words(answer)
    assert CANARY in words(enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk])))
    assert Message.objects.filter(thread=thread).exclude(side="system").count() == 1
    assert InternalNote.objects.get().author == cast.maya


def test_a_note_moves_no_clock_takes_no_work_and_tells_nobody(work, cast):
    thread = work.thread()
    item, notices = work.item(thread), Notification.objects.count()
    thread.note(author=cast.maya, body=CANARY)
    after = work.item(thread)
    assert (after.state, after.owner, after.due_at) == (item.state, None, item.due_at)
    assert Notification.objects.count() == notices


def test_no_page_and_no_answer_on_the_patients_side_holds_a_word_of_a_note(work, cast, enter):
    thread, item = work.thread(), work.refill()
    thread.note(author=cast.maya, body=CANARY)
    thread.post(author=cast.okafor, body="We are looking into it.")
    thread.note(author=cast.okafor, body=f"{CANARY} again")
    item.decide(by=cast.okafor, outcome="denied", reason="AM")
    thread.close(by=cast.okafor, outcome="answered")
    for notice in Notification.objects.take(most=100):
        notice.send()
    assert mail.outbox
    pages = [
        "messages",
        "message-new",
        "drafts",
        "medicines",
        "privacy",
        "account",
        "home",
        "api-threads",
        "api-refills",
        "api-schema",
    ]
    addresses = [reverse(name) for name in pages] + [
        f"{reverse('messages')}?show=closed",
        reverse("thread", args=[thread.pk]),
        reverse("refill-request", args=[item.pk]),
        reverse("refill-new", args=[item.prescription_id]),
        reverse("api-thread", args=[thread.pk]),
        reverse("api-thread-messages", args=[thread.pk]),
        reverse("api-refill", args=[item.pk]),
    ]
    for key in ("ana", "rosa"):
        browser = enter(cast[key])
        for address in addresses:
            answer = browser.get(address)
            assert answer.status_code in (200, 302), address
            assert CANARY not in answer.content.decode(), address
            assert CANARY not in str(answer.headers), address
    for letter in mail.outbox:
        assert CANARY not in letter.message().as_string()
    for event in AuditEvent.objects.values():
        assert CANARY not in str(event)


def test_the_api_lists_messages_to_staff_and_no_notes(work, cast, enter):
    thread = work.thread()
    thread.note(author=cast.maya, body=CANARY)
    for name in ("api-thread", "api-thread-messages", "api-threads"):
        answer = enter(cast.okafor).get(reverse(name, args=[] if name == "api-threads" else [thread.pk]))
        assert answer.status_code == 200
        assert CANARY not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "said"), [("", "Write your note"), ("n" * 5001, "5,000 letters or fewer. It has 5,001")]
)
def test_a_note_that_cannot_be_kept_says_why_and_keeps_the_text_as_a_note(work, cast, enter, body, said):
    thread = work.thread()
    answer = enter(cast.maya).post(notes(thread), {"body": body})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert body in page
    reply_box = page.split('class="reply-form"')[1].split("</form>")[0]
    assert "nnn" not in reply_box
    assert not InternalNote.objects.exists()


def test_pressing_save_twice_keeps_one_note(work, cast, enter):
    thread, form = work.thread(), {"body": CANARY, "form_token": "0190c3f4-0000-7000-8000-000000000001"}
    browser = enter(cast.maya)
    assert (
        browser.post(notes(thread), form).status_code == browser.post(notes(thread), form).status_code == 302
    )
    assert InternalNote.objects.count() == 1


@pytest.mark.parametrize(
    "table",
    ["messaging_message", "messaging_internalnote", "messaging_refilldecision", "messaging_readreceipt"],
)
@pytest.mark.parametrize("change", ["UPDATE {} SET patient_id = patient_id", "DELETE FROM {}"])
def test_what_was_said_cannot_be_changed_or_taken_out_of_the_database(work, cast, enter, table, change):
    """PT11: also not by the owner of the tables."""
    thread, item = work.thread(), work.refill()
    thread.note(author=cast.maya, body=CANARY)
    item.decide(by=cast.okafor, outcome="denied", reason="AM")
    enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk]))
    refused = pytest.raises(DatabaseError, match="stay as they were written")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(table))
