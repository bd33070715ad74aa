"""Somebody who helps several: what is for one patient stays out of the record of another."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import ProxyGrant
from audit.context import SystemAgent
from audit.models import AuditEvent
from messaging.models import Message, Thread
from tests.letters import begin, send, write
from tests.work import words

FOUNDER = SystemAgent("system:test")


@pytest.fixture
def helps_both(work, cast):
    """Rosa helps her mother, and Ben as well."""
    return ProxyGrant.objects.give(
        patient=cast.patient("ben"),
        proxy=cast.rosa,
        relationship="friend",
        scopes=["read", "write", "refill"],
        ground="her own wish",
        by=FOUNDER,
    )


def act_for(browser, patient) -> None:
    answer = browser.post(reverse("account-acting"), {"patient": str(patient.pk)})
    assert answer.status_code == 302


def written_on(page) -> dict[str, str]:
    found = re.search(r'name="patient" value="([^"]+)"', page.content.decode())
    assert found
    return {
        "category": "medical_question",
        "subject": "Her knee",
        "body": "It is swollen again.",
        "patient": found[1],
    }


def test_what_was_written_for_one_patient_is_not_sent_for_another(helps_both, cast, enter):
    browser = enter(cast.rosa)
    act_for(browser, cast.patient("ana"))
    form = written_on(browser.get(reverse("message-new")))
    assert form["patient"] == str(cast.patient("ana").pk)
    act_for(browser, cast.patient("ben"))
    refused = write(browser, form)
    assert refused.status_code == 409
    assert "written for another person" in words(refused)
    assert not Thread.objects.exists()
    act_for(browser, cast.patient("ana"))
    assert write(browser, form).status_code == 302
    assert Thread.objects.get().patient == cast.patient("ana")


def test_a_draft_stays_with_its_patient_whomever_its_writer_helps_meanwhile(helps_both, cast, enter):
    browser = enter(cast.rosa)
    act_for(browser, cast.patient("ana"))
    form = written_on(browser.get(reverse("message-new")))
    ref = begin(browser, patient=form["patient"])
    browser.post(reverse("draft-topic", args=[ref]), form)
    act_for(browser, cast.patient("ben"))
    browser.post(reverse("draft-text", args=[ref]), form)
    page = browser.get(reverse("draft-check", args=[ref]))
    assert "This message is about Ana Alvarez." in words(page)
    assert form["subject"] not in words(browser.get(reverse("drafts"))), (
        "the list is of the one she helps now"
    )
    assert send(browser, ref).status_code == 302
    assert Thread.objects.get().patient == cast.patient("ana")


def test_a_grant_that_ended_leaves_nothing_with_somebody_else(helps_both, cast, enter):
    browser = enter(cast.rosa)
    act_for(browser, cast.patient("ben"))
    form = written_on(browser.get(reverse("message-new")))
    helps_both.end(by=FOUNDER)
    assert write(browser, form).status_code == 409
    assert not Thread.objects.exists()


def test_a_draft_for_somebody_who_took_back_her_trust_is_not_found(helps_both, cast, enter):
    browser = enter(cast.rosa)
    act_for(browser, cast.patient("ben"))
    form = written_on(browser.get(reverse("message-new")))
    ref = begin(browser, patient=form["patient"])
    browser.post(reverse("draft-text", args=[ref]), form)
    helps_both.end(by=FOUNDER)
    for step in ("urgent", "topic", "text", "check"):
        assert browser.get(reverse(f"draft-{step}", args=[ref])).status_code == 404
        assert browser.post(reverse(f"draft-{step}", args=[ref]), form).status_code == 404
    assert not Thread.objects.exists()


@pytest.mark.parametrize(("named", "status"), [("ana", 201), ("ben", 409), (None, 409)])
def test_the_api_asks_a_helper_of_several_for_whom(helps_both, cast, enter, named, status):
    browser = enter(cast.rosa)
    act_for(browser, cast.patient("ana"))
    sent = {"category": "medical_question", "subject": "Knee", "body": "Swollen.", "form_token": str(uuid4())}
    if named:
        sent["patient"] = str(cast.patient(named).pk)
    answer = browser.post(reverse("api-threads"), sent, content_type="application/json")
    assert answer.status_code == status
    assert Thread.objects.count() == (status == 201)


def test_somebody_with_one_record_need_not_say_whose(work, cast, enter):
    sent = {"category": "medical_question", "subject": "Knee", "body": "Swollen."}
    assert write(enter(cast.ana), sent).status_code == 302


def test_a_helper_who_is_a_patient_here_lends_her_name_and_not_her_record(work, cast, enter):
    """Ben helps Ana. Whoever reads what he wrote for her has not read his record."""
    ProxyGrant.objects.give(
        patient=cast.patient("ana"),
        proxy=cast.ben,
        relationship="friend",
        scopes=["read", "write"],
        ground="her own wish",
        by=FOUNDER,
    )
    thread = work.thread(by="ben", patient="ana")
    browser = enter(cast.maya)
    assert "Ben Whitfield" in words(browser.get(reverse("inbox-thread", args=[thread.pk])))
    enter(cast.ana).get(reverse("thread", args=[thread.pk]))
    read = AuditEvent.objects.filter(type="access", agent_id__in=[str(cast.maya.pk), str(cast.ana.pk)])
    assert {event.patient_id for event in read} == {cast.patient("ana").pk}
    assert Message.objects.filter(author=cast.ben).exists()


def test_the_front_desk_sees_no_medicines_beside_a_conversation(work, cast, enter):
    work.refill(of=work.practice.prescriptions["metformin"])
    desk, nurse = work.thread(about="appointment"), work.thread()
    beside = words(enter(cast.sam).get(reverse("inbox-thread", args=[desk.pk])))
    assert "Care team" in beside and "Metformin" not in beside
    assert "Metformin" in words(enter(cast.maya).get(reverse("inbox-thread", args=[nurse.pk])))
    told = AuditEvent.objects.filter(
        type="access", data_category="medicine", patient_id=cast.patient("ana").pk
    )
    assert [event.agent_id for event in told] == [str(cast.maya.pk)]
