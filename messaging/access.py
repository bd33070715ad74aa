"""The only road from an id in a request to a thing. Hidden and absent are the same 404.

Every refusal leaves an event that names who tried, for a thing that exists and for one that does not:
the work done is the same, so the time taken tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from django.db import models
from django.http import Http404

from accounts.models import ReasonGiven
from accounts.models.user import Standing
from audit.prepared import Prepared
from audit.recorder import record_refusal
from messaging.clock import now
from messaging.models import (
    Absence,
    Attachment,
    Category,
    Draft,
    DraftKind,
    Message,
    Pool,
    Prescription,
    RefillRequestItem,
    Thread,
    WorkItem,
)
from messaging.models.work import is_on_patients_side as stands_on_patients_side

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import CareTeam, Patient, User

Thing = TypeVar("Thing", bound=models.Model)
Concerning = TypeVar("Concerning", Thread, RefillRequestItem, Attachment)


def thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` may see it, from either side. Otherwise 404, and remember who tried."""
    found = _visible_thread.first(user.cares, reader=user.pk, ref=ref, at=now())
    return _with_reason(user, found or _refused(Thread, user, ref))


def own_thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` may read it from the patient's side."""
    return _own_thread.first(reader=user.pk, ref=ref, at=now()) or _refused(Thread, user, ref)


def worked_thread_for(user: User, ref: UUID) -> Thread:
    """Return the thread if `user` works the pool it is in."""
    found = _worked_thread.first(user.cares, reader=user.pk, ref=ref, at=now())
    return _with_reason(user, found or _refused(Thread, user, ref))


def worked_item_for(user: User, ref: UUID) -> WorkItem:
    """Return the latest work on the thread `ref`, finished or not, if `user` works its pool."""
    return WorkItem.objects.filter(thread=worked_thread_for(user, ref)).latest("created_at")


def written_message_for(user: User, thread: Thread, ref: UUID) -> Message:
    """Return the message if `user` wrote it, in this thread."""
    return _found(Message.objects.filter(thread=thread, author=user.pk).select_related("thread"), user, ref)


def is_on_patients_side(user: User, thread: Thread) -> bool:
    """Whether `user` reads this thread as the patient, or for her, and not as one of its team."""
    return _own_thread.first(reader=user.pk, ref=thread.pk, at=now()) is not None


def prescription_for(user: User, ref: UUID) -> Prescription:
    """Return the medicine if `user` may ask for it."""
    return _found(Prescription.objects.of_patients_side(user).select_related("patient", "team"), user, ref)


def refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` may see it, from either side."""
    visible = RefillRequestItem.objects.visible_to(user).select_related(*_REFILL_PARTS)
    return _with_reason(user, _found(visible, user, ref))


def own_refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` made it or may make it for the patient."""
    return _found(RefillRequestItem.objects.of_patients_side(user).select_related(*_REFILL_PARTS), user, ref)


def worked_refill_for(user: User, ref: UUID) -> RefillRequestItem:
    """Return the request if `user` works the pool it is in."""
    worked = RefillRequestItem.objects.worked_by(user).select_related(*_REFILL_PARTS)
    return _with_reason(user, _found(worked, user, ref))


def file_for(user: User, ref: UUID) -> Attachment:
    """Return the file if `user` may have its content now."""
    return _with_reason(
        user, _found(Attachment.objects.visible_to(user).select_related("patient"), user, ref)
    )


def unsent_file_for(user: User, ref: UUID) -> Attachment:
    """Return the file if `user` has added it and not sent it yet."""
    unsent = Attachment.objects.unsent_by(user).select_related("thread", "patient")
    return _with_reason(user, _found(unsent, user, ref))


def draft_for(user: User, ref: UUID) -> Draft:
    """Return her own draft of the patient's side, while she may still write there. A sent one is found, too."""
    kinds = (DraftKind.MESSAGE, DraftKind.REPLY)
    return _draft.first(kinds, user.cares, reader=user.pk, ref=ref, at=now()) or _refused(Draft, user, ref)


def letter_for(user: User, ref: UUID) -> Draft:
    """Return her own draft of a new message."""
    kinds = (DraftKind.MESSAGE,)
    return _draft.first(kinds, user.cares, reader=user.pk, ref=ref, at=now()) or _refused(Draft, user, ref)


def absence_for(user: User, ref: UUID) -> Absence:
    """Return her own absence."""
    return _found(Absence.objects.visible_to(user), user, ref)


def absence_to_cover_for(user: User, ref: UUID) -> Absence:
    """Return an absence for which she may choose who reads: her own, or that of somebody in her team."""
    return _found(Absence.objects.coverable_by(user), user, ref)


def pool_for(user: User, patient: Patient, ref: UUID) -> Pool:
    """Return the pool if it belongs to a team that looks after `patient` now (PT2)."""
    return _found(Pool.objects.reachable_by(patient).select_related("team"), user, ref)


def pool_of(user: User, team: CareTeam) -> Pool:
    """The pool that a team works."""
    return _found(Pool.objects.filter(team=team), user, team.pk, by="team")


def category_for(user: User, code: str) -> Category:
    """Return the topic; an unknown code is a 404 like any other id."""
    category = Category.objects.filter(pk=code).first()
    if category is None:
        record_refusal(agent=user, target=None, reason="no such category")
        raise Http404
    return category


_DRAFT_PARTS = ("patient", "category", "pool__team", "message", "follows")
_THREAD_PARTS = ("patient__joined_into", "pool__team", "category")
_REFILL_PARTS = ("request", "prescription", "patient__joined_into", "pool__team", "work")


@Prepared
def _own_thread(*, reader: UUID, ref: UUID, at: datetime) -> models.QuerySet[Thread]:
    threads = Thread.objects.of_patients_side(Standing(reader), at=at)
    return threads.filter(pk=ref).select_related(*_THREAD_PARTS)


@Prepared
def _visible_thread(cares: bool, *, reader: UUID, ref: UUID, at: datetime) -> models.QuerySet[Thread]:
    threads = Thread.objects.visible_to(Standing(reader, cares), at=at)
    return threads.filter(pk=ref).select_related(*_THREAD_PARTS)


@Prepared
def _worked_thread(cares: bool, *, reader: UUID, ref: UUID, at: datetime) -> models.QuerySet[Thread]:
    threads = Thread.objects.worked_by(Standing(reader, cares), at=at)
    return threads.filter(pk=ref).select_related(*_THREAD_PARTS)


@Prepared
def _draft(
    kinds: tuple[str, ...], cares: bool, *, reader: UUID, ref: UUID, at: datetime
) -> models.QuerySet[Draft]:
    drafts = Draft.objects.visible_to(Standing(reader, cares), at=at).filter(kind__in=kinds)
    return drafts.filter(pk=ref).select_related(*_DRAFT_PARTS)


def _found(visible: models.QuerySet[Thing], user: User, ref: UUID, *, by: str = "pk") -> Thing:
    return visible.filter(**{by: ref}).first() or _refused(visible.model, user, ref)


def _with_reason(user: User, found: Concerning) -> Concerning:
    """What is found, once she has said why she opens a protected record. The patient's side is not asked."""
    patient = found.patient
    if patient.asks_reason and not stands_on_patients_side(user, patient_id=patient.pk):
        ReasonGiven.objects.ask_first(user, patient)
    return found


def _refused(model: type[models.Model], user: User, ref: UUID) -> NoReturn:
    hidden = model._default_manager.filter(pk=ref).first()
    reason = "absent" if hidden is None else "own-record" if _is_near(user, hidden) else "hidden"
    record_refusal(agent=user, target=hidden, reason=reason)
    raise Http404


def _is_near(user: User, hidden: models.Model) -> bool:
    """Whether it is about herself or somebody near to her, and hidden for that: the review looks at these."""
    patient_id = getattr(hidden, "patient_id", None)
    return user.cares and patient_id is not None and stands_on_patients_side(user, patient_id=patient_id)
