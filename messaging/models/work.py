"""The work that a message or a refill request makes, apart from its content (FHIR Task)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from accounts import leaving
from accounts.models import CareRelationship, CareTeamMembership, Patient, RoleGrant
from accounts.models.family import near
from accounts.models.role import CARING
from audit.ids import uuid7
from audit.prepared import Prepared
from audit.recorder import record
from audit.verbs import verb
from messaging.clock import now
from messaging.models.pool import Pool
from messaging.refusals import AlreadyClosed, HeldByAnother, MayNot, NotHeld, OwnRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from accounts.models.user import Standing
    from audit.context import Agent


class Priority(models.IntegerChoices):
    """FHIR request priority, ordered so that the most pressing sorts first."""

    STAT = 0, _("Now")
    ASAP = 1, _("Very urgent")
    URGENT = 2, _("Urgent")
    ROUTINE = 3, _("Routine")


class WorkState(models.TextChoices):
    """Task.status. Everything but the last two is work that somebody still owes the patient."""

    REQUESTED = "requested", _("Waiting for the team")
    ACCEPTED = "accepted", _("Taken")
    ON_HOLD = "on_hold", _("Waiting for the patient")
    COMPLETED = "completed", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_STATES = (WorkState.REQUESTED, WorkState.ACCEPTED, WorkState.ON_HOLD)


def is_held(at: datetime | None = None) -> Q:
    """The condition that an item's owner still works its pool. Who left holds nothing: patients would wait."""
    members = CareTeamMembership.objects.current(at).filter(
        user=OuterRef("owner"), team=OuterRef("pool__team")
    )
    roles = RoleGrant.objects.current(at).filter(user=OuterRef("owner"), role__in=CARING)
    return Q(Exists(members)) & Q(Exists(roles)) & Q(owner__is_active=True)


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def visible_to(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Work of the pools `user` works now, about patients whom that team looks after now: none near to her.

        What came to the fall-back pool came because no team looked after the patient: its desk reads it.
        """
        related = CareRelationship.objects.current(at).filter(
            patient=OuterRef("patient"), team=OuterRef("pool__team")
        )
        pools = Pool.objects.worked_by(user, at=at)
        worked = self.filter(Exists(related) | Q(pool__is_fallback=True), pool__in=pools)
        return worked.exclude(near(user.pk, at=at))

    def in_pools(
        self,
        desks: Iterable[tuple[UUID, UUID]],
        fallbacks: Sequence[UUID],
        *,
        reader: UUID,
        at: datetime | None,
    ) -> Self:
        """The same for pools that are known already, as (pool, its team), and fall-back pools.

        Said in ids, so that one index serves filter and order, and the database reads what a page shows.
        """
        allowed = Q(pool__in=fallbacks)
        for pool, team in desks:
            related = CareRelationship.objects.current(at).filter(patient=OuterRef("patient"), team=team)
            allowed |= Q(Exists(related), pool=pool)
        return self.filter(allowed).exclude(near(reader, at=at))

    def held(self, *, at: datetime | None = None) -> Self:
        """Work that somebody has taken who is still there to do it."""
        return self.filter(is_held(at))

    def unfinished(self) -> Self:
        return self.filter(state__in=OPEN_STATES)


class WorkItem(models.Model):
    """One thing a team owes a patient: a thread to answer or a refill to decide."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="items")
    thread = models.ForeignKey("messaging.Thread", null=True, on_delete=models.PROTECT, related_name="items")
    refill = models.OneToOneField(
        "messaging.RefillRequestItem", null=True, on_delete=models.PROTECT, related_name="work"
    )
    state = models.CharField(max_length=12, choices=WorkState.choices, default=WorkState.REQUESTED)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.ROUTINE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    # What the patient was told, when a danger has brought `due_at` forward: no page promises her a reply in minutes.
    promised_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(default=now)
    created_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        indexes = [
            # Serves filter and order of the team inbox at once, so a page costs the same at any depth.
            models.Index(
                fields=["pool", "priority", "due_at", "id"],
                name="work_team_inbox",
                condition=Q(state__in=["requested", "accepted", "on_hold"]),
            ),
            models.Index(fields=["pool", "-finished_at", "id"], name="work_finished"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(thread__isnull=False, refill=None) | Q(thread=None, refill__isnull=False),
                name="work_has_one_focus",
            ),
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="work_state_known"),
            models.CheckConstraint(
                condition=Q(state="accepted", owner__isnull=False) | ~Q(state="accepted"),
                name="taken_work_has_an_owner",
            ),
            models.UniqueConstraint(
                fields=["thread"],
                condition=Q(state__in=["requested", "accepted", "on_hold"]),
                name="one_open_item_per_thread",
            ),
        ]

    def __str__(self) -> str:
        return f"work {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @verb(actor="by")
    def claim(self, *, by: User) -> WorkItem:
        """Take the work, or say who has it. Claiming one's own work again changes nothing (TR2).

        Raises `HeldByAnother` with the holder, `AlreadyClosed`, `OwnRecord`, `MayNot`. Records the claim.
        """
        leaving.as_things_stand()
        item = self.locked()
        item.check_worker(by)
        if not item.is_open:
            raise AlreadyClosed
        item.check_free_for(by)
        if item.owner_id != by.pk:
            item.hand_to(by)
        return item

    @verb(actor="by")
    def release(self, *, by: User) -> WorkItem:
        """Give the work back to the team. Raises `NotHeld` unless `by` holds it."""
        leaving.as_things_stand()
        item = self.locked()
        if item.owner_id != by.pk or not item.is_open:
            raise NotHeld
        item.end_claims(because="released")
        item.owner = None
        if item.state == WorkState.ACCEPTED:
            item.state = WorkState.REQUESTED
        item.save(update_fields=["owner", "state"])
        record(
            agent=by,
            type="work",
            subtype="release",
            action="U",
            obj=item,
            patient_id=item.patient_id,
            category="work",
        )
        return item

    # What follows is for the verbs of this app: each expects the row locked by `locked()`.

    def locked(self) -> WorkItem:
        """Read the row again under a lock: two people may be at it."""
        # Nothing must be joined that may change: a row that had to wait for its lock comes with the new owner's id
        # but with the joined columns of before, that is, with nobody; and not at all when its pool is another.
        return WorkItem.objects.select_for_update(of=("self",)).get(pk=self.pk)

    def check_worker(self, by: User) -> None:
        """Raise `MayNot` unless `by` works this item now, `OwnRecord` when she stands on the patient's side."""
        keep_apart(by, patient_id=self.patient_id)
        if not WorkItem.objects.visible_to(by).filter(pk=self.pk).exists():
            raise MayNot

    def check_free_for(self, by: User) -> None:
        """Raise `HeldByAnother` when somebody else holds it."""
        if self.owner_id != by.pk and self.holder_id is not None:
            raise HeldByAnother(self.owner)  # type: ignore[arg-type]

    @property
    def holder_id(self) -> UUID | None:
        """Who holds it now: its owner, unless she has left the team or the clinic since she took it."""
        if self.owner_id is None or not WorkItem.objects.held().filter(pk=self.pk).exists():
            return None
        return self.owner_id

    def hand_to(self, holder: User) -> None:
        """Make `holder` the owner. The claim row's constraint is what settles a race."""
        self.end_claims(because="handed on")
        Claim.objects.create(item=self, patient_id=self.patient_id, holder=holder)
        self.owner = holder
        if self.state == WorkState.REQUESTED:
            self.state = WorkState.ACCEPTED
        self.save(update_fields=["owner", "state"])
        record(
            agent=holder,
            type="work",
            subtype="claim",
            action="U",
            obj=self,
            patient_id=self.patient_id,
            category="work",
        )

    def let_go(self, *, by: Agent) -> None:
        """Take it from an owner who cannot work on it any more: it waits for the others."""
        self.end_claims(because="left")
        self.owner = None
        if self.state == WorkState.ACCEPTED:
            self.state = WorkState.REQUESTED
        self.save(update_fields=["owner", "state"])
        record(
            agent=by,
            type="work",
            subtype="let-go",
            action="U",
            obj=self,
            patient_id=self.patient_id,
            category="work",
        )

    def move_to(self, pool: Pool, *, by: Agent) -> None:
        """Bring it to another pool, with its promise. Its owner keeps it if she works there, too."""
        self.pool = pool
        self.save(update_fields=["pool"])
        if self.owner_id is not None and self.holder_id is None:
            self.let_go(by=by)

    @property
    def is_owed(self) -> bool:
        """Somebody waits for the team, and the team has not answered yet."""
        return self.state in (WorkState.REQUESTED, WorkState.ACCEPTED)

    def press(self, *, priority: Priority, due_at: datetime) -> None:
        """Something she wrote may be dangerous: to the top, and sooner. What she was promised stays."""
        self.priority = priority
        self.promised_at = self.promised_at or self.due_at
        self.due_at = due_at
        self.save(update_fields=["priority", "promised_at", "due_at"])

    def wait_for_patient(self) -> None:
        """The team has answered; the clock stops until the patient writes."""
        self.state = WorkState.ON_HOLD
        self.save(update_fields=["state"])

    def rest(self, *, thread_is_open: bool) -> None:
        """Nobody owes anything in it at this moment."""
        if thread_is_open:
            self.wait_for_patient()
        else:
            self.finish()

    @property
    def is_on_hold(self) -> bool:
        """The team has answered. Any other open work has a clock that runs, and keeps its earlier promise."""
        return self.state == WorkState.ON_HOLD

    def wake(self, *, due_at: datetime) -> None:
        """The patient wrote again."""
        if self.is_on_hold:
            self.owe(due_at=due_at, since=now())

    def owe(self, *, due_at: datetime, since: datetime) -> None:
        """The clock runs: somebody has waited `since` then, and is answered by `due_at`."""
        if self.owner_id is not None and self.holder_id is None:
            self.end_claims(because="left")
            self.owner = None
        self.state = WorkState.ACCEPTED if self.owner_id else WorkState.REQUESTED
        if self.promised_at is not None:
            # The danger was answered. What she writes now is looked at by itself.
            self.priority, self.promised_at = Priority.ROUTINE, None
        self.due_at = due_at
        self.waiting_since = since
        self.save(update_fields=["owner", "state", "priority", "promised_at", "due_at", "waiting_since"])

    def finish(self, *, state: WorkState = WorkState.COMPLETED) -> None:
        """Nothing is owed any more. Ends the claim; the owner stays as who did it."""
        self.end_claims(because="finished")
        self.state = state
        self.finished_at = now()
        self.save(update_fields=["state", "finished_at"])

    def end_claims(self, *, because: str) -> None:
        for claim in Claim.objects.filter(item=self, ended_at=None):
            claim.ended_at = now()
            claim.ended_because = because
            claim.save(update_fields=["ended_at", "ended_because"])


class Claim(models.Model):
    """That one person took the work, from when to when. At most one is open for an item."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    item = models.ForeignKey(WorkItem, on_delete=models.PROTECT, related_name="claims")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(ended_at=None), name="one_open_claim"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("claimed_at")), name="claim_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"claim {self.pk}"


def is_on_patients_side(user: User, *, patient_id: UUID) -> bool:
    """Whether `user` is the patient, is trusted by her, whatever that allows now, also while paused, or her family."""
    return _near.first(person=user.pk, patient=patient_id, at=now()) is not None


@Prepared
def _near(*, person: UUID, patient: UUID, at: datetime) -> models.QuerySet[Patient, tuple[UUID]]:
    return Patient.objects.filter(near(person, at=at, through="pk"), pk=patient).values_list("pk")


def keep_apart(by: User, *, patient_id: UUID) -> None:
    """Raise `OwnRecord` when `by` stands on the patient's side: she does no work here."""
    if is_on_patients_side(by, patient_id=patient_id):
        raise OwnRecord
