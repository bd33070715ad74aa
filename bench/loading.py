"""Fill an empty database in bulk: sealed as the portal seals, and the same rows in plain columns for the floor.

COPY goes round the verbs and the trail on purpose. This is no part of the product.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import NOT_PROVIDED
from django.utils import timezone
from psycopg import sql

from accounts.models import CareRelationship, Patient, User
from accounts.models.patient import record_number_digest
from accounts.models.user import email_digest
from audit import cipher, keys
from audit.blind_index import RULES, digests
from audit.ids import uuid7
from audit.models import AuditEvent, DataKey
from audit.seals import seal
from bench.floor import models as floor
from bench.writing import Writer
from messaging.models import Message, MessageWords, ReadReceipt, Thread, WorkItem
from portal.demo_clinic import found_clinic
from portal.demo_practice import open_practice

if TYPE_CHECKING:
    from django.db.models import Model

    from portal.demo_practice import Practice

ANAS_THREADS = 60
LONG_THREAD = 50
MOST_OPEN = 3_000
CHUNK = 4_000
BOOT = uuid4()


@dataclass
class Size:
    threads: int
    messages: int
    events: int


@dataclass
class Person:
    user_id: UUID
    patient: Patient
    team: str


@dataclass
class Rows:
    """Rows waiting for their COPY, by table."""

    waiting: dict[type[Model], list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    columns: dict[type[Model], list[str]] = field(default_factory=dict)

    def add(self, model: type[Model], **values: Any) -> None:
        for column in model._meta.concrete_fields:
            # A column that the loader does not know gets what the model would give it.
            if column.name not in values and not column.null and column.db_default is NOT_PROVIDED:
                values[column.name] = column.get_default()
        columns = self.columns.setdefault(model, list(values))
        self.waiting[model].append(tuple(values[name] for name in columns))

    def flush(self, *, least: int = 1) -> None:
        if sum(map(len, self.waiting.values())) < least:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            for model, rows in self.waiting.items():
                names = [sql.Identifier(model._meta.get_field(name).column) for name in self.columns[model]]
                table = sql.Identifier(model._meta.db_table)
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(names))
                with cursor.copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
        self.waiting.clear()


class Loader:
    def __init__(self, size: Size) -> None:
        self.size = size
        self.writer = Writer(seed=7)
        self.random = self.writer.random
        self.rows = Rows()
        self.now = timezone.now()
        self.practice: Practice = open_practice(found_clinic(with_recovery_codes=False), neighbours=())
        self.people: list[Person] = []
        self.long_threads: list[UUID] = []
        self.anas_open: list[UUID] = []
        self.messages = self.items_open = 0

    def load(self) -> dict[str, Any]:
        self._cast()
        self._patients(max(30, self.size.threads // 10))
        for number in range(self.size.threads):
            self._thread(number)
            self.rows.flush(least=CHUNK)
        for number in range(self.size.events):
            self._event(number)
            self.rows.flush(least=CHUNK)
        self.rows.flush()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return {
            "threads": self.size.threads,
            "messages": self.messages,
            "events": self.size.events,
            "patients": len(self.people),
            "long": [str(ref) for ref in self.long_threads],
            "anas": [str(ref) for ref in self.anas_open],
        }

    def _cast(self) -> None:
        for key, words in (("okafor", "physician"), ("lund", "physician"), ("maya", "nurse"), ("sam", "front desk"),
                           ("mira", "privacy officer"), ("root", "administrator")):  # fmt: skip
            name = {"okafor": "Dr Chidi Okafor", "lund": "Dr Ingrid Lund", "maya": "Maya Chen"}.get(
                key, key.title() + " Ortiz"
            )
            self.rows.add(
                floor.Profile, user=self.practice.users[key].pk, name=name, role_words=words, side="staff"
            )
        for key, team in (("ana", "okafor"), ("ben", "lund")):
            patient = self.practice.patients[key]
            self.people.append(Person(self.practice.users[key].pk, patient, team))
            self._floor_patient(patient, self.practice.users[key].pk, f"{key.title()} Alvarez", key)

    def _floor_patient(self, patient: Patient, user_id: UUID, name: str, number: str) -> None:
        self.rows.add(floor.Profile, user=user_id, name=name, role_words="patient", side="patient")
        self.rows.add(
            floor.Patient, id=patient.pk, user=user_id, name=name, birth_date=date(1958, 3, 14),
            phone="+1 555 010 0100", record_number=f"RC-{number}", language=patient.language,
        )  # fmt: skip

    def _patients(self, count: int) -> None:
        teams = self.practice.clinic.teams
        for number in range(count - 2):
            user_id, name = uuid7(), self.writer.name()
            patient = Patient(id=uuid7(), user_id=user_id, language="es" if number % 10 == 0 else "en")
            self._data_key(user_id)
            self._data_key(patient.pk)
            user = User(id=user_id)
            mail = f"p{number}@patients.example"
            self.rows.add(
                User, id=user_id, password="!", email=bytes(seal(mail, into=user, field="email")),
                email_digest=email_digest(mail), is_active=True, security_stamp="0" * 32,
                preferred_language="en", created_at=self.now,
            )  # fmt: skip
            born = date(1940, 1, 1) + timedelta(days=self.random.randrange(25_000))
            record_number = f"RC-{200_000 + number}"
            sealed = {
                field: bytes(seal(text, into=patient, field=field))
                for field, text in (
                    ("name", name),
                    ("birth_date", born.isoformat()),
                    ("phone", "+1 555 010 0100"),
                    ("record_number", record_number),
                )
            }
            self.rows.add(
                Patient, id=patient.pk, user=user_id, **sealed, language=patient.language,
                record_number_digest=record_number_digest(record_number),
            )  # fmt: skip
            team = "okafor" if number % 5 < 3 else "lund"
            for key in (team, "desk"):
                self.rows.add(
                    CareRelationship, id=uuid7(), patient=patient.pk, team=teams[key].pk, is_primary=key == team,
                    lead=self.practice.users[team].pk if key == team else None, starts_at=self.now,
                )  # fmt: skip
            self._floor_patient(patient, user_id, name, str(200_000 + number))
            self.people.append(Person(user_id, patient, team))
            self.rows.flush(least=CHUNK)

    def _data_key(self, owner_id: UUID) -> None:
        """A data key like the ones the portal makes, without a statement and an event for each."""
        if getattr(settings, "BARE", False):
            return
        key_id, keeper, dek = uuid7(), keys.provider(), cipher.new_key()
        kek_id, wrapped = keeper.wrap(dek, keys._context(key_id, owner_id))
        self.rows.add(
            DataKey, id=key_id, owner_id=owner_id, provider=keeper.name, kek_id=kek_id, wrapped=wrapped,
            state=DataKey.State.ACTIVE, created_at=self.now,
        )  # fmt: skip
        keys._cache.size = 10_000_000
        keys._cache.seconds = 1e9
        keys._cache.put(
            keys.OpenedKey(key_id, owner_id, cipher.Cipher(dek), cipher.derive(dek, "words")), active=True
        )

    def _thread(self, number: int) -> None:
        about_ana = number < ANAS_THREADS
        person = self.people[0] if about_ana else self.people[1 + number % (len(self.people) - 1)]
        length = LONG_THREAD if number < 8 else self.random.randint(2, 2 * self._usual_length() - 2)
        waits = self._waits(number, about_ana=about_ana)
        clinician, nurse = self.practice.users[person.team].pk, self.practice.users["maya"].pk
        staff = nurse if person.team == "okafor" else clinician
        pool = self.practice.pools[person.team]
        thread = Thread(id=uuid7(), patient_id=person.patient.pk)
        ends = self.now - timedelta(minutes=self.random.randint(5, 60 * 24 * (6 if waits else 300)))
        # Whoever is waited for did not write last.
        side = "team" if (length % 2 == 0) == (waits != "team") else "patient"
        side = "patient" if length == LONG_THREAD else side
        written = []
        for place in range(length):
            author = person.user_id if side == "patient" else staff
            sent_at = ends - timedelta(hours=3 * (length - 1 - place))
            written.append((uuid7(), side, author, sent_at, self.writer.body()))
            side = "team" if side == "patient" else "patient"
        # The last word's side follows from the first; a thread ends as its work says.
        last_ref, last_side, last_author, last_at, last_body = written[-1]
        waits = waits and ("team" if last_side == "patient" else "patient")
        subject, preview = self.writer.subject(), " ".join(last_body.split())[:160]
        shared = {
            "id": thread.pk, "patient": person.patient.pk, "pool": pool.pk, "category": "medical_question",
            "state": "open" if waits else "closed", "opened_at": written[0][3], "last_message_at": last_at,
            "last_message_id": last_ref, "last_author": last_author, "last_side": last_side,
            "message_count": length,
        }  # fmt: skip
        self.rows.add(
            Thread, **shared, latest_id=last_ref, started_by=person.user_id,
            subject=bytes(seal(subject, into=thread, field="subject")),
            preview=bytes(seal(preview, into=thread, field="preview")),
        )  # fmt: skip
        self.rows.add(floor.Thread, **shared, subject=subject, preview=preview)
        for place, (ref, whose, author, sent_at, body) in enumerate(written):
            self._message(thread, ref, whose, author, sent_at, body)
            self._words(ref, person.patient, body, "" if place else subject)
            if place < length - 1 or not waits:
                self._receipt(ref, thread, staff if whose == "patient" else person.user_id, sent_at)
        self._work(thread, pool.pk, staff, waits, last_at)
        self.messages += length
        if about_ana and length == LONG_THREAD:
            self.long_threads.append(thread.pk)
        elif about_ana and waits:
            self.anas_open.append(thread.pk)

    def _usual_length(self) -> int:
        return max(3, round(self.size.messages / self.size.threads))

    def _waits(self, number: int, *, about_ana: bool) -> str:
        """For whom an open thread waits, or "" for a finished one."""
        if about_ana:
            return "" if number % 3 == 2 and number >= 8 else ("team" if number % 2 else "patient")
        if self.items_open >= MOST_OPEN or number % 10:
            return ""
        self.items_open += 1
        return "team" if number % 30 == 0 else "patient"

    def _message(
        self, thread: Thread, ref: UUID, side: str, author: UUID, sent_at: datetime, body: str
    ) -> None:
        message = Message(id=ref, patient_id=thread.patient_id)
        shared = {
            "id": ref, "thread": thread.pk, "author": author, "side": side, "language": "en", "sent_at": sent_at,
        }  # fmt: skip
        self.rows.add(
            Message, **shared, patient=thread.patient_id, body=bytes(seal(body, into=message, field="body"))
        )
        self.rows.add(floor.Message, **shared, body=body)

    def _words(self, message: UUID, patient: Patient, *texts: str) -> None:
        if not getattr(settings, "BARE", False):
            found = digests(texts, owner_id=patient.pk)
            self.rows.add(MessageWords, message=message, patient=patient.pk, rules=RULES, digests=found)

    def _receipt(self, message: UUID, thread: Thread, reader: UUID, sent_at: datetime) -> None:
        shared = {
            "id": uuid7(), "message": message, "reader": reader, "read_at": sent_at + timedelta(minutes=30),
        }  # fmt: skip
        self.rows.add(ReadReceipt, **shared, patient=thread.patient_id)
        self.rows.add(floor.Receipt, **shared)

    def _work(self, thread: Thread, pool: UUID, staff: UUID, waits: str, last_at: datetime) -> None:
        state = {"team": "requested", "patient": "on_hold", "": "completed"}[waits]
        if state == "requested" and self.random.random() < 0.4:
            state = "accepted"
        shared = {
            "id": uuid7(), "patient": thread.patient_id, "pool": pool, "thread": thread.pk, "state": state,
            "priority": 2 if self.random.random() < 0.05 else 3,
            "owner": None if state == "requested" else staff,
            "due_at": last_at + timedelta(hours=self.random.randint(20, 200)), "waiting_since": last_at,
            "finished_at": last_at + timedelta(hours=1) if state == "completed" else None,
        }  # fmt: skip
        self.rows.add(WorkItem, **shared, created_at=last_at)
        self.rows.add(floor.WorkItem, **shared)

    def _event(self, number: int) -> None:
        person = self.people[number % len(self.people)]
        reader = self.practice.users["maya"].pk
        at = self.now - timedelta(seconds=(self.size.events - number) * 60)
        shared = {
            "id": uuid7(), "recorded_at": at, "type": "access", "subtype": "list" if number % 3 else "read",
            "data_category": "message", "actor": reader, "outcome": "0",
        }  # fmt: skip
        self.rows.add(
            AuditEvent, **shared, patient_id=person.patient.pk, origin_boot=BOOT, origin_counter=number, action="R",
            outcome_reason="", agent_id=str(reader), agent_role="nurse", requestor=True, auth_method="totp",
            session_id_hash="0" * 32, device_id="", network_address="127.0.0.1", user_agent_hash="0" * 16,
            purpose_of_use="TREAT", object_pk=str(person.patient.pk), sensitivity="N", source="web",
            app_version=settings.APP_VERSION,
        )  # fmt: skip
        self.rows.add(floor.Event, **shared, patient=person.patient.pk, purpose="TREAT", address="127.0.0.1")
