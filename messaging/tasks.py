"""What the worker does for the work: files are checked, and what nobody sends is cleared away. Tasks decide nothing."""

from __future__ import annotations

from celery import shared_task

from audit.context import SystemAgent
from messaging.clock import now
from messaging.filing.caretaking import clear_away
from messaging.filing.checking import check
from messaging.models import Absence, Attachment, Draft, UnreadAlarm

CARETAKER = SystemAgent("system:caretaker")
BATCH = 20


@shared_task(ignore_result=True)
def check_files(keys: list[str]) -> None:
    """Check these files now, those that nobody else has taken."""
    for file in Attachment.objects.take_for_checking(most=len(keys), among=keys):
        check(file)


@shared_task(ignore_result=True)
def sweep_files() -> None:
    """Check whatever is due: lost nudges, scanners that were away, work of a worker that died."""
    while batch := Attachment.objects.take_for_checking(most=BATCH):
        for file in batch:
            check(file)


@shared_task(ignore_result=True)
def tidy_files() -> None:
    """Once a night: files nobody sent, bytes without a row, and rows without their bytes."""
    clear_away()


@shared_task(ignore_result=True)
def tidy_drafts() -> None:
    """Drafts that nobody has touched for 90 days are removed, and what is left of those that were sent."""
    Draft.objects.clear(by=CARETAKER, at=now())


@shared_task(ignore_result=True)
def check_covers() -> None:
    """Whoever reads for an absent colleague may have left by a road that nobody thought of. Each is told of once."""
    Absence.objects.tell_of_uncovered()


@shared_task(ignore_result=True)
def watch_unread() -> None:
    """Make "phone or letter" work of answers that nobody has read in time. Running it twice makes it once."""
    UnreadAlarm.objects.raise_overdue()
