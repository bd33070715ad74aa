"""What the worker does for the work. Tasks decide nothing."""

from __future__ import annotations

from celery import shared_task

from audit.context import SystemAgent
from messaging.clock import now
from messaging.models import Draft

CARETAKER = SystemAgent("system:caretaker")


@shared_task(ignore_result=True)
def tidy_drafts() -> None:
    """Drafts that nobody has touched for 90 days are removed, and what is left of those that were sent."""
    Draft.objects.clear(by=CARETAKER, at=now())
