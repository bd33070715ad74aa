"""Conversations leave one's own list, and nobody else's, until somebody writes in them (PT11)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from messaging.models import PutAway
from tests.work import words


@pytest.fixture
def thread(work):
    return work.thread(subject="Old headaches")


def inbox(browser, show: str = "") -> str:
    return words(browser.get(reverse("messages"), {"show": show} if show else {}))


def test_what_is_put_away_leaves_ones_own_list_alone(thread, cast, enter):
    ana, rosa = enter(cast.ana), enter(cast.rosa)
    assert ana.post(reverse("thread-put-away", args=[thread.pk])).status_code == 302
    assert "Old headaches" not in inbox(ana)
    assert "Off my list (1)" in inbox(ana) and "Open (0)" in inbox(ana)
    assert "Old headaches" in inbox(ana, "away")
    assert "Old headaches" in inbox(rosa) and "Off my list (" not in inbox(rosa)
    assert "Old headaches" in words(enter(cast.maya).get(reverse("inbox"))), "the team still owes an answer"


def test_a_new_message_brings_it_back_and_so_does_its_owner(thread, cast, enter):
    ana = enter(cast.ana)
    away, out = (reverse(name, args=[thread.pk]) for name in ("thread-put-away", "thread-take-out"))
    ana.post(away)
    thread.post(author=cast.maya, body="How are you?")
    assert "Old headaches" in inbox(ana)
    ana.get(reverse("thread", args=[thread.pk]))
    assert ana.post(away).status_code == 302
    assert "Old headaches" not in inbox(ana)
    assert ana.post(out).status_code == 302
    assert ana.post(out).status_code == 302, "again changes nothing"
    assert "Old headaches" in inbox(ana)
    assert PutAway.objects.filter(taken_out_at=None).count() == 0


def test_what_is_new_is_not_put_out_of_sight(thread, cast, enter):
    thread.post(author=cast.maya, body="Please call us.")
    ana = enter(cast.ana)
    answer = ana.post(reverse("thread-put-away", args=[thread.pk]))
    # The answer shows the conversation, so the news has been read now.
    assert answer.status_code == 409
    assert "There is a new message" in words(answer)
    assert ana.post(reverse("thread-put-away", args=[thread.pk])).status_code == 302


def test_an_empty_shelf_says_so(cast, enter, work):
    assert "Nothing is off your list" in inbox(enter(cast.ana), "away")
    assert enter(cast.ana).get(reverse("messages"), {"show": "nowhere"}).status_code == 404
