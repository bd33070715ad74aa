"""What the worker does for the work: it looks, and the verbs decide."""

from __future__ import annotations

from celery import shared_task

from messaging.models import UnreadAlarm


@shared_task(ignore_result=True)
def watch_unread() -> None:
    """Make "phone or letter" work of answers that nobody has read in time. Running it twice makes it once."""
    UnreadAlarm.objects.raise_overdue()
