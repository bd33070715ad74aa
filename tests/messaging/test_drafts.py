"""A draft: sealed, its author's alone, kept every few seconds, and used up by sending it once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import ProxyGrant
from audit.context import SystemAgent
from audit.models import AuditEvent
from messaging.models import Category, Draft, InternalNote, Message, Thread
from messaging.models.writing import KEPT_LIMIT, MOST_NEW
from messaging.refusals import (
    DraftGone,
    DraftMovedOn,
    DraftTooLong,
    DraftUnfinished,
    MayNot,
    OwnRecord,
    TooManyDrafts,
)

TEXT = "kingfisher under the bridge"
CARETAKER = SystemAgent("system:test")


@pytest.fixture
def begun(work, cast):
    """Ana has begun a message and said that nothing urgent is happening."""
    return Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")


def finished(draft, author, *, subject="Knee", body=TEXT):
    draft.choose(by=author, category=Category.objects.get(code="medical_question"), pool=None)
    draft.keep(by=author, subject=subject, body=body)
    return Draft.objects.get(pk=draft.pk)


def test_what_is_kept_is_sealed_and_opens_under_a_recorded_reading_only(begun, cast):
    draft = finished(begun, cast.ana)
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject, body FROM messaging_draft")
        assert all(TEXT.encode() not in bytes(part) for part in cursor.fetchone())
    before = AuditEvent.objects.filter(type="access", data_category="draft").count()
    assert draft.words(reader=cast.ana).body == TEXT
    assert AuditEvent.objects.filter(type="access", data_category="draft").count() == before + 1


def test_typing_writes_no_events_but_beginning_sending_and_discarding_do(begun, cast):
    draft = finished(begun, cast.ana)
    events = AuditEvent.objects.count()
    for length in range(3):
        draft.keep(by=cast.ana, subject="Knee", body=TEXT[: 10 + length])
    assert AuditEvent.objects.count() == events
    other = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"))
    other.discard(by=cast.ana)
    done = AuditEvent.objects.filter(type="record", data_category="draft").order_by("recorded_at", "id")
    assert [event.subtype for event in done] == ["draft", "draft", "discard"]


def test_sending_it_makes_one_message_however_often_it_is_pressed(begun, cast):
    draft = finished(begun, cast.ana)
    first, second = draft.send(by=cast.ana), draft.send(by=cast.ana)
    assert first == second
    assert Thread.objects.count() == 1
    draft.refresh_from_db()
    assert draft.is_sent and draft.message == first
    assert draft.subject is None and draft.body is None


@pytest.mark.parametrize("step", ["urgent", "stop", "topic", "write"])
def test_what_is_unfinished_is_not_sent_and_says_what_is_missing(begun, cast, step):
    draft = finished(begun, cast.ana, body="" if step == "write" else TEXT)
    if step == "topic":
        Draft.objects.get(pk=draft.pk).choose(by=cast.ana, category=None, pool=None)
    if step == "stop":
        draft.answer(by=cast.ana, urgent="unsure")
    later = timedelta(hours=13) if step == "urgent" else timedelta()
    with time_machine.travel(timezone.now() + later, tick=True), pytest.raises(DraftUnfinished) as refused:
        Draft.objects.get(pk=draft.pk).send(by=cast.ana)
    assert refused.value.step == step
    assert not Thread.objects.exists()
    if step == "stop":
        draft.say_safe(by=cast.ana)
        assert Draft.objects.get(pk=draft.pk).send(by=cast.ana)


def test_newer_words_from_another_window_are_not_overwritten(begun, cast):
    draft = finished(begun, cast.ana)
    seen = draft.revision
    draft.keep(by=cast.ana, subject="Knee", body="Newer words.", seen=seen)
    with pytest.raises(DraftMovedOn):
        draft.keep(by=cast.ana, subject="Knee", body="Older words.", seen=seen)
    with pytest.raises(DraftMovedOn):
        Draft.objects.get(pk=draft.pk).send(by=cast.ana, seen=seen)
    kept = Draft.objects.get(pk=draft.pk)
    assert kept.words(reader=cast.ana).body == "Newer words."
    kept.keep(by=cast.ana, subject="Knee", body="Newer words.", seen=seen)  # the same words are no conflict


def test_a_draft_is_its_authors_alone_and_hers_only_while_she_may_write(work, cast):
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    draft = Draft.objects.begin(by=cast.rosa, patient=cast.patient("ana"), urgent="no")
    assert list(Draft.objects.visible_to(cast.rosa)) == [draft]
    assert not Draft.objects.visible_to(cast.ana).exists()
    assert not Draft.objects.visible_to(cast.okafor).exists()
    with pytest.raises(MayNot):
        draft.keep(by=cast.ana, subject="", body=TEXT)
    grant.end(by=CARETAKER)
    assert not Draft.objects.visible_to(work.again("rosa")).exists()
    with pytest.raises(MayNot):
        draft.keep(by=cast.rosa, subject="", body=TEXT)


def test_nobody_begins_a_draft_for_whom_she_may_not_write(work, cast):
    for stranger in (cast.ben, cast.okafor, cast.root):
        with pytest.raises(MayNot):
            Draft.objects.begin(by=stranger, patient=cast.patient("ana"))


def test_beginning_twice_from_one_form_is_beginning_once(work, cast):
    token, ana = uuid4(), cast.patient("ana")
    first = Draft.objects.begin(by=cast.ana, patient=ana, urgent="no", form_token=token)
    again = Draft.objects.begin(by=cast.ana, patient=ana, urgent="yes", form_token=token)
    assert first == again and again.must_stop
    again.discard(by=cast.ana)
    assert Draft.objects.begin(by=cast.ana, patient=ana, form_token=token) != first


def test_there_is_an_end_to_how_many_she_begins(work, cast):
    for n in range(MOST_NEW):
        last = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"))
        last.keep(by=cast.ana, subject="", body=f"Letter {n}")
    with pytest.raises(TooManyDrafts):
        Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"))
    last.discard(by=cast.ana)
    assert Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"))


def test_more_than_a_page_could_show_is_refused_and_what_was_kept_stays(begun, cast):
    draft = finished(begun, cast.ana)
    with pytest.raises(DraftTooLong):
        draft.keep(by=cast.ana, subject="Knee", body="b" * KEPT_LIMIT)
    assert Draft.objects.get(pk=draft.pk).words(reader=cast.ana).body == TEXT


def keep(cast, who, thread, kind, body=TEXT, **more):
    return Draft.objects.keep(by=cast[who], thread=thread, kind=kind, body=body, **more)


def test_there_is_one_draft_of_each_kind_in_a_conversation(work, cast):
    thread = work.thread()
    reply = keep(cast, "ana", thread, "reply")
    assert keep(cast, "ana", thread, "reply", "Other words.", seen=reply.revision) == reply
    answer, note = keep(cast, "maya", thread, "answer"), keep(cast, "maya", thread, "note")
    assert len({reply.pk, answer.pk, note.pk}) == Draft.objects.count() == 3
    assert keep(cast, "ana", thread, "reply", " ", seen=2) is None
    assert Draft.objects.standing().count() == 2


def test_a_reply_or_note_that_is_sent_uses_up_its_draft_and_no_other(work, cast):
    thread, token = work.thread(), uuid4()
    answer, note = keep(cast, "maya", thread, "answer", form_token=token), keep(cast, "maya", thread, "note")
    sent = thread.post(author=cast.maya, body="More than was kept.", form_token=token)
    answer.refresh_from_db()
    assert answer.is_sent and answer.message == sent
    assert Draft.objects.get(pk=note.pk).is_open
    thread.note(author=cast.maya, body=TEXT)  # the words tell, also from a page without scripts
    assert Draft.objects.get(pk=note.pk).is_sent


def test_words_that_arrive_beside_their_own_message_are_not_kept_again(work, cast):
    thread, token = work.thread(), uuid4()
    thread.post(author=cast.ana, body=TEXT, form_token=token)
    assert keep(cast, "ana", thread, "reply", form_token=token) is None
    assert not Draft.objects.exists()


def test_a_message_leaves_a_draft_of_other_words_alone(work, cast):
    thread = work.thread()
    draft = keep(cast, "ana", thread, "reply")
    thread.post(author=cast.ana, body="Sent from elsewhere.")
    assert Draft.objects.get(pk=draft.pk).words(reader=cast.ana).body == TEXT


@pytest.mark.parametrize(
    ("who", "kind", "refusal"),
    [
        ("ben", "reply", MayNot),
        ("lund", "answer", MayNot),
        ("ana", "answer", OwnRecord),
        ("maya", "reply", MayNot),
    ],
)
def test_a_draft_is_kept_only_on_ones_own_side(work, cast, who, kind, refusal):
    with pytest.raises(refusal):
        keep(cast, who, work.thread(), kind)
    assert not Draft.objects.exists()


@pytest.mark.parametrize("kind", ["reply", "answer", "note"])
def test_a_draft_in_a_conversation_is_sent_as_what_it_is(work, cast, kind):
    thread, who = work.thread(), "ana" if kind == "reply" else "maya"
    draft = keep(cast, who, thread, kind)
    sent = draft.send(by=cast[who])
    assert isinstance(sent, InternalNote if kind == "note" else Message)
    assert sent.thread == thread
    assert Draft.objects.get(pk=draft.pk).is_sent


def test_what_was_discarded_is_gone(begun, cast):
    draft = finished(begun, cast.ana)
    draft.discard(by=cast.ana)
    draft.discard(by=cast.ana)
    with pytest.raises(DraftGone):
        draft.send(by=cast.ana)
    with pytest.raises(DraftGone):
        draft.keep(by=cast.ana, subject="", body=TEXT)


def test_what_nobody_touched_for_90_days_is_removed(begun, cast):
    draft = finished(begun, cast.ana)
    sent = finished(Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no"), cast.ana)
    sent.send(by=cast.ana)
    for days, left in ((0, 2), (2, 1), (89, 1), (91, 0)):
        Draft.objects.clear(by=CARETAKER, at=timezone.now() + timedelta(days=days))
        assert Draft.objects.count() == left, days
    assert draft.pk and Message.objects.exists()
