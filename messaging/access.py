"""The only road from an id in a request to a thing. Hidden and absent are the same 404.

Every refusal leaves an event that names who tried, for a thing that exists and for one that does not:
the work done is the same, so the time taken tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from django.db import models
from django.http import Http404

from accounts.models.user import Standing
from audit.prepared import Prepared
from audit.recorder import record_refusal
from messaging.clock import now
from messaging.models import (
    Category,
    InternalNote,
    Message,
    Pool,
    Prescription,
    RefillRequestItem,
    Thread,
    WorkItem,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import Patient, User

Thing = TypeVar("Thing", bound=models.Model)


def thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` may see it, from either side. Otherwise 404, and remember who tried."""
    return _found(
        Thread.objects.visible_to(user).select_related("patient", "pool__team", "category"), user, ref
    )


def own_thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` may read it from the patient's side."""
    return _own_thread.first(reader=user.pk, ref=ref, at=now()) or _refused(Thread, user, ref)


def worked_thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` works the pool it is in."""
    threads = Thread.objects.worked_by(user)
    return _found(threads.select_related("patient", "pool__team", "category"), user, ref)


def worked_item_for(user: User, ref: UUID) -> WorkItem:
    """Return the latest work on the thread `ref`, finished or not, if `user` works its pool."""
    return WorkItem.objects.filter(thread=worked_thread_for(user, ref)).latest("created_at")


def is_on_patients_side(user: User, thread: Thread) -> bool:
    """Whether `user` reads this thread as the patient, or for her, and not as one of its team."""
    return Thread.objects.of_patients_side(user).filter(pk=thread.pk).exists()


def prescription_for(user: User, ref: UUID) -> Prescription:
    """Return the medicine if `user` may ask for it."""
    return _found(Prescription.objects.of_patients_side(user).select_related("patient", "team"), user, ref)


def refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` may see it, from either side."""
    return _found(RefillRequestItem.objects.visible_to(user).select_related(*_REFILL_PARTS), user, ref)


def own_refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` made it or may make it for the patient."""
    return _found(RefillRequestItem.objects.of_patients_side(user).select_related(*_REFILL_PARTS), user, ref)


def worked_refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` works the pool it is in."""
    return _found(RefillRequestItem.objects.worked_by(user).select_related(*_REFILL_PARTS), user, ref)


def pool_for(user: User, patient: Patient, ref: UUID) -> Pool:
    """Return the pool if it belongs to a team that looks after `patient` now (PT2)."""
    return _found(Pool.objects.reachable_by(patient).select_related("team"), user, ref)


def category_for(user: User, code: str) -> Category:
    """Return the topic; an unknown code is a 404 like any other id."""
    category = Category.objects.filter(pk=code).first()
    if category is None:
        record_refusal(agent=user, target=None, reason="no such category")
        raise Http404
    return category


def kept_from(reader: User, patient: Patient) -> frozenset[str]:
    """What of this patient's conversations does not exist for `reader`, as the trail calls it."""
    hidden = Thread.objects.filter(patient=patient).exclude(
        pk__in=Thread.objects.of_patients_side(reader).filter(patient=patient).values("pk")
    )
    labels = {f"messaging.thread:{pk}" for pk in hidden.values_list("pk", flat=True)}
    for model in (Message, InternalNote):
        rows = model._default_manager.filter(thread__in=hidden)
        labels |= {f"{model._meta.label_lower}:{pk}" for pk in rows.values_list("pk", flat=True)}
    return frozenset(labels)


_REFILL_PARTS = ("request", "prescription", "patient", "pool__team", "work")


@Prepared
def _own_thread(*, reader: UUID, ref: UUID, at: datetime) -> models.QuerySet[Thread]:
    threads = Thread.objects.of_patients_side(Standing(reader), at=at)
    return threads.filter(pk=ref).select_related("patient", "pool__team", "category")


def _found(visible: models.QuerySet[Thing], user: User, ref: UUID) -> Thing:
    return visible.filter(pk=ref).first() or _refused(visible.model, user, ref)


def _refused(model: type[models.Model], user: User, ref: UUID) -> NoReturn:
    hidden = model._default_manager.filter(pk=ref).first()
    record_refusal(agent=user, target=hidden, reason="hidden" if hidden else "absent")
    raise Http404
