"""Somebody changes the database behind the portal's back: nobody is shown a wrong text, and it is written down
(HSR-07)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from audit.models import AuditEvent
from audit.seals import UNREADABLE
from messaging.models import Message
from tests.work import words


def behind_our_back(statement: str, *params: object) -> None:
    """As a superuser could: past the triggers that keep what was said."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE messaging_message DISABLE TRIGGER stays")
        cursor.execute(statement, params)
        cursor.execute("ALTER TABLE messaging_message ENABLE TRIGGER stays")


@pytest.fixture
def conversation(work, cast):
    thread = work.thread(body="First words.")
    thread.post(author=cast.okafor, body="Second words.")
    thread.post(author=cast.ana, body="Third words.")
    return thread


def bodies() -> list[Message]:
    return list(Message.objects.exclude(side="system").order_by("sent_at"))


def broken_seals():
    return AuditEvent.objects.filter(type="security", subtype="seal-broken")


def test_one_bit_turned_over_hides_that_message_and_no_other(conversation, cast, enter):
    first = bodies()[0]
    behind_our_back(
        "UPDATE messaging_message SET body = set_bit(body, 400, 1 - get_bit(body, 400)) WHERE id = %s",
        first.pk,
    )
    for who, at in (("ana", "thread"), ("maya", "inbox-thread")):
        answer = enter(cast[who]).get(reverse(at, args=[conversation.pk]))
        assert answer.status_code == 200
        said = words(answer)
        assert str(UNREADABLE) in said
        assert "First words." not in said
        assert "Second words." in said and "Third words." in said
    assert {event.object_pk for event in broken_seals()} == {str(first.pk)}
    assert {event.patient_id for event in broken_seals()} == {cast.patient("ana").pk}


def test_two_texts_that_changed_places_are_both_hidden(conversation, cast, enter):
    first, second, _third = bodies()
    behind_our_back(
        "UPDATE messaging_message m SET body = o.body FROM messaging_message o "
        "WHERE (m.id, o.id) IN ((%s, %s), (%s, %s))",
        first.pk, second.pk, second.pk, first.pk,
    )  # fmt: skip
    told = enter(cast.ana).get(reverse("api-thread", args=[conversation.pk])).json()["messages"]
    said = [message["body"] for message in told if message["side"] != "system"]
    assert said == [str(UNREADABLE), str(UNREADABLE), "Third words."]


def test_a_message_moved_to_another_patient_opens_for_nobody(conversation, work, cast, enter):
    bens = work.thread(by="ben", body="Ben's own words.")
    stolen = bodies()[0]
    behind_our_back(
        "UPDATE messaging_message SET thread_id = %s, patient_id = %s WHERE id = %s",
        bens.pk, cast.patient("ben").pk, stolen.pk,
    )  # fmt: skip
    said = words(enter(cast.ben).get(bens.get_absolute_url()))
    assert "First words." not in said
    assert str(UNREADABLE) in said and "Ben&#39;s own words." in said


def test_what_is_no_seal_at_all_is_hidden_too(conversation, cast, enter):
    behind_our_back("UPDATE messaging_message SET body = 'plain text'::bytea WHERE id = %s", bodies()[0].pk)
    answer = enter(cast.ana).get(conversation.get_absolute_url())
    assert answer.status_code == 200
    assert "plain text" not in words(answer)


def test_a_subject_that_does_not_open_leaves_the_lists_standing(conversation, work, cast, enter):
    other = work.thread(subject="Another matter")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_thread SET subject = preview WHERE id = %s", [conversation.pk])
    for who, at in (("ana", "messages"), ("maya", "inbox")):
        answer = enter(cast[who]).get(reverse(at))
        assert answer.status_code == 200
        assert "Another matter" in words(answer)
        assert str(other.pk) in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_patient_whose_key_is_destroyed_is_forgotten_and_the_pages_stand(
    transactional_db, conversation, cast, enter
):
    from audit import keys
    from audit.models import DataKey

    for key in DataKey.objects.filter(owner_id=cast.patient("ana").pk):
        key.state, key.wrapped = DataKey.State.DESTROYED, b""
        key.save()
    keys.forget_all()
    answer = enter(cast.maya).get(reverse("inbox-thread", args=[conversation.pk]))
    assert answer.status_code == 200
    for gone in ("First words.", "Second words.", "Alvarez, born", "Headaches"):
        assert gone not in words(answer)
