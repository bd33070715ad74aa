"""Where work goes: the inbox a team works, the topics people write about, the hours somebody reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from accounts import leaving
from accounts.models import CareRelationship, CareTeam, CareTeamMembership, Patient, RoleGrant
from accounts.models.role import CARING, PRESCRIBERS
from accounts.refusals import NotYourOwn
from accounts.topics import CategoryCode
from audit.ids import uuid7
from audit.prepared import Prepared
from audit.recorder import record
from audit.verbs import verb
from messaging.clock import BusinessClock, Interval, NeverOpen, now
from messaging.refusals import NoPool, Unstaffed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from accounts.models import User
    from accounts.models.user import Standing
    from audit.context import Agent


class PoolQuerySet(models.QuerySet["Pool"]):
    def reachable_by(self, patient: Patient) -> Self:
        """Pools of the teams that look after `patient` now (PT2)."""
        return self.filter(
            Exists(CareRelationship.objects.current().filter(patient=patient, team=OuterRef("team")))
        )

    def worked_by(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Pools whose team `user` belongs to now, as somebody who works with patients."""
        if not user.cares:
            return self.none()
        return self.filter(
            Exists(CareTeamMembership.objects.current(at).filter(user=user.pk, team=OuterRef("team")))
        )

    def staffed(self, roles: Iterable[str] = CARING, *, at: datetime | None = None) -> Self:
        """Pools of open teams with at least one member who can sign in and reads there in one of these roles."""
        held = RoleGrant.objects.current(at).filter(user=OuterRef("user"), role__in=sorted(roles))
        members = CareTeamMembership.objects.current(at).filter(Exists(held), user__is_active=True)
        return self.filter(Exists(members.filter(team=OuterRef("team"))), team__closed_at=None)

    def still_reads(self, pool: UUID, *, patient: UUID) -> bool:
        """Whether somebody may open there what this patient writes now."""
        return _reading.first(pool=pool, patient=patient, at=now()) is not None

    def for_refill(self, *, patient: Patient, ordered_by: CareTeam) -> Pool:
        """Route a request: the team that ordered the medicine, else one of the patient's of today, the main one first.

        Only pools with a prescriber, of teams that look after her now, are considered: nobody else could decide it.
        Raises `NoPool`.
        """
        staffed = self.reachable_by(patient).staffed(PRESCRIBERS).select_related("team")
        reachable = {pool.team_id: pool for pool in staffed}
        for team in (ordered_by.pk, ordered_by.successor_id, *self._teams_of(patient)):
            if team in reachable:
                return reachable[team]
        raise NoPool

    def for_message(self, *, patient: Patient, category: Category, chosen: Pool | None) -> Pool:
        """Route a message: the patient's choice or what follows it, the topic's desk, her main team, the fall-back.

        Only staffed pools of teams that look after her are considered; the fall-back pool is taken when
        none is left, so nothing a patient wrote can land where nobody reads. Raises `NoPool` when the
        clinic has not even that.
        """
        reachable = {pool.pk: pool for pool in self.reachable_by(patient).staffed().select_related("team")}
        after = chosen.team.successor_id if chosen else None
        following = [pk for pk, pool in reachable.items() if pool.team_id == after]
        wanted = [chosen.pk if chosen else None, *following, category.desk_id]
        main = next(iter(self._teams_of(patient)), None)
        for pk in (*wanted, *(pk for pk, pool in reachable.items() if pool.team_id == main)):
            if pk in reachable:
                return reachable[pk]
        fallback = self.staffed().filter(is_fallback=True).select_related("team").first()
        if fallback is None:
            raise NoPool
        return fallback

    def _teams_of(self, patient: Patient) -> list[UUID]:
        """The teams that look after her now, the main one first."""
        relationships = CareRelationship.objects.current().filter(patient=patient)
        return list(relationships.order_by("-is_primary", "starts_at").values_list("team", flat=True))


@Prepared
def _reading(*, pool: UUID, patient: UUID, at: datetime) -> models.QuerySet[Pool, tuple[UUID]]:
    related = CareRelationship.objects.current(at).filter(patient=patient, team=OuterRef("team"))
    open_there = Pool.objects.staffed(at=at).filter(Exists(related) | Q(is_fallback=True), pk=pool)
    return open_there.values_list("pk")


class Pool(models.Model):
    """The inbox a care team works."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team = models.OneToOneField(CareTeam, on_delete=models.PROTECT, related_name="pool")
    is_fallback = models.BooleanField(default=False)

    objects = PoolQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_fallback"], condition=Q(is_fallback=True), name="one_fallback_pool"
            ),
        ]

    def __str__(self) -> str:
        return f"pool {self.pk}"

    @property
    def name(self) -> str:
        """What staff call it: its team's name."""
        return self.team.name

    @property
    def name_to_patients(self) -> str:
        return self.team.name_to_patients

    @property
    def phone(self) -> str:
        """The number to call instead of writing: the team's, else the clinic's."""
        return self.team.phone or settings.CLINIC_PHONE

    @verb(actor="by")
    def become_fallback(self, *, by: User) -> None:
        """Read from now on what no other team reads. Raises `Unstaffed` where nobody would, `NotYourOwn`."""
        leaving.alone()
        if self.team.memberships.current().filter(user=by.pk).exists():
            raise NotYourOwn
        if not Pool.objects.staffed().filter(pk=self.pk).exists():
            raise Unstaffed
        for other in Pool.objects.filter(is_fallback=True).exclude(pk=self.pk):
            other.is_fallback = False
            other.save(update_fields=["is_fallback"])
            leaving.settle(leaving.Leaving(by=by, teams=(other.team,)))
        self.is_fallback = True
        self.save(update_fields=["is_fallback"])
        record(agent=by, type="team", subtype="fallback", action="U", obj=self, category="pool")

    def clock(self) -> BusinessClock:
        """Load this pool's business clock: its own hours where it has any, else the clinic's."""
        rows = list(OpeningHours.objects.filter(Q(pool=self) | Q(pool=None)).order_by("weekday", "opens"))
        own = [row for row in rows if row.pool_id == self.pk]
        return BusinessClock(
            zone=ZoneInfo(settings.CLINIC_TIME_ZONE),
            hours=_by_weekday(own or rows),
            holidays=frozenset(Holiday.objects.values_list("date", flat=True)),
        )

    def due(self, category: Category, *, since: datetime) -> datetime:
        """When a message about `category` that came at `since` must be answered, in business time (PT5).

        Raises `NoPool` when the pool never opens: what cannot be promised is not taken.
        """
        try:
            return self.clock().promise(since, category.reply_within)
        except NeverOpen as never:
            raise NoPool from never


def _by_weekday(rows: Iterable[OpeningHours]) -> dict[int, tuple[Interval, ...]]:
    hours: dict[int, tuple[Interval, ...]] = {}
    for row in rows:
        hours[row.weekday] = (*hours.get(row.weekday, ()), Interval(row.opens, row.closes))
    return hours


class CategoryQuerySet(models.QuerySet["Category"]):
    @verb(actor="by")
    def complete(self, *, by: Agent) -> None:
        """Make the topics that this clinic does not have yet, with a reply time each; change none it has."""
        standing = set(self.values_list("code", flat=True))
        for position, code in enumerate(CategoryCode.values):
            if code not in standing:
                self.create(
                    code=code, position=position, reply_within=_REPLY_WITHIN.get(code, timedelta(hours=18))
                )


# In business hours: a clinic's day has about nine of them.
_REPLY_WITHIN = {
    CategoryCode.MEDICAL_QUESTION.value: timedelta(hours=18),
    CategoryCode.REFILL.value: timedelta(hours=18),
    CategoryCode.APPOINTMENT.value: timedelta(hours=9),
    CategoryCode.BILLING_OR_ADMIN.value: timedelta(hours=27),
    CategoryCode.FORM_OR_LETTER.value: timedelta(hours=27),
}


class Category(models.Model):
    """A topic with the desk that reads it and the business time a reply may take."""

    code = models.CharField(primary_key=True, max_length=32, choices=CategoryCode.choices)
    position = models.PositiveSmallIntegerField()
    desk = models.ForeignKey(
        Pool,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The pool that always reads this topic; empty for the patient's own team.",
    )
    reply_within = models.DurationField(default=timedelta(hours=18))

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(condition=Q(code__in=CategoryCode.values), name="category_code_known"),
            models.CheckConstraint(
                condition=Q(reply_within__gt=timedelta()), name="category_reply_within_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def read_by(self, pool: Pool) -> None:
        """Route the topic to a desk. Raises `Unstaffed` for one at which nobody reads."""
        if not Pool.objects.staffed().filter(pk=pool.pk).exists():
            raise Unstaffed
        self.desk = pool
        self.save(update_fields=["desk"])

    @property
    def words(self) -> str:
        """The topic in the reader's language."""
        return str(CategoryCode(self.code).label)


class OpeningHours(models.Model):
    """One interval of one weekday (Monday is 1), for one pool or, without one, for the clinic."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pool = models.ForeignKey(
        Pool, null=True, blank=True, on_delete=models.CASCADE, related_name="opening_hours"
    )
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="opening_hours_weekday"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="opening_hours_forward"),
        ]

    def __str__(self) -> str:
        return f"opening hours {self.pk}"


class Holiday(models.Model):
    """A day on which nobody reads."""

    date = models.DateField(primary_key=True)
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return f"holiday {self.date}"
