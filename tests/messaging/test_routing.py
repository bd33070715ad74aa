"""Whom a message reaches, and by when: the topic chooses the desk, the desk's hours the promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse

from messaging.models import (
    Category,
    CategoryCode,
    Holiday,
    Message,
    OpeningHours,
    Pool,
    RefillRequestItem,
    Thread,
    WorkItem,
)
from messaging.refusals import NoPool
from tests.letters import write
from tests.work import words

NEW_YORK = ZoneInfo("America/New_York")
# A Wednesday, ten in the morning at the clinic; the desks close from twelve to one.
WEDNESDAY_TEN = datetime(2026, 11, 18, 10, 0, tzinfo=NEW_YORK)


@pytest.fixture
def old_clinic(request):
    """The clinic at work, with rights that began long before the moments of these tests."""
    with time_machine.travel(datetime(2026, 1, 5, tzinfo=UTC)):
        return request.getfixturevalue("work")


def leave(cast, patient: str, *teams: str) -> None:
    for team in teams:
        cast.patient(patient).care_relationships.get(team=cast.team(team)).end(by=cast.root)


def test_each_topic_lands_in_exactly_one_staffed_pool(work, cast):
    """PT3, for both patients: every thread has one open work item, in a pool where somebody works."""
    for patient in ("ana", "ben"):
        for topic in CategoryCode.values:
            thread = work.thread(by=patient, about=topic)
            (item,) = WorkItem.objects.unfinished().filter(thread=thread)
            assert item.pool_id == thread.pool_id
            assert Pool.objects.staffed().filter(pk=item.pool_id).exists()
            readers = [key for key in cast if Thread.objects.worked_by(work.again(key)).filter(pk=thread.pk)]
            assert readers, (patient, topic)
    assert Category.objects.count() == len(CategoryCode.values) == 8


def test_topics_of_the_desk_go_to_the_desk_and_the_others_to_her_own_team(work):
    assert work.thread(about="billing_or_admin").pool == work.pool("desk")
    assert work.thread(about="medical_question").pool == work.pool("okafor")
    assert work.thread(by="ben", about="medical_question").pool == work.pool("lund")


def test_what_the_patient_chose_comes_first(work):
    assert work.thread(about="medical_question", pool=work.pool("desk")).pool == work.pool("desk")


def test_a_team_without_anybody_is_passed_over(work, cast):
    for membership in cast.team("okafor").memberships.all():
        membership.end(by=cast.root)
    assert work.thread(about="medical_question").pool == work.pool("desk")


def test_a_team_whose_people_cannot_sign_in_is_passed_over(work, cast):
    for key in ("okafor", "maya"):
        cast[key].deactivate(by=cast.root)
    assert work.thread(about="medical_question").pool == work.pool("desk")


def test_what_nobody_is_there_for_reaches_somebody_who_can_read_it(work, cast, enter):
    """A patient whom no team looks after now may still write, and the fall-back desk must see it."""
    leave(cast, "ana", "okafor", "desk")
    thread = work.thread(body="Is anybody there?")
    page = enter(cast.sam).get(reverse("inbox-thread", args=[thread.pk]))
    assert page.status_code == 200
    assert "Is anybody there?" in page.content.decode()
    assert f"/inbox/{thread.pk}/" in enter(cast.sam).get(reverse("inbox")).content.decode()
    assert enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk])).status_code == 404


def test_the_fallback_desk_answers_what_it_got_and_sees_nothing_else_of_her(work, cast, enter):
    earlier = work.thread(about="medical_question", body="Only for my doctor.")
    earlier.close(by=cast.okafor, outcome="answered")
    leave(cast, "ana", "okafor", "desk")
    thread = work.thread()
    thread.post(author=cast.sam, body="We are here.")
    assert enter(cast.sam).get(reverse("inbox-thread", args=[earlier.pk])).status_code == 404


def test_without_any_staffed_pool_the_patient_is_told_to_call_and_keeps_her_text(work, cast, enter):
    for key in ("okafor", "maya", "lund", "sam"):
        cast[key].deactivate(by=cast.root)
    form = {"category": "refill", "subject": "Anybody?", "body": "Please answer."}
    answer = write(enter(cast.ana), form)
    assert answer.status_code == 409
    assert "Call us" in answer.content.decode()
    assert not Thread.objects.exists()


def test_a_clinic_without_hours_promises_nothing_and_takes_no_message(work, cast, enter):
    OpeningHours.objects.all().delete()
    form = {"category": "refill", "subject": "Anybody?", "body": "Please answer."}
    answer = write(enter(cast.ana), form)
    assert answer.status_code == 409
    assert "Call us" in answer.content.decode()
    with pytest.raises(NoPool):
        work.refill()
    assert not Thread.objects.exists()
    assert not RefillRequestItem.objects.exists()


def test_a_refill_goes_to_the_team_that_ordered_the_medicine(work):
    assert work.refill().pool == work.pool("okafor")


def test_a_refill_of_a_patient_who_changed_teams_goes_where_she_is_now(work, cast, enter):
    order = work.medicine()
    leave(cast, "ana", "okafor")
    cast.team("lund").care_for(patient=cast.patient("ana"), lead=cast.lund, is_primary=True, by=cast.root)
    item = work.refill(of=order)
    assert item.pool == work.pool("lund")
    assert enter(cast.lund).get(reverse("refill", args=[item.pk])).status_code == 200
    assert enter(cast.okafor).get(reverse("refill", args=[item.pk])).status_code == 404


def test_a_refill_that_no_team_would_read_is_not_taken(work, cast, enter):
    order = work.medicine()
    leave(cast, "ana", "okafor", "desk")
    answer = enter(cast.ana).post(reverse("refill-new", args=[order.pk]), {"comment": "Three days left."})
    assert answer.status_code == 409
    assert "Call us" in answer.content.decode()
    assert not RefillRequestItem.objects.exists()


@pytest.mark.parametrize(
    ("sent", "due"),
    [
        (WEDNESDAY_TEN, datetime(2026, 11, 20, 12, 0, tzinfo=NEW_YORK)),
        (datetime(2026, 11, 18, 12, 30, tzinfo=NEW_YORK), datetime(2026, 11, 20, 15, 0, tzinfo=NEW_YORK)),
        (datetime(2026, 11, 20, 18, 0, tzinfo=NEW_YORK), datetime(2026, 11, 25, 10, 0, tzinfo=NEW_YORK)),
        # The clocks go back on Sunday, the first of November.
        (datetime(2026, 10, 30, 16, 0, tzinfo=NEW_YORK), datetime(2026, 11, 4, 9, 0, tzinfo=NEW_YORK)),
        # Thanksgiving is in between.
        (datetime(2026, 11, 25, 16, 0, tzinfo=NEW_YORK), datetime(2026, 12, 1, 9, 0, tzinfo=NEW_YORK)),
    ],
    ids=["in hours", "over lunch", "over a weekend", "over a change of clocks", "over a holiday"],
)
def test_the_promise_counts_the_hours_in_which_somebody_reads(old_clinic, cast, sent, due):
    Holiday.objects.get_or_create(date=datetime(2026, 11, 26).date(), defaults={"name": "Thanksgiving"})
    with time_machine.travel(sent.astimezone(UTC), tick=False):
        thread = old_clinic.thread(about="medical_question")  # 18 hours of business
    # The day has eight hours: from eight to twelve and from one to five.
    assert old_clinic.item(thread).due_at.astimezone(NEW_YORK) == due


def test_the_promise_is_made_before_and_kept_in_sight_after_sending(old_clinic, cast, enter):
    """PT5 and PT6: hours before sending; after it the promised moment, and that nobody has read it yet."""
    with time_machine.travel(WEDNESDAY_TEN.astimezone(UTC), tick=True):
        browser = enter(cast.ana)
        before = words(browser.get(reverse("message-new")))
        assert "Open now, until" in before
        form = {"category": "medical_question", "subject": "Headaches", "body": "Every morning."}
        after = words(write(browser, form, follow=True))
    said = "Friday, November 20, 1 pm"
    assert f"We plan to reply by {said}" in after
    assert "No person has read it yet." in after
    acknowledgement = Message.objects.get(side="system")
    assert acknowledgement.author_id is None and acknowledgement.body is None
    assert acknowledgement.reply_due_at == old_clinic.item(Thread.objects.get()).due_at
    written = Message.objects.get(side="patient")
    assert timedelta() <= acknowledgement.sent_at - written.sent_at < timedelta(seconds=5)


def test_a_closed_desk_says_when_it_opens(old_clinic, cast, enter):
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=NEW_YORK).astimezone(UTC), tick=True):
        page = words(enter(cast.ana).get(reverse("message-new")))
    assert "Closed now. Opens Monday" in page


def test_a_second_message_does_not_postpone_the_promise(old_clinic, cast):
    with time_machine.travel(WEDNESDAY_TEN.astimezone(UTC), tick=False) as clock:
        thread = old_clinic.thread()
        promised = old_clinic.item(thread).due_at
        clock.shift(timedelta(hours=4))
        thread.post(author=cast.ana, body="And one more thing.")
        assert old_clinic.item(thread).due_at == promised


def test_the_clock_stops_while_the_patient_has_the_word_and_starts_again_when_she_writes(old_clinic, cast):
    with time_machine.travel(WEDNESDAY_TEN.astimezone(UTC), tick=False) as clock:
        thread = old_clinic.thread()
        first = old_clinic.item(thread).due_at
        thread.post(author=cast.okafor, body="How often?")
        assert old_clinic.item(thread).state == "on_hold"
        clock.shift(timedelta(days=1))
        thread.post(author=cast.ana, body="Daily.")
        item = old_clinic.item(thread)
        assert (item.state, item.owner_id) == ("accepted", cast.okafor.pk)
        assert item.due_at > first
