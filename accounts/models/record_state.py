"""In what state a record is: whose it is may have moved, been asked to leave, or died. Each state is a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts import leaving
from accounts.models.ground import Ended
from accounts.models.invitation import Invitation
from accounts.models.notification import Notification
from accounts.models.patient import Patient, PatientState
from accounts.models.period import Period, PeriodQuerySet
from accounts.models.proxy import ProxyGrant
from accounts.models.role import CARING, CLINICAL, RoleGrant
from accounts.models.trust import Trust
from accounts.models.user import User
from accounts.notices import Notice
from accounts.record_refusals import JoinedAway
from accounts.refusals import MayNotSetState, NotYourOwn, ReviewMissing, SameState, WorksHere
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from audit.context import Agent

# Decisions against a patient's wish: a clinician's, looked at again by another one on a day that is set now.
REVIEWED = frozenset({PatientState.DISMISSED, PatientState.BLOCKED})
# What the desk learns and may write down.
OF_THE_DESK = frozenset({PatientState.ACTIVE, PatientState.INACTIVE, PatientState.DECEASED})


class RecordStateManager(models.Manager.from_queryset(PeriodQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def begin(
        self,
        *,
        patient: Patient,
        state: str,
        reason: str,
        by: User,
        review_on: date | None = None,
        reviewer: User | None = None,
    ) -> RecordState | None:
        """Put a record into a state, from this moment on; back to active leaves no row that runs.

        Whatever is being sent is sent before or refused after. A death closes the patient's login, ends what she let
        others do and takes her open requests back; taken back, it opens again what it closed. Raises
        `MayNotSetState`, `NotYourOwn`, `SameState`, `ReviewMissing`.
        """
        leaving.alone()
        patient = Patient.objects.select_for_update().get(pk=patient.pk)
        state, was = PatientState(state), PatientState(patient.state)
        self._check(patient, was, state, by=by)
        if state in REVIEWED and not _is_reviewed(review_on, reviewer, by=by):
            raise ReviewMissing
        moment = timezone.now()
        before = self.filter(patient=patient, ends_at=None).first()
        if before is not None:
            before.ends_at, before.ended_by = moment, by
            before.save(update_fields=["ends_at", "ended_by"])
        row = None
        if state != PatientState.ACTIVE:
            row = self.model(patient=patient, state=state, set_by=by, starts_at=moment)
            row.reason = seal(reason, into=row, field="reason")
            if state in REVIEWED:
                row.review_on, row.reviewer = review_on, reviewer
        everything = [patient, *patient.joined_records.all()]
        for one in everything:
            one.state = state
            one.save(update_fields=["state"])
        if was == PatientState.DECEASED and before is not None:
            _open_doors(before, patient, by=by)
        if row is not None:
            row.save(force_insert=True)
        if state == PatientState.DECEASED and row is not None:
            _close_doors(row, patient, by=by)
        record(
            agent=by,
            type="record",
            subtype="state",
            action="U",
            obj=row or before or patient,
            patient_id=patient.pk,
            category="patient",
            detail={"was": str(was), "now": str(state)},
            reason_text=reason,
        )
        leaving.settle(leaving.Leaving(by=by, patients=tuple(everything)))
        if state != PatientState.DECEASED:
            _tell(patient, about=row or before or patient)
        return row

    def _check(self, patient: Patient, was: PatientState, state: PatientState, *, by: User) -> None:
        if by.pk == patient.user_id or any(grant.patient_id == patient.pk for grant in by.grants):
            raise NotYourOwn
        if patient.joined_into_id is not None:
            raise JoinedAway
        if not Patient.objects.looked_after_by(by).filter(pk=patient.pk).exists():
            raise MayNotSetState
        if not may_set(by, was) or not may_set(by, state):
            raise MayNotSetState
        if was == state:
            raise SameState

    def remind(self, *, by: Agent) -> None:
        """Tell the reviewers whose day has come, once."""
        due = self.current().filter(review_on__lte=timezone.localdate()).select_related("reviewer", "patient")
        for row in due:
            people = [row.reviewer_id] if row.reviewer_id else []
            Notification.objects.tell(people, about=row, notice=Notice.REVIEW_DUE, patient=row.patient)


class RecordState(Period):
    """One state of one record, why, who said so, and when somebody else looks at it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="record_states")
    state = models.CharField(max_length=10, choices=PatientState.choices)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = SealedField(kind=Kind.HEALTH)
    review_on = models.DateField(null=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Whether this state shut the patient's own login: only then its end opens it again.
    closed_login = models.BooleanField(default=False)

    objects = RecordStateManager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.UniqueConstraint(
                fields=["patient"], condition=Q(ends_at=None), name="one_state_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[state.value for state in PatientState if state != PatientState.ACTIVE]
                ),
                name="record_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(REVIEWED), review_on__isnull=False, reviewer__isnull=False)
                | (~Q(state__in=sorted(REVIEWED)) & Q(review_on=None, reviewer=None)),
                name="hard_states_are_reviewed",
            ),
        ]

    def __str__(self) -> str:
        return f"record state {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


def may_set(user: User, state: str) -> bool:
    """Whether the role of `user` may begin or end this state."""
    return user.is_clinical if state in REVIEWED else bool(user.roles & CARING) and state in OF_THE_DESK


def _is_reviewed(review_on: date | None, reviewer: User | None, *, by: User) -> bool:
    if review_on is None or reviewer is None or reviewer.pk == by.pk or not reviewer.is_active:
        return False
    days = (review_on - timezone.localdate()).days
    clinicians = RoleGrant.objects.current().filter(user=reviewer, role__in=sorted(CLINICAL))
    return 0 < days <= 366 and clinicians.exists()


def _close_doors(death: RecordState, patient: Patient, *, by: User) -> None:
    """Nobody signs in as somebody who has died, and what she let others do ends with her.

    No letter says so: her own would reach whoever keeps her mail, and her family hears of a death from a person.
    """
    hers = Patient.objects.one_with(patient)
    for trust in Trust.objects.standing().filter(patient__in=hers):
        trust.end(by=by, because=Ended.DIED, death=death, quietly=True)
    for invitation in Invitation.objects.unfinished().filter(patient__in=hers):
        invitation.revoke(by=by)
    if patient.user is None or not patient.user.is_active:
        return
    if patient.user.works_here:
        raise WorksHere
    patient.user.deactivate(by=by, quietly=True)
    death.closed_login = True
    death.save(update_fields=["closed_login"])


def _open_doors(death: RecordState, patient: Patient, *, by: User) -> None:
    """It was a mistake: what this very death closed is open again, and nothing else."""
    if death.closed_login and patient.user is not None:
        patient.user.reopen(by=by)
    for trust in Trust.objects.filter(ended_with=death).order_by("pk"):
        trust.go_on(by=by)


def _tell(patient: Patient, *, about: models.Model) -> None:
    people = [patient.user_id] if patient.user_id else []
    together = Patient.objects.one_with(patient)
    people += ProxyGrant.objects.current().filter(patient__in=together).values_list("proxy", flat=True)
    Notification.objects.tell(
        people, about=about, notice=Notice.RECORD_CHANGED, patient=patient, once=patient.state
    )
