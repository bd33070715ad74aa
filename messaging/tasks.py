"""What the worker does: deliver what is lined up. Tasks carry ids and decide nothing."""

from __future__ import annotations

from celery import shared_task

from messaging.models import Notification

BATCH = 50


@shared_task(ignore_result=True)
def deliver_notifications(keys: list[str]) -> None:
    """Send these notices now, those that nobody else has taken. Running it twice sends once."""
    for notification in Notification.objects.take(most=len(keys), among=keys):
        notification.send()


@shared_task(ignore_result=True)
def sweep_notifications() -> None:
    """Send whatever is due: lost nudges, failures whose time has come, work of a worker that died."""
    while batch := Notification.objects.take(most=BATCH):
        for notification in batch:
            notification.send()
