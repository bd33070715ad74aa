"""A patient chooses who helps her, sees what they did and stops it; the desk writes down, pauses and bars."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import (
    Basis,
    Ended,
    Invitation,
    Notification,
    ProxyGrant,
    RelatedPerson,
    Scope,
    Trust,
    User,
)
from accounts.notices import Notice
from accounts.trusted import TRUST
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.work import words

NINA = {"name": "Nina Vale", "email": "nina@patients.example", "relationship": "friend"}
READS = {"scopes": ["read"], "which": "all", "ends_on": ""}
BORN = {"ana": "1958-03-14", "ben": "1984-11-02"}


def invite(client, **more) -> str:
    """Send the last of the three steps; the code that the page shows."""
    answer = client.post("/trusted/new/", {"step": "send", **NINA, **READS, **more})
    assert answer.status_code == 200, words(answer)
    found = re.search(r'class="code-shown"><b>([^<]+)</b>', answer.content.decode())
    return found.group(1) if found else ""


def rosas(cast) -> Trust:
    return Trust.objects.get(patient=cast.patient("ana"), proxy=cast.rosa)


# The patient's pages


def test_the_list_says_who_may_do_what_since_when_until_when_and_when_last(cast, enter, work):
    thread = work.thread()
    enter(cast.rosa).get(f"/messages/{thread.pk}/")
    said = words(enter(cast.ana).get("/trusted/"))
    assert "Rosa Alvarez" in said and "Your daughter" in said and "Has access" in said
    assert "read messages, write messages, ask for refills" in said
    assert "you stop it" in said and "Last used" in said and "never" not in said


def test_the_list_is_the_patients_alone(cast, enter):
    for who in (cast.rosa, cast.okafor, cast.mira):
        assert enter(who).get("/trusted/").status_code == 403
    trust = rosas(cast)
    for who in (cast.ben,):
        client = enter(who)
        assert client.get(f"/trusted/{trust.pk}/").status_code == 404
        assert client.post(f"/trusted/{trust.pk}/stop/").status_code == 404
    trust.refresh_from_db()
    assert trust.ended_at is None


def test_access_stops_at_once_without_a_reason_or_a_second_step(cast, enter, work):
    thread = work.thread()
    rosa = enter(cast.rosa)
    assert rosa.get(f"/messages/{thread.pk}/").status_code == 200
    assert enter(cast.ana).post(f"/trusted/{rosas(cast).pk}/stop/").status_code == 302
    assert rosa.get(f"/messages/{thread.pk}/").status_code in (403, 404)
    assert "No access any more" in words(enter(cast.ana).get("/trusted/"))


def test_the_patient_sees_what_her_trusted_person_did(cast, enter, work):
    thread = work.thread()
    rosa = enter(cast.rosa)
    rosa.get(f"/messages/{thread.pk}/")
    rosa.post(f"/messages/{thread.pk}/replies/", {"body": "She is better today."})
    said = words(enter(cast.ana).get(f"/trusted/{rosas(cast).pk}/"))
    assert "What Rosa Alvarez did" in said
    assert "Read your messages" in said and "Wrote a message" in said


def test_choosing_and_changing_ask_for_the_second_step_again_and_stopping_does_not(cast, enter):
    client, trust = enter(cast.ana), rosas(cast)
    for answer in (
        client.get("/trusted/new/"),
        client.post("/trusted/new/", {"step": "send", **NINA, **READS}),
        client.post(f"/trusted/{trust.pk}/", READS),
    ):
        assert answer.status_code == 302 and "/sign-in/again/" in answer["Location"]
    assert not Invitation.objects.exists()


def test_the_three_steps_carry_along_what_was_said_and_name_what_is_missing(cast, enter):
    client = enter(cast.ana, fresh=TRUST)
    assert "Step 1 of 3" in words(client.get("/trusted/new/"))
    answer = client.post("/trusted/new/", {"step": "who", **NINA, "email": "nobody"})
    assert answer.status_code == 422 and "Write a whole e-mail" in words(answer)
    answer = client.post("/trusted/new/", {"step": "who", **NINA})
    assert "Step 2 of 3" in words(answer) and "nina@patients.example" in answer.content.decode()
    answer = client.post("/trusted/new/", {"step": "what", **NINA, "which": "some"})
    assert answer.status_code == 422
    assert "Choose at least one thing" in words(answer) and "Choose at least one topic" in words(answer)
    yesterday = (timezone.now() - timedelta(days=2)).date().isoformat()
    answer = client.post("/trusted/new/", {"step": "what", **NINA, **READS, "ends_on": yesterday})
    assert answer.status_code == 422 and "still to come" in words(answer)
    answer = client.post("/trusted/new/", {"step": "what", **NINA, **READS, "scopes": ["write"]})
    assert "Step 3 of 3" in words(answer) and "read messages, write messages" in words(answer)
    answer = client.post("/trusted/new/", {"step": "back-who", **NINA, **READS})
    assert 'value="Nina Vale"' in answer.content.decode()
    answer = client.post("/trusted/new/", {"step": "back-what", **NINA, "scopes": ["write"], "which": "all"})
    assert 'value="write" checked' in answer.content.decode()
    assert not Trust.objects.filter(proxy=None).exists()


def test_nobody_is_invited_twice_and_nobody_invites_herself(cast, enter):
    client = enter(cast.ana, fresh=TRUST)
    assert invite(client)
    again = client.post("/trusted/new/", {"step": "send", **NINA, **READS})
    assert again.status_code == 409 and "invited this person already" in words(again)
    own = client.post("/trusted/new/", {"step": "send", **NINA, **READS, "email": "ANA@riverside.example"})
    assert own.status_code == 422 and "your own e-mail" in words(own)
    assert Trust.objects.filter(proxy=None).count() == 1


# The person who is invited


def test_somebody_with_an_account_takes_the_invitation_with_her_own_login(cast, enter, work):
    work.thread(subject="The swallow")
    code = invite(enter(cast.ana, fresh=TRUST), email="ben@riverside.example")
    ben = enter(cast.ben)
    assert ben.get("/trusted/").status_code == 200
    wrong = ben.post("/join/", {"code": code, "birth_date": BORN["ben"]})
    assert wrong.status_code == 422
    assert ben.post("/join/", {"code": code, "birth_date": BORN["ana"]}).status_code == 302
    trust = Trust.objects.get(proxy=cast.ben)
    assert trust.accepted_at is not None
    assert Notification.objects.filter(person=cast.ana, notice=Notice.TRUST_CHANGED).exists()
    ben.post("/account/acting/", {"patient": str(cast.patient("ana").pk)})
    page = ben.get("/messages/")
    assert "The swallow" in page.content.decode()
    assert "You are helping Ana Alvarez." in words(page)
    # The code is used up.
    assert enter(cast.lund).post("/join/", {"code": code, "birth_date": BORN["ana"]}).status_code == 422


def test_somebody_new_gets_a_login_of_her_own_and_her_name_stands_under_what_she_writes(cast, enter, work):
    from accounts import joining

    code = invite(enter(cast.ana, fresh=TRUST), scopes=["read", "write"])
    joining.send_mails(most=5)
    (letter,) = [one for one in mail.outbox if one.to == ["nina@patients.example"]]
    assert "Ana" not in letter.body and "Alvarez" not in letter.body
    invitation = Invitation.objects.get()
    nina = User.objects.enrol(email="nina@patients.example", password="over the weir at dusk", by=FOUNDER)
    client = enter(nina)
    assert client.post("/join/", {"code": code, "birth_date": BORN["ana"]}).status_code == 302
    invitation.refresh_from_db()
    assert invitation.used_at and invitation.email is None and invitation.name is None
    thread = work.thread()
    assert client.post(f"/messages/{thread.pk}/replies/", {"body": "I write for her."}).status_code == 302
    assert "Nina Vale" in words(enter(cast.ana).get(f"/messages/{thread.pk}/"))
    staff = words(enter(cast.okafor).get(f"/inbox/{thread.pk}/"))
    assert "Nina Vale, friend of Ana Alvarez" in staff


def test_a_new_code_opens_and_the_old_one_does_not(cast, enter):
    client = enter(cast.ana, fresh=TRUST)
    old = invite(client)
    trust = Trust.objects.get(proxy=None)
    page = client.post(f"/trusted/{trust.pk}/invite/").content.decode()
    new = re.search(r'class="code-shown"><b>([^<]+)</b>', page).group(1)
    ben = enter(cast.ben)
    assert ben.post("/join/", {"code": old, "birth_date": BORN["ana"]}).status_code == 422
    assert ben.post("/join/", {"code": new, "birth_date": BORN["ana"]}).status_code == 302


def test_a_stopped_invitation_opens_nothing(cast, enter):
    client = enter(cast.ana, fresh=TRUST)
    code = invite(client)
    client.post(f"/trusted/{Trust.objects.get(proxy=None).pk}/stop/")
    assert enter(cast.ben).post("/join/", {"code": code, "birth_date": BORN["ana"]}).status_code == 422
    assert "Nina" not in words(client.get("/trusted/"))


# On every road, at the next request


def stopped(cast):
    rosas(cast).end(by=cast.ana)


def paused(cast):
    rosas(cast).freeze(by=cast.sam, reason="Two daughters, two papers.")


def run_out(cast):
    ProxyGrant.objects.filter(proxy=cast.rosa).update(ends_at=timezone.now())


def barred(cast):
    rosas(cast).end(by=cast.sam, because=Ended.BARRED)


def narrowed(cast):
    rosas(cast).change(scopes=[Scope.HISTORY], by=cast.ana)


ROADS = {
    "page": lambda client, thread: client.get(f"/messages/{thread.pk}/"),
    "list": lambda client, thread: client.get("/api/v1/threads/?side=patient"),
    "api": lambda client, thread: client.get(f"/api/v1/threads/{thread.pk}/"),
    "form": lambda client, thread: client.post(f"/messages/{thread.pk}/replies/", {"body": "Still here"}),
    "api-form": lambda client, thread: client.post(
        f"/api/v1/threads/{thread.pk}/messages/", {"body": "Still here"}, content_type="application/json"
    ),
    "medicines": lambda client, thread: client.get("/medicines/"),
    "new": lambda client, thread: client.post(
        "/messages/new/", {"category": "appointment", "subject": "x", "body": "y"}
    ),
}


@pytest.mark.parametrize("event", [stopped, paused, run_out, barred, narrowed])
def test_a_grandmother_is_cut_off_while_her_page_is_open(cast, enter, work, event):
    thread = work.thread(subject="The kingfisher")
    thread.post(author=cast.maya, body="Lined up before.")
    waiting = Notification.objects.get(person=cast.rosa, notice=Notice.NEW_MESSAGE)
    client = enter(cast.rosa)
    assert ROADS["page"](client, thread).status_code == 200 and waiting.is_wanted
    before = thread.messages.count()
    began = time.monotonic()
    event(cast)
    answers = {road: ask(client, thread) for road, ask in ROADS.items()}
    assert time.monotonic() - began < 8  # seven roads, each at once
    shown = {road: a.status_code for road, a in answers.items() if "kingfisher" in a.content.decode()}
    assert shown == {}
    assert {a.status_code for road, a in answers.items() if road in ("page", "api", "form", "api-form")} <= {
        403,
        404,
    }
    assert thread.messages.count() == before
    assert not waiting.is_wanted


def test_what_she_may_not_do_is_not_offered(cast, enter, work):
    work.thread()
    rosas(cast).change(scopes=[Scope.READ], by=cast.ana)
    page = enter(cast.rosa).get("/messages/").content.decode()
    assert "/medicines/" not in page and "/privacy/" not in page
    assert enter(cast.rosa).get("/privacy/").status_code == 403


# The one who helps


def test_she_sees_what_she_may_do_and_can_give_it_back(cast, enter):
    client = enter(cast.rosa)
    said = words(client.get("/account/"))
    assert "Ana Alvarez" in said and "You may: read messages, write messages" in said
    assert client.post(f"/account/helping/{rosas(cast).pk}/end/").status_code == 302
    assert rosas(cast).ended_because == Ended.GIVEN_BACK
    assert client.get("/messages/").status_code == 403


def test_a_pause_is_all_she_learns_and_a_bar_is_not_even_that(cast, enter):
    paused(cast)
    client = enter(cast.rosa)
    said = words(client.get("/account/"))
    assert "Your access is paused" in said and "Two daughters" not in said
    barred(cast)
    assert "Ana" not in words(client.get("/account/"))
    told = Notification.objects.filter(person=cast.rosa, notice=Notice.HELP_CHANGED)
    assert told.count() == 1  # of the pause


# The desk


def find(client, number="RC-104417", born=BORN["ana"]):
    return client.post("/desk/trusted/", {"record_number": number, "birth_date": born})


def test_the_desk_finds_a_patient_by_two_things_and_sees_her_trusted_people(cast, enter):
    sam = enter(cast.sam)
    assert find(sam, born="1958-03-15").status_code == 422
    answer = find(sam)
    assert answer.status_code == 302
    said = words(sam.get(answer["Location"]))
    assert "Rosa Alvarez" in said and "Daughter" in said
    assert find(enter(cast.mira)).status_code == 302
    for nobody in (cast.okafor, cast.ana, cast.rosa, cast.root):
        assert find(enter(nobody)).status_code == 403


def test_a_pause_stops_one_person_and_never_the_patient(cast, enter, work):
    thread = work.thread()
    trust, mira = rosas(cast), enter(cast.mira)
    assert mira.post(f"/desk/trusts/{trust.pk}/pause/", {"reason": ""}).status_code == 422
    assert mira.post(f"/desk/trusts/{trust.pk}/pause/", {"reason": "A dispute."}).status_code == 302
    assert enter(cast.rosa).get(f"/messages/{thread.pk}/").status_code in (403, 404)
    assert enter(cast.ana).get(f"/messages/{thread.pk}/").status_code == 200
    assert "A dispute." in words(mira.get(f"/desk/trusted/{trust.patient_id}/"))
    assert "Paused by the clinic" in words(enter(cast.ana).get("/trusted/"))
    assert mira.post(f"/desk/trusts/{trust.pk}/go-on/")["Location"].startswith("/sign-in/again/")
    mira = enter(cast.mira, fresh=TRUST)
    assert mira.post(f"/desk/trusts/{trust.pk}/go-on/").status_code == 302
    assert enter(cast.rosa).get(f"/messages/{thread.pk}/").status_code == 200
    kinds = AuditEvent.objects.filter(type="trust", patient_id=trust.patient_id).values_list(
        "subtype", flat=True
    )
    assert {"freeze", "unfreeze"} <= set(kinds)


def test_who_is_paused_or_trusted_does_no_work_at_the_desk_on_that_record(cast, enter):
    Trust.objects.give(
        patient=cast.patient("ana"), proxy=cast.sam, relationship="son", scopes=[Scope.READ], by=FOUNDER
    ).freeze(by=cast.mira, reason="A dispute.")
    sam = enter(cast.sam, fresh=TRUST)
    assert find(sam).status_code == 422
    assert sam.get(f"/desk/trusted/{cast.patient('ana').pk}/").status_code == 404
    assert sam.post(f"/desk/trusts/{Trust.objects.get(proxy=cast.sam).pk}/go-on/").status_code == 404


def test_a_parent_is_written_down_with_a_paper_and_the_child_grows(cast, enter, work):
    cast.patient("ben").correct_birth_date(date.today() - timedelta(days=8 * 365), by=FOUNDER)
    sam, at = enter(cast.sam, fresh=TRUST), f"/desk/trusted/{cast.patient('ben').pk}/new/"
    form = {**NINA, **READS, "relationship": "mother", "basis": "parent", "ground": "", "document": ""}
    refused = sam.post(at, form)
    assert refused.status_code == 422 and "which paper" in words(refused)
    answer = sam.post(at, {**form, "document": "Birth certificate, folder 12"})
    assert answer.status_code == 200 and "Birth certificate" in words(answer)
    trust = Trust.objects.get(patient=cast.patient("ben"))
    assert trust.basis == Basis.PARENT and trust.age_table
    # The patient is told, without a word about what.
    trust.accept(by=FOUNDER, proxy=cast.rosa)
    assert Notification.objects.filter(person=cast.ben, notice=Notice.TRUST_CHANGED).exists()
    assert trust.grants.count() == 2


def test_two_parents_have_two_rights_and_a_barred_one_cannot_come_back(cast, enter):
    trust = rosas(cast)
    assert enter(cast.sam).post(f"/desk/trusts/{trust.pk}/bar/").status_code == 302
    code = invite(enter(cast.ana, fresh=TRUST), email="rosa@riverside.example")
    answer = enter(cast.rosa).post("/join/", {"code": code, "birth_date": BORN["ana"]})
    assert answer.status_code in (410, 422)
    assert not Trust.objects.filter(proxy=cast.rosa, ended_at=None).exists()


def test_names_of_trusted_people_open_for_nobody_else(cast, enter):
    trust = rosas(cast)
    for who in (cast.lund, cast.root, cast.ben):
        client = enter(who)
        for address in (f"/desk/trusted/{trust.patient_id}/", f"/trusted/{trust.pk}/"):
            answer = client.get(address)
            assert answer.status_code in (403, 404) and "Rosa" not in answer.content.decode()
    assert RelatedPerson.objects.filter(user=cast.rosa).exists()
