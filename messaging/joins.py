"""What two records that are compared, or were joined, hold of conversations and requests: numbers, and no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Max, Q

from accounts.record_pairs import Content, Written
from messaging.models import RefillRequestItem, Thread, ThreadState

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import RecordJoin, User

MOST = 100


def count(patient: UUID) -> Content:
    threads = Thread.objects.filter(patient=patient)
    requests = RefillRequestItem.objects.waiting().filter(patient=patient)
    return Content(
        open=threads.filter(state=ThreadState.OPEN).count(),
        finished=threads.filter(state=ThreadState.CLOSED).count(),
        requests=requests.count(),
    )


def written(join: RecordJoin, reader: User) -> list[Written]:
    """The conversations of both in which something was said while they were one, the newest first."""
    meanwhile = Q(messages__sent_at__gte=join.joined_at)
    if join.parted_at is not None:
        meanwhile &= Q(messages__sent_at__lt=join.parted_at)
    meanwhile &= Q(messages__author__isnull=False)
    threads = (
        Thread.objects.filter(meanwhile, patient__in=[join.patient_id, join.survivor_id])
        .annotate(said=Count("messages", distinct=True), last=Max("messages__sent_at"))
        .select_related("category")
        .order_by("-last", "-pk")[:MOST]
    )
    found = list(threads)
    open_to_her = set(
        Thread.objects.worked_by(reader)
        .filter(pk__in=[thread.pk for thread in found])
        .values_list("pk", flat=True)
    )
    return [
        Written(
            topic=str(thread.category.words),
            of_joined=thread.patient_id == join.patient_id,
            messages=thread.said,
            last_at=thread.last,
            ref=thread.pk if thread.pk in open_to_her else None,
        )
        for thread in found
    ]
