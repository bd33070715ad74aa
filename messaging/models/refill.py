"""Asking for more of a medicine, and the one decision that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from accounts import leaving, limits
from accounts.models import CareRelationship, Patient, ProxyGrant
from accounts.models.family import near
from accounts.models.patient import of_owner
from accounts.models.user import Standing
from accounts.notices import Notice
from accounts.topics import CategoryCode
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb
from messaging import notices
from messaging.clock import now
from messaging.eligibility import Eligibility
from messaging.models.confidence import may_ask_for
from messaging.models.medicine import Prescription
from messaging.models.message import Press
from messaging.models.pool import Category, Pool
from messaging.models.refill_terms import (
    DECIDED_STATES,
    OPEN_STATES,
    DenialReason,
    RefillState,
    checked_terms,
)
from messaging.models.safety import Safety, SafetyFlag
from messaging.models.work import WorkItem, WorkState, keep_apart
from messaging.record_states import check_patients_side, check_teams_side
from messaging.refusals import (
    AlreadyDecided,
    ControlledSubstance,
    DuplicateRequest,
    MayNot,
    NotOpenForDecision,
    NotRequestable,
)
from messaging.schedules import Schedule

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from audit.context import Agent

COMMENT_LIMIT = 1_000


class RefillRequestItemQuerySet(models.QuerySet["RefillRequestItem"]):
    def of_patients_side(self, user: User | Standing) -> Self:
        """Requests for the patient's own medicines, and those a trusted person may see."""
        granted = ProxyGrant.objects.current().filter(proxy=user.pk, scopes__contains=["refill"])
        return self.filter(of_owner(user.pk) | Q(patient__in=granted.values("patient")))

    def worked_by(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Requests in the pools `user` works now, about patients whom that team looks after now.

        What came to the fall-back pool came because no team looked after the patient: its clinicians decide it.
        """
        related = CareRelationship.objects.current(at).filter(
            patient=OuterRef("patient"), team=OuterRef("pool__team")
        )
        pools = Pool.objects.worked_by(user, at=at)
        worked = self.filter(Exists(related) | Q(pool__is_fallback=True), pool__in=pools)
        return worked.exclude(near(user.pk, at=at))

    def visible_to(self, user: User) -> Self:
        """Requests `user` may read now."""
        return self.of_patients_side(user) | self.worked_by(user)

    def waiting(self) -> Self:
        return self.filter(state__in=OPEN_STATES)


class RefillRequestQuerySet(models.QuerySet["RefillRequest"]):
    @verb(actor="by")
    def ask(
        self,
        *,
        by: User,
        prescription: Prescription,
        comment: str = "",
        form_token: UUID | None = None,
        safety: Safety | None = None,
    ) -> RefillRequestItem:
        """Ask for more of one medicine: check it again on the server, route it, promise a time, notify.

        Raises `NotRequestable` for a stopped medicine, `DuplicateRequest` with the request that stands, `NoPool`
        when no team would read it, `MayNot` when `by` may not ask for this patient, `FormUsed` (see `Press`).
        """
        leaving.as_things_stand()
        # Lock the order: two presses of the button, or patient and daughter at once, make one request.
        prescription = (
            Prescription.objects.select_for_update(of=("self",))
            .select_related("patient", "team")
            .get(pk=prescription.pk)
        )
        patient = prescription.patient
        if not may_ask_for(by, patient):
            raise MayNot
        press = Press.of(form_token, "refill", prescription.pk, comment)
        if twin := press.earlier(self, requested_by=by):
            return twin.items.get()
        check_patients_side(patient.pk)
        code = prescription.eligibility()
        if not code.is_requestable:
            raise NotRequestable
        standing = RefillRequestItem.objects.waiting().filter(prescription=prescription).first()
        if standing is not None:
            raise DuplicateRequest(standing)
        limits.use("write-patient", by.pk)
        pool = Pool.objects.for_refill(patient=patient, ordered_by=prescription.team)
        request = RefillRequest(
            patient=patient, requested_by=by, form_token=press.token, form_digest=press.digest
        )
        if comment:
            request.comment = seal(comment, into=request, field="comment")
        request.save()
        due_at = pool.due(Category.objects.get(code=CategoryCode.REFILL), since=now())
        item = RefillRequestItem.objects.create(
            request=request,
            patient=patient,
            prescription=prescription,
            pool=pool,
            eligibility=code,
            due_at=due_at,
        )
        work = WorkItem.objects.create(patient=patient, pool=pool, refill=item, due_at=due_at)
        SafetyFlag.objects.raise_for(by=by, about=item, item=work, texts=(comment,), safety=safety)
        record(
            agent=by,
            type="record",
            subtype="refill-request",
            action="C",
            obj=item,
            patient_id=patient.pk,
            category="refill",
        )
        notices.tell_pool(pool, about=item, notice=Notice.WORK_WAITING, owner=None)
        return item


class RefillRequest(models.Model):
    """The envelope: one asking, with what the person wrote. Its status is that of its lines."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="refill_requests")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    comment = SealedField(kind=Kind.HEALTH, null=True)
    requested_at = models.DateTimeField(default=now)
    form_token = models.UUIDField(null=True)
    form_digest = models.CharField(max_length=64, blank=True)

    objects = RefillRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by", "form_token"], name="one_refill_request_per_form"
            ),
        ]

    def __str__(self) -> str:
        return f"refill request {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


class RefillRequestItem(models.Model):
    """One medicine that was asked for: where it stands and what it was judged by.

    The database allows only the moves of the state machine and refuses to leave a final state.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(RefillRequest, on_delete=models.PROTECT, related_name="items")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    prescription = models.ForeignKey(Prescription, on_delete=models.PROTECT, related_name="requests")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=24, choices=RefillState.choices, default=RefillState.RECEIVED)
    eligibility = models.CharField(max_length=20, choices=Eligibility.choices)
    due_at = models.DateTimeField()
    promised_at = models.DateTimeField(null=True)  # see `WorkItem`
    state_since = models.DateTimeField(default=now)

    objects = RefillRequestItemQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        indexes = [
            models.Index(
                fields=["pool", "due_at", "id"],
                name="refill_queue",
                condition=Q(state__in=["received", "in_review"]),
            ),
            models.Index(fields=["patient", "-state_since"], name="refills_of_patient"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["prescription"],
                condition=Q(state__in=["received", "in_review"]),
                name="one_open_request_per_medicine",
            ),
            models.CheckConstraint(condition=Q(state__in=RefillState.values), name="refill_state_known"),
            models.CheckConstraint(condition=Q(eligibility__in=Eligibility.values), name="eligibility_known"),
        ]

    def __str__(self) -> str:
        return f"refill {self.pk}"

    def get_absolute_url(self) -> str:
        """Where the patient's side reads it; staff read it in the refill queue."""
        return reverse("refill-request", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @verb(actor="by")
    def claim(self, *, by: User) -> RefillRequestItem:
        """Take the request for review, or say who has it (`HeldByAnother`)."""
        leaving.as_things_stand()
        item = self._locked()
        if not item.is_open:
            raise AlreadyDecided
        keep_apart(by, patient_id=item.patient_id)
        if not RefillRequestItem.objects.worked_by(by).filter(pk=item.pk).exists():
            raise MayNot
        item.work.claim(by=by)
        if item.state == RefillState.RECEIVED:
            item._move_to(RefillState.IN_REVIEW)
        return item

    @verb(actor="by")
    def decide(
        self,
        *,
        by: User,
        outcome: str,
        reason: str = "",
        note: str = "",
        quantity: int | None = None,
        repeats: int | None = None,
    ) -> RefillDecision:
        """Answer the request, once (RF4). Behind a recent second factor at both doors.

        `outcome` is one of approved, approved_with_changes, replaced, denied. A denial needs a `reason`, a
        change needs the `quantity` or `repeats` that change, a replacement needs a `note`: `Incomplete`
        names the missing part. `note` is read by the patient. Raises `MayNot` for anybody who may not
        prescribe in this pool, `OwnRecord` for one of the patient's side, `ControlledSubstance` for a
        schedule II refill, `AlreadyDecided`, `NotOpenForDecision`, `HeldByAnother`. Records the decision and
        tells the patient.
        """
        leaving.as_things_stand()
        item = self._locked()
        keep_apart(by, patient_id=item.patient_id)
        if not by.may_prescribe or not RefillRequestItem.objects.worked_by(by).filter(pk=item.pk).exists():
            raise MayNot
        check_teams_side(item.patient)
        if item.state in DECIDED_STATES:
            raise AlreadyDecided
        if not item.is_open:
            raise NotOpenForDecision
        outcome = RefillState(outcome)
        if outcome not in DECIDED_STATES:
            raise NotOpenForDecision
        terms = checked_terms(outcome, reason=reason, note=note, quantity=quantity, repeats=repeats)
        if item.prescription.schedule == Schedule.II and outcome in (
            RefillState.APPROVED,
            RefillState.APPROVED_WITH_CHANGES,
        ):
            raise ControlledSubstance
        work = item.work.locked()
        work.check_free_for(by)
        if work.owner_id != by.pk:
            work.hand_to(by)
        if item.state == RefillState.RECEIVED:
            item._move_to(RefillState.IN_REVIEW)
        decision = RefillDecision(
            item=item, patient_id=item.patient_id, decided_by=by, outcome=outcome, **terms
        )
        if note:
            decision.note = seal(note, into=decision, field="note")
        try:
            with transaction.atomic():
                decision.save()
        except IntegrityError as clash:  # one-to-one: the database settles the race
            raise AlreadyDecided from clash
        item._move_to(outcome)
        work.finish()
        record(
            agent=by,
            type="record",
            subtype="decide",
            action="C",
            obj=item,
            patient_id=item.patient_id,
            category="refill",
            detail={"outcome": str(outcome), "reason": reason},
        )
        notices.tell_patients_side(item.patient, about=decision, notice=Notice.REFILL_DECIDED)
        return decision

    @verb(actor="by")
    def cancel(self, *, by: User) -> RefillRequestItem:
        """Take the request back. Only the patient's side, only while it is open."""
        leaving.as_things_stand()
        item = self._locked()
        if not may_ask_for(by, item.patient):
            raise MayNot
        if not item.is_open:
            raise AlreadyDecided
        item._move_to(RefillState.CANCELLED)
        item.work.locked().finish(state=WorkState.CANCELLED)
        record(
            agent=by,
            type="record",
            subtype="cancel",
            action="U",
            obj=item,
            patient_id=item.patient_id,
            category="refill",
        )
        return item

    def put_back(self) -> None:
        """Whoever looked at it has left: it waits again."""
        if self.state == RefillState.IN_REVIEW:
            self._move_to(RefillState.RECEIVED)

    def end_unread(self, *, by: Agent) -> None:
        """Nobody is left who could judge it, or nobody to judge it for: it ends, and the patient's side is told."""
        self._move_to(RefillState.CANCELLED)
        self.work.locked().finish(state=WorkState.CANCELLED)
        record(
            agent=by,
            type="record",
            subtype="cancel",
            action="U",
            obj=self,
            patient_id=self.patient_id,
            category="refill",
        )
        notices.tell_patients_side(self.patient, about=self, notice=Notice.TEAM_CHANGED)

    def _locked(self) -> RefillRequestItem:
        return (
            RefillRequestItem.objects.select_for_update(of=("self",))
            .select_related("prescription", "patient", "work")
            .get(pk=self.pk)
        )

    def _move_to(self, state: RefillState) -> None:
        self.state = state
        self.state_since = now()
        self.save(update_fields=["state", "state_since"])


class RefillDecision(models.Model):
    """Who answered, when and how. One for a request; it is never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    item = models.OneToOneField(RefillRequestItem, on_delete=models.PROTECT, related_name="decision")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=24, choices=[(s.value, s.label) for s in DECIDED_STATES])
    reason = models.CharField(max_length=2, choices=DenialReason.choices, blank=True)
    quantity = models.PositiveSmallIntegerField(null=True)
    repeats = models.PositiveSmallIntegerField(null=True)
    note = SealedField(kind=Kind.HEALTH, null=True)
    decided_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="denied", reason__gt="") | (~Q(outcome="denied") & Q(reason="")),
                name="denial_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=[s.value for s in DECIDED_STATES]), name="decision_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


def may_still_be_told(decision: UUID, person: UUID) -> bool:
    """Whether a notice of this decision may leave for somebody on the patient's side, at this moment."""
    return RefillRequestItem.objects.of_patients_side(Standing(person)).filter(decision=decision).exists()
