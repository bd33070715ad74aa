"""What the worker does: deliver what is lined up, and clear away behind the doors. Tasks decide nothing."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from accounts import joining, trusted
from accounts.models import (
    Invitation,
    KeptForm,
    Notification,
    PasskeyChallenge,
    PasswordReset,
    RecordState,
    Session,
    TryCounter,
)
from audit.context import SystemAgent

CARETAKER = SystemAgent("system:caretaker")
BIRTHDAYS = SystemAgent("system:birthdays")
KEPT_FOR = timedelta(days=30)
BATCH = 50


@shared_task(ignore_result=True)
def deliver_notifications(keys: list[str]) -> None:
    """Send these notices now, those that nobody else has taken. Running it twice sends once."""
    for notification in Notification.objects.take(most=len(keys), among=keys):
        notification.send()


@shared_task(ignore_result=True)
def look_up_resets() -> None:
    """Send links to those who asked for one and have an account."""
    PasswordReset.objects.look_up()


@shared_task(ignore_result=True)
def send_invitations() -> None:
    """Mail the links to those who are invited."""
    while joining.send_mails(most=BATCH):
        pass


@shared_task(ignore_result=True)
def sweep_notifications() -> None:
    """Send whatever is due: lost nudges, failures whose time has come, work of a worker that died."""
    PasswordReset.objects.look_up()
    send_invitations()
    while batch := Notification.objects.take(most=BATCH):
        for notification in batch:
            notification.send()


@shared_task(ignore_result=True)
def birthdays() -> None:
    """What a birthday or an agreed end has changed is written down and told. Running it twice does it once."""
    trusted.catch_up(by=BIRTHDAYS)


@shared_task(ignore_result=True)
def tidy() -> None:
    """Sessions nobody came back to are ended, counts whose time is over and text nobody fetched are dropped."""
    now = timezone.now()
    Session.objects.end_overdue(by=CARETAKER)
    TryCounter.objects.filter(until__lt=now).delete()
    PasskeyChallenge.objects.filter(until__lt=now).delete()
    Invitation.objects.end_overdue(by=CARETAKER)
    PasswordReset.objects.filter(asked_at__lt=now - KEPT_FOR).delete()
    KeptForm.objects.drop(before=now - KEPT_FOR, by=CARETAKER)
    RecordState.objects.remind(by=CARETAKER)
