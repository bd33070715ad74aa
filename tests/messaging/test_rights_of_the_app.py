"""In production the web and the worker are not the owner of the tables: the whole work is done with fewer rights."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from messaging.models import RefillRequestItem, Thread
from tests.letters import write


def test_a_day_of_work_needs_no_right_that_the_app_has_not(work, cast, enter, app_role):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (settings.DATABASE_APP_USER,)
    ana, maya = enter(cast.ana), enter(cast.maya)
    form = {"category": "medical_question", "subject": "Headaches", "body": "Every morning."}
    assert write(ana, form).status_code == 302
    thread = Thread.objects.get()
    for act, sent in (
        ("claim", {}),
        ("notes", {"body": "Ask about the diary."}),
        ("release", {}),
        ("replies", {"body": "How often?"}),
        ("close", {"outcome": "answered"}),
    ):
        assert maya.post(reverse(f"inbox-{act}", args=[thread.pk]), sent).status_code == 302, act
    assert ana.post(reverse("thread-replies", args=[thread.pk]), {"body": "It is back."}).status_code == 302
    order = work.practice.prescriptions["metformin"]
    assert ana.post(reverse("refill-new", args=[order.pk]), {"comment": "Soon."}).status_code == 302
    item = RefillRequestItem.objects.get()
    okafor = enter(cast.okafor, fresh="refill-decision")
    assert okafor.post(reverse("refill-decision", args=[item.pk]), {"outcome": "approved"}).status_code == 302
    sweep_notifications()
    assert mail.outbox
    for who, name, *refs in (
        ("ana", "messages"),
        ("ana", "thread", thread.pk),
        ("ana", "medicines"),
        ("ana", "refill-request", item.pk),
        ("ana", "privacy"),
        ("ana", "account"),
        ("maya", "inbox"),
        ("maya", "inbox-thread", thread.pk),
        ("okafor", "refills"),
        ("mira", "audit-events"),
        ("mira", "audit-event", AuditEvent.objects.latest("recorded_at").pk),
    ):
        assert enter(cast[who]).get(reverse(name, args=refs)).status_code == 200, name


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET outcome = '0'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
        "TRUNCATE messaging_message CASCADE",
        "ALTER TABLE messaging_message DISABLE TRIGGER stays",
        "ALTER TABLE messaging_refillrequestitem DISABLE TRIGGER refill_moves",
        "DROP TABLE messaging_internalnote CASCADE",
        "CREATE TABLE copied AS SELECT * FROM messaging_message",
    ],
)
def test_the_app_cannot_open_the_way_to_changing_what_was_said(work, cast, app_role, statement):
    work.thread()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
