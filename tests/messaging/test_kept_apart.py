"""What is kept from trusted people does not exist for them: no list, count, page, notice or refusal tells of it."""

from __future__ import annotations

import json
import uuid

import pytest
from django.urls import reverse

from accounts.models import Notification, ProxyGrant, Scope
from accounts.notices import Notice
from accounts.policy import addresses, declared
from audit.models import AuditEvent
from messaging.models import Thread
from messaging.refusals import MayNot, ReasonMissing

CANARY = "kestrel-over-the-weir"


@pytest.fixture
def kept(cast, work) -> Thread:
    """One conversation that Rosa may read, and one that she may not know of."""
    work.thread(subject="Ride to the visit", body="Can somebody drive me?")
    thread = work.thread(subject=CANARY, body=CANARY)
    thread.keep_from_trusted_people(by=cast.ana)
    thread.post(author=cast.maya, body=CANARY)
    return thread


def everything_rosa_can_open(client, thread: Thread) -> dict[str, tuple[int, str]]:
    """Every address of the portal, asked as a page, with the hidden conversation wherever one is named."""
    found = {}
    for route, pattern in addresses():
        rules = declared(pattern.callback) or {}
        kwargs = dict.fromkeys(pattern.pattern.converters, thread.pk)
        if "token" in kwargs:
            kwargs["token"] = "x" * 20
        for method in rules:
            if method not in ("get", "post") or pattern.name in ("sign-out", "language", "theme"):
                continue
            address = reverse(pattern.name, kwargs=kwargs)
            answer = getattr(client, method)(address)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            found[f"{method} {route}"] = (answer.status_code, body.decode(errors="replace"))
    return found


def test_no_surface_that_a_trusted_person_sees_tells_of_it(cast, enter, work, kept):
    client = enter(cast.rosa)
    # A page that is not there may say back the address that was asked for, so that no id is looked for.
    another = work.thread(subject=CANARY, confidential=True)
    seen = everything_rosa_can_open(client, kept)
    assert len(seen) > 30
    assert not [where for where, (_, body) in seen.items() if CANARY in body or str(another.pk) in body]
    for show in ("open", "closed"):
        assert str(kept.pk) not in client.get(f"/messages/?show={show}").content.decode()
    assert "Ride to the visit" in client.get("/messages/").content.decode()


def test_the_patient_and_her_team_read_it_as_ever(cast, enter, kept):
    assert CANARY in enter(cast.ana).get(f"/messages/{kept.pk}/").content.decode()
    page = enter(cast.okafor).get(f"/inbox/{kept.pk}/").content.decode()
    assert CANARY in page


@pytest.mark.parametrize(
    ("name", "method"),
    [("thread", "get"), ("thread-replies", "post"), ("api-thread", "get"), ("api-thread-messages", "post")],
)
def test_hidden_and_absent_are_the_same_answer(cast, enter, kept, name, method):
    client = enter(cast.rosa)
    hidden = getattr(client, method)(reverse(name, args=[kept.pk]))
    absent = getattr(client, method)(reverse(name, args=[uuid.uuid4()]))
    assert hidden.status_code == absent.status_code == 404
    strip = lambda answer: answer.content.decode().split("reference")[0]  # noqa: E731
    assert strip(hidden) == strip(absent)


def test_counts_leave_it_out(cast, enter, work, kept):
    def counted(client):
        return json.loads(client.get("/api/v1/threads/").content)["results"]

    assert len(counted(enter(cast.rosa))) == 1
    assert len(counted(enter(cast.ana))) == 2
    page = enter(cast.rosa).get("/messages/").content.decode()
    assert "Showing 1 open message" in page
    assert "New message" not in page


def test_no_notice_leaves_for_it_not_even_one_that_was_lined_up_before(cast, work):
    thread = work.thread(subject=CANARY)
    thread.post(author=cast.maya, body="Before.")
    early = Notification.objects.get(person=cast.rosa, notice=Notice.NEW_MESSAGE)
    assert early.is_wanted
    thread.keep_from_trusted_people(by=cast.ana)
    assert not early.is_wanted
    thread.refresh_from_db()
    thread.post(author=cast.maya, body="After.")
    assert Notification.objects.filter(person=cast.rosa, notice=Notice.NEW_MESSAGE).count() == 1
    assert Notification.objects.filter(person=cast.ana, notice=Notice.NEW_MESSAGE).count() == 2
    thread.share_again(by=cast.ana)
    assert early.is_wanted


def test_who_has_seen_the_record_says_nothing_of_it_to_a_trusted_person(cast, enter, work, kept):
    enter(cast.okafor).get(f"/inbox/{kept.pk}/")
    own = enter(cast.ana).get("/privacy/").content.decode()
    hers = enter(cast.rosa).get("/privacy/").content.decode()
    assert "Read your messages" in own and "Maya" in own
    assert "Read your messages" not in hers and "Maya" not in hers


def test_a_reply_that_was_being_written_finds_nothing(cast, work, kept):
    with pytest.raises(MayNot):
        kept.post(author=work.again("rosa"), body="Still here?")


def test_the_patient_shares_it_again_and_it_is_there(cast, enter, kept):
    kept.share_again(by=cast.ana)
    assert CANARY in enter(cast.rosa).get(f"/messages/{kept.pk}/").content.decode()
    assert AuditEvent.objects.filter(type="record", subtype="share-again").count() == 1


def test_a_clinician_gives_a_reason_and_the_patient_has_the_last_word(cast, work):
    thread = work.thread()
    for nobody in (cast.sam, cast.lund, cast.rosa):
        with pytest.raises((MayNot, ReasonMissing)):
            thread.keep_from_trusted_people(by=nobody, reason="so")
    with pytest.raises(ReasonMissing):
        thread.keep_from_trusted_people(by=cast.okafor)
    thread.keep_from_trusted_people(by=cast.okafor, reason="She asked for it on the phone.")
    assert not Thread.objects.of_patients_side(cast.rosa).exists()
    with pytest.raises(MayNot):
        thread.share_again(by=work.again("rosa"))
    thread.share_again(by=cast.ana)
    thread.keep_from_trusted_people(by=cast.ana)
    with pytest.raises(MayNot):
        thread.share_again(by=cast.okafor)
    assert not Thread.objects.of_patients_side(cast.rosa).exists()


def test_a_conversation_can_begin_apart(cast, work):
    thread = work.thread(confidential=True)
    assert thread.confidential
    assert not Thread.objects.of_patients_side(cast.rosa).exists()
    with pytest.raises(MayNot):
        work.thread(by="rosa", confidential=True)


def test_what_a_young_person_begins_is_hers_unless_she_says_otherwise(cast, work):
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.keeps_new_apart = True
    grant.save()
    assert work.thread().confidential
    assert not work.thread(confidential=False).confidential
    assert not work.thread(by="rosa").confidential


# Topics


def test_a_grant_for_some_topics_shows_and_takes_those_alone(cast, enter, work):
    visit = work.thread(about="appointment", subject="The ride", body="A ride, please.")
    other = work.thread(subject=CANARY)
    cast.patient("ana").trusts.get().change(
        scopes=[Scope.READ, Scope.WRITE], categories=["appointment"], by=cast.ana
    )
    client = enter(cast.rosa)
    assert client.get(f"/messages/{visit.pk}/").status_code == 200
    assert client.get(f"/messages/{other.pk}/").status_code == 404
    assert CANARY not in client.get("/messages/").content.decode()
    form = client.get("/messages/new/").content.decode()
    assert "appointment" in form and "medical_question" not in form
    sent = {"subject": "Hello", "body": "Hello", "patient": str(cast.patient("ana").pk)}
    assert client.post("/messages/new/", {**sent, "category": "medical_question"}).status_code == 403
    assert client.post("/messages/new/", {**sent, "category": "appointment"}).status_code == 302
    other.post(author=cast.maya, body="Not for her.")
    assert not Notification.objects.filter(person=cast.rosa, notice=Notice.NEW_MESSAGE).exists()
    visit.post(author=cast.sam, body="A ride is booked.")
    assert Notification.objects.filter(person=cast.rosa, notice=Notice.NEW_MESSAGE).count() == 1
