"""A form's token makes a second press harmless, and swallows nothing else that is sent under it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from messaging.models import InternalNote, Message, RefillRequest, Thread

FIRST, SECOND = "Headaches since Friday.", "They are gone since noon."
AGAIN = "You already sent something else from this page."


@pytest.fixture(params=["reply", "team reply", "note", "refill"])
def form(request, work, cast, enter):
    """A form of that sort, sent by who may: `form(words, token)` is the answer; `form.kept()` counts what is kept."""
    return Form(request.param, work, cast, enter)


class Form:
    def __init__(self, sort, work, cast, enter) -> None:
        self.field = "comment" if sort == "refill" else "body"
        self.browser = enter(cast[{"team reply": "okafor", "note": "maya"}.get(sort, "ana")])
        self.table = {"note": InternalNote, "refill": RefillRequest}.get(sort, Message)
        if sort == "refill":
            self.addresses = [reverse("refill-new", args=[work.medicine().pk]) for _ in range(2)]
        else:
            name = {"reply": "thread-replies", "team reply": "inbox-replies", "note": "inbox-notes"}[sort]
            self.addresses = [reverse(name, args=[work.thread().pk]) for _ in range(2)]
        self.before = self.table.objects.count()

    def __call__(self, words: str, token: str, *, elsewhere: bool = False):
        address = self.addresses[-1 if elsewhere else 0]
        return self.browser.post(address, {self.field: words, "form_token": token})

    def kept(self) -> int:
        """How many were written, without the automatic answers."""
        rows = self.table.objects.all()
        if self.table is Message:
            rows = rows.exclude(side="system")
            return rows.count() - (self.before + 1) // 2
        return rows.count()


def test_the_same_words_pressed_twice_are_kept_once(form):
    token = str(uuid4())
    first, second = form(FIRST, token), form(FIRST, token)
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert form.kept() == 1


def test_other_words_under_the_same_token_are_refused_and_shown_again_to_be_sent(form):
    token = str(uuid4())
    form(FIRST, token)
    answer = form(SECOND, token)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert AGAIN in page and SECOND in page
    assert form.kept() == 1


def test_the_same_words_to_another_place_are_refused(form):
    token = str(uuid4())
    form(FIRST, token)
    assert form(FIRST, token, elsewhere=True).status_code == 409
    assert form.kept() == 1
    assert form(FIRST, str(uuid4()), elsewhere=True).status_code == 302


def test_the_form_that_is_shown_after_a_refusal_can_be_sent(work, cast, enter):
    import re

    thread, token, ana = work.thread(), str(uuid4()), enter(cast.ana)
    address = reverse("thread-replies", args=[thread.pk])
    ana.post(address, {"body": FIRST, "form_token": token})
    page = ana.post(address, {"body": SECOND, "form_token": token}).content.decode()
    (fresh,) = re.findall(r'name="form_token" value="([^"]+)"', page)
    assert ana.post(address, {"body": SECOND, "form_token": fresh}).status_code == 302
    assert Message.objects.filter(side="patient").count() == 3


def test_programs_are_told_by_name(work, cast, enter):
    thread, ana, order = work.thread(), enter(cast.ana), work.medicine()
    about = {"category": "medical_question", "subject": "Headaches"}
    for address, field, more in (
        (reverse("api-threads"), "body", about),
        (reverse("api-thread-messages", args=[thread.pk]), "body", {}),
        (reverse("api-refills"), "comment", {"prescription": str(order.pk)}),
    ):
        token = str(uuid4())
        answers = [
            ana.post(address, {**more, field: words, "form_token": token}, content_type="application/json")
            for words in (FIRST, FIRST, SECOND)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 409]
        assert answers[0].json() == answers[1].json()
        assert answers[2].json()["code"] == "form_used"


def test_a_token_of_a_reply_begins_no_conversation(work, cast, enter):
    """One table keeps both: the reply's thread must not be taken for the new one."""
    thread, token, ana = work.thread(), str(uuid4()), enter(cast.ana)
    ana.post(reverse("thread-replies", args=[thread.pk]), {"body": FIRST, "form_token": token})
    letter = {"category": "refill", "subject": "Other", "body": FIRST, "form_token": token}
    answer = ana.post(reverse("api-threads"), letter, content_type="application/json")
    assert answer.status_code == 409
    assert Thread.objects.count() == 1
