"""Somebody leaves, a team empties, care ends: what was held is free, what was owed is read by somebody, in one step."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import Notification
from messaging.models import Claim, RefillRequestItem, TeamChange, WorkItem
from tests.work import events_since, words


def leaves(cast, how: str, key: str = "maya") -> None:
    person = type(cast[key]).objects.get(pk=cast[key].pk)
    if how == "left the team":
        person.team_memberships.get().end(by=cast.root)
    elif how == "lost her role":
        person.role_grants.get().withdraw(by=cast.root)
    else:
        person.deactivate(by=cast.root)


HOWS = pytest.mark.parametrize("how", ["left the team", "lost her role", "was shut out"])


def told(person, notice: str) -> int:
    return Notification.objects.filter(person=person, notice=notice).count()


@HOWS
def test_whoever_leaves_holds_nothing_any_more(work, cast, how):
    """The rows say so at once: nobody has to write or to look for it."""
    first, second, refill = work.thread(), work.thread(), work.refill()
    answered = work.thread()
    for thread in (first, second):
        work.item(thread).claim(by=cast.maya)
    answered.post(author=cast.maya, body="How often?")
    refill.claim(by=cast.maya)
    theirs = work.thread()
    work.item(theirs).claim(by=cast.okafor)
    Notification.objects.all().delete()

    leaves(cast, how)

    assert not WorkItem.objects.filter(owner=cast.maya).exists()
    assert set(Claim.objects.filter(holder=cast.maya).values_list("ended_because", flat=True)) == {"left"}
    assert work.item(theirs).owner == cast.okafor
    assert [work.item(thread).state for thread in (first, answered)] == ["requested", "on_hold"]
    assert RefillRequestItem.objects.get(pk=refill.pk).state == "received"
    assert told(cast.okafor, "work_waiting") == 1, "once, however much there is"
    assert events_since().filter(type="work", subtype="let-go").count() == 4
    assert not TeamChange.objects.exists(), "the team is still there"


def test_who_is_refused_or_rolled_back_has_left_nothing(work, cast):
    thread = work.thread()
    work.item(thread).claim(by=cast.maya)
    with transaction.atomic():
        leaves(cast, "was shut out")
        transaction.set_rollback(True)
    assert work.item(thread).owner == cast.maya
    assert not events_since().filter(subtype="let-go").exists()


@HOWS
def test_an_empty_teams_work_goes_to_the_fall_back_desk_and_the_patient_is_told(work, cast, enter, how):
    thread, finished = work.thread(body="Is it the tablets?"), work.thread(body="All is well now.")
    finished.close(by=cast.okafor, outcome="answered")
    due = work.item(thread).due_at
    leaves(cast, how)
    Notification.objects.all().delete()
    leaves(cast, how, "okafor")

    assert work.item(thread).pool == work.pool("desk")
    assert work.item(thread).due_at == due, "what was promised stays promised"
    assert "Is it the tablets?" in words(enter(cast.sam).get(reverse("inbox")))
    assert told(cast.sam, "work_waiting") == 1
    assert told(cast.ana, "team_changed") == told(cast.rosa, "team_changed") == 1
    page = words(enter(cast.ana).get(reverse("thread", args=[thread.pk])))
    assert "Your conversation is now with Front desk." in page
    assert "for Front desk (was: Okafor team)" in page
    page = words(enter(cast.sam).get(reverse("inbox-thread", args=[thread.pk])))
    assert "Moved from Okafor team to Front desk: nobody was left in the team" in page
    assert enter(cast.sam).get(reverse("inbox-thread", args=[finished.pk])).status_code == 404


def test_the_notice_of_a_new_team_says_nothing_of_it(work, cast, mailoutbox):
    thread = work.thread(subject="Kingfisher")
    for key in ("maya", "okafor"):
        leaves(cast, "was shut out", key)
    (notice,) = Notification.objects.filter(person=cast.ana, notice="team_changed")
    mail = notice.as_email()
    assert mail.subject.startswith("You have news from")
    assert not {"Kingfisher", "Okafor", "desk", str(thread.pk)} & set(mail.body.split())


def test_a_finished_conversation_that_nobody_reads_any_more_wakes_where_somebody_does(work, cast, enter):
    thread = work.thread()
    thread.close(by=cast.okafor, outcome="answered")
    for key in ("maya", "okafor"):
        leaves(cast, "left the team", key)
    form = {"body": "It is back, kingfisher."}
    answer = enter(cast.ana).post(reverse("thread-replies", args=[thread.pk]), form)
    assert answer.status_code == 302
    assert work.item(thread).pool == work.pool("desk")
    assert "It is back, kingfisher." in words(enter(cast.sam).get(reverse("inbox")))
    assert told(cast.sam, "work_waiting") >= 1


def test_when_care_ends_open_work_goes_to_who_looks_after_her_now(work, cast, enter):
    thread, refill = work.thread(), work.refill()
    cast.team("lund").care_for(patient=cast.patient("ana"), lead=cast.lund, by=cast.root)
    cast.patient("ana").care_relationships.get(team=cast.team("okafor")).end(by=cast.root)
    # Her desk cares for her longer than her new team, and has nobody who could prescribe.
    assert RefillRequestItem.objects.get(pk=refill.pk).pool == work.pool("lund")
    assert enter(cast.lund).get(reverse("refill", args=[refill.pk])).status_code == 200
    assert work.item(thread).pool == work.pool("desk")
    assert enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk])).status_code == 404
    assert enter(cast.sam).get(reverse("inbox-thread", args=[thread.pk])).status_code == 200
    assert told(cast.ana, "team_changed") == 2


def test_a_request_that_nobody_is_left_to_judge_ends_and_its_patient_is_told(work, cast, enter):
    refill = work.refill()
    cast.patient("ana").care_relationships.get(team=cast.team("okafor")).end(by=cast.root)
    assert RefillRequestItem.objects.get(pk=refill.pk).state == "cancelled"
    assert told(cast.ana, "team_changed") == 1
    assert "Cancelled" in words(enter(cast.ana).get(reverse("refill-request", args=[refill.pk])))
    assert not WorkItem.objects.unfinished().filter(refill=refill).exists()


def test_where_nobody_at_all_is_left_the_work_stays_to_be_found(work, cast):
    thread = work.thread()
    for key in ("sam", "maya", "okafor"):
        leaves(cast, "was shut out", key)
    assert work.item(thread).is_open
    assert work.item(thread).pool == work.pool("okafor")


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Sent while the team empties: either before, and moved along, or after, and sent where somebody reads."""

    @pytest.fixture(autouse=True)
    def _really_committed(self, transactional_db):
        pass

    def test_nothing_sent_while_a_team_empties_is_lost(self, work, cast):
        from tests.messaging.test_races import at_once

        for key in ("maya",):
            leaves(cast, "left the team", key)
        standing = work.thread()
        acts = [lambda n=n: work.thread(subject=f"New {n}", body="New.") for n in range(6)]
        acts += [lambda n=n: standing.post(author=cast.ana, body=f"More {n}.") for n in range(4)]
        acts.insert(5, lambda: leaves(cast, "was shut out", "okafor"))
        assert [outcome for outcome in at_once(acts) if isinstance(outcome, Exception)] == []
        assert WorkItem.objects.unfinished().count() == 7
        assert {item.pool_id for item in WorkItem.objects.unfinished()} == {work.pool("desk").pk}
        assert {item.thread.pool_id for item in WorkItem.objects.all()} == {work.pool("desk").pk}

    def test_what_is_taken_while_its_taker_leaves_is_free(self, work, cast):
        from tests.messaging.test_races import at_once

        threads = [work.thread() for _ in range(6)]
        maya = work.again("maya")
        acts = [lambda t=t: work.item(t).claim(by=maya) for t in threads]
        acts.insert(3, lambda: leaves(cast, "left the team"))
        at_once(acts)
        assert not WorkItem.objects.filter(owner=cast.maya).exists()
        assert not Claim.objects.filter(ended_at=None).exists()
