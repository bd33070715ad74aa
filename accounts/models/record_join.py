"""That two records are one patient's: which one stays, who said so, and how it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts import leaving
from accounts.models.care import CareRelationship
from accounts.models.family import near
from accounts.models.invitation import Invitation, InvitationKind
from accounts.models.notification import Notification
from accounts.models.patient import Patient, PatientState
from accounts.models.proxy import ProxyGrant
from accounts.models.record_state import REVIEWED, RecordState
from accounts.models.trust import Trust
from accounts.models.user import User
from accounts.notices import Notice
from accounts.record_refusals import (
    AccountOfStaff,
    JoinedAway,
    JoinGone,
    JoinWaits,
    LaterJoinFirst,
    MayNotJoin,
    OneHelpsTheOther,
    SameRecord,
    SomebodyElse,
    StatesDiffer,
)
from accounts.refusals import NotYourOwn
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID


class RecordJoinQuerySet(models.QuerySet["RecordJoin"]):
    def running(self) -> Self:
        return self.filter(joined_at__isnull=False, parted_at=None)

    def waiting(self) -> Self:
        return self.filter(joined_at=None, dropped_at=None)

    def at_desk_of(self, user: User) -> Self:
        """Those of records that the teams of `user` look after, where she stands at the desk and near to neither."""
        if not user.at_the_desk:
            return self.none()
        hers = Patient.objects.looked_after_by(user).values("pk")
        either = self.filter(Q(patient__in=hers) | Q(survivor__in=hers) | Q(patient__joined_into__in=hers))
        return either.exclude(near(user.pk)).exclude(near(user.pk, through="survivor"))


class RecordJoinManager(models.Manager.from_queryset(RecordJoinQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def ask(
        self,
        *,
        patient: Patient,
        survivor: Patient,
        reason: str,
        births_differ: bool,
        by: User,
    ) -> RecordJoin:
        """Say that `patient` and `survivor` are one person, whose record `survivor` is from now on.

        When the birth dates differ, or `by` invited whoever would come to read both, nothing happens until another
        person confirms it. Raises `SameRecord`,
        `JoinedAway`, `NotYourOwn`, `MayNotJoin`, `StatesDiffer`, `OneHelpsTheOther`, `AccountOfStaff`, `JoinWaits`.
        """
        leaving.alone()
        patient, survivor = _locked(patient, survivor)
        _check(patient, survivor, by=by)
        if self.waiting().filter(patient__in=[patient.pk, survivor.pk]).exists():
            raise JoinWaits
        join: RecordJoin = self.model(
            patient=patient, survivor=survivor, asked_by=by, births_differ=births_differ
        )
        join.reason = seal(reason, into=join, field="reason")
        join.save(force_insert=True)
        if births_differ or _invited_by(by, patient, survivor):
            join._remember("join-ask", by=by, reason=reason)
        else:
            join._carry_out(patient, survivor, by=by)
            join._remember("join", by=by, reason=reason)
        return join


class RecordJoin(models.Model):
    """`patient` is the record that was joined away. Every sealed row stays under the record it was sealed for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="joins_away")
    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="joins_here")
    reason = SealedField(kind=Kind.HEALTH)
    births_differ = models.BooleanField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    joined_at = models.DateTimeField(null=True)
    dropped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    dropped_at = models.DateTimeField(null=True)
    parted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    parted_at = models.DateTimeField(null=True)
    parted_because = SealedField(kind=Kind.HEALTH, null=True)
    # What it did besides, so that it can be taken back: it may have handed the account of the one to the other,
    # closed one, and asked for a reason where none was asked for.
    swapped_accounts = models.BooleanField(default=False)
    closed_account = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    protected = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")

    objects = RecordJoinManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(patient=F("survivor")), name="join_of_two"),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(joined_at__isnull=False, parted_at=None),
                name="joined_away_once",
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(joined_at=None, dropped_at=None), name="join_waits_once"
            ),
            models.CheckConstraint(
                condition=Q(births_differ=False)
                | Q(joined_at=None)
                | (Q(confirmed_by__isnull=False) & ~Q(confirmed_by=F("asked_by"))),
                name="join_of_unlike_needs_two",
            ),
            models.CheckConstraint(
                condition=Q(parted_at=None) | Q(joined_at__isnull=False), name="parted_was_joined"
            ),
            models.CheckConstraint(
                condition=Q(dropped_at=None) | Q(joined_at=None), name="dropped_was_not_joined"
            ),
        ]

    def __str__(self) -> str:
        return f"record join {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @property
    def is_waiting(self) -> bool:
        return self.joined_at is None and self.dropped_at is None

    @property
    def is_running(self) -> bool:
        return self.joined_at is not None and self.parted_at is None

    @verb(actor="by")
    def confirm(self, *, by: User) -> None:
        """Join what somebody else asked for. Raises `SomebodyElse`, `JoinGone`, and what `ask` raises."""
        leaving.alone()
        join = self._again()
        if not join.is_waiting:
            raise JoinGone
        if by.pk == join.asked_by_id:
            raise SomebodyElse
        patient, survivor = _locked(join.patient, join.survivor)
        _check(patient, survivor, by=by)
        join.confirmed_by = by
        join._carry_out(patient, survivor, by=by)
        join._remember("join", by=by)

    @verb(actor="by")
    def drop(self, *, by: User) -> None:
        """They are not joined after all. Raises `JoinGone`, `MayNotJoin`."""
        leaving.alone()
        join = self._again()
        if not join.is_waiting:
            raise JoinGone
        if not RecordJoin.objects.at_desk_of(by).filter(pk=join.pk).exists():
            raise MayNotJoin
        join.dropped_by, join.dropped_at = by, timezone.now()
        join.save(update_fields=["dropped_by", "dropped_at"])
        join._remember("join-drop", by=by)

    @verb(actor="by")
    def part(self, *, reason: str, by: User) -> None:
        """They are two people: everything is as it was. What was written meanwhile stays where it was written.

        Rights that came of the join end with this transaction. Raises `JoinGone`, `LaterJoinFirst`, `MayNotJoin`.
        """
        leaving.alone()
        join = self._again()
        if not join.is_running:
            raise JoinGone
        if not RecordJoin.objects.at_desk_of(by).filter(pk=join.pk).exists():
            raise MayNotJoin
        patient, survivor = _locked(join.patient, join.survivor)
        if survivor.joined_into_id is not None:
            raise LaterJoinFirst
        moment = timezone.now()
        join.parted_by, join.parted_at = by, moment
        join.parted_because = seal(reason, into=join, field="parted_because")
        join.save(update_fields=["parted_by", "parted_at", "parted_because"])
        apart = _below(patient)
        standing = RecordState.objects.filter(patient=patient, ends_at=None).first()
        for one in apart:
            one.joined_into, one.joined_at = _place_of(one)
            one.state = standing.state if standing is not None else PatientState.ACTIVE
            one.save(update_fields=["joined_into", "joined_at", "state"])
        for relationship in CareRelationship.objects.current(moment).filter(by_join=join):
            relationship.ends_at = moment
            relationship.save(update_fields=["ends_at"])
        # What the patient let others do since she had one record reaches this part of it no more.
        reaching = ProxyGrant.objects.filter(Q(ends_at=None) | Q(ends_at__gt=moment), patient__in=apart)
        for grant in reaching.exclude(trust__patient__in=apart):
            grant.ends_at = max(moment, grant.starts_at)
            grant.save(update_fields=["ends_at"])
        if join.protected is not None:
            _protect(join.protected, asks_reason=False)
        patient.refresh_from_db()
        survivor.refresh_from_db()
        if join.swapped_accounts:
            _swap_accounts(patient, survivor)
        if join.closed_account is not None and not join.closed_account.is_active:
            join.closed_account.reopen(by=by)
        # A death of the one is none of the other.
        for trust in Trust.objects.filter(patient__in=apart, ended_with__patient=survivor):
            trust.go_on(by=by)
        join._remember("part", by=by, reason=reason)
        leaving.settle(leaving.Leaving(by=by, patients=(*apart, survivor)))
        for one in (patient, survivor):
            _tell(one, about=join, once=f"parted:{one.pk.hex[-8:]}")

    def _again(self) -> RecordJoin:
        return RecordJoin.objects.select_for_update(of=("self",)).get(pk=self.pk)

    def _carry_out(self, patient: Patient, survivor: Patient, *, by: User) -> None:
        moment = timezone.now()
        self.joined_at = moment
        members = [patient, *Patient.objects.filter(joined_into=patient).select_for_update()]
        # Each was to one record alone.
        for invitation in Invitation.objects.unfinished().filter(
            patient__in=[patient, survivor], kind=InvitationKind.PATIENT
        ):
            invitation.revoke(by=by)
        self._settle_accounts(patient, survivor, by=by)
        if patient.asks_reason != survivor.asks_reason:
            self.protected = patient if survivor.asks_reason else survivor
            _protect(self.protected, asks_reason=True)
        for one in members:
            one.joined_into, one.joined_at, one.state = survivor, moment, survivor.state
            one.save(update_fields=["joined_into", "joined_at", "state"])
        self.save()
        self._share_care(members, survivor, at=moment)
        helpers = ProxyGrant.objects.current(moment).filter(patient__in=members)
        told = list(helpers.values_list("proxy", flat=True))
        Notification.objects.tell(told, about=self, notice=Notice.HELP_CHANGED, once="joined")
        _tell(Patient.objects.get(pk=survivor.pk), about=self, once="joined")

    def _settle_accounts(self, patient: Patient, survivor: Patient, *, by: User) -> None:
        """One account stays: the survivor's, or the only one that can be used. The other is closed, and told so."""
        hers, other = survivor.user, patient.user
        if (hers is None or not hers.is_active) and other is not None and other.is_active:
            self.swapped_accounts = True
            _swap_accounts(patient, survivor)
            return
        if other is not None and other.is_active:
            self.closed_account = other
            other.deactivate(by=by)

    def _share_care(self, members: list[Patient], survivor: Patient, *, at: datetime) -> None:
        """Every team that looks after one of the two records looks after both."""
        everybody = [survivor, *members]
        running = CareRelationship.objects.current(at).filter(patient__in=everybody).select_related("team")
        care = list(running.order_by("-is_primary", "starts_at", "id"))
        held = {(row.patient_id, row.team_id) for row in care}
        has_primary = {row.patient_id for row in care if row.is_primary}
        for row in care:
            for one in everybody:
                if (one.pk, row.team_id) in held:
                    continue
                held.add((one.pk, row.team_id))
                is_primary = one is survivor and row.is_primary and survivor.pk not in has_primary
                has_primary |= {survivor.pk} if is_primary else set()
                CareRelationship.objects.create(
                    patient=one,
                    team=row.team,
                    lead_id=row.lead_id,
                    is_primary=is_primary,
                    starts_at=at,
                    by_join=self,
                )

    def _remember(self, what: str, *, by: User, reason: str | None = None) -> None:
        """One event in each of the two records."""
        for one, other in ((self.patient_id, self.survivor_id), (self.survivor_id, self.patient_id)):
            record(
                agent=by,
                type="record",
                subtype=what,
                action="U",
                obj=self,
                patient_id=one,
                category="patient",
                purpose="HOPERAT",
                detail={"joined": str(self.patient_id), "stays": str(self.survivor_id), "with": str(other)},
                reason_text=reason,
            )


def _invited_by(by: User, patient: Patient, survivor: Patient) -> bool:
    """Whether `by` made the invitation by which the account came that opens both records after a join."""
    users = (survivor.user, patient.user)
    reads = next((user for user in users if user is not None and user.is_active), None)
    joined = Invitation.objects.filter(kind=InvitationKind.PATIENT, used_at__isnull=False, invited_by=by)
    return reads is not None and joined.filter(user=reads).exists()


def parted(patient: UUID, person: UUID) -> bool:
    """Whether this record was once joined with that of `person`, and is not any more: nothing of it is told to her."""
    apart = RecordJoin.objects.filter(parted_at__isnull=False)
    once = apart.filter(Q(patient=patient, survivor__user=person) | Q(survivor=patient, patient__user=person))
    owner = Patient.objects.filter(Q(user=person) | Q(joined_into__user=person), pk=patient)
    return once.exists() and not owner.exists()


def _locked(one: Patient, other: Patient) -> tuple[Patient, Patient]:
    rows = Patient.objects.select_for_update(of=("self",)).filter(pk__in=[one.pk, other.pk]).order_by("pk")
    found = {row.pk: row for row in rows}
    return found[one.pk], found[other.pk]


def _check(patient: Patient, survivor: Patient, *, by: User) -> None:
    if patient.person_id == survivor.person_id:
        raise SameRecord
    if patient.joined_into_id is not None or survivor.joined_into_id is not None:
        raise JoinedAway
    both = [patient.pk, survivor.pk]
    if Patient.objects.filter(near(by.pk, through="pk"), pk__in=both).exists():
        raise NotYourOwn
    if not by.at_the_desk or not Patient.objects.looked_after_by(by).filter(pk__in=both).exists():
        raise MayNotJoin
    # The state of the one that stays counts. What was decided against somebody is not lifted by the way.
    if patient.state != survivor.state and {patient.state, survivor.state} & {
        *REVIEWED,
        PatientState.DECEASED,
    }:
        raise StatesDiffer
    accounts = [row.user_id for row in (patient, survivor) if row.user_id is not None]
    if Trust.objects.standing().filter(patient__in=both, proxy__in=accounts).exists():
        raise OneHelpsTheOther
    stays, goes = survivor.user, patient.user
    one_is_closed = stays is not None and stays.is_active and goes is not None and goes.is_active
    if one_is_closed and goes is not None and goes.works_here:
        raise AccountOfStaff


def _below(patient: Patient) -> list[Patient]:
    """The record and those that were joined into it, one after another, before it was joined away itself."""
    found, left = [patient], [patient.pk]
    while left:
        edges = RecordJoin.objects.running().filter(survivor__in=left).select_related("patient")
        rows = [edge.patient for edge in edges]
        found += rows
        left = [row.pk for row in rows]
    return found


def _place_of(patient: Patient) -> tuple[Patient | None, datetime | None]:
    """Where this record belongs by the joins that run: the one that stays, and since when."""
    stays, since = None, None
    edge = RecordJoin.objects.running().filter(patient=patient).select_related("survivor").first()
    while edge is not None:
        stays, since = edge.survivor, max(filter(None, (since, edge.joined_at)))
        edge = RecordJoin.objects.running().filter(patient=stays).select_related("survivor").first()
    return stays, since


def _swap_accounts(one: Patient, other: Patient) -> None:
    """Each gets the account of the other. An account opens one record only, so the first lets go first."""
    first, second = one.user, other.user
    one.user = None
    one.save(update_fields=["user"])
    other.user = first
    other.save(update_fields=["user"])
    one.user = second
    one.save(update_fields=["user"])
    for user in (first, second):
        if user is not None:
            user.rights_changed()


def _protect(patient: Patient, *, asks_reason: bool) -> None:
    for row in (patient, *Patient.objects.filter(joined_into=patient)):
        row.asks_reason = asks_reason
        row.save(update_fields=["asks_reason"])


def _tell(patient: Patient, *, about: RecordJoin, once: str) -> None:
    people: Iterable[UUID] = [patient.user_id] if patient.user_id else []
    Notification.objects.tell(people, about=about, notice=Notice.RECORD_CHANGED, patient=patient, once=once)
