"""In every state of a conversation its patient can write, or is told whom to call (PT10)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import ProxyGrant
from messaging.models import Amendment, Draft, PutAway, Thread, Withdrawal
from messaging.tasks import watch_unread
from tests.files import samples
from tests.files.conftest import fetch
from tests.files.test_sending_files import chosen
from tests.letters import begin, hidden, ref_of, send
from tests.work import words


def begun(work, cast):
    return work.thread()


def taken(work, cast):
    thread = work.thread()
    work.item(thread).claim(by=cast.maya)
    return thread


def answered(work, cast):
    thread = work.thread()
    thread.post(author=cast.maya, body="Rest a little.")
    return thread


def finished(work, cast):
    thread = answered(work, cast)
    thread.close(by=cast.maya, outcome="answered")
    return thread


def finished_unanswered(work, cast):
    thread = work.thread()
    thread.close(by=cast.maya, outcome="phoned")
    return thread


def opened_again(work, cast):
    thread = finished(work, cast)
    thread.post(author=cast.ana, body="It is back.")
    return thread


def taken_back(work, cast):
    thread = work.thread()
    Withdrawal.objects.take_back(thread, thread.messages.get(author=cast.ana), by=cast.ana)
    return thread


def put_away(work, cast):
    thread = work.thread()
    PutAway.objects.put(thread, by=cast.ana)
    return thread


def corrected(work, cast):
    thread = work.thread()
    Amendment.objects.write(thread, thread.messages.get(author=cast.ana), by=cast.ana, body="As I meant it.")
    return thread


STATES = [
    begun,
    taken,
    answered,
    finished,
    finished_unanswered,
    opened_again,
    taken_back,
    put_away,
    corrected,
]
LATER = {"at once": 0, "when it is late": 10, "long after": settings.REOPEN_WITHIN.days + 30}


@pytest.mark.parametrize("days", LATER.values(), ids=LATER)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_state_has_a_way_to_write(work, cast, enter, state, days):
    thread = state(work, cast)
    with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
        watch_unread()
        ana = enter(cast.ana)
        page = ana.get(reverse("thread", args=[thread.pk]))
        said = page.content.decode()
        assert page.status_code == 200
        (box,) = re.findall(r'<form[^>]*action="([^"]*/replies/)"', said)
        assert "tel:" in said, "and whom to call stands there as well"
        seen = re.search(r'name="seen" value="([^"]+)"', said)
        sent = {"body": "I still have a question about my results.", "seen": seen[1] if seen else ""}
        answer = ana.post(box, sent)
        assert answer.status_code == 302, words(answer)
        after = ana.get(answer["Location"])
        assert sent["body"] in words(after)
        heard = Thread.objects.latest("last_message_at")
        assert heard.is_open and heard.items.get(state__in=["requested", "accepted"])


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_who_may_only_read_is_told_whom_to_call(work, cast, enter, state):
    thread = state(work, cast)
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = ["read"]
    grant.save(update_fields=["scopes"])
    said = enter(work.again("rosa")).get(reverse("thread", args=[thread.pk])).content.decode()
    assert "/replies/" not in said
    assert "You can read this conversation, and not write in it" in said


def test_what_ended_long_ago_goes_on_in_a_new_conversation_that_is_linked(work, cast, enter):
    thread = finished(work, cast)
    ana = enter(cast.ana)
    old = reverse("thread", args=[thread.pk])
    with time_machine.travel(timezone.now() + settings.REOPEN_WITHIN, tick=False):
        ana = enter(cast.ana)
        assert "Send as a new message" in ana.get(old).content.decode()
        sent = {"body": "The headaches are back.", "form_token": "7d1fa6c3-93b5-4f2e-9c8f-2d5f2a1b0c11"}
        first = ana.post(reverse("thread-replies", args=[thread.pk]), sent)
        again = ana.post(reverse("thread-replies", args=[thread.pk]), sent)
        assert first["Location"] == again["Location"], "a second press finds what the first began"
        later = Thread.objects.get(follows=thread)
        assert (later.pool, later.category, later.patient) == (thread.pool, thread.category, thread.patient)
        page = words(ana.get(first["Location"]))
        assert "Headaches" in page and "See the earlier conversation" in page
        assert "It goes on in a newer conversation" in words(ana.get(old))
        thread.refresh_from_db()
        assert not thread.is_open, "the old one stays as it ended"
        program = ana.post(
            reverse("api-thread-messages", args=[thread.pk]),
            {"body": "Hello?"},
            content_type="application/json",
        )
        assert (program.status_code, program.json()["code"]) == (409, "too_long_ago")


def test_a_day_before_the_limit_a_reply_still_opens_it_again(work, cast, enter):
    thread = finished(work, cast)
    with time_machine.travel(timezone.now() + settings.REOPEN_WITHIN - timedelta(days=1), tick=False):
        ana = enter(cast.ana)
        ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "The headaches are back."})
        thread.refresh_from_db()
        assert thread.is_open
        assert not Thread.objects.filter(follows=thread).exists()


def test_the_files_and_the_words_of_a_reply_that_came_too_late_go_along(work, cast, enter):
    thread = finished(work, cast)
    with time_machine.travel(timezone.now() + settings.REOPEN_WITHIN, tick=False):
        ana, place = enter(cast.ana), reverse("thread-replies", args=[thread.pk])
        ana.post(
            reverse("thread-draft", args=[thread.pk]), {"body": "The headaches are back.", "revision": 0}
        )
        ana.post(
            reverse("thread-files", args=[thread.pk]),
            {"body": "The headaches are back.", "files": chosen(samples.png(), "diary.png")},
        )
        sent = {"body": "The headaches are back.", "files": chosen(samples.photo(), "rash.jpg")}
        after = ana.get(ana.post(place, sent)["Location"])
        assert {"diary.png", "rash.jpg"} <= set(words(after).split())
        later = Thread.objects.get(follows=thread)
        message = later.messages.get(author=cast.ana)
        assert message.attachments.count() == 2
        assert not thread.attachments.exists()
        assert not Draft.objects.standing().exists(), "what was sent is no draft any more"
        assert fetch(enter(cast.maya), message.attachments.first())


@pytest.mark.parametrize("days", [0, settings.REOPEN_WITHIN.days + 30], ids=["at once", "long after"])
@pytest.mark.parametrize("person", ["ana", "rosa"])
@pytest.mark.parametrize("state", [finished, finished_unanswered], ids=lambda state: state.__name__)
def test_every_finished_conversation_can_be_gone_on_from_with_a_new_message(
    work, cast, enter, state, person, days
):
    thread = state(work, cast)
    with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
        browser = enter(cast[person])
        said = browser.get(reverse("thread", args=[thread.pk])).content.decode()
        link = re.search(r'<a href="([^"]+)">Start a new message about this', said)[1]
        asked = browser.get(link)
        begun = browser.post(reverse("message-new"), {**hidden(asked), "now": "no"})
        page = browser.get(begun["Location"])
        assert 'value="Headaches"' in page.content.decode()
        assert "See the earlier conversation" in words(page)
        ref = ref_of(begun)
        browser.post(begun["Location"], {**hidden(page), "subject": "Headaches", "body": "They are back."})
        check = browser.get(reverse("draft-check", args=[ref]))
        assert "Okafor" in words(check) and "See the earlier conversation" in words(check)
        assert send(browser, ref).status_code == 302
        later = Thread.objects.get(follows=thread)
        assert (later.category, later.pool) == (thread.category, thread.pool)
        assert later.messages.filter(author=cast[person]).count() == 1
        thread.refresh_from_db()
        assert not thread.is_open


def test_what_is_open_or_not_hers_cannot_be_gone_on_from(work, cast, enter):
    thread = work.thread()
    offer = "Start a new message about this"
    assert offer not in enter(cast.ana).get(reverse("thread", args=[thread.pk])).content.decode()
    ben = enter(cast.ben)
    for answer in (
        ben.get(reverse("message-new"), {"follows": str(thread.pk)}),
        ben.post(reverse("message-new"), {"follows": str(thread.pk), "now": "no"}),
    ):
        assert answer.status_code == 404
    assert ben.get(reverse("message-new"), {"follows": "nonsense"}).status_code == 200
    assert not Draft.objects.exists()


def test_what_goes_on_from_something_kept_apart_is_kept_apart_and_hidden_from_who_began_it(work, cast, enter):
    thread = finished(work, cast)
    rosa, ana = enter(cast.rosa), enter(cast.ana)
    begin(rosa, follows=str(thread.pk))
    assert "Headaches" in words(rosa.get(reverse("drafts")))
    thread.keep_from_trusted_people(by=cast.ana)
    assert "Headaches" not in words(rosa.get(reverse("drafts")))
    ref = begin(ana, follows=str(thread.pk))
    ana.post(reverse("draft-text", args=[ref]), {"subject": "Headaches", "body": "They are back."})
    check = ana.get(reverse("draft-check", args=[ref]))
    assert 'name="apart" value="yes" checked' in check.content.decode()
    ana.post(reverse("draft-check", args=[ref]), {**hidden(check), "apart": "yes"})
    assert Thread.objects.get(follows=thread).confidential
