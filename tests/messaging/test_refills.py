"""Asking for more of a medicine, and the one decision that answers it (RF1, RF4, RF8)."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from audit.models import AuditEvent
from messaging.clock import clinic_date
from messaging.models import (
    DenialReason,
    RefillDecision,
    RefillRequest,
    RefillRequestItem,
    RefillState,
    WorkItem,
)
from messaging.refusals import AlreadyDecided, ControlledSubstance, MayNot, NotOpenForDecision
from tests.work import words

DECISIONS = ("approved", "approved_with_changes", "replaced", "denied")
TERMS = {
    "approved": {},
    "approved_with_changes": {"quantity": 30},
    "replaced": {"note": "Lisinopril 10 mg instead, one each morning."},
    "denied": {"reason": "AM"},
}


def ask_page(order) -> str:
    return reverse("refill-new", args=[order.pk])


def decision(item) -> str:
    return reverse("refill-decision", args=[item.pk])


def test_asking_shows_what_happens_next_and_by_when(work, cast, enter):
    order = work.medicine(name="Amlodipine 5 mg")
    page = words(enter(cast.ana).post(ask_page(order), {"comment": "Three days left."}, follow=True))
    item = RefillRequestItem.objects.get()
    assert "We have your request." in page and "Three days left." in page
    assert "Your team answers" in page
    assert (item.state, item.eligibility, item.pool) == ("received", "OK_REFILL", work.pool("okafor"))
    assert WorkItem.objects.get(refill=item).due_at == item.due_at


def test_the_medicine_must_be_hers_whatever_the_page_said(work, cast, enter):
    """RF1: checked again on the server, for another patient's medicine and for one that is not there."""
    bens = work.medicine(patient="ben")
    for ref in (bens.pk, uuid4()):
        assert enter(cast.ana).get(reverse("refill-new", args=[ref])).status_code == 404
        assert enter(cast.ana).post(reverse("refill-new", args=[ref]), {}).status_code == 404
        sent = {"prescription": str(ref)}
        answer = enter(cast.ana).post(reverse("api-refills"), sent, content_type="application/json")
        assert answer.status_code == 404
    assert not RefillRequest.objects.exists()
    assert AuditEvent.objects.filter(type="refusal", patient_id=cast.patient("ben").pk).count() == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repeats_allowed": 1, "repeats_used": 1}, "RENEWAL_NEEDED"),
        ({"schedule": "II"}, "CII_NEW_RX"),
        ({"schedule": "IV", "repeats_allowed": 9, "repeats_used": 5}, "CIII_IV_LIMIT"),
        ({"valid_until": clinic_date() - timedelta(days=1)}, "RENEWAL_NEEDED"),
    ],
)
def test_what_asking_means_is_decided_by_the_server_and_kept(work, cast, changes, code):
    assert work.refill(of=work.medicine(**changes)).eligibility == code


def test_a_stopped_medicine_cannot_be_asked_for_and_the_page_says_to_call(work, cast, enter):
    order = work.medicine(stopped_on=clinic_date())
    browser = enter(cast.ana)
    page = browser.get(ask_page(order))
    assert "Call us before you take it again." in words(page)
    assert "<textarea" not in page.content.decode()
    answer = browser.post(ask_page(order), {"comment": "Please."})
    assert answer.status_code == 409
    assert "Call us and we will help." in words(answer)
    assert not RefillRequest.objects.exists()


def test_a_former_patient_is_told_to_call(work, cast, enter):
    order = work.medicine()
    patient = cast.patient("ana")
    patient.state = "inactive"
    patient.save()
    assert enter(cast.ana).post(ask_page(order), {}).status_code == 409


def test_asking_again_leads_to_the_request_that_stands(work, cast, enter):
    order = work.medicine()
    first = enter(cast.ana).post(ask_page(order), {})
    again = enter(cast.rosa).post(ask_page(order), {})
    item = RefillRequestItem.objects.get()
    assert first["Location"].startswith(item.get_absolute_url())
    assert again["Location"] == item.get_absolute_url()
    sent = {"prescription": str(order.pk)}
    answer = enter(cast.ana).post(reverse("api-refills"), sent, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_request")


def test_after_an_answer_she_may_ask_again(work, cast):
    item = work.refill()
    item.decide(by=cast.okafor, outcome="denied", reason="AD")
    assert work.refill(of=item.prescription).pk != item.pk


def test_pressing_the_button_twice_asks_once(work, cast, enter):
    order, form = work.medicine(), {"comment": "", "form_token": str(uuid4())}
    browser = enter(cast.ana)
    assert browser.post(ask_page(order), form)["Location"] == browser.post(ask_page(order), form)["Location"]
    assert RefillRequestItem.objects.count() == 1


@pytest.mark.parametrize(
    ("comment", "said"),
    [("c" * 1001, "1,000 letters or fewer. They have 1,001"), ("bell\x07", "hidden character")],
)
def test_a_comment_that_cannot_be_kept_says_why_and_stays(work, cast, enter, comment, said):
    answer = enter(cast.ana).post(ask_page(work.medicine()), {"comment": comment})
    assert answer.status_code == 422
    assert said in words(answer)
    assert comment.replace("\x07", "") in answer.content.decode()


def test_a_daughter_without_the_right_to_ask_finds_no_medicines(work, cast, enter):
    order = work.medicine(name="Amlodipine 5 mg")
    grant = cast.patient("ana").proxy_grants.get()
    grant.scopes = ["read", "write"]
    grant.save()
    browser = enter(cast.rosa)
    assert "Amlodipine 5 mg" not in words(browser.get(reverse("medicines")))
    assert browser.post(ask_page(order), {}).status_code == 404


@pytest.mark.parametrize("outcome", DECISIONS)
def test_each_outcome_reaches_the_patient_in_words(work, cast, enter, outcome):
    item = work.refill()
    form = {"outcome": outcome, **TERMS[outcome]}
    assert enter(cast.okafor, fresh="refill-decision").post(decision(item), form).status_code == 302
    made = RefillDecision.objects.get()
    assert (made.outcome, made.decided_by) == (outcome, cast.okafor)
    assert RefillRequestItem.objects.get().state == outcome
    assert WorkItem.objects.get(refill=item).state == "completed"
    page = words(enter(cast.ana).get(item.get_absolute_url()))
    assert str(RefillState(outcome).label) in page
    assert "Dr Chidi Okafor" in page
    expected = {
        "approved_with_changes": "New amount: 30.",
        "replaced": TERMS["replaced"].get("note"),
        "denied": str(DenialReason.VISIT_NEEDED.label),
    }
    assert expected.get(outcome, "") in page


@pytest.mark.parametrize("reason", DenialReason.values)
def test_every_reason_for_no_has_words_that_say_what_to_do(work, cast, enter, reason):
    label = str(DenialReason(reason).label)
    assert label.count(". ") >= 1 and label.endswith(".")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Choose your answer"),
        ({"outcome": "cancelled"}, "Choose your answer"),
        ({"outcome": "denied", "note": "Kept words."}, "Choose why"),
        ({"outcome": "denied", "reason": "ZZ", "note": "Kept words."}, "Choose a reason from the list"),
        (
            {"outcome": "approved_with_changes", "note": "Kept words."},
            "Write the amount or the number of refills",
        ),
        ({"outcome": "approved_with_changes", "quantity": "many"}, "Write the amount as a number"),
        ({"outcome": "approved_with_changes", "quantity": "0"}, "1"),
        ({"outcome": "approved_with_changes", "repeats": "-1"}, "0"),
        ({"outcome": "replaced"}, "Write what the patient gets instead"),
        ({"outcome": "approved", "note": "n" * 1001}, "1,000 letters or fewer"),
    ],
)
def test_an_incomplete_decision_says_what_is_missing_and_keeps_the_rest(work, cast, enter, form, said):
    item = work.refill()
    answer = enter(cast.okafor, fresh="refill-decision").post(decision(item), form)
    assert answer.status_code == 422
    assert said in words(answer)
    assert form.get("note", "") in answer.content.decode()
    assert not RefillDecision.objects.exists()
    assert RefillRequestItem.objects.get().state == "received"


def test_the_api_names_what_is_missing(work, cast, enter):
    item = work.refill()
    browser = enter(cast.okafor, fresh="refill-decision")
    address = reverse("api-refill-decision", args=[item.pk])
    for sent, status, code in (
        ({"outcome": "denied"}, 422, "incomplete"),
        ({"outcome": "replaced"}, 422, "incomplete"),
        ({"outcome": "approved", "quantity": 30}, 422, "incomplete"),
        ({"outcome": "replaced", "note": "Another.", "repeats": 2}, 422, "incomplete"),
        ({"outcome": "approved", "reason": "AM"}, 422, "incomplete"),
        ({"outcome": "maybe"}, 400, "invalid"),
        ({"outcome": "approved", "decided_by": str(cast.lund.pk)}, 400, "invalid"),
        ({"outcome": "approved_with_changes", "quantity": True}, 400, "invalid"),
        ({"outcome": "approved_with_changes", "quantity": 10**30}, 400, "invalid"),
    ):
        answer = browser.post(address, sent, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (status, code), sent
    assert not RefillDecision.objects.exists()


def test_what_a_page_hid_when_another_answer_was_chosen_is_no_part_of_the_decision(work, cast, enter):
    item = work.refill()
    form = {"outcome": "approved", "quantity": "30", "reason": "AM"}
    assert enter(cast.okafor, fresh="refill-decision").post(decision(item), form).status_code == 302
    made = RefillDecision.objects.get()
    assert (made.outcome, made.quantity, made.reason) == ("approved", None, "")


def test_a_decision_needs_the_second_step_shown_again_at_both_doors(work, cast, enter):
    item = work.refill()
    browser = enter(cast.okafor)
    page = browser.post(decision(item), {"outcome": "approved", "note": "Kept for after the code."})
    assert page.status_code == 302
    assert page["Location"].startswith(reverse("sign-in-again"))
    answer = browser.post(
        reverse("api-refill-decision", args=[item.pk]),
        {"outcome": "approved"},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
    assert not RefillDecision.objects.exists()


def test_what_was_decided_before_the_code_was_asked_for_is_still_there_after_it(work, cast, enter):
    item = work.refill()
    browser = enter(cast.okafor)
    at = reverse("refill", args=[item.pk])
    form = {"outcome": "replaced", "note": "Kept for after the code."}
    asked = browser.post(decision(item), form, headers={"Referer": f"http://testserver{at}"})
    assert (
        browser.post(asked["Location"], {"code": cast.code("okafor"), "for": "refill-decision"}).status_code
        == 302
    )
    page = browser.get(at)
    assert "Kept for after the code." in page.content.decode()
    assert browser.post(decision(item), form).status_code == 302


def test_only_a_prescriber_of_the_team_decides(work, cast):
    item = work.refill()
    for key in ("maya", "lund", "sam", "mira", "root", "ana", "rosa"):
        with pytest.raises(MayNot):
            item.decide(by=work.again(key), outcome="approved")
    assert not RefillDecision.objects.exists()


def test_a_prescriber_who_has_lost_the_role_decides_nothing(work, cast, enter):
    item, browser = work.refill(), enter(cast.okafor, fresh="refill-decision")
    cast.okafor.role_grants.get().withdraw(by=cast.root)
    assert browser.post(decision(item), {"outcome": "approved"}).status_code in (302, 403)
    assert not RefillDecision.objects.exists()


def test_a_schedule_two_medicine_is_never_approved(work, cast, enter):
    """21 CFR 1306.12(a)."""
    item = work.refill(of=work.medicine(schedule="II"))
    for outcome in ("approved", "approved_with_changes"):
        with pytest.raises(ControlledSubstance):
            item.decide(by=cast.okafor, outcome=outcome, **TERMS[outcome])
    browser = enter(cast.okafor, fresh="refill-decision")
    answer = browser.post(decision(item), {"outcome": "approved"})
    assert answer.status_code == 409
    assert "A schedule II medicine cannot be refilled." in words(answer)
    assert 'value="approved"' not in browser.get(reverse("refill", args=[item.pk])).content.decode()
    item.decide(by=cast.okafor, outcome="replaced", **TERMS["replaced"])


def test_the_patient_is_told_that_a_controlled_prescription_is_signed_elsewhere(work, cast, enter):
    item = work.refill(of=work.medicine(schedule="IV", repeats_used=0))
    item.decide(by=cast.okafor, outcome="approved")
    page = words(enter(cast.ana).get(item.get_absolute_url()))
    assert "Your prescriber signs the prescription" in page
    assert "Call your pharmacy before you go" not in page


def test_who_decides_second_is_told_and_changes_nothing(work, cast, enter):
    item = work.refill()
    item.decide(by=cast.okafor, outcome="approved")
    answer = enter(cast.okafor, fresh="refill-decision").post(
        decision(item), {"outcome": "denied", "reason": "AM"}
    )
    assert answer.status_code == 409
    assert "This request has already been decided." in words(answer)
    assert RefillDecision.objects.get().outcome == "approved"
    with pytest.raises(AlreadyDecided):
        item.cancel(by=cast.ana)


def test_a_request_that_was_taken_back_cannot_be_decided(work, cast, enter):
    item = work.refill()
    assert enter(cast.ana).post(reverse("refill-cancel", args=[item.pk])).status_code == 302
    with pytest.raises(NotOpenForDecision):
        item.decide(by=cast.okafor, outcome="approved")
    assert WorkItem.objects.get(refill=item).state == "cancelled"
    assert "You took the request back" in words(enter(cast.rosa).get(item.get_absolute_url()))


def test_who_holds_a_request_is_named_to_the_others(work, cast, enter):
    item = work.refill()
    enter(cast.maya).post(reverse("refill-claim", args=[item.pk]))
    answer = enter(cast.okafor).post(reverse("refill-claim", args=[item.pk]))
    assert answer.status_code == 409
    assert "Maya Chen is working on this." in words(answer)
    assert RefillRequestItem.objects.get().state == "in_review"


def test_a_decision_is_recorded_with_who_and_what_and_no_words(work, cast):
    item = work.refill(comment="kingfisher")
    item.decide(by=cast.okafor, outcome="replaced", note="heronry")
    event = AuditEvent.objects.get(type="record", subtype="decide")
    assert (event.agent_id, event.patient_id) == (str(cast.okafor.pk), cast.patient("ana").pk)
    assert event.additional_data["outcome"] == "replaced"
    for row in AuditEvent.objects.values():
        assert "kingfisher" not in str(row) and "heronry" not in str(row)


def test_the_patient_sees_each_state_of_her_request(work, cast):
    """RF8: with the moment of each, and who has it next."""
    from messaging.opened.medicines import open_refill

    def steps() -> list[tuple[str, str]]:
        fresh = RefillRequestItem.objects.select_related(
            "request", "prescription", "patient", "pool__team", "work"
        )
        return [(s.kind, s.status) for s in open_refill(fresh.get(pk=item.pk), reader=cast.ana).steps]

    item = work.refill()
    assert steps() == [("asked", "done"), ("review", "now"), ("answer", "later")]
    item.claim(by=cast.okafor)
    assert steps() == [("asked", "done"), ("review", "done"), ("answer", "now")]
    late = RefillRequestItem.objects.get()
    late.due_at = late.state_since - timedelta(days=1)
    late.save()
    assert steps()[-1] == ("answer", "late")
    item.decide(by=cast.okafor, outcome="approved")
    assert steps() == [("asked", "done"), ("answer", "done"), ("next", "now")]


LEGAL = {
    ("received", "in_review"),
    ("received", "cancelled"),
    ("in_review", "received"),
    ("in_review", "cancelled"),
}


def in_state(work, cast, state: str) -> RefillRequestItem:
    item = work.refill()
    if state == "in_review":
        item.claim(by=cast.okafor)
    elif state == "cancelled":
        item.cancel(by=cast.ana)
    elif state != "received":
        item.decide(by=cast.okafor, outcome=state, **TERMS[state])
    return item


@pytest.mark.parametrize("start", RefillState.values)
def test_the_database_refuses_every_other_move(work, cast, start):
    """RF4, in raw SQL, by the owner of the tables: also a decided state without its decision."""
    item = in_state(work, cast, start)
    moved = []
    for end in RefillState.values:
        if end == start:
            continue
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE messaging_refillrequestitem SET state = %s WHERE id = %s", [end, item.pk]
                )
                moved.append((start, end))
                raise Undone
        except (DatabaseError, Undone):
            continue
    assert set(moved) == {(a, b) for a, b in LEGAL if a == start}


class Undone(Exception):
    """Rolls back what the database allowed."""


def test_the_database_lets_no_request_begin_anywhere_but_at_the_beginning(work, cast):
    made = work.refill()
    made.cancel(by=cast.ana)
    for state in set(RefillState.values) - {"received"}:
        with pytest.raises(DatabaseError), transaction.atomic():
            RefillRequestItem.objects.create(
                request=made.request,
                patient=made.patient,
                prescription=made.prescription,
                pool=made.pool,
                eligibility="OK_REFILL",
                due_at=made.due_at,
                state=state,
            )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE messaging_refillrequestitem i SET prescription_id = p.id FROM messaging_prescription p "
        "WHERE p.id <> i.prescription_id",
        "UPDATE messaging_refillrequestitem i SET patient_id = p.id FROM accounts_patient p "
        "WHERE p.id <> i.patient_id",
        "UPDATE messaging_refillrequestitem SET state = 'lost'",
        "UPDATE messaging_prescription SET repeats_used = repeats_allowed + 1",
    ],
)
def test_the_database_keeps_a_request_with_its_medicine_and_its_patient(work, cast, change):
    work.refill()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_the_database_takes_no_decision_that_does_not_fit_its_outcome(work, cast):
    item = work.refill()
    item.claim(by=cast.okafor)
    wrong = [("denied", ""), ("approved", "AM"), ("replaced", "AM"), ("received", ""), ("cancelled", "")]
    for outcome, reason in wrong:
        with pytest.raises(DatabaseError), transaction.atomic():
            RefillDecision.objects.create(
                item=item, patient=item.patient, decided_by=cast.okafor, outcome=outcome, reason=reason
            )


def test_no_verb_moves_a_request_that_has_its_answer(work, cast):
    for end, outcome in product(("approved", "denied", "cancelled"), DECISIONS):
        item = in_state(work, cast, end)
        with pytest.raises((AlreadyDecided, NotOpenForDecision)):
            item.decide(by=cast.okafor, outcome=outcome, **TERMS[outcome])
        with pytest.raises(AlreadyDecided):
            item.claim(by=cast.okafor)
        with pytest.raises(AlreadyDecided):
            item.cancel(by=cast.ana)


def test_the_list_of_medicines_leads_to_the_answer(work, cast, enter):
    item = work.refill()
    browser = enter(cast.ana)
    listed = browser.get(reverse("medicines")).content.decode()
    assert item.get_absolute_url() in listed
    item.decide(by=cast.okafor, outcome="denied", reason="AM")
    page = browser.get(reverse("medicines")).content.decode()
    assert "See the answer to your last request" in page and item.get_absolute_url() in page
