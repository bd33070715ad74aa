"""What is kept from trusted people, and where they may write and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Patient, ProxyGrant
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb
from messaging.clock import now
from messaging.models.message import Side
from messaging.refusals import MayNot, ReasonMissing, RecordJoined

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from messaging.models.pool import Category
    from messaging.models.thread import Thread


class ConfidenceManager(models.Manager["Confidence"]):
    @verb(actor="by")
    def keep(self, *, thread: Thread, by: User, reason: str = "") -> None:
        """From now on this conversation does not exist for trusted people (PX4).

        The patient gives no reason, a clinician does. Keeping it twice keeps it once. Raises `MayNot`,
        `ReasonMissing`.
        """
        locked = self._locked(thread)
        if not locked.patient.is_own_of(by):
            self._check_clinician(locked, by)
            if not reason.strip():
                raise ReasonMissing
        thread.confidential = True
        if locked.confidential:
            return
        kept = self.model(thread=locked, patient_id=locked.patient_id, kept_by=by)
        if reason.strip():
            kept.reason = seal(reason.strip(), into=kept, field="reason")
        kept.save(force_insert=True)
        _set(locked, confidential=True, by=by, subtype="keep-apart")

    @verb(actor="by")
    def share(self, *, thread: Thread, by: User) -> None:
        """Let trusted people read it again. The patient may; a clinician, where one kept it. Raises `MayNot`."""
        locked = self._locked(thread)
        kept = self.filter(thread=locked, shared_at=None).first()
        if not locked.patient.is_own_of(by):
            self._check_clinician(locked, by)
            if kept is not None and kept.kept_by_id in locked.patient.owners:
                raise MayNot
        thread.confidential = False
        if kept is None:
            return
        kept.shared_at, kept.shared_by = now(), by
        kept.save(update_fields=["shared_at", "shared_by"])
        _set(locked, confidential=False, by=by, subtype="share-again")

    def _locked(self, thread: Thread) -> Thread:
        rows = type(thread)._default_manager.select_for_update(of=("self",)).select_related("patient")
        found: Thread = rows.get(pk=thread.pk)
        return found

    def _check_clinician(self, thread: Thread, by: User) -> None:
        if thread.side_of(by, door=Side.TEAM) != Side.TEAM or not by.is_clinical:
            raise MayNot


def _set(thread: Thread, *, confidential: bool, by: User, subtype: str) -> None:
    thread.confidential = confidential
    thread.save(update_fields=["confidential"])
    record(
        agent=by,
        type="record",
        subtype=subtype,
        action="U",
        obj=thread,
        patient_id=thread.patient_id,
        category="message",
    )


class Confidence(models.Model):
    """That a conversation was kept from trusted people: by whom and why, and who shared it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="confidences")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    kept_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = SealedField(kind=Kind.HEALTH, null=True)
    kept_at = models.DateTimeField(default=now)
    shared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    shared_at = models.DateTimeField(null=True)

    objects = ConfidenceManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(shared_at=None), name="one_standing_confidence"
            )
        ]

    def __str__(self) -> str:
        return f"confidence {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


def may_write_for(user: User, patient: Patient, *, about: Category | None = None) -> bool:
    """Whether `user` may write as the patient's side now: herself, or a trusted person with that scope.

    `about` is the topic, where it is known: a trust may be limited to some.
    """
    if patient.is_own_of(user):
        return True
    granted = ProxyGrant.objects.current().filter(patient=patient, proxy=user.pk, scopes__contains=["write"])
    return (granted.about(about.pk) if about is not None else granted).exists()


def written_to(patient: Patient, *, by: User) -> Patient:
    """The record that takes what `by` begins for this patient. Raises `RecordJoined` where it is out of her reach.

    A record that was joined away takes nothing new; what she was trusted with there does not reach the other one.
    """
    if patient.joined_into_id is None:
        return patient
    if not may_write_for(by, patient.stays):
        raise RecordJoined if may_write_for(by, patient) else MayNot
    return patient.stays


def may_write_in(user: User, thread: Thread) -> bool:
    """The same in a conversation that has begun. One that is kept apart takes words of the patient alone."""
    if thread.confidential and not thread.patient.is_own_of(user):
        return False
    return may_write_for(user, thread.patient, about=thread.category)


def may_ask_for(user: User, patient: Patient) -> bool:
    """Whether `user` may ask for this patient's medicines now."""
    if patient.is_own_of(user):
        return True
    return (
        ProxyGrant.objects.current()
        .filter(patient=patient, proxy=user.pk, scopes__contains=["refill"])
        .exists()
    )


def begins_apart(user: User, patient: Patient) -> bool:
    """Whether what this person begins is kept from trusted people unless she says otherwise: the age tiers say."""
    if not patient.is_own_of(user):
        return False
    return ProxyGrant.objects.current().filter(patient=patient, keeps_new_apart=True).exists()
