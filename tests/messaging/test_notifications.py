"""What leaves: one letter a person and event, with fixed words, through a real SMTP conversation (NT1, NT4)."""

from __future__ import annotations

import email
import email.policy
import json
import socket
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from accounts.models import Notification
from accounts.models.notification import LEASE, MOST_ATTEMPTS
from accounts.tasks import deliver_notifications, sweep_notifications
from audit.models import AuditEvent
from messaging import notices

CANARIES = ("kingfisher", "heronry", "oystercatcher", "bittern", "lapwing")


class Sink:
    """A mail server that keeps what it is given, and refuses when it is told to."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], email.message.EmailMessage]] = []
        self.answer = ""

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802  (aiosmtpd's name)
        if self.answer:
            return self.answer
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append((envelope.rcpt_tos, letter))
        return "250 kept"

    @property
    def recipients(self) -> list[str]:
        return sorted(to for tos, _ in self.letters for to in tos)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def sink(settings):
    kept = Sink()
    server = Controller(kept, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.hostname, server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield kept
    server.stop()


@pytest.fixture
def later():
    """`with later(minutes=5):` the clock stands there."""
    return lambda **span: time_machine.travel(timezone.now() + timedelta(**span), tick=True)


def answered(work, cast):
    """A conversation in which the team has written: Ana and Rosa are to be told."""
    thread = work.thread()
    Notification.objects.all().delete()
    thread.post(author=cast.okafor, body="It will pass.")
    return thread


def test_a_letter_says_that_something_waits_and_nothing_else(work, cast, sink):
    answered(work, cast)
    sweep_notifications()
    assert sink.recipients == ["ana@riverside.example", "rosa@riverside.example"]
    for to, letter in sink.letters:
        assert len(to) == 1 and letter["To"] == to[0]
        assert letter["Subject"] == "You have a message from Riverside Clinic"
        assert letter["From"] == configured.DEFAULT_FROM_EMAIL
        assert letter["Auto-Submitted"] == "auto-generated"
        assert not letter["Reply-To"] and not letter["Cc"] and not letter["Bcc"]
        text = letter.get_content()
        assert "To read it, sign in:" in text and f"{configured.PORTAL_URL}/" in text
        assert "911" in text
        for word in ("Okafor", "Ana", "Rosa", "Headaches", "pass", "thread", "/messages/"):
            assert word not in text
    texts = {letter.get_content() for _, letter in sink.letters}
    assert len(texts) == 1


def test_every_kind_of_notice_has_words_and_says_nothing_of_what_was_written(work, cast, sink, caplog):
    """NT1: a canary in every field that a person fills."""
    one, two, three, four, five = CANARIES
    thread = work.thread(subject=one, body=two)
    thread.note(author=cast.maya, body=three)
    order = work.medicine(name=four, directions=one)
    item = work.refill(of=order, comment=five)
    item.decide(by=cast.okafor, outcome="replaced", note=three)
    thread.post(author=cast.maya, body=four)
    sweep_notifications()
    subjects = {letter["Subject"] for _, letter in sink.letters}
    assert subjects == {
        "You have a message from Riverside Clinic",
        "You have news from Riverside Clinic",
        "Something is waiting in the team inbox",
    }
    for _, letter in sink.letters:
        said = letter.as_string() + letter.get_content()
        for canary in (*CANARIES, "Alvarez", "Chidi", "Chen", str(thread.pk), str(item.pk)):
            assert canary.lower() not in said.lower()
    for canary in CANARIES:
        assert canary not in caplog.text


def test_the_broker_carries_references_and_nothing_else(transactional_db, work, cast):
    """STK-05: what waits in the broker, read as a thief would."""
    from portal.celery import app

    with app.connection_for_read() as broker:
        queue = broker.SimpleQueue("celery")
        queue.clear()
        thread = work.thread(subject=CANARIES[0], body=CANARIES[1])
        thread.post(author=cast.maya, body=CANARIES[2])
        carried = []
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                break
            carried.append((message.body, dict(message.headers), dict(message.properties)))
            message.ack()
    assert carried
    ids = {str(pk) for pk in Notification.objects.values_list("pk", flat=True)}
    for body, headers, properties in carried:
        (keys,), kwargs, _ = json.loads(body)
        assert set(keys) <= ids and not kwargs
        # The sender's own name, "gen123@host", is no address of anybody's.
        said = f"{body!r} {headers} {properties}".replace(f"@{socket.gethostname()}", "")
        assert not [found for found in (*CANARIES, "@", "Alvarez") if found in said]


def test_running_a_task_ten_times_sends_one_letter(work, cast, sink):
    answered(work, cast)
    keys = [str(pk) for pk in Notification.objects.values_list("pk", flat=True)]
    for _ in range(10):
        deliver_notifications(keys)
        sweep_notifications()
    assert sink.recipients == ["ana@riverside.example", "rosa@riverside.example"]
    assert set(Notification.objects.values_list("attempts", flat=True)) == {1}


def test_the_same_event_is_told_once_however_often_it_is_lined_up(work, cast):
    thread = answered(work, cast)
    message = thread.messages.latest("sent_at", "id")
    for _ in range(3):
        notices.tell_patients_side(thread.patient, about=message, notice="new_message")
    assert Counter(Notification.objects.values_list("person", flat=True)) == {cast.ana.pk: 1, cast.rosa.pk: 1}


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_letter_once(transactional_db, work, cast, sink):
    from threading import Thread as Worker

    thread = work.thread()
    for n in range(12):
        thread.post(author=cast.okafor, body=f"Letter {n}")

    def run() -> None:
        try:
            sweep_notifications()
        finally:
            connection.close()

    workers = [Worker(target=run) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Counter(sink.recipients) == {
        "ana@riverside.example": 12,
        "rosa@riverside.example": 12,
        "okafor@riverside.example": 1,
        "maya@riverside.example": 1,
    }
    ids = [letter["Message-ID"] for _, letter in sink.letters]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("trouble", ["451 try again later", "554 no", "gone"])
def test_while_the_mail_server_is_in_trouble_letters_wait_and_then_go(
    work, cast, sink, settings, later, trouble
):
    answered(work, cast)
    port = settings.EMAIL_PORT
    if trouble == "gone":
        settings.EMAIL_PORT = free_port()
    else:
        sink.answer = trouble
    sweep_notifications()
    waiting = Notification.objects.all()
    assert {(row.sent_at, row.claimed_at, row.attempts) for row in waiting} == {(None, None, 1)}
    assert all(row.due_at > timezone.now() for row in waiting)
    assert all("riverside" not in row.last_error and row.last_error for row in waiting)
    sweep_notifications()
    assert Notification.objects.filter(attempts=1).count() == 2, "asked again at once"
    settings.EMAIL_PORT, sink.answer = port, ""
    with later(minutes=2):
        sweep_notifications()
    assert sink.recipients == ["ana@riverside.example", "rosa@riverside.example"]


def test_a_letter_that_is_refused_for_a_week_is_given_up_loudly_and_not_for_ever_tried(
    work, cast, sink, later
):
    answered(work, cast)
    sink.answer = "550 no such person"
    for row in Notification.objects.all():
        row.attempts = MOST_ATTEMPTS - 1
        row.save()
    sweep_notifications()
    assert Notification.objects.filter(given_up_at__isnull=False).count() == 2
    sink.answer = ""
    with later(days=30):
        sweep_notifications()
    assert not sink.letters


@pytest.mark.django_db(transaction=True)
def test_with_the_broker_down_the_message_is_sent_and_the_sweep_delivers(
    transactional_db, work, cast, enter, sink
):
    from django.urls import reverse

    from portal.celery import app

    thread = work.thread()
    Notification.objects.all().delete()
    before = app.conf.broker_url
    app.conf.broker_url = app.conf.broker_write_url = f"redis://127.0.0.1:{free_port()}/0"
    app.pool.force_close_all()
    app.amqp._producer_pool = app._pool = None
    try:
        answer = enter(cast.okafor).post(
            reverse("inbox-replies", args=[thread.pk]), {"body": "It will pass."}
        )
    finally:
        app.conf.broker_url = app.conf.broker_write_url = before
        app.amqp._producer_pool = app._pool = None
    assert answer.status_code == 302
    assert thread.messages.filter(side="team").exists()
    sweep_notifications()
    assert sink.recipients == ["ana@riverside.example", "rosa@riverside.example"]


def test_beat_sweeps_every_minute_or_more_often():
    from portal.celery import app

    every = {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()}
    seconds = every["accounts.tasks.sweep_notifications"]
    assert getattr(seconds, "total_seconds", lambda: seconds)() <= 60


def test_what_a_worker_took_and_died_with_is_sent_by_another_after_its_lease(work, cast, sink, later):
    answered(work, cast)
    assert len(Notification.objects.take(most=10)) == 2  # and nothing more is heard of it
    sweep_notifications()
    assert not sink.letters
    with later(seconds=LEASE.total_seconds() + 1):
        sweep_notifications()
    assert len(sink.letters) == 2


def test_a_worker_that_took_too_long_does_not_send_what_another_has(work, cast, sink, later):
    """A batch behind a slow mail server outlives its lease; the rows are somebody else's then."""
    answered(work, cast)
    slow = Notification.objects.take(most=10)
    with later(seconds=LEASE.total_seconds() + 1):
        quick = Notification.objects.take(most=10)
        for notice in slow:
            notice.send()
        assert not sink.letters
        for notice in quick:
            notice.send()
    assert len(sink.letters) == 2


def test_who_has_left_is_told_nothing(work, cast, sink):
    answered(work, cast)
    cast.rosa.deactivate(by=cast.root)
    sweep_notifications()
    told = Notification.objects.filter(notice="new_message")
    assert told.get(person=cast.ana).sent_at is not None
    assert told.get(person=cast.rosa).given_up_at is not None
    # That her account was closed is the last thing she hears, and all she hears.
    assert told.get(person=cast.rosa).sent_at is None
    assert sorted(sink.recipients) == ["ana@riverside.example", "rosa@riverside.example"]


def test_an_address_that_cannot_be_opened_holds_nobody_else_up(work, cast, sink):
    from accounts.models import User

    answered(work, cast)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_user SET email = (SELECT email FROM accounts_user WHERE id = %s) WHERE id = %s",
            [cast.ben.pk, cast.ana.pk],
        )
    assert User.objects.get(pk=cast.ana.pk).email
    sweep_notifications()
    assert sink.recipients == ["rosa@riverside.example"]
    assert Notification.objects.get(person=cast.ana).last_error == "SealBroken"


def test_opening_an_address_is_a_recorded_reading_by_the_notifier(work, cast, sink):
    answered(work, cast)
    AuditEvent.objects.filter(agent_id="system:notifier").count()
    sweep_notifications()
    events = AuditEvent.objects.filter(agent_id="system:notifier", type="access")
    assert {(e.subtype, e.data_category, e.agent_role) for e in events} == {("send", "contact", "system")}
    assert events.count() == 2


def told() -> set:
    return {(row.person_id, row.notice) for row in Notification.objects.all()}


def test_the_team_is_told_of_new_work_and_its_holder_of_what_follows(work, cast):
    thread = work.thread()
    assert told() == {(cast.okafor.pk, "work_waiting"), (cast.maya.pk, "work_waiting")}
    work.item(thread).claim(by=cast.maya)
    Notification.objects.all().delete()
    thread.post(author=cast.ana, body="And?")
    assert told() == {(cast.maya.pk, "work_waiting")}


def test_only_who_may_read_is_told_that_there_is_something_to_read(work, cast):
    grant = cast.patient("ana").proxy_grants.get()
    grant.scopes = ["refill"]
    grant.save()
    answered(work, cast)
    assert told() == {(cast.ana.pk, "new_message")}


def test_a_decision_tells_the_patient_and_nobody_of_the_team(work, cast):
    item = work.refill()
    Notification.objects.all().delete()
    item.decide(by=cast.okafor, outcome="approved")
    assert told() == {(cast.ana.pk, "refill_decided"), (cast.rosa.pk, "refill_decided")}


def test_a_letter_is_in_the_language_of_its_reader(work, cast, sink):
    for key, language in (("ana", "es"), ("rosa", "en")):
        cast[key].prefer_language(language, by=cast[key])
    answered(work, cast)
    sweep_notifications()
    by_reader = {to[0]: letter["Subject"] for to, letter in sink.letters}
    assert by_reader["rosa@riverside.example"] == "You have a message from Riverside Clinic"
    assert "Riverside Clinic" in by_reader["ana@riverside.example"]


def test_a_notice_and_what_it_tells_of_are_one_transaction(work, cast):
    thread = work.thread()
    before = Notification.objects.count()
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        thread.post(author=cast.okafor, body="Never said.")
        assert Notification.objects.count() > before
        raise RuntimeError("the power went out")
    assert Notification.objects.count() == before
