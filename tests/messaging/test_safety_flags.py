"""What may be dangerous is flagged by whichever door it comes, and never keeps anything from being sent."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from messaging.clock import now
from messaging.models import Answer, Chose, Message, Priority, Safety, SafetyFlag, Shown, WorkItem
from messaging.red_flags import Grade


def test_harmless_words_leave_no_flag(work, cast):
    thread = work.thread()
    thread.post(author=cast.ana, body="No chest pain. Thank you.")
    assert not SafetyFlag.objects.exists()
    assert work.item(thread).priority == Priority.ROUTINE


@pytest.mark.parametrize(
    ("words", "grade", "priority"),
    [
        ("I want to kill myself", Grade.CRISIS, Priority.STAT),
        ("My chest hurts since this morning", Grade.EMERGENCY, Priority.ASAP),
        ("Me duele mucho el pecho", Grade.EMERGENCY, Priority.ASAP),
        ("Tengo fiebre desde hace cinco días", Grade.SAME_DAY, Priority.URGENT),
    ],
)
@pytest.mark.parametrize("place", ["subject", "body"])
def test_a_sign_raises_the_work_wherever_it_stands(work, words, grade, priority, place):
    thread = work.thread(**{place: words})
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.message_id, flag.patient_id) == (
        grade,
        thread.last_message_id,
        thread.patient_id,
    )
    assert work.item(thread).priority == priority


def test_what_she_was_promised_stays_when_the_work_is_brought_forward(work, cast):
    thread = work.thread()
    promised = work.item(thread).due_at
    thread.post(author=cast.ana, body="I cannot breathe")
    item = work.item(thread)
    assert item.promised_at == promised
    assert item.due_at <= now() + timedelta(minutes=30)
    thread.post(author=cast.okafor, body="Call 911.")
    thread.post(author=cast.ana, body="I am home again. Thank you.")
    item = work.item(thread)
    assert (item.priority, item.promised_at) == (Priority.ROUTINE, None)


def test_what_she_answered_counts_by_itself(work):
    safety = Safety(answer=Answer.YES, shown=Shown.STOP, chose=Chose.WENT_ON)
    thread = work.thread(safety=safety)
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.answer, flag.shown, flag.chose) == (None, "yes", "stop", "went_on")
    assert work.item(thread).priority == Priority.ASAP


def test_the_trail_has_the_grade_and_no_word(work):
    work.thread(body="My chest hurts a lot")
    event = AuditEvent.objects.get(type="record", subtype="safety-flag")
    assert event.additional_data["grade"] == "emergency"
    assert "chest" not in str(AuditEvent.objects.values_list("additional_data", "changes"))


def test_a_colleague_who_quotes_a_sign_raises_nothing(work, cast):
    thread = work.thread()
    thread.post(author=cast.okafor, body="Do you have chest pain?")
    assert not SafetyFlag.objects.exists()


def test_a_second_press_flags_once(work, cast):
    from uuid import uuid4

    thread, token = work.thread(), str(uuid4())
    for _ in range(2):
        thread.post(author=cast.ana, body="I cannot breathe", form_token=token)
    assert SafetyFlag.objects.count() == 1
    assert Message.objects.filter(thread=thread, side="patient").count() == 2
    assert WorkItem.objects.get(thread=thread).priority == Priority.ASAP


HELP = {
    "I want to kill myself": ("crisis", ["tel:988", "sms:988", "tel:911"]),
    "My chest hurts since this morning": ("emergency", ["tel:911"]),
    "Tengo fiebre desde hace cinco días": ("same_day", ["tel:+15550100140"]),
}


def places(work):
    """Pages that send in one step: address, and the form without its words. A new message has steps of its own."""
    thread = work.thread()
    return [
        (reverse("thread-replies", args=[thread.pk]), "body", {"seen": str(thread.last_message_id)}),
        (reverse("refill-new", args=[work.medicine().pk]), "comment", {}),
    ]


@pytest.mark.parametrize("words", HELP)
@pytest.mark.parametrize("place", [0, 1], ids=["reply", "refill"])
def test_a_page_shows_help_first_keeps_the_words_and_then_sends(work, cast, enter, words, place):
    address, name, form = places(work)[place]
    ana = enter(cast.ana)
    grade, calls = HELP[words]
    page = ana.post(address, {**form, name: words})
    shown = page.content.decode()
    assert page.status_code == 422
    assert not SafetyFlag.objects.exists()
    sheet = shown[shown.index('id="help-now"') : shown.index("</section>", shown.index('id="help-now"'))]
    assert re.findall(r'href="((?:tel|sms):[^"]+)"', sheet)[: len(calls)] == calls
    assert f"{words}</textarea>" in shown
    assert f'name="helped" value="{grade}"' in shown
    assert ana.post(address, {**form, name: words, "helped": grade}).status_code == 302
    flag = SafetyFlag.objects.get()
    assert (flag.shown, flag.chose, flag.answer) == (grade, "went_on", "not_asked")


@pytest.mark.parametrize("place", [0, 1], ids=["reply", "refill"])
def test_harmless_words_are_sent_at_once(work, cast, enter, place):
    address, name, form = places(work)[place]
    assert enter(cast.ana).post(address, {**form, name: "No chest pain, no fever."}).status_code == 302
    assert not SafetyFlag.objects.exists()


def test_help_is_shown_again_only_for_what_is_more_pressing(work, cast, enter):
    address, name, form = places(work)[0]
    ana = enter(cast.ana)
    assert ana.post(address, {**form, name: "My chest hurts", "helped": "same_day"}).status_code == 422
    assert ana.post(address, {**form, name: "My chest hurts", "helped": "nonsense"}).status_code == 422
    assert ana.post(address, {**form, name: "I have a fever", "helped": "emergency"}).status_code == 302
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.shown) == (Grade.SAME_DAY, "emergency")


def test_what_was_shown_is_kept_though_she_then_wrote_something_else(work, cast, enter):
    address, name, form = places(work)[0]
    enter(cast.ana).post(address, {**form, name: "Never mind. Thank you.", "helped": "crisis"})
    flag = SafetyFlag.objects.get()
    assert (flag.grade, flag.found, flag.shown) == (None, None, "crisis")


@pytest.mark.parametrize("words", HELP)
def test_nothing_is_ever_kept_from_being_sent(door, work, cast, words):
    """A program sends at once and is told what was found; a page sends when help was shown."""
    thread = work.thread()
    more = {"helped": HELP[words][0]} if type(door).__name__ == "Pages" else {}
    assert door.enter(cast.ana).send(thread, words, **more) == "done"
    assert SafetyFlag.objects.get().message_id == Message.objects.filter(side="patient").latest("sent_at").pk


def test_a_program_is_told_what_was_found_and_says_what_it_showed(work, cast, enter):
    ana, thread = enter(cast.ana), work.thread()
    address = reverse("api-thread-messages", args=[thread.pk])
    said = {"answer": "unsure", "shown": "emergency"}
    sent = ana.post(
        address, {"body": "My chest hurts", "safety": said}, content_type="application/json"
    ).json()
    assert sent["safety"]["grade"] == "emergency"
    assert sent["safety"]["signs"] == [{"grade": "emergency", "code": "chest-pain", "found": "chest hurts"}]
    flag = SafetyFlag.objects.get()
    assert (flag.answer, flag.shown, flag.chose) == ("unsure", "emergency", "went_on")
    assert ana.post(address, {"body": "Thanks."}, content_type="application/json").json()["safety"] is None


def test_staff_who_quote_a_sign_are_told_nothing_of_it(work, cast, enter):
    address = reverse("api-thread-messages", args=[work.thread().pk])
    body = {"body": "Do you have chest pain now?"}
    assert enter(cast.okafor).post(address, body, content_type="application/json").json()["safety"] is None


def test_the_team_sees_the_flag_first_with_the_words_and_her_answer(work, cast, enter):
    work.thread(subject="Older", body="How do I take this?")
    safety = Safety(answer=Answer.NO, shown=Shown.EMERGENCY, chose=Chose.WENT_ON)
    thread = work.thread(subject="Newer", body="My chest hurts", safety=safety)
    maya = enter(cast.maya)
    rows = maya.get(reverse("inbox")).content.decode()
    assert rows.index("Newer") < rows.index("Older")
    assert rows.count("Emergency</span>") == 1
    page = maya.get(reverse("inbox-thread", args=[thread.pk])).content.decode()
    assert "<mark>chest hurts</mark>" in page
    assert "they answered “No”" in page
    assert "Help in an emergency" in page
    assert "Check now." in page
    thread.post(author=cast.maya, body="Call 911 now.")
    page = maya.get(reverse("inbox-thread", args=[thread.pk])).content.decode()
    assert "Check now." not in page
    assert "<mark>chest hurts</mark>" in page


def test_a_flag_on_a_refill_goes_to_the_top_of_the_queue(work, cast, enter):
    first = work.refill(of=work.medicine(name="First"))
    second = work.refill(of=work.medicine(name="Second"), comment="My face is swelling since I take it")
    okafor = enter(cast.okafor)
    queue = okafor.get(reverse("refills")).content.decode()
    assert queue.index("Second") < queue.index("First")
    assert "<mark>face is swelling</mark>" in okafor.get(reverse("refill", args=[second.pk])).content.decode()
    second.refresh_from_db()
    assert second.due_at < first.due_at <= second.promised_at


def test_the_patient_is_told_what_she_was_promised_on_every_page(work, cast, enter):
    from django.template import engines

    said = engines["jinja2"].env.filters["deadline"]
    thread = work.thread()
    thread.post(author=cast.okafor, body="How are you now?")
    # Long after the first promise: what she is told now is about what she wrote last.
    with time_machine.travel(timezone.now() + timedelta(days=9), tick=False):
        thread.post(author=cast.ana, body="My chest hurts")
        item = work.item(thread)
        assert item.due_at < item.promised_at
        ana = enter(cast.ana)
        for name in ("thread", "message-sent"):
            page = ana.get(reverse(name, args=[thread.pk])).content.decode()
            assert str(said(item.promised_at)) in page, name
            assert str(said(item.due_at)) not in page, name


def test_a_program_of_the_patients_side_reads_the_promise_and_one_of_the_team_its_own_moment(
    work, cast, enter
):
    item = work.refill(comment="My face is swelling since I take it")
    item.refresh_from_db()
    for person, due_at in (("ana", item.promised_at), ("rosa", item.promised_at), ("okafor", item.due_at)):
        browser = enter(cast[person])
        one = browser.get(reverse("api-refill", args=[item.pk])).json()
        (row,) = browser.get(reverse("api-refills")).json()["results"]
        assert datetime.fromisoformat(one["due_at"]) == datetime.fromisoformat(row["due_at"]) == due_at


def test_the_words_that_were_found_open_for_the_team_under_a_reading_that_names_the_flag(work, cast, enter):
    thread = work.thread(body="My chest hurts")
    flag = SafetyFlag.objects.get()
    assert b"chest" not in bytes(flag.found)
    enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk]))
    reading = AuditEvent.objects.filter(type="access", subtype="read", agent_id=str(cast.maya.pk)).earliest(
        "id"
    )
    assert f"messaging.safetyflag:{flag.pk}" in reading.shown


def test_a_flag_stays_as_it_was_written(work):
    work.thread(body="My chest hurts")
    flag = SafetyFlag.objects.get()
    flag.grade = Grade.SAME_DAY
    with pytest.raises(DatabaseError), transaction.atomic():
        flag.save()
