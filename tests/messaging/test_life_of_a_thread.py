"""Whatever people do to a conversation and in whatever order, its rows agree with each other."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.models import (
    Claim,
    Closure,
    InternalNote,
    Message,
    RefillDecision,
    RefillRequestItem,
    RefillState,
    Thread,
    WorkItem,
)
from messaging.refusals import Refusal

PEOPLE = ("ana", "rosa", "okafor", "maya", "sam", "lund", "mira")
ACTS = {
    "post": lambda thread, work, who: thread.post(author=who, body="Words."),
    "note": lambda thread, work, who: thread.note(author=who, body="Among us."),
    "claim": lambda thread, work, who: work.item(thread).claim(by=who),
    "release": lambda thread, work, who: work.item(thread).release(by=who),
    "close": lambda thread, work, who: thread.close(by=who, outcome="answered"),
    "stale post": lambda thread, work, who: thread.post(author=who, body="Late.", seen=thread.pk),
}
LIVES = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(sorted(ACTS))), max_size=10)
SLOWLY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Over(Exception):
    """Ends an example and takes back what it wrote."""


def everything() -> list[list[dict]]:
    models = (Thread, Message, InternalNote, WorkItem, Claim, Closure, RefillRequestItem, RefillDecision)
    return [list(model.objects.order_by("pk").values()) for model in models]


def check(thread: Thread) -> None:
    fresh = Thread.objects.get(pk=thread.pk)
    said = Message.objects.filter(thread=thread).exclude(side="system").order_by("sent_at", "id")
    last = said.last()
    assert fresh.message_count == said.count()
    assert (fresh.last_message_id, fresh.last_author_id, fresh.last_side) == (
        last.pk,
        last.author_id,
        last.side,
    )
    unfinished = WorkItem.objects.unfinished().filter(thread=thread)
    standing = Closure.objects.filter(thread=thread, reopened_at=None)
    # Open: somebody owes something or waits for the patient. Finished: nobody does, and somebody said so.
    assert (unfinished.count(), standing.count()) == ((1, 0) if fresh.is_open else (0, 1))
    for item in WorkItem.objects.filter(thread=thread):
        held = Claim.objects.filter(item=item, ended_at=None)
        if item.is_open and item.owner_id:
            assert [claim.holder_id for claim in held] == [item.owner_id]
            assert item.finished_at is None
        else:
            assert not held
        assert item.state != "accepted" or item.owner_id
        # What the patient wrote last is owed an answer; what the team wrote last is not.
        if item.is_open:
            assert (item.state == "on_hold") == (fresh.last_side == "team")


@pytest.mark.django_db
@SLOWLY
@given(life=LIVES)
def test_a_conversation_agrees_with_its_work_after_anything(work, cast, life):
    with pytest.raises(Over), transaction.atomic():
        thread = work.thread()
        for who, act in life:
            before = everything()
            try:
                ACTS[act](Thread.objects.get(pk=thread.pk), work, work.again(who))
            except Refusal:
                assert everything() == before, "a refused act leaves nothing behind"
            check(thread)
        raise Over


REFILL_ACTS = {
    "claim": lambda item, who: item.claim(by=who),
    "approve": lambda item, who: item.decide(by=who, outcome="approved"),
    "change": lambda item, who: item.decide(by=who, outcome="approved_with_changes", repeats=1),
    "deny": lambda item, who: item.decide(by=who, outcome="denied", reason="AM"),
    "deny without a reason": lambda item, who: item.decide(by=who, outcome="denied"),
    "take back": lambda item, who: item.cancel(by=who),
}
ENDS = set(RefillState.values) - {"received", "in_review"}


@pytest.mark.django_db
@SLOWLY
@given(life=st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(sorted(REFILL_ACTS))), max_size=8))
def test_a_request_ends_once_and_agrees_with_its_decision_and_its_work(work, cast, life):
    with pytest.raises(Over), transaction.atomic():
        item, states = work.refill(of=work.practice.prescriptions["metformin"]), ["received"]
        for who, act in life:
            before = everything()
            try:
                REFILL_ACTS[act](RefillRequestItem.objects.get(pk=item.pk), work.again(who))
            except Refusal:
                assert everything() == before, "a refused act leaves nothing behind"
            fresh = RefillRequestItem.objects.get(pk=item.pk)
            owed = WorkItem.objects.get(refill=item)
            decided = RefillDecision.objects.filter(item=item).first()
            assert fresh.state == states[-1] or states[-1] not in ENDS, "a final state was left"
            states.append(fresh.state)
            assert (decided.outcome if decided else None) == (
                fresh.state if fresh.state in ENDS - {"cancelled"} else None
            )
            assert owed.is_open == (fresh.state not in ENDS)
            assert Claim.objects.filter(item=owed, ended_at=None).count() == bool(
                owed.is_open and owed.owner_id
            )
            assert (fresh.state == "in_review") == bool(owed.is_open and owed.owner_id)
        raise Over
