"""A canary in every field that a person fills, put there through the product, and then everything is searched
for it as a thief would: the dumped database, the log, the letters, the error pages (HSR-05, EN5, STK-01)."""

from __future__ import annotations

import base64
import logging
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.letters import begin, write

pytestmark = pytest.mark.django_db(transaction=True)


class Canaries:
    """Words that stand nowhere else, one for each field."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def __getitem__(self, field: str) -> str:
        return self.words.setdefault(field, f"quetzal{len(self.words):02d}zephyr")

    def found_in(self, *texts: bytes) -> set[str]:
        haystacks = [text.lower() for text in texts]
        return {
            f"{field} as {how}"
            for field, word in self.words.items()
            for spelling in (word, word.upper(), word.capitalize())
            for how, needle in disguises(spelling)
            if any(needle.lower() in haystack for haystack in haystacks)
        }


def disguises(word: str) -> Iterator[tuple[str, bytes]]:
    """A text as it may lie about: as it is, and as programs write it."""
    raw = word.encode()
    yield "plain", raw
    yield "reversed", raw[::-1]
    for name in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield name, word.encode(name)
        yield f"{name} in hex", word.encode(name).hex().encode()
    yield "hex", raw.hex().encode()
    for shift in range(3):
        # The middle of a longer text in base64: what does not depend on its neighbours.
        whole = base64.b64encode(b"\0" * shift + raw)
        yield "base64", whole[4 if shift else 0 : -4]
    yield "quoted", "".join(f"%{byte:02x}" for byte in raw).encode()


def unfolded(dump: bytes) -> bytes:
    """What stands in hex in the dump, as bytes."""
    found = re.findall(rb"\\\\?x((?:[0-9a-f]{2}){4,})", dump)
    return b"\n".join(bytes.fromhex(text.decode()) for text in found)


def dumped() -> bytes:
    """The database of this test as `pg_dump` gives it away, or else every table as COPY does."""
    from portal.local.postgres import found_binaries

    where = connection.settings_dict
    program = next((folder / "pg_dump" for folder in found_binaries() if (folder / "pg_dump").exists()), None)
    if program is not None and (text := run_pg_dump(program, where)):
        return text
    taken = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                taken += [bytes(row) for row in rows]
    return b"".join(taken)


def run_pg_dump(program: Path, where: dict[str, Any]) -> bytes:
    address = ["--host", where["HOST"], "--port", str(where["PORT"] or 5432), "--username", where["USER"]]
    done = subprocess.run(
        [program, *address, where["NAME"]],
        env={**os.environ, "PGPASSWORD": where["PASSWORD"]},
        capture_output=True,
        check=False,
    )
    # An older pg_dump refuses a newer server; COPY does not.
    return done.stdout if done.returncode == 0 else b""


@pytest.fixture
def log() -> Iterator[Callable[[], bytes]]:
    """Everything that is logged, at any level, as the console shows it."""
    from portal.logs import JsonLines

    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept(level=logging.DEBUG)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: "\n".join(lines).encode()
    root.removeHandler(handler)
    root.setLevel(before)


class Life:
    """Everything a clinic writes down, through its own doors, a canary at a time."""

    def __init__(self, cast: Any, work: Any, enter: Any) -> None:
        self.cast, self.work, self.enter = cast, work, enter
        self.canary = Canaries()
        self.pages: list[bytes] = []

    def live(self) -> Life:
        self.a_new_patient_and_her_son()
        self.letters()
        self.medicines()
        self.what_was_being_written_when_the_session_ended()
        self.a_search_in_the_trail()
        self.searches_in_the_letters()
        return self

    def a_new_patient_and_her_son(self) -> None:
        from accounts.models import AuthenticatorApp, Patient, ProxyGrant, RelatedPerson, User
        from audit.context import SystemAgent

        by, see = SystemAgent("system:test"), self.canary
        self.user = User.objects.enrol(
            email=f"{see['e-mail']}@{see['e-mail host']}.example", password=see["password"] + " walks", by=by
        )
        self.app = AuthenticatorApp.objects.prepare(user=self.user, by=by)
        self.app.confirm(by=self.user)
        self.patient = Patient.objects.register(
            user=self.user,
            name=f"{see['given name']} {see['surname']}",
            birth_date="1951-07-23",
            phone=f"555 {see['phone']}",
            record_number=see["record number"].upper(),
            by=by,
        )
        self.cast.team("okafor").care_for(patient=self.patient, lead=self.cast.okafor, is_primary=True, by=by)
        self.son = User.objects.enrol(email=f"{see['sons e-mail']}@x.example", password=None, by=by)
        RelatedPerson.objects.introduce(user=self.son, name=f"{see['sons name']} Doe", by=by)
        ProxyGrant.objects.give(
            patient=self.patient,
            proxy=self.son,
            relationship="son",
            scopes=["read", "write"],
            ground="her own wish",
            by=by,
        )

    def letters(self) -> None:
        from messaging.models import Thread

        see = self.canary
        hers, sons = self.enter(self.user), self.enter(self.son)
        doctor, nurse = self.enter(self.cast.okafor), self.enter(self.cast.maya)
        form = {
            "category": "medical_question",
            "subject": see["subject"],
            "body": f"Since {see['body']} came",
        }
        write(hers, form)
        self.thread = Thread.objects.get(patient=self.patient)
        at = self.thread.pk
        nurse.post(reverse("inbox-notes", args=[at]), {"body": see["note"]})
        doctor.post(reverse("inbox-replies", args=[at]), {"body": see["reply"]})
        sons.post(reverse("thread-replies", args=[at]), {"body": see["sons reply"]})
        sent = {"body": see["reply by a program"]}
        hers.post(reverse("api-thread-messages", args=[at]), sent, content_type="application/json")
        # Not good enough to be sent, and shown again.
        bad = write(hers, {**form, "subject": "", "body": see["refused body"]})
        assert see["refused body"] in bad.content.decode()
        for browser, address in ((hers, "thread"), (sons, "thread"), (doctor, "inbox-thread")):
            self.pages.append(browser.get(reverse(address, args=[at])).content)
        self.pages += [hers.get(reverse("messages")).content, nurse.get(reverse("inbox")).content]
        # Addresses that name what was typed.
        hers.get(reverse("messages"), {"after": see["position"]})
        hers.get(f"/messages/{see['address']}/")

    def medicines(self) -> None:
        from audit.seals import seal
        from messaging.models import Prescription, RefillRequestItem

        see = self.canary
        order = Prescription(
            patient=self.patient, team=self.cast.team("okafor"), prescriber=self.cast.okafor, quantity=1,
            days_supply=1, issued_on=timezone.localdate(), valid_until=timezone.localdate(),
        )  # fmt: skip
        order.medicine = seal(see["medicine"], into=order, field="medicine")
        order.directions = seal(see["directions"], into=order, field="directions")
        order.save(force_insert=True)
        hers, doctor = self.enter(self.user), self.enter(self.cast.okafor, fresh="refill-decision")
        hers.post(reverse("refill-new", args=[order.pk]), {"comment": see["refill comment"]})
        item = RefillRequestItem.objects.get(prescription=order)
        self.pages.append(doctor.get(reverse("refill", args=[item.pk])).content)
        form = {"outcome": "replaced", "note": see["decision note"]}
        doctor.post(reverse("refill-decision", args=[item.pk]), form)
        self.pages.append(hers.get(reverse("refill-request", args=[item.pk])).content)

    def what_was_being_written_when_the_session_ended(self) -> None:
        from accounts.models import KeptForm

        browser = self.enter(self.user)
        at = reverse("draft-text", args=[begin(browser)])
        with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
            answer = browser.post(
                at, {"subject": self.canary["kept subject"], "body": self.canary["kept body"]}
            )
        assert answer.status_code == 302
        assert KeptForm.objects.filter(user=self.user).exists()

    def a_search_in_the_trail(self) -> None:
        browser, number = self.enter(self.cast.mira), self.canary["record number"].upper()
        page = browser.post(reverse("audit-events"), {"patient": number}, follow=True)
        assert page.status_code == 200
        self.pages.append(page.content)
        browser.post(reverse("audit-events"), {"patient": self.canary["searched for in vain"]})

    def searches_in_the_letters(self) -> None:
        hers, at = self.enter(self.user), reverse("message-search")
        page = hers.post(at, {"look_for": self.canary["body"]})
        assert b"<mark>" in page.content
        self.pages.append(page.content)
        hers.post(at, {"look_for": self.canary["looked for in vain"]})
        hers.get(at, {"look_for": self.canary["looked for in an address"]})
        with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
            hers.post(at, {"look_for": self.canary["looked for too late"]})


@pytest.fixture
def life(transactional_db, cast, work, enter) -> Life:
    return Life(cast, work, enter)


# Typed, and shown to nobody afterwards.
NEVER_SHOWN = {
    "password", "position", "address", "refused body", "kept subject", "kept body", "e-mail", "e-mail host",
    "sons e-mail", "searched for in vain", "looked for in vain", "looked for in an address",
    "looked for too late",
}  # fmt: skip


def test_a_stolen_copy_of_the_database_says_nothing(life, log):
    life.live()
    shown = b"".join(life.pages).lower()
    unseen = {field for field, word in life.canary.words.items() if word.encode() not in shown}
    assert unseen == NEVER_SHOWN, "what was typed must be on the pages, or this proves nothing"
    dump = dumped()
    assert b"messaging_message" in dump or b"accounts_patient" in dump
    assert len(unfolded(dump)) > 5_000, "the sealed columns are in the dump, and were looked into"
    assert life.canary.found_in(dump, unfolded(dump)) == set()
    for secret in (b"1951-07-23", life.app.secret().encode()):
        assert secret.lower() not in dump.lower()
    assert life.canary.found_in(log()) == set()


def test_the_dump_is_really_searched(life):
    """The search finds what is there: a word put into a column that stands open, in three disguises."""
    from accounts.models import CareTeam

    word = life.canary["team"]
    for n, said in enumerate(
        (word, word.encode().hex(), base64.b64encode(f"xx{word}yy".encode()).decode()[:80])
    ):
        CareTeam.objects.create(name=f"{n} {said}")
    found = life.canary.found_in(dumped())
    assert found >= {"team as plain", "team as hex", "team as base64"}


def test_letters_say_nothing_of_it(life, log):
    from accounts.tasks import sweep_notifications

    life.live()
    mail.outbox.clear()
    sweep_notifications()
    assert mail.outbox
    for letter in mail.outbox:
        # Her address is on the envelope, and nowhere else.
        said = letter.message().as_string().replace(letter.to[0], "")
        assert life.canary.found_in(said.encode()) == set()
    assert life.canary.found_in(log()) == set()


@pytest.fixture
def broken(transactional_db) -> Iterator[Callable[[str], None]]:
    """Tables that refuse every new row, in words that quote it."""
    tables: list[str] = []

    def break_table(table: str) -> None:
        tables.append(table)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK (id IS NULL) NOT VALID")

    yield break_table
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT broken")


@pytest.mark.parametrize("table", ["messaging_message", "audit_auditevent", "accounts_keptform"])
def test_an_error_says_nothing_of_what_was_typed(life, log, broken, table):
    see, numbers = life.canary, count()
    browser = life.enter(life.cast.ana, client=Client(raise_request_exception=False))
    form = {"category": "refill", "subject": see["subject"], "body": see["body"]}
    ref = begin(browser)
    for step in ("topic", "text"):
        browser.post(reverse(f"draft-{step}", args=[ref]), form)
    broken(table)
    agent = {"User-Agent": f"{see['browser']} {next(numbers)}"}
    answer = browser.post(reverse("draft-check", args=[ref]), headers=agent)
    api = browser.post(reverse("api-threads"), form, content_type="application/json")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        lapsed = browser.post(reverse("draft-text", args=[ref]), {**form, "subject": see["kept subject"]})
    assert {answer.status_code, api.status_code, lapsed.status_code} & {500, 503}
    for said in (answer, api, lapsed):
        if said.status_code >= 500:
            assert life.canary.found_in(said.content, str(said.headers).encode()) == set()
    assert life.canary.found_in(log()) == set()


def test_nothing_typed_is_in_a_cookie_or_a_header(life):
    see = life.canary
    browser = life.enter(life.cast.ana)
    form = {"category": "refill", "subject": see["subject"], "body": see["body"]}
    for answer in (write(browser, form), browser.get(reverse("messages"))):
        said = f"{answer.headers} {answer.cookies}"
        assert life.canary.found_in(said.encode()) == set()


def test_no_secret_of_signing_in_can_be_used_from_the_dump(life):
    """ONC-15: a copy of the database signs nobody in."""
    from accounts.models import RecoverySheet, Session

    life.live()
    _sheet, codes = RecoverySheet.objects.print_new(user=life.user, by=life.user)
    dump = dumped().lower()
    for code in codes:
        bare = code.replace("-", "").lower()
        assert code.lower().encode() not in dump and bare.encode() not in dump
    browser = life.enter(life.user)
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert key.encode() not in dumped()
    stored = Session.objects.filter(user=life.user).latest("started_at").key_digest
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stored
    assert thief.get(reverse("messages")).status_code == 302
    seed = life.app.secret()
    as_bytes = base64.b32decode(seed + "=" * (-len(seed) % 8))
    inside = unfolded(dump)
    for needle in (seed.lower().encode(), as_bytes.hex().encode(), as_bytes):
        assert needle not in dump and needle not in inside
