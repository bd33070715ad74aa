"""Staff who are patients, or help one: on that record they stand on the patient's side and do no work (details 29)."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.urls import reverse

from messaging.models import InternalNote, Message, RefillDecision, Thread
from messaging.refusals import AlreadyDecided, MayNot, OwnRecord
from tests.work import words

CANARY = "kingfisher-under-the-bridge"


def helped(cast, *, by: str, scopes=("read", "write", "refill")) -> None:
    """`by` helps Ana from now on."""
    from accounts.models import ProxyGrant

    ProxyGrant.objects.give(
        patient=cast.patient("ana"),
        proxy=cast[by],
        relationship="sister",
        scopes=list(scopes),
        ground="her own wish",
        by=cast.ana,
    )


def own(cast, *, of: str) -> None:
    """Ana's record is that of `of` from now on: she works where she is cared for."""
    patient = cast.patient("ana")
    patient.user = cast[of]
    patient.save(update_fields=["user"])


@pytest.fixture(params=["helper", "helper who may only read", "patient"])
def near(request, cast, work):
    """Maya, a nurse of the team, on the patient's side of a record that her team works."""
    if request.param == "patient":
        own(cast, of="maya")
    else:
        helped(cast, by="maya", scopes=["read"] if "only" in request.param else ["read", "write", "refill"])
    return work.again("maya")


@pytest.fixture
def theirs(work):
    """A conversation and a request of Ana's, begun before anybody's place changed."""
    return work.thread(), work.refill()


def refusals(person) -> list[str]:
    from audit.models import AuditEvent

    found = AuditEvent.objects.filter(type="refusal", actor=person.pk).order_by("recorded_at")
    return list(found.values_list("outcome_reason", flat=True))


@pytest.mark.parametrize("act", ["thread", "replies", "notes", "claim", "release", "close"])
def test_in_the_team_inbox_a_record_near_to_her_does_not_exist_and_the_trail_says_why(
    theirs, near, enter, work, act
):
    thread, _ = theirs
    browser, address = enter(near), reverse(f"inbox-{act}", args=[thread.pk])
    answer = browser.get(address) if act == "thread" else browser.post(address, {"body": CANARY})
    assert answer.status_code == 404
    assert refusals(near) == ["own-record"]
    assert Message.objects.exclude(side="system").count() == 1
    assert not InternalNote.objects.exists()
    assert (work.item(thread).owner, Thread.objects.get().state) == (None, "open")


def test_lists_and_counts_leave_her_own_record_out_and_agree(theirs, near, enter, work, cast):
    others = [work.thread(by="ben") for _ in range(2)]
    cast.team("okafor").care_for(patient=cast.patient("ben"), by=cast.root)
    for thread in others:
        thread.pool = work.pool("okafor")
        thread.save(update_fields=["pool"])
        item = work.item(thread)
        item.pool = work.pool("okafor")
        item.save(update_fields=["pool"])
    for browser, waiting, hers in ((enter(near), 2, False), (enter(cast.okafor), 3, True)):
        page = browser.get(reverse("inbox"))
        assert f"{waiting} waiting" in words(page)
        assert ("Ana Alvarez" in words(page)) == hers
        assert len(browser.get(reverse("api-threads"), {"side": "team"}).json()["results"]) == waiting
        assert ("Ana Alvarez" in words(browser.get(reverse("refills")))) == hers


def test_a_colleague_named_as_family_is_kept_away_and_gets_nothing_by_it(theirs, enter, cast, work):
    thread, _ = theirs
    work.item(thread).claim(by=cast.maya)
    page = reverse("desk-patient-family", args=[cast.patient("ana").pk])
    assert enter(cast.okafor).post(page, {"person": str(cast.maya.pk)}).status_code == 302
    assert work.item(thread).owner is None
    maya = enter(cast.maya)
    assert maya.get(reverse("inbox-thread", args=[thread.pk])).status_code == 404
    assert maya.get(reverse("desk-patient", args=[cast.patient("ana").pk])).status_code == 404
    assert refusals(cast.maya) == ["own-record", "own-record"]
    assert maya.get(reverse("messages")).status_code == 403
    assert enter(cast.okafor).get(reverse("inbox-thread", args=[thread.pk])).status_code == 200


def test_a_colleague_does_the_same_work(theirs, near, enter, cast):
    thread, _ = theirs
    for act in ("claim", "replies", "notes", "close"):
        address = reverse(f"inbox-{act}", args=[thread.pk])
        answer = enter(cast.okafor).post(address, {"body": CANARY, "outcome": "answered"})
        assert answer.status_code == 302
    assert Message.objects.get(author=cast.okafor).side == "team"


@pytest.mark.parametrize("scopes", [["read", "write"], ["read"]])
def test_the_patients_pages_take_her_words_as_the_patients_or_not_at_all(theirs, enter, cast, scopes):
    thread, _ = theirs
    helped(cast, by="maya", scopes=scopes)
    answer = enter(cast.maya).post(
        reverse("thread-replies", args=[thread.pk]), {"body": "When is my next visit?"}
    )
    assert answer.status_code == (302 if "write" in scopes else 403)
    said = Message.objects.filter(author=cast.maya)
    assert [message.side for message in said] == (["patient"] if "write" in scopes else [])


@pytest.mark.parametrize("scopes", [["read", "write"], ["read"]])
def test_at_the_programs_door_what_she_is_to_the_patient_decides(theirs, enter, cast, scopes):
    thread, _ = theirs
    helped(cast, by="maya", scopes=scopes)
    address = reverse("api-thread-messages", args=[thread.pk])
    answer = enter(cast.maya).post(address, {"body": CANARY}, content_type="application/json")
    assert answer.status_code == (201 if "write" in scopes else 403)
    said = Message.objects.filter(author=cast.maya)
    assert [message.side for message in said] == (["patient"] if "write" in scopes else [])


@pytest.mark.parametrize("side", ["helper", "patient"])
def test_nobody_decides_on_her_own_medicine_at_either_door(theirs, enter, cast, work, side):
    _, item = theirs
    own(cast, of="okafor") if side == "patient" else helped(cast, by="okafor", scopes=["read"])
    browser = enter(work.again("okafor"), fresh="refill-decision")
    assert browser.post(reverse("refill-claim", args=[item.pk])).status_code == 404
    page = browser.post(reverse("refill-decision", args=[item.pk]), {"outcome": "approved"})
    assert page.status_code == 404
    address = reverse("api-refill-decision", args=[item.pk])
    told = browser.post(address, {"outcome": "approved"}, content_type="application/json")
    assert told.status_code == 404
    assert set(refusals(cast.okafor)) == {"own-record"}
    with pytest.raises(OwnRecord):
        item.decide(by=work.again("okafor"), outcome="approved")
    assert not RefillDecision.objects.exists()


def test_on_which_side_somebody_of_the_staff_is_stands_on_every_page_with_the_way_over(near, enter, cast):
    browser, own = enter(near), cast.patient("ana").user_id == near.pk
    inbox = words(browser.get(reverse("inbox")))
    assert "Not at work" in inbox and ("Own record" if own else "Whom you are helping") in inbox
    assert "You are helping" not in inbox and "Back to work" not in inbox
    for name in ("messages", "privacy") if own else ("messages",):
        answer = browser.get(reverse(name))
        page = words(answer)
        assert "Back to work" in page and "Team inbox" not in page
        said = "You are here as a patient." if own else "You are helping Ana Alvarez."
        assert said in page and 'aria-current="page"' in answer.content.decode()
        assert 'name="session-idle" content="900"' in answer.content.decode(), "the hours of staff hold"
    # Whoever has no such side is offered none, and somebody who does not work here reads nothing of work.
    assert "Not at work" not in words(enter(cast.okafor).get(reverse("inbox")))
    assert "Back to work" not in words(enter(cast.rosa).get(reverse("messages")))


def test_help_that_has_ended_stands_in_nobodys_way(theirs, enter, cast):
    thread, _ = theirs
    helped(cast, by="maya")
    cast.patient("ana").proxy_grants.get(proxy=cast.maya).end(by=cast.root)
    address = reverse("inbox-notes", args=[thread.pk])
    assert enter(cast.maya).post(address, {"body": CANARY}).status_code == 302


@pytest.mark.parametrize("act", ["claim the conversation", "claim the request", "decide"])
def test_care_that_ended_while_a_page_was_open_ends_the_work(theirs, cast, work, act):
    """The verbs ask again under their own lock: what the page was allowed may be over."""
    thread, item = theirs
    acts = {
        "claim the conversation": lambda: work.item(thread).claim(by=cast.okafor),
        "claim the request": lambda: item.claim(by=cast.okafor),
        "decide": lambda: item.decide(by=cast.okafor, outcome="approved"),
    }
    with transaction.atomic():
        acts[act]()
        transaction.set_rollback(True)
    cast.patient("ana").care_relationships.get(team=cast.team("okafor")).end(by=cast.root)
    with pytest.raises((MayNot, AlreadyDecided)):
        acts[act]()


@pytest.mark.parametrize("name", ["api-threads", "api-refills"])
def test_a_program_asks_for_the_list_of_either_side(theirs, enter, cast, name):
    thread, item = theirs
    ref = thread.pk if name == "api-threads" else item.pk
    helped(cast, by="lund")  # her team does not work Ana's record
    lund, address = enter(cast.lund), reverse(name)

    def listed(**query) -> list[str]:
        return [row["id"] for row in lund.get(address, query).json()["results"]]

    assert listed(side="patient") == [str(ref)]
    assert listed(side="team") == listed() == []


@pytest.mark.parametrize("name", ["api-threads", "api-refills"])
def test_the_list_of_a_side_one_is_not_on_is_refused(theirs, enter, cast, name):
    assert enter(cast.ana).get(reverse(name), {"side": "team"}).status_code == 403
    assert enter(cast.maya).get(reverse(name), {"side": "patient"}).status_code == 403
    assert enter(cast.ana).get(reverse(name), {"side": "system"}).status_code == 404
