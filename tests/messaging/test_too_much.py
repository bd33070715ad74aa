"""How much somebody does in a while is counted by account, over pages and programs together (G21)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from messaging.models import Message
from tests.work import words


@pytest.fixture
def few(settings):
    settings.TRY_LIMITS = {
        **settings.TRY_LIMITS,
        **dict.fromkeys(
            ("write-patient", "write-team", "search", "save-conversation"), (2, timedelta(hours=1))
        ),
    }


def test_what_a_patient_writes_is_counted_over_every_road(few, work, cast, enter):
    thread, metformin = work.thread(), work.practice.prescriptions["metformin"]
    ana = enter(cast.ana)
    page, api = reverse("thread-replies", args=[thread.pk]), reverse("api-thread-messages", args=[thread.pk])
    assert ana.post(page, {"body": "The second"}).status_code == 302
    third = ana.post(page, {"body": "The third of an hour"})
    assert third.status_code == 429
    assert "very often in a short time" in words(third) and "The third of an hour" in third.content.decode()
    by_program = ana.post(api, json.dumps({"body": "The fourth"}), content_type="application/json")
    assert by_program.status_code == 429
    assert by_program.json()["code"] == "too_much" and int(by_program["Retry-After"]) > 3_000
    assert ana.post(reverse("refill-new", args=[metformin.pk]), {"comment": ""}).status_code == 429
    assert Message.objects.filter(author=cast.ana).count() == 2
    # Her daughter and her team are counted for themselves.
    assert enter(cast.rosa).post(page, {"body": "From Rosa"}).status_code == 302
    assert (
        enter(cast.okafor)
        .post(reverse("inbox-replies", args=[thread.pk]), {"body": "I look into it."})
        .status_code
        == 302
    )
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert enter(cast.ana).post(page, {"body": "An hour later"}).status_code == 302


def test_what_was_refused_does_not_count(few, work, cast, enter):
    thread, ana = work.thread(), enter(cast.ana)
    page = reverse("thread-replies", args=[thread.pk])
    for _ in range(4):
        assert ana.post(page, {"body": ""}).status_code == 422
    assert ana.post(page, {"body": "The second"}).status_code == 302


def test_looking_and_saving_have_an_end_too(few, work, cast, enter):
    thread, ana = work.thread(), enter(cast.ana, fresh="export")
    search = reverse("message-search")
    assert [ana.post(search, {"look_for": "dizzy"}).status_code for _ in range(3)] == [200, 200, 429]
    assert 'value="dizzy"' in ana.post(search, {"look_for": "dizzy"}).content.decode()
    assert ana.get(search).status_code == 200
    saves = [
        ana.post(reverse(name, args=[thread.pk])).status_code
        for name in ("thread-data", "thread-pdf", "thread-data")
    ]
    assert saves == [200, 200, 429]
    assert "Save as a PDF" in words(ana.post(reverse("thread-pdf", args=[thread.pk])))
