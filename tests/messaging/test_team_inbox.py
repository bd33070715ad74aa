"""The team's side: taking work, giving it back, answering, finishing; and lists that say what they count."""

from __future__ import annotations

import re
from threading import Barrier
from threading import Thread as Worker

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import Notification
from audit.models import AuditEvent
from messaging.models import ENDINGS, Claim, Closure, Message, Outcome, ReadReceipt, Thread, WorkItem
from messaging.opened.queue import View, team_queue
from messaging.refusals import AlreadyClosed, HeldByAnother, MayNot, NotHeld
from tests.work import words


def at(name: str, thread) -> str:
    return reverse(f"inbox-{name}", args=[thread.pk])


def test_taking_work_makes_it_hers_and_is_recorded(work, cast, enter):
    thread = work.thread()
    answer = enter(cast.maya).post(at("claim", thread), follow=True)
    assert "This is yours now." in words(answer)
    item = work.item(thread)
    assert (item.state, item.owner) == ("accepted", cast.maya)
    (claim,) = Claim.objects.filter(item=item)
    assert (claim.holder, claim.ended_at) == (cast.maya, None)
    event = AuditEvent.objects.get(type="work", subtype="claim")
    assert (event.agent_id, event.patient_id) == (str(cast.maya.pk), cast.patient("ana").pk)


def test_who_comes_second_is_told_who_has_it(work, cast, enter):
    thread = work.thread()
    enter(cast.maya).post(at("claim", thread))
    for act, form in (
        ("claim", {}),
        ("replies", {"body": "Kept for later."}),
        ("close", {"outcome": "answered"}),
    ):
        answer = enter(cast.okafor).post(at(act, thread), form)
        assert answer.status_code == 409
        assert "A colleague is already working on this." in words(answer)
        assert "Maya Chen is working on this" in words(answer)
        if "body" in form:
            assert "Kept for later." in answer.content.decode()
    assert work.item(thread).owner == cast.maya
    assert Message.objects.filter(side="team").count() == 0
    assert not Closure.objects.exists()


def test_taking_ones_own_work_again_changes_nothing(work, cast):
    item = work.item(work.thread())
    item.claim(by=cast.maya)
    item.claim(by=cast.maya)
    assert Claim.objects.count() == 1


def test_giving_work_back_lets_a_colleague_take_it(work, cast, enter):
    thread = work.thread()
    enter(cast.maya).post(at("claim", thread))
    with pytest.raises(NotHeld):
        work.item(thread).release(by=cast.okafor)
    assert enter(cast.okafor).post(at("release", thread)).status_code == 409
    assert enter(cast.maya).post(at("release", thread)).status_code == 302
    assert work.item(thread).owner is None
    enter(cast.okafor).post(at("claim", thread))
    assert work.item(thread).owner == cast.okafor
    ended, standing = Claim.objects.order_by("claimed_at")
    assert (ended.ended_because, standing.ended_at) == ("released", None)


def test_nobody_takes_work_of_another_team(work, cast):
    item = work.item(work.thread())
    for key in ("lund", "sam", "mira", "root", "ana", "rosa"):
        with pytest.raises(MayNot):
            item.claim(by=work.again(key))


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_take_it_at_once_one_has_it_and_the_others_learn_who(
    transactional_db, work, cast, enter
):
    """TR2, with real threads and real transactions, through the page."""
    thread = work.thread()
    browsers = [enter(cast[key]) for key in ("okafor", "maya") for _ in range(10)]
    together, answers = Barrier(len(browsers)), []

    def take(browser, who) -> None:
        together.wait()
        try:
            answer = browser.post(at("claim", thread))
            answers.append((who, answer.status_code, words(answer)))
        finally:
            connection.close()

    workers = [Worker(target=take, args=(b, "okafor" if n < 10 else "maya")) for n, b in enumerate(browsers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    owner = work.item(thread).owner
    winner = {cast.okafor: "okafor", cast.maya: "maya"}[owner]
    named = {"okafor": "Dr Chidi Okafor", "maya": "Maya Chen"}[winner]
    assert sorted(status for who, status, _ in answers if who == winner) == [302] * 10
    assert [status for who, status, _ in answers if who != winner] == [409] * 10
    assert all(f"{named} is working on this" in said for who, _, said in answers if who != winner)
    assert Claim.objects.filter(ended_at=None).count() == 1
    assert AuditEvent.objects.filter(type="work", subtype="claim").count() == 1


def test_the_database_itself_keeps_a_second_open_claim_out(work, cast):
    item = work.item(work.thread())
    item.claim(by=cast.maya)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(item=item, patient_id=item.patient_id, holder=cast.okafor)


def test_answering_takes_the_work_and_gives_the_patient_the_word(work, cast, enter):
    thread = work.thread()
    assert enter(cast.okafor).post(at("replies", thread), {"body": "How often?"}).status_code == 302
    item = work.item(thread)
    assert (item.state, item.owner) == ("on_hold", cast.okafor)
    assert "How often?" in words(enter(cast.ana).get(thread.get_absolute_url()))


def test_finishing_needs_an_outcome(work, cast, enter):
    thread = work.thread()
    for form in ({}, {"outcome": ""}, {"outcome": "bored"}):
        answer = enter(cast.okafor).post(at("close", thread), form)
        assert answer.status_code == 422
        assert "Choose how this ended" in words(answer)
    assert Thread.objects.get().is_open


@pytest.mark.parametrize("outcome", [code for code, _words in ENDINGS])
def test_a_finished_conversation_says_how_it_ended_and_offers_a_reply(work, cast, enter, outcome):
    thread = work.thread()
    enter(cast.okafor).post(at("close", thread), {"outcome": outcome})
    page = enter(cast.ana).get(thread.get_absolute_url())
    assert f"How it ended: {Outcome(outcome).label}." in words(page)
    assert reverse("thread-replies", args=[thread.pk]) in page.content.decode()
    assert work.item(thread).state == "completed"
    assert Closure.objects.get().closed_by == cast.okafor


def test_a_message_after_the_end_opens_new_work_for_the_team(work, cast, enter):
    thread = work.thread()
    thread.close(by=cast.okafor, outcome="answered")
    enter(cast.ana).post(reverse("thread-replies", args=[thread.pk]), {"body": "It is back."})
    first, second = WorkItem.objects.filter(thread=thread).order_by("created_at")
    assert (first.state, first.owner) == ("completed", None)
    assert (second.state, second.owner) == ("requested", None)
    assert Thread.objects.get().is_open
    assert Closure.objects.get().reopened_at is not None
    assert "It was opened again" in words(enter(cast.maya).get(at("thread", thread)))


def test_what_is_finished_is_not_finished_again(work, cast, enter):
    thread = work.thread()
    thread.close(by=cast.okafor, outcome="answered")
    with pytest.raises(AlreadyClosed):
        thread.close(by=cast.okafor, outcome="phoned")
    for act, said in (
        ("close", "already finished"),
        ("claim", "already finished"),
        ("release", "not working on this"),
    ):
        answer = enter(cast.maya).post(at(act, thread), {"outcome": "phoned"})
        assert answer.status_code == 409
        assert said in words(answer)
    assert Closure.objects.count() == 1


def test_the_team_may_write_first_in_a_finished_conversation(work, cast):
    thread = work.thread()
    thread.close(by=cast.okafor, outcome="answered")
    thread.post(author=cast.maya, body="One more thing.")
    assert work.item(thread).state == "on_hold"
    assert Thread.objects.get().is_open


@pytest.mark.parametrize("act", ["claim", "release", "replies", "notes", "close"])
def test_the_patients_side_and_other_teams_find_no_such_address(work, cast, enter, act):
    thread = work.thread()
    for key, status in (
        ("ana", 403),
        ("rosa", 403),
        ("mira", 403),
        ("root", 403),
        ("lund", 404),
        ("sam", 404),
    ):
        answer = enter(cast[key]).post(at(act, thread), {"body": "x", "outcome": "answered"})
        assert answer.status_code == status, key
    assert work.item(thread).owner is None
    assert Message.objects.filter(side="team").count() == 0


def everything_happens(work, cast) -> None:
    """Conversations in every state, in every hand."""
    threads = [work.thread(subject=f"Letter {n}") for n in range(9)]
    work.item(threads[0]).claim(by=cast.maya)
    work.item(threads[1]).claim(by=cast.okafor)
    threads[2].post(author=cast.okafor, body="And?")
    threads[3].post(author=cast.maya, body="And?")
    threads[3].post(author=cast.ana, body="So.")
    threads[4].close(by=cast.maya, outcome="phoned")
    threads[5].close(by=cast.maya, outcome="answered")
    threads[5].post(author=cast.ana, body="Again.")
    urgent = work.item(threads[6])
    urgent.priority, urgent.due_at = 2, urgent.created_at
    urgent.save()
    work.thread(by="ben")
    work.thread(about="appointment")
    work.refill()


def test_every_count_is_the_length_of_its_list(work, cast, enter):
    """TR1, as the page shows them and for each who works there."""
    everything_happens(work, cast)
    for key in ("okafor", "maya", "lund", "sam"):
        browser = enter(cast[key])
        for view in View:
            page = browser.get(reverse("inbox"), {"view": view.value})
            shown = set(re.findall(r"/inbox/([0-9a-f-]{36})/", page.content.decode()))
            queue = team_queue(reader=work.again(key), view=view, after=None)
            assert queue.total == len(shown) == queue.shown, (key, view)
    counts = team_queue(reader=cast.maya, view=View.TEAM, after=None).counts
    assert counts == {"team": 7, "unclaimed": 4, "mine": 2, "with-patient": 1}


def test_the_patients_counts_are_the_lengths_of_her_lists(work, cast, enter):
    from messaging.opened.threads import patient_inbox

    everything_happens(work, cast)
    for state in ("open", "closed"):
        page = enter(cast.ana).get(reverse("messages"), {"show": state}).content.decode()
        shown = set(re.findall(r"/messages/([0-9a-f-]{36})/", page))
        inbox = patient_inbox(reader=cast.ana, patient=cast.patient("ana"), state=state, after=None)
        assert inbox.shown_total == len(shown) == len(inbox.rows)
        assert inbox.new_count == 1


def test_the_most_pressing_stands_first(work, cast):
    everything_happens(work, cast)
    queue = team_queue(reader=cast.maya, view=View.TEAM, after=None)
    rows = [row for group in queue.groups for row in group.rows]
    assert rows[0].priority == 2 and rows[0].is_late
    assert [(row.priority, row.due_at) for row in rows] == sorted((row.priority, row.due_at) for row in rows)
    assert queue.late == 1


def test_a_view_that_does_not_exist_is_not_found(work, cast, enter):
    assert enter(cast.maya).get(reverse("inbox"), {"view": "theirs"}).status_code == 404
    assert enter(cast.ana).get(reverse("messages"), {"show": "burnt"}).status_code == 404


def test_work_of_a_patient_the_team_cares_for_no_more_is_seen_no_more(work, cast, enter):
    thread = work.thread()
    browser = enter(cast.maya)
    assert browser.get(at("thread", thread)).status_code == 200
    cast.patient("ana").care_relationships.get(team=cast.team("okafor")).end(by=cast.root)
    assert browser.get(at("thread", thread)).status_code == 404
    assert str(thread.pk) not in browser.get(reverse("inbox")).content.decode()


def test_the_version_changes_when_the_inbox_does_and_names_nobody(work, cast, enter):
    browser = enter(cast.maya)
    before = browser.get(reverse("inbox-version")).content
    assert browser.get(reverse("inbox-version")).content == before
    thread = work.thread()
    after = browser.get(reverse("inbox-version")).content
    assert after != before
    work.item(thread).claim(by=cast.okafor)
    assert browser.get(reverse("inbox-version")).content != after


def test_both_sides_see_when_the_other_has_read(work, cast, enter):
    """PT15: once a person and message, from the moment it was first opened."""
    thread = work.thread()
    assert "Your team will read it" in words(enter(cast.ana).get(thread.get_absolute_url()))
    enter(cast.maya).get(at("thread", thread))
    first = ReadReceipt.objects.get()
    enter(cast.maya).get(at("thread", thread))
    assert ReadReceipt.objects.get().read_at == first.read_at
    page = words(enter(cast.ana).get(thread.get_absolute_url()))
    assert "Maya, nurse, read it" in page and "Read by Maya Chen" in page
    thread.post(author=cast.maya, body="How often?")
    assert "Not read yet" in words(enter(cast.maya).get(at("thread", thread)))
    enter(cast.ana).get(thread.get_absolute_url())
    assert "Read by Ana Alvarez" in words(enter(cast.okafor).get(at("thread", thread)))


def test_seeing_it_in_a_list_is_not_reading_it(work, cast, enter):
    work.thread()
    for key in ("maya", "ana"):
        enter(cast[key]).get(reverse("inbox" if key == "maya" else "messages"))
        enter(cast[key]).get(reverse("api-threads"))
    assert not ReadReceipt.objects.exists()


def test_ones_own_message_and_the_automatic_answer_get_no_receipt(work, cast, enter):
    thread = work.thread()
    enter(cast.ana).get(thread.get_absolute_url())
    assert not ReadReceipt.objects.exists()


def test_the_patient_sees_each_step_with_its_moment(work, cast, enter):
    """PT9, from the rows that staff use."""
    from messaging.opened.threads import open_thread

    def steps() -> list[tuple[str, str]]:
        fresh = Thread.objects.select_related("patient", "pool__team", "category").get(pk=thread.pk)
        return [(step.kind, step.status) for step in open_thread(fresh, reader=cast.ana).steps]

    thread = work.thread()
    assert steps() == [("sent", "done"), ("read", "now"), ("reply", "later")]
    enter(cast.maya).get(at("thread", thread))
    assert steps() == [("sent", "done"), ("read", "done"), ("reply", "now")]
    item = work.item(thread)
    item.due_at = item.created_at
    item.save()
    assert steps()[-1] == ("reply", "late")
    thread.post(author=cast.maya, body="Soon better.")
    assert steps() == [("sent", "done"), ("read", "done"), ("reply", "done")]
    thread.close(by=cast.maya, outcome="answered")
    assert steps()[-1] == ("finished", "done")
    thread.post(author=cast.ana, body="Not better.")
    assert steps() == [("sent", "done"), ("read", "now"), ("reply", "later")]


def test_held_by_another_names_the_holder_to_the_program(work, cast):
    item = work.item(work.thread())
    item.claim(by=cast.maya)
    with pytest.raises(HeldByAnother) as held:
        item.claim(by=cast.okafor)
    assert held.value.holder == cast.maya


def test_a_message_that_came_meanwhile_is_not_finished_unread(work, cast, enter):
    thread = work.thread()
    page = {"outcome": "answered", "seen": str(thread.last_message_id)}
    thread.post(author=cast.ana, body="Now my chest hurts.")
    answer = enter(cast.okafor).post(at("close", thread), page)
    assert answer.status_code == 409
    assert "Something new came in, or a message was changed. Read it before you finish." in words(answer)
    assert "Now my chest hurts." in words(answer)
    assert Thread.objects.get().is_open
    assert work.item(thread).is_open
    page["seen"] = str(Thread.objects.get().last_message_id)
    assert enter(cast.okafor).post(at("close", thread), page).status_code == 302
    assert not Thread.objects.get().is_open


def test_the_form_that_finishes_names_the_last_message_it_was_shown_with(work, cast, enter):
    thread = work.thread()
    page = enter(cast.okafor).get(at("thread", thread)).content.decode()
    form = page.split(at("close", thread), 1)[1].split("</form>", 1)[0]
    assert f'name="seen" value="{thread.last_message_id}"' in form


def leaves(cast, how: str) -> None:
    """Maya is there no more."""
    if how == "left the team":
        cast.maya.team_memberships.get().end(by=cast.root)
    elif how == "lost her role":
        cast.maya.role_grants.get().withdraw(by=cast.root)
    else:
        cast.maya.deactivate(by=cast.root)


HOWS = pytest.mark.parametrize("how", ["left the team", "lost her role", "was shut out"])


@HOWS
def test_work_of_somebody_who_left_goes_to_who_is_there(work, cast, enter, how):
    thread = work.thread()
    work.item(thread).claim(by=cast.maya)
    assert enter(cast.okafor).post(at("claim", thread)).status_code == 409
    leaves(cast, how)
    message = thread.post(author=cast.ana, body="Is anybody there?")
    assert Notification.objects.filter(event_key__contains=message.pk, person=cast.okafor).exists()
    assert enter(cast.okafor).post(at("claim", thread)).status_code == 302
    assert work.item(thread).owner == cast.okafor
    assert Claim.objects.filter(ended_at=None).count() == 1


@HOWS
def test_what_somebody_answered_who_left_waits_for_everybody_when_the_patient_writes(work, cast, enter, how):
    thread = work.thread()
    thread.post(author=cast.maya, body="How often?")
    leaves(cast, how)
    thread.post(author=cast.ana, body="Every day.")
    assert (work.item(thread).state, work.item(thread).owner) == ("requested", None)
    assert not Claim.objects.filter(ended_at=None).exists()
    page = enter(cast.okafor).get(reverse("inbox"), {"view": "unclaimed"})
    assert "Every day." in words(page)


@pytest.mark.parametrize("act", ["replies", "close"])
def test_what_somebody_left_behind_can_be_answered_and_finished(work, cast, enter, act):
    thread = work.thread()
    work.item(thread).claim(by=cast.maya)
    form = {"body": "I took this over.", "outcome": "answered"}
    assert enter(cast.okafor).post(at(act, thread), form).status_code == 409
    leaves(cast, "left the team")
    assert enter(cast.okafor).post(at(act, thread), form).status_code == 302


def test_a_refill_of_somebody_who_left_can_be_decided(work, cast, enter):
    item = work.refill()
    item.claim(by=cast.maya)
    okafor, answer = enter(cast.okafor, fresh="refill-decision"), {"outcome": "approved"}
    assert okafor.post(reverse("refill-decision", args=[item.pk]), answer).status_code == 409
    leaves(cast, "left the team")
    assert okafor.post(reverse("refill-decision", args=[item.pk]), answer).status_code == 302
