from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuthenticatorApp, Patient, Practitioner, User
from audit import keys
from audit.fields import Sealed
from audit.models import AuditEvent, DataKey
from audit.receipts import Receipt, _issue
from audit.recorder import record_read
from audit.seals import (
    CLINIC_OWNER_ID,
    UNREADABLE,
    Kind,
    NotRecorded,
    SealBroken,
    digest,
    open_directory,
    open_secret,
    seal,
    unseal,
    unseal_all,
)

pytestmark = pytest.mark.django_db
Register = Callable[[str], Patient]


def receipt_for(*records: Patient) -> Receipt:
    """A receipt, without the event: for what is not about recording."""
    return _issue(uuid4(), records)


def stored(patient: Patient, column: str) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM accounts_patient WHERE id = %s", [patient.pk])  # noqa: S608
        return bytes(cursor.fetchone()[0])


def overwrite(patient: Patient, column: str, value: bytes | None) -> Patient:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_patient SET {column} = %s WHERE id = %s", [value, patient.pk])  # noqa: S608
    return Patient.objects.get(pk=patient.pk)


def test_what_is_stored_says_nothing(register: Register) -> None:
    ana = register("Ana Alvarez")
    assert b"Ana" not in stored(ana, "name")
    assert b"Alvarez" not in stored(ana, "name")
    assert stored(ana, "name") != bytes(seal("Ana Alvarez", into=ana, field="name"))


def test_a_receipt_opens_what_it_covers(reader: User, register: Register) -> None:
    ana, ben = register("Ana"), register("Ben")
    receipt = record_read(reader=reader, shown=[ana], category="identity")
    assert unseal(ana, "name", receipt=receipt) == "Ana"
    with pytest.raises(NotRecorded):
        unseal(ben, "name", receipt=receipt)


def test_a_receipt_cannot_be_made_or_changed_or_taken_away(reader: User, register: Register) -> None:
    ana, ben = register("Ana"), register("Ben")
    with pytest.raises(TypeError):
        Receipt(object(), uuid4(), [ana])
    receipt = record_read(reader=reader, shown=[ana], category="identity")
    with pytest.raises(TypeError):
        receipt._covered = frozenset({(Patient, ben.pk)})  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        pickle.dumps(receipt)
    with pytest.raises(NotRecorded):
        unseal(ana, "name", receipt=None)  # type: ignore[arg-type]


def test_each_kind_has_its_own_door(reader: User, register: Register) -> None:
    ana = register("Ana")
    okafor = Practitioner(user=reader, title="Dr")
    okafor.name = seal("Chidi Okafor", into=okafor, field="name")
    assert open_directory(okafor, "name") == "Chidi Okafor"
    with pytest.raises(TypeError):
        open_directory(ana, "name")
    with pytest.raises(TypeError):
        open_secret(ana, "name")
    app = AuthenticatorApp(user=reader)
    secrets = [field.name for field in app._meta.fields if getattr(field, "kind", None) is Kind.SECRET]
    with pytest.raises(TypeError):
        unseal(app, secrets[0], receipt=receipt_for(app))  # type: ignore[arg-type]


def test_a_column_takes_only_sealed_text(register: Register) -> None:
    ana = register("Ana")
    for plain in ("Ana", b"Ana", b"", bytearray(50)):
        ana.name = plain  # type: ignore[assignment]
        with pytest.raises(ValidationError), transaction.atomic():
            ana.save()
    with pytest.raises(ValueError):
        Sealed(b"Ana" * 30)


def test_a_sealed_column_is_not_searched(register: Register) -> None:
    ana = register("Ana")
    with pytest.raises(FieldError):
        Patient.objects.filter(name=ana.name).exists()


def test_a_text_that_was_blanked_is_no_empty_text(register: Register) -> None:
    ana = overwrite(register("Ana"), "phone", b"")
    with pytest.raises(SealBroken):
        unseal(ana, "phone", receipt=receipt_for(ana))
    assert unseal_all([(ana, "phone")], receipt=receipt_for(ana)) == [str(UNREADABLE)]
    assert AuditEvent.objects.filter(subtype="seal-broken", patient_id=ana.pk).count() == 1


def test_an_empty_column_is_an_empty_text(register: Register) -> None:
    event = AuditEvent(query=None)
    assert unseal_all([(event, "query")], receipt=_issue(uuid4(), [event])) == [""]
    assert unseal(event, "query", receipt=_issue(uuid4(), [event])) == ""
    ana = register("Ana")
    ana.phone = seal("", into=ana, field="phone")
    assert unseal(ana, "phone", receipt=receipt_for(ana)) == ""


@settings(deadline=None)  # a machine may be busy
@given(st.text(), st.uuids(), st.uuids())
def test_every_text_comes_back_as_it_was(text: str, row: UUID, owner: UUID) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    patient = Patient(pk=owner)
    patient.name = seal(text, into=patient, field="name")
    assert unseal(patient, "name", receipt=receipt_for(patient)) == text


@settings(deadline=None)
@given(st.text(max_size=40), st.data())
def test_no_changed_bit_opens(text: str, data: st.DataObject) -> None:
    """HSR-07"""
    patient = Patient(pk=CLINIC_OWNER_ID)
    try:
        whole = bytearray(seal(text, into=patient, field="name"))
    except UnicodeEncodeError:
        return
    bit = data.draw(st.integers(8, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    patient.name = Sealed(bytes(whole))
    with pytest.raises(SealBroken):
        unseal(patient, "name", receipt=receipt_for(patient))


@pytest.mark.parametrize("length", [0, 1, 29, 44, 45])
def test_a_cut_text_does_not_open(register: Register, length: int) -> None:
    ana = register("Ana Alvarez")
    ana = overwrite(ana, "name", stored(ana, "name")[:length])
    with pytest.raises(SealBroken):
        unseal(ana, "name", receipt=receipt_for(ana))


def test_a_text_opens_in_its_own_place_only(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    """HSR-07: copied to another row, another column, another owner."""
    ana, ben = register("Ana"), register("Ben")
    moved_row = overwrite(ben, "name", stored(ana, "name"))
    with pytest.raises(SealBroken):
        unseal(moved_row, "name", receipt=receipt_for(moved_row))
    moved_column = overwrite(ana, "phone", stored(ana, "name"))
    with pytest.raises(SealBroken):
        unseal(moved_column, "phone", receipt=receipt_for(moved_column))

    monkeypatch.setattr(Patient, "seal_owner_id", ben.pk)
    with pytest.raises(SealBroken):
        unseal(ana, "name", receipt=receipt_for(ana))
    monkeypatch.undo()
    assert unseal(ana, "name", receipt=receipt_for(ana)) == "Ana"


def test_a_broken_text_is_replaced_recorded_and_nothing_else_is_shown(
    reader: User, register: Register
) -> None:
    """HSR-07: the reader sees a safe sentence, the trail names the row, the other texts open."""
    ana, ben = register("Ana"), register("Ben")
    overwrite(ben, "name", stored(ana, "name"))
    ana, ben = Patient.objects.get(pk=ana.pk), Patient.objects.get(pk=ben.pk)
    receipt = record_read(reader=reader, shown=[ana, ben], category="identity")
    texts = unseal_all([(ana, "name"), (ben, "name"), (ben, "phone")], receipt=receipt)
    assert texts == ["Ana", str(UNREADABLE), "555 0100"]
    event = AuditEvent.objects.get(subtype="seal-broken")
    assert (event.outcome, event.patient_id, event.object_pk) == ("8", ben.pk, str(ben.pk))
    assert event.additional_data == {"field": "name"}


def test_many_texts_cost_one_statement_for_their_keys(register: Register) -> None:
    patients = [register(f"P{number}") for number in range(8)]
    for few in (2, 8):
        with CaptureQueriesContext(
            connection,
        ) as statements:
            connection.run_on_commit.clear()
            keys.forget_all()
            unseal_all([(p, "name") for p in patients[:few]], receipt=receipt_for(*patients))
        assert len(statements) == 1
    with CaptureQueriesContext(connection) as statements:
        unseal_all([(p, "name") for p in patients], receipt=receipt_for(*patients))
    assert len(statements) == 0


def test_a_destroyed_key_opens_nothing(register: Register) -> None:
    ana = register("Ana")
    key = DataKey.objects.get(owner_id=ana.pk)
    key.state = DataKey.State.DESTROYED
    key.wrapped = b""
    key.save()
    connection.run_on_commit.clear()
    with pytest.raises(SealBroken):
        unseal(ana, "name", receipt=receipt_for(ana))


def test_a_digest_finds_and_tells_nothing() -> None:
    assert digest("ana@riverside.example", purpose="email") == digest(
        "ana@riverside.example", purpose="email"
    )
    assert digest("ana@riverside.example", purpose="email") != digest(
        "ana@riverside.example", purpose="phone"
    )
    assert digest("ana@riverside.example", purpose="email") != digest(
        "ben@riverside.example", purpose="email"
    )


def test_opening_a_kilobyte_takes_less_than_fifty_microseconds(register: Register) -> None:
    ana = register("Ana")
    ana.name = seal("x" * 1024, into=ana, field="name")
    receipt = receipt_for(ana)
    rounds = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(200):
            unseal(ana, "name", receipt=receipt)
        rounds.append((time.perf_counter() - started) / 200)
    assert min(rounds) < 50e-6
