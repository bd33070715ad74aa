"""A new message can be kept from trusted people before it is sent, by the patient alone."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import ProxyGrant
from messaging.models import Draft, Thread
from tests.letters import hidden, send
from tests.messaging.test_new_message import at, written
from tests.work import words

ASKED = "Keep this from my trusted people"


@pytest.fixture
def ana(cast, enter, work):
    return enter(cast.ana)


@pytest.mark.parametrize("ticked", [True, False])
def test_the_last_page_asks_and_what_she_ticks_is_done(ana, cast, ticked):
    ref = written(ana)
    page = ana.get(at("check", ref))
    assert ASKED in words(page) and "These people can read it too: Rosa" in words(page)
    sent = {**hidden(page), **({"apart": "yes"} if ticked else {})}
    assert ana.post(at("check", ref), sent).status_code == 302
    thread = Thread.objects.get()
    assert thread.confidential is ticked
    assert Thread.objects.of_patients_side(cast.rosa).exists() is not ticked


def test_what_she_ticked_is_kept_when_she_turns_back_and_when_it_cannot_be_sent(ana, cast):
    ref = written(ana)
    form = hidden(ana.get(at("check", ref)))
    saved = ana.post(at("check", ref), {**form, "apart": "yes", "autosave": "yes"})
    assert (saved.status_code, saved.headers["X-Draft-Revision"]) == (200, form["revision"])
    page = ana.get(at("check", ref))
    assert 'name="apart" value="yes" checked' in page.content.decode()
    assert "These people can read it too" not in words(page), "who cannot read it is not named"
    moved = ana.post(at("check", ref), {**form, "revision": "999"})
    assert moved.status_code == 409
    assert Draft.objects.get().confidential is False, "and taking the tick away is kept as well"
    saved = ana.post(at("check", ref), {**form, "apart": "yes", "save": "yes"})
    assert "Draft saved" in words(ana.get(saved["Location"]))
    assert not Thread.objects.exists()


def test_it_is_asked_of_nobody_else_and_of_nobody_who_trusts_nobody(ana, cast, enter):
    rosa = enter(cast.rosa)
    ref = written(rosa)
    page = rosa.get(at("check", ref))
    assert page.status_code == 200 and ASKED not in words(page)
    forged = rosa.post(at("check", ref), {**hidden(page), "asks_apart": "yes", "apart": "yes"})
    assert forged.status_code == 403
    assert not Thread.objects.exists()
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = ["write"]
    grant.save(update_fields=["scopes"])
    assert ASKED not in words(ana.get(at("check", written(ana))))


def test_where_her_age_keeps_it_apart_she_can_share_it_from_the_beginning(ana, cast):
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.keeps_new_apart = True
    grant.save()
    ref = written(ana)
    assert 'name="apart" value="yes" checked' in ana.get(at("check", ref)).content.decode()
    assert send(ana, ref).status_code == 302
    assert not Thread.objects.latest("opened_at").confidential, "she took the tick away"


def test_a_program_says_it_too_and_a_trusted_one_may_not(ana, cast, enter):
    sent = {"category": "medical_question", "subject": "Knee", "body": "Swollen.", "confidential": True}
    place = reverse("api-threads")
    answer = enter(cast.rosa).post(place, sent, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "may_not")
    assert ana.post(place, sent, content_type="application/json").status_code == 201
    assert Thread.objects.get().confidential
