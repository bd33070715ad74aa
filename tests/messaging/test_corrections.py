"""A message that was sent stays. It can be put right, and taken back while nobody has read it (PT14)."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.models import Notification
from audit.models import AuditEvent
from audit.recorder import label
from messaging.models import (
    Amendment,
    Message,
    Priority,
    SafetyFlag,
    Thread,
    ThreadState,
    Withdrawal,
    WorkItem,
)
from messaging.models.correction import MOST_VERSIONS
from messaging.red_flags import Grade
from tests.messaging.test_races import at_once, statuses
from tests.messaging.test_record_states import SAID as STATE_SAYS
from tests.messaging.test_record_states import put
from tests.work import words


@pytest.fixture
def thread(work):
    return work.thread(body="I take two tablets.")


def first(thread: Thread) -> Message:
    return thread.messages.order_by("sent_at").first()


def correct(thread: Thread, message: Message, *, team: bool = False) -> str:
    return reverse("inbox-correct" if team else "message-correct", args=[thread.pk, message.pk])


def take_back(thread: Thread, message: Message, *, team: bool = False) -> str:
    return reverse("inbox-take-back" if team else "message-take-back", args=[thread.pk, message.pk])


def page(browser, thread: Thread, *, team: bool = False) -> str:
    return words(browser.get(reverse("inbox-thread" if team else "thread", args=[thread.pk])))


def test_a_correction_is_shown_from_now_on_and_what_it_said_before_stays(thread, cast, enter):
    ana, maya = enter(cast.ana), enter(cast.maya)
    form = ana.get(correct(thread, first(thread)))
    assert "I take two tablets." in form.content.decode()
    assert ana.post(correct(thread, first(thread)), {"body": "I take ONE tablet."}).status_code == 302
    for said in (page(ana, thread), page(maya, thread, team=True)):
        assert "I take ONE tablet." in said
        assert "See what it said before" in said
        assert said.index("I take ONE tablet.") < said.index("I take two tablets.")
    assert "I take ONE tablet." in words(ana.get(reverse("messages"))), "the list shows the new words"


def test_a_correction_is_news_for_the_other_side(thread, cast, enter, work):
    enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk]))
    thread.post(author=cast.maya, body="Take it at night.")
    assert work.item(thread).is_on_hold
    before = Notification.objects.count()
    enter(cast.ana).post(correct(thread, first(thread)), {"body": "I take none."})
    item = work.item(thread)
    assert not item.is_on_hold, "the team may have answered what was never true"
    assert Notification.objects.count() > before
    answer = thread.messages.get(author=cast.maya)
    told = Notification.objects.filter(person=cast.ana).count()
    assert (
        enter(cast.maya).post(correct(thread, answer, team=True), {"body": "In the morning."}).status_code
        == 302
    )
    assert Notification.objects.filter(person=cast.ana).count() == told + 1
    assert "In the morning." in page(enter(cast.ana), thread)


@pytest.mark.parametrize("who", ["rosa", "ben"])
def test_nobody_corrects_what_somebody_else_wrote(thread, cast, enter, who):
    browser = enter(cast[who])
    assert browser.get(correct(thread, first(thread))).status_code == 404
    assert browser.post(correct(thread, first(thread)), {"body": "Mine now."}).status_code == 404
    assert browser.post(take_back(thread, first(thread))).status_code == 404
    assert not Amendment.objects.exists() and not Withdrawal.objects.exists()


def test_an_empty_or_overlong_correction_keeps_what_was_typed(thread, cast, enter):
    ana = enter(cast.ana)
    assert ana.post(correct(thread, first(thread)), {"body": " "}).status_code == 422
    answer = ana.post(correct(thread, first(thread)), {"body": "x" * 5_001})
    assert answer.status_code == 422
    assert "x" * 5_001 in answer.content.decode()
    assert "It has 5,001" in words(answer)
    assert not Amendment.objects.exists()


def test_two_presses_make_one_correction_and_many_corrections_end(thread, cast, enter):
    ana = enter(cast.ana)
    sent = {"body": "One.", "form_token": "0f2d6c8e-6a52-4a3e-9d53-0a2f6f1d2c11"}
    for _press in range(2):
        assert ana.post(correct(thread, first(thread)), sent).status_code == 302
    assert Amendment.objects.count() == 1
    for number in range(MOST_VERSIONS - 1):
        Amendment.objects.write(thread, first(thread), by=cast.ana, body=f"Version {number}")
    answer = ana.post(correct(thread, first(thread)), {"body": "Once more."})
    assert answer.status_code == 409
    assert "Once more." in answer.content.decode()


def test_what_it_said_is_sealed_recorded_and_stays_for_good(thread, cast, enter):
    enter(cast.ana).post(correct(thread, first(thread)), {"body": "canary-in-a-correction"})
    version = Amendment.objects.get()
    assert b"canary" not in bytes(version.body)
    event = AuditEvent.objects.get(type="record", subtype="amend")
    assert (event.agent_id, event.patient_id) == (str(cast.ana.pk), thread.patient_id)
    page(enter(cast.maya), thread, team=True)
    reading = AuditEvent.objects.filter(
        agent_id=str(cast.maya.pk), data_category="message", subtype="read"
    ).latest("recorded_at")
    assert f"messaging.amendment:{version.pk}" in reading.shown
    for statement in ("UPDATE messaging_amendment SET number = 9", "DELETE FROM messaging_amendment"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_message_nobody_read_is_taken_back_and_nobody_reads_it(thread, cast, enter, work):
    thread.post(author=cast.ana, body="canary: please forget this")
    message = thread.messages.latest("sent_at")
    ana, maya = enter(cast.ana), enter(cast.maya)
    assert ana.post(take_back(thread, message)).status_code == 302
    assert ana.post(take_back(thread, message)).status_code == 302, "again changes nothing"
    assert Withdrawal.objects.count() == 1
    for browser, team in ((ana, False), (maya, True)):
        said = page(browser, thread, team=team)
        assert "canary" not in said
        assert "before anybody opened it" in said
    assert "canary" not in words(ana.get(reverse("messages")))
    assert "canary" not in words(maya.get(reverse("inbox")))
    assert "canary" not in enter(cast.maya).get(reverse("api-thread", args=[thread.pk])).content.decode()
    assert not work.item(thread).is_on_hold, "the first message is still owed an answer"


def test_a_message_somebody_read_stays(thread, cast, enter):
    page(enter(cast.maya), thread, team=True)
    ana = enter(cast.ana)
    assert "Correct this message" in page(ana, thread)
    answer = ana.post(take_back(thread, first(thread)))
    assert answer.status_code == 409
    assert "Somebody has opened it already" in words(answer)
    assert not Withdrawal.objects.exists()
    assert "I take two tablets." in page(enter(cast.maya), thread, team=True)


def test_reading_by_a_trusted_person_is_reading_too(thread, cast, enter):
    page(enter(cast.rosa), thread)
    assert enter(cast.ana).post(take_back(thread, first(thread))).status_code == 409


def test_taking_back_all_that_was_said_ends_the_work_and_leaves_a_way_to_write(thread, cast, enter, work):
    ana = enter(cast.ana)
    assert ana.post(take_back(thread, first(thread))).status_code == 302
    thread.refresh_from_db()
    assert thread.state == ThreadState.CLOSED
    assert not WorkItem.objects.unfinished().filter(thread=thread).exists()
    said = page(ana, thread)
    assert "Taken back" in said and "We have your message" not in said
    assert ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "Now really."}).status_code == 302
    thread.refresh_from_db()
    assert thread.is_open
    assert WorkItem.objects.unfinished().filter(thread=thread).count() == 1


def test_an_answer_taken_back_is_owed_again(thread, cast, enter, work):
    maya = enter(cast.maya)
    page(maya, thread, team=True)
    thread.post(author=cast.maya, body="Wrong patient, sorry.")
    answer = thread.messages.latest("sent_at")
    assert work.item(thread).is_on_hold
    assert maya.post(take_back(thread, answer, team=True)).status_code == 302
    assert not work.item(thread).is_on_hold
    assert "Wrong patient" not in page(enter(cast.ana), thread)


def test_a_message_taken_back_cannot_be_corrected(thread, cast, enter):
    ana = enter(cast.ana)
    ana.post(take_back(thread, first(thread)))
    assert "You took this message back" in words(ana.get(correct(thread, first(thread))))
    assert ana.post(correct(thread, first(thread)), {"body": "New."}).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_taken_back_or_read_but_never_both(work, cast, enter):
    """Whoever reads writes her receipt first: ten times over, nobody sees what its writer was told is unread."""
    for number in range(10):
        thread = work.thread(subject=f"Race {number}", body=f"canary {number}")
        message = first(thread)
        writer, reader = enter(cast.ana), enter(cast.maya)
        answers = at_once(
            [
                lambda b=writer, t=thread, m=message: b.post(take_back(t, m)),
                lambda b=reader, t=thread: b.get(reverse("inbox-thread", args=[t.pk])),
            ]
        )
        taken_back = Withdrawal.objects.filter(message=message).exists()
        assert statuses(answers) == ({302: 1, 200: 1} if taken_back else {409: 1, 200: 1})
        shown = next(answer for answer in answers if answer.status_code == 200)
        # The list beside it may have been made before: opening a list is no reading.
        letters = (
            shown.content.decode().split('aria-label="Messages and notes')[1].split('class="composer"')[0]
        )
        assert (f"canary {number}" in letters) != taken_back


def test_search_and_paper_know_what_was_put_right_and_not_what_was_taken_back(thread, cast, enter):
    ana = enter(cast.ana)
    ana.post(correct(thread, first(thread)), {"body": "I take one capsule."})
    gone = thread.post(author=cast.ana, body="And a secret lozenge.")
    ana.post(correct(thread, gone), {"body": "And another secret lozenge."})
    ana.post(take_back(thread, gone))
    search = reverse("message-search")
    assert "I take one" in words(ana.post(search, {"look_for": "capsule"}))
    for word in ("tablets", "lozenge"):
        found = ana.post(search, {"look_for": word})
        assert found.status_code == 200
        assert "I take" not in words(found) and "secret" not in words(found)
    fresh = enter(cast.ana, fresh="export")
    paper = words(fresh.get(reverse("thread-print", args=[thread.pk])))
    assert paper.index("two tablets") < paper.index("Correction") < paper.index("one capsule")
    assert "lozenge" not in paper and "took a message back" in paper
    data = fresh.post(reverse("thread-data", args=[thread.pk]))
    said = b"".join(data.streaming_content).decode() if data.streaming else data.content.decode()
    assert data.status_code == 200
    assert "two tablets" in said and "one capsule" in said and "lozenge" not in said
    assert '"stopped"' in said


DANGER = "I want to kill myself tonight"


@pytest.mark.parametrize("before", ["My knee hurts.", "I have a fever of 103 since yesterday."])
def test_a_correction_shows_help_first_and_keeps_a_flag_of_its_own(work, cast, enter, before):
    thread = work.thread(body=before)
    flags = SafetyFlag.objects.count()
    ana, at = enter(cast.ana), correct(thread, first(thread))
    asked = ana.post(at, {"body": DANGER})
    shown = asked.content.decode()
    assert asked.status_code == 422
    assert "You are not alone" in shown and 'href="tel:988"' in shown
    assert "Your correction is not saved yet." in words(asked)
    assert f"{DANGER}</textarea>" in shown and 'name="helped" value="crisis"' in shown
    assert (SafetyFlag.objects.count(), Amendment.objects.count()) == (flags, 0)
    assert ana.post(at, {"body": DANGER, "helped": "crisis"}).status_code == 302
    flag = SafetyFlag.objects.get(amendment__isnull=False)
    assert (flag.grade, flag.shown, flag.chose) == (Grade.CRISIS, "crisis", "went_on")
    assert SafetyFlag.objects.count() == flags + 1
    assert work.item(thread).priority == Priority.STAT
    seen = page(enter(cast.maya), thread, team=True)
    assert seen.count("Check now.") == flags + 1, "what was found before is told as well"
    assert AuditEvent.objects.filter(subtype="safety-flag").latest("recorded_at").additional_data[
        "grade"
    ] == ("crisis")


def test_a_slip_put_right_says_the_same_danger_once_and_a_danger_taken_out_stays_told(work, cast, enter):
    thread = work.thread(body="I have a fevre since Monday. A fever of 101.")
    ana = enter(cast.ana)
    said = {"body": "I have a fever since Monday. A fever of 101.", "helped": "same_day"}
    assert ana.post(correct(thread, first(thread)), said).status_code == 302
    assert page(enter(cast.maya), thread, team=True).count("Check now.") == 1
    assert ana.post(correct(thread, first(thread)), {"body": "I am well."}).status_code == 302
    assert page(enter(cast.maya), thread, team=True).count("Check now.") == 1


def test_a_team_that_writes_of_danger_is_shown_no_help(work, cast, enter):
    thread = work.thread()
    answer = thread.post(author=cast.maya, body="Do you have pain?")
    said = {"body": "Do you have chest pain?"}
    assert enter(cast.maya).post(correct(thread, answer, team=True), said).status_code == 302
    assert not SafetyFlag.objects.exists()


@pytest.mark.parametrize("state", ["inactive", "dismissed", "blocked", "deceased"])
def test_nothing_is_put_right_that_the_state_of_the_record_refuses(work, cast, enter, state):
    thread = work.thread()
    answer = thread.post(author=cast.maya, body="Rest.")
    thread.close(by=cast.maya, outcome="answered")
    put(cast, state)
    if state != "deceased":
        refused = enter(cast.ana).post(correct(thread, first(thread)), {"body": "kingfisher"})
        assert refused.status_code == 409 and "kingfisher" in refused.content.decode()
        assert STATE_SAYS[state] in words(refused)
        assert Amendment.objects.count() == 0
        thread.refresh_from_db()
        assert not thread.is_open
        assert not WorkItem.objects.unfinished().filter(thread=thread).exists()
    by_team = enter(cast.maya).post(correct(thread, answer, team=True), {"body": "kingfisher"})
    assert by_team.status_code == (409 if state == "deceased" else 302)
    assert Amendment.objects.count() == (0 if state == "deceased" else 1)


def test_after_a_correction_the_steps_still_say_who_read_what_it_said_before(thread, cast, enter):
    ana, maya = enter(cast.ana), enter(cast.maya)
    page(maya, thread, team=True)
    assert "Maya, nurse, read it" in page(ana, thread)
    ana.post(correct(thread, first(thread)), {"body": "I take ONE tablet."})
    said = page(ana, thread)
    assert "Maya, nurse, read it before it was corrected" in said
    assert "Your team will read the correction" in said
    page(maya, thread, team=True)
    said = page(ana, thread)
    assert "Maya, nurse, read it" in said and "before it was corrected" not in said


def test_the_list_shows_the_newest_message_that_stands(thread, cast, enter):
    ana = enter(cast.ana)
    ana.post(correct(thread, first(thread)), {"body": "I take ONE tablet."})
    ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "Never mind."})
    newest = thread.messages.exclude(author=None).latest("sent_at")
    assert "Never mind." in words(ana.get(reverse("messages")))
    assert ana.post(take_back(thread, newest)).status_code == 302
    before = AuditEvent.objects.count()
    for who, address in ((cast.ana, "messages"), (cast.rosa, "messages"), (cast.maya, "inbox")):
        said = words(enter(who).get(reverse(address)))
        assert "I take ONE tablet." in said, who
        assert "Never mind." not in said and "taken back" not in said
    readings = AuditEvent.objects.filter(subtype="list", actor=cast.maya).order_by("recorded_at")
    assert AuditEvent.objects.count() > before
    assert any(label(first(thread)) in event.shown for event in readings), "its words are a reading"
    ana.post(correct(thread, first(thread)), {"body": "I take no tablet."})
    assert "I take no tablet." in words(ana.get(reverse("messages")))
