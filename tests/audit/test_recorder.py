from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Patient, User
from audit.context import SystemAgent, bind, current
from audit.models import AuditEvent
from audit.recorder import InsideTransaction, record, record_read, record_refusal
from audit.seals import NotRecorded, unseal
from audit.verbs import verb
from tests.cast import Cast

Register = Callable[[str], Patient]
# The disk is full, say: from now on the trail takes no event of this kind.
NO_MORE = "ALTER TABLE audit_auditevent ADD CONSTRAINT no_space_left CHECK (data_category <> '%s') NOT VALID"


def last(count: int = 1) -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("-origin_counter")[:count])


@pytest.mark.django_db
class TestReading:
    def test_one_event_for_each_patient_shown_in_one_statement(
        self, reader: User, register: Register
    ) -> None:
        """AU2: a list shows several patients; each can ask who saw her."""
        patients = [register(name) for name in ("Ana", "Ben", "Cleo")]
        # As in a request, the middleware has said who reads and with which rights.
        reader.primed(roles=frozenset(), patient_id=None, grants=(), verified=True)
        record_read(reader=reader, shown=patients[:1], category="identity")
        with CaptureQueriesContext(connection) as statements:
            record_read(reader=reader, shown=patients, category="identity")
        assert len(statements) == 1
        events = last(3)
        assert {event.patient_id for event in events} == {patient.pk for patient in patients}
        assert len({event.pk for event in events}) == 3

    def test_the_event_says_who_what_whom_when_and_where(self, reader: User, register: Register) -> None:
        """ONC-02"""
        ana = register("Ana")
        request_id = uuid4()
        with bind(
            agent_id=str(reader.pk), agent_pk=reader.pk, agent_role="physician", auth_method="totp",
            session_digest="ab" * 32, device_id="d1", address="192.0.2.7", user_agent_digest="f" * 16,
            request_id=request_id, source="web", app_version="1.2.3",
        ):  # fmt: skip
            record_read(reader=reader, shown=[ana], of=ana, category="identity", purpose="TREAT")
        (event,) = last()
        assert event.agent_id == str(reader.pk)
        assert event.actor == reader
        assert (event.agent_role, event.auth_method, event.device_id) == ("physician", "totp", "d1")
        assert event.session_id_hash == "ab" * 16
        assert (event.network_address, event.user_agent_hash) == ("192.0.2.7", "f" * 16)
        assert (event.type, event.subtype, event.action, event.outcome) == ("access", "read", "R", "0")
        assert (event.data_category, event.purpose_of_use, event.patient_id) == ("identity", "TREAT", ana.pk)
        assert (event.content_type.model, event.object_pk) == ("patient", str(ana.pk))
        assert event.shown == (f"accounts.patient:{ana.pk}",)
        assert (event.source, event.request_id, event.app_version) == ("web", request_id, "1.2.3")
        assert abs(event.recorded_at - timezone.now()) < timedelta(minutes=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            assert event.xid == cursor.fetchone()[0]

    def test_what_names_no_patient_rides_along(self, reader: User, register: Register) -> None:
        ana, ben = register("Ana"), register("Ben")
        plain = AuditEvent(patient_id=None)
        receipt = record_read(reader=reader, shown=[plain, ana, ben], category="identity")
        events = last(2)
        assert sum(len(event.shown) for event in events) == 3
        assert all(receipt.covers(item) for item in (plain, ana, ben))

    def test_showing_nothing_is_still_looking(self, reader: User) -> None:
        record_read(reader=reader, shown=[], category="message", subtype="list")
        (event,) = last()
        assert (event.patient_id, event.subtype, event.shown) == (None, "list", ())

    def test_search_words_are_sealed(self, reader: User, register: Register) -> None:
        ana = register("Ana")
        receipt = record_read(reader=reader, shown=[ana], category="identity", query="Alvarez, Ana")
        (event,) = last()
        assert b"Alvarez" not in bytes(event.query)
        with pytest.raises(NotRecorded):
            unseal(event, "query", receipt=receipt)
        looked = record_read(reader=reader, shown=[event], category="audit")
        assert unseal(event, "query", receipt=looked) == "Alvarez, Ana"

    def test_a_reader_is_not_taken_for_another(self, reader: User, register: Register) -> None:
        """A page rendered for one person by code that runs for another keeps no session that is not hers."""
        with bind(agent_id="x", agent_pk=uuid4(), session_digest="ab" * 32, auth_method="totp"):
            record_read(reader=reader, shown=[register("Ana")], category="identity")
        (event,) = last()
        assert (event.agent_id, event.session_id_hash, event.auth_method) == (str(reader.pk), "", "")

    def test_the_portal_reads_under_its_own_name(self, register: Register) -> None:
        record_read(reader=SystemAgent("system:notifier"), shown=[register("Ana")], category="contact")
        (event,) = last()
        assert (event.agent_id, event.actor_id, event.agent_role) == ("system:notifier", None, "system")

    def test_a_patient_reads_of_her_own_will_and_her_daughter_for_her(self, cast: Cast) -> None:
        ana = cast.patient("ana")
        for who, purpose, on_behalf_of in (
            ("ana", "PATRQT", None), ("rosa", "PATRQT", ana.pk), ("okafor", "TREAT", None),
        ):  # fmt: skip
            record_read(reader=cast[who], shown=[ana], category="message")
            (event,) = last()
            assert (event.purpose_of_use, event.on_behalf_of) == (purpose, on_behalf_of), who

    def test_for_whom_somebody_reads_is_kept(self, reader: User, register: Register) -> None:
        ana = register("Ana")
        record_read(reader=reader, shown=[ana], category="identity", on_behalf_of=ana.pk)
        assert last()[0].on_behalf_of == ana.pk


@pytest.mark.django_db(transaction=True)
class TestCommitment:
    def test_a_reading_is_never_part_of_a_transaction(self, reader: User, register: Register) -> None:
        ana = register("Ana")
        with pytest.raises(InsideTransaction), transaction.atomic():
            record_read(reader=reader, shown=[ana], category="identity")
        with pytest.raises(InsideTransaction), transaction.atomic():
            record_refusal(agent=reader, target=ana, reason="hidden")

    def test_no_event_no_receipt(self, reader: User, register: Register) -> None:
        """HSR-06: when the trail cannot be written, nothing can be opened."""
        ana = register("Ana")
        before = AuditEvent.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(NO_MORE % "identity")
        try:
            with pytest.raises(DatabaseError):
                record_read(reader=reader, shown=[ana], category="identity")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE audit_auditevent DROP CONSTRAINT no_space_left")
        assert AuditEvent.objects.count() == before

    def test_a_change_that_cannot_be_recorded_is_not_made(self, register: Register) -> None:
        with connection.cursor() as cursor:
            cursor.execute(NO_MORE % "patient")
        try:
            with pytest.raises(DatabaseError):
                register("Ana")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE audit_auditevent DROP CONSTRAINT no_space_left")
        assert not Patient.objects.exists()

    def test_a_refusal_outlives_the_answer(self, reader: User, register: Register) -> None:
        ana = register("Ana")
        record_refusal(agent=reader, target=ana, reason="hidden")
        (event,) = last()
        assert (event.type, event.outcome, event.outcome_reason) == ("refusal", "8", "hidden")
        assert (event.patient_id, event.object_pk) == (ana.pk, str(ana.pk))
        record_refusal(agent=AnonymousUser(), target=None, reason="absent")
        (event,) = last()
        assert (event.agent_id, event.agent_role, event.data_category) == ("anonymous", "none", "none")

    def test_what_is_done_is_recorded_with_it_or_not_at_all(self, reader: User) -> None:
        before = AuditEvent.objects.count()
        with pytest.raises(RuntimeError), transaction.atomic():
            record(agent=reader, type="login", subtype="login")
            raise RuntimeError
        assert AuditEvent.objects.count() == before
        record(
            agent=reader, type="login", subtype="login", outcome="4", outcome_reason="code",
            category="sign-in", detail={"step": "totp"}, reason_text="her phone was lost",
        )  # fmt: skip
        (event,) = last()
        assert (event.outcome, event.additional_data) == ("4", {"step": "totp"})
        assert b"phone" not in bytes(event.reason_text)


class TestVerbs:
    class Door:
        @verb(actor="by")
        def open(self, *, by: object) -> tuple[str, bool]:
            return current().agent_id, connection.in_atomic_block

    @pytest.mark.django_db(transaction=True)
    def test_a_verb_is_one_transaction_by_a_named_actor(self, reader: User) -> None:
        assert self.Door().open(by=reader) == (str(reader.pk), True)
        assert self.Door().open(by=SystemAgent("system:sweep")) == ("system:sweep", True)
        assert current().agent_id == "system:shell"

    @pytest.mark.parametrize("keywords", [{}, {"by": None}, {"by": AnonymousUser()}])
    def test_a_verb_without_an_actor_does_nothing(self, keywords: dict[str, object]) -> None:
        with pytest.raises(TypeError):
            self.Door().open(**keywords)  # type: ignore[arg-type]

    def test_a_system_agent_says_that_it_is_one(self) -> None:
        with pytest.raises(ValueError):
            SystemAgent("okafor")
