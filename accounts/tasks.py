"""What the worker clears away behind the doors."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from accounts.models import KeptForm, Session, TryCounter
from audit.context import SystemAgent

CARETAKER = SystemAgent("system:caretaker")
KEPT_FOR = timedelta(days=30)


@shared_task(ignore_result=True)
def tidy() -> None:
    """Sessions nobody came back to are ended, counts whose time is over and text nobody fetched are dropped."""
    now = timezone.now()
    Session.objects.end_overdue(by=CARETAKER)
    TryCounter.objects.filter(until__lt=now).delete()
    KeptForm.objects.drop(before=now - KEPT_FOR, by=CARETAKER)
