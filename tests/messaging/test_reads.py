"""Every page that shows something is written down, one event a patient shown: none missing, none doubled
(AU1, HSR-06). That nothing is shown when the event cannot be written is held in tests/audit."""

from __future__ import annotations

from collections import Counter

import pytest
from django.urls import reverse

from accounts.policy import addresses, declared
from audit.models import AuditEvent

# (who, address): the readings it is, as (patient, category, subtype).
READS = {
    ("ana", "messages"): [("ana", "message", "list")],
    ("ana", "thread"): [("ana", "message", "read")],
    ("ana", "medicines"): [("ana", "medicine", "list")],
    ("ana", "refill-new"): [("ana", "medicine", "read")],
    ("ana", "refill-request"): [("ana", "refill", "read")],
    ("ana", "message-new"): [],
    ("ana", "message-correct"): [("ana", "message", "read")],
    ("ana", "drafts"): [("ana", "draft", "list")],
    ("ana", "draft"): [],
    ("ana", "draft-urgent"): [],
    ("ana", "draft-stop"): [],
    ("ana", "draft-topic"): [],
    ("ana", "draft-nurse"): [],
    ("ana", "draft-text"): [("ana", "draft", "read")],
    ("ana", "draft-check"): [("ana", "draft", "read")],
    ("ana", "message-sent"): [],
    ("maya", "absences"): [],
    ("ana", "thread-print"): [("ana", "message", "read")],
    ("ana", "message-search"): [("ana", "message", "search")],
    ("ana", "file"): [("ana", "attachment", "download")],
    ("okafor", "api-file"): [("ana", "attachment", "download")],
    ("ana", "api-thread-files"): [],  # none is waiting to be sent
    ("ana", "api-draft-files"): [],
    ("root", "teams"): [],
    ("root", "team"): [],
    ("ana", "api-threads"): [("ana", "message", "list")],
    ("ana", "api-thread"): [("ana", "message", "read")],
    ("ana", "api-thread-messages"): [("ana", "message", "read")],
    ("ana", "api-refills"): [("ana", "refill", "list")],
    ("ana", "api-refill"): [("ana", "refill", "read")],
    ("rosa", "messages"): [("ana", "message", "list")],
    ("rosa", "thread"): [("ana", "message", "read")],
    ("rosa", "medicines"): [("ana", "medicine", "list")],
    ("ben", "messages"): [("ben", "message", "list")],
    ("maya", "inbox"): [("ana", "message", "list"), ("carl", "message", "list")],
    # The conversation beside the list is a reading of its own.
    ("maya", "inbox-thread"): [
        ("ana", "message", "list"),
        ("carl", "message", "list"),
        ("ana", "message", "read"),
        # What stands beside it is one more: her medicines are shown.
        ("ana", "medicine", "read"),
    ],
    ("maya", "inbox-version"): [],
    ("maya", "inbox-apart"): [],
    ("maya", "inbox-correct"): [("ana", "message", "read")],
    ("okafor", "refills"): [("ana", "refill", "list"), ("carl", "refill", "list")],
    ("okafor", "refill"): [("ana", "refill", "read")],
    ("okafor", "api-threads"): [("ana", "message", "list"), ("carl", "message", "list")],
    ("okafor", "api-thread"): [("ana", "message", "read")],
    ("okafor", "api-thread-messages"): [("ana", "message", "read")],
    ("okafor", "api-refills"): [("ana", "refill", "list"), ("carl", "refill", "list")],
    ("okafor", "api-refill"): [("ana", "refill", "read")],
    ("sam", "inbox"): [("ana", "message", "list")],
    ("lund", "inbox"): [("ben", "message", "list")],
}
# Addresses of other apps, whose own tests hold them to the same.
ELSEWHERE = (
    "help",
    "accessibility",
    "sign-",
    "password-",
    "passkey-",
    "desk-",
    "account",
    "privacy",
    "trusted",
    "audit-",
    "home",
    "join",
    "patient-account",
    "patient-new",
    "of-age",
    "people",
    "person",
    "reason",
    "role-requests",
    "healthz",
    "theme",
    "language",
    "stay",
    "keep",
    "terms",
    "api-schema",
)


@pytest.fixture
def busy(work, cast):
    """Two patients of Dr Okafor's and one of Dr Lund's, each with a conversation and a request."""
    from accounts.models import Patient, User
    from audit.context import SystemAgent
    from messaging.models import Category, Draft, Thread

    by = SystemAgent("system:test")
    user = User.objects.enrol(email="carl@riverside.example", password=None, by=by)
    carl = Patient.objects.register(
        name="Carl Ives", birth_date="1990-01-01", record_number="RC-1", user=user, by=by
    )
    cast.team("okafor").care_for(patient=carl, is_primary=True, by=by)
    cast.clinic.users["carl"], cast.clinic.patients["carl"] = user, carl
    work.item_of_ana = work.refill(of=work.practice.prescriptions["metformin"])
    work.thread_of_ana = work.thread()
    draft = Draft.objects.begin(
        by=cast.ana, patient=cast.patient("ana"), urgent="no", category=work.thread_of_ana.category
    )
    work.draft_of_ana = draft.keep(by=cast.ana, subject="Knee", body="It is swollen.")
    work.thread(about="appointment")
    work.thread(by="ben")
    category = Category.objects.get(code="test_result")
    Thread.objects.start(by=user, patient=carl, category=category, subject="Blood", body="What does it mean?")
    work.order_of_carl = order_of(work, carl)
    from messaging.models import RefillRequest

    RefillRequest.objects.ask(by=user, prescription=work.order_of_carl)
    return work


def order_of(work, patient):
    from audit.seals import seal
    from messaging.models import Prescription

    model = work.practice.prescriptions["metformin"]
    fields = ("team", "prescriber", "quantity", "days_supply", "issued_on", "valid_until")
    order = Prescription(patient=patient, **{name: getattr(model, name) for name in fields})
    for name in ("medicine", "directions"):
        setattr(order, name, seal("Ibuprofen 400 mg", into=order, field=name))
    order.save(force_insert=True)
    return order


def address(work, name: str) -> str:
    route = next(route for route, pattern in addresses() if pattern.name == name)
    if "<" not in route:
        return reverse(name)
    if name.endswith("-correct"):
        author = {"message-correct": "ana", "inbox-correct": "maya"}[name]
        message = work.thread_of_ana.messages.filter(author=work.cast[author]).first()
        if message is None:
            message = work.thread_of_ana.post(author=work.cast[author], body="Thank you.")
        return reverse(name, args=[work.thread_of_ana.pk, message.pk])
    if name == "refill-new":
        return reverse(name, args=[work.item_of_ana.prescription_id])
    if name.startswith(("draft-", "api-draft-")) or name == "draft":
        return reverse(name, args=[work.draft_of_ana.pk])
    if name in ("file", "api-file"):
        return reverse(name, args=[work.file(work.thread_of_ana).pk])
    if name == "team":
        return reverse(name, args=[work.cast.team("okafor").pk])
    return reverse(name, args=[work.item_of_ana.pk if "refill" in name else work.thread_of_ana.pk])


def readings(of_whom) -> AuditEvent:
    return AuditEvent.objects.filter(type="access", agent_id=str(of_whom.pk))


def test_every_page_of_the_work_is_in_this_table():
    shown = {
        pattern.name
        for _, pattern in addresses()
        if "get" in (declared(pattern.callback) or {}) and not pattern.name.startswith(ELSEWHERE)
    }
    assert shown == {name for _, name in READS}


@pytest.mark.parametrize(("who", "name"), READS)
def test_a_page_is_written_down_once_for_each_patient_on_it(busy, cast, enter, who, name):
    browser, at = enter(cast[who]), address(busy, name)
    browser.get(at)  # what is opened for the first time may give receipts as well
    before = set(readings(cast[who]).values_list("pk", flat=True))
    # A draft's own address leads to the step at which one goes on.
    assert browser.get(at).status_code == (302 if name == "draft" else 200)
    events = readings(cast[who]).exclude(pk__in=before)
    expected = [(cast.patient(key).pk, category, subtype) for key, category, subtype in READS[who, name]]
    if who == "rosa":  # above her pages stands whom she helps
        expected.append((cast.patient("ana").pk, "patient", "frame"))
    assert Counter(events.values_list("patient_id", "data_category", "subtype")) == Counter(expected)
    for event in events:
        assert event.agent_role and event.auth_method and event.session_id_hash
        assert (event.action, event.outcome, event.requestor) == ("R", "0", True)
        assert event.network_address == "127.0.0.1"
        assert event.request_id is not None
        assert event.purpose_of_use


def test_the_event_names_every_record_that_is_on_the_page(busy, cast, enter):
    thread = busy.thread_of_ana
    thread.post(author=cast.okafor, body="How often?")
    note = thread.note(author=cast.maya, body="Ask about the diary.")
    enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk]))
    event = readings(cast.maya).filter(subtype="read", data_category="message").latest("recorded_at")
    shown = set(event.shown)
    assert f"messaging.thread:{thread.pk}" in shown
    assert f"messaging.internalnote:{note.pk}" in shown
    assert f"accounts.patient:{cast.patient('ana').pk}" in shown
    written = thread.messages.exclude(side="system").values_list("pk", flat=True)
    assert {f"messaging.message:{pk}" for pk in written} <= shown


def test_a_page_that_was_refused_shows_nobody_and_is_no_reading(busy, cast, enter):
    for who in ("ben", "lund", "root"):
        before = readings(cast[who]).count()
        enter(cast[who]).get(address(busy, "thread"))
        enter(cast[who]).get(address(busy, "api-refill"))
        assert readings(cast[who]).count() == before


def test_a_page_shown_again_with_a_fault_is_a_reading_too(busy, cast, enter):
    at = reverse("thread-replies", args=[busy.thread_of_ana.pk])
    before = readings(cast.ana).count()
    assert enter(cast.ana).post(at, {"body": ""}).status_code == 422
    assert readings(cast.ana).count() == before + 1


def test_the_patient_finds_the_reading_among_those_who_have_seen_her_record(busy, cast, enter):
    from tests.work import words

    enter(cast.maya).get(address(busy, "inbox-thread"))
    page = words(enter(cast.ana).get(reverse("privacy")))
    assert "Maya Chen" in page
    assert "Lund" not in page
