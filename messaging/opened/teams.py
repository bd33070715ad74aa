"""Teams as the administrator sees them: how many work there, how much waits. No patient is named and nothing opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, F, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from accounts.models import CareRelationship, CareTeam, CareTeamMembership
from accounts.people import People
from messaging.models import Category, Pool, RefillRequestItem, Thread, WorkItem

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import Model, QuerySet

    from accounts.people import Person


@dataclass(frozen=True, slots=True)
class TeamRow:
    ref: UUID
    name: str
    name_es: str
    purpose: str
    purpose_es: str
    phone: str
    closed_at: datetime | None
    successor: str
    members: int
    patients: int
    waiting: int
    refills: int
    is_fallback: bool
    is_staffed: bool

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class OpenTeam:
    """One team, with what would go along if it were closed."""

    row: TeamRow
    members: tuple[Person, ...]
    former_names: tuple[tuple[str, datetime], ...]
    topics: tuple[str, ...]
    finished: int
    others: tuple[tuple[str, str], ...]


def names_of(team: CareTeam) -> dict[str, str]:
    """What its names and its purpose are now: where the form that changes them begins."""
    return {field: getattr(team, field) for field in ("name", "name_es", "purpose", "purpose_es")}


def team_rows() -> tuple[TeamRow, ...]:
    """Open teams first. One statement for all of them."""
    return tuple(_row(team) for team in _teams().order_by(F("closed_at").asc(nulls_first=True), "name"))


def open_team(team: CareTeam) -> OpenTeam:
    row = _row(_teams().get(pk=team.pk))
    members = list(
        CareTeamMembership.objects.current()
        .filter(team=team, user__is_active=True)
        .order_by("starts_at")
        .values_list("user", flat=True)
    )
    names = People.load(members).opened()
    others = Pool.objects.staffed().exclude(team=team).select_related("team").order_by("team__name")
    return OpenTeam(
        row=row,
        members=tuple(names[user] for user in members if user in names),
        former_names=tuple(team.former_names.order_by("-until").values_list("name", "until")),
        topics=tuple(category.words for category in Category.objects.filter(desk__team=team)),
        finished=Thread.objects.filter(pool__team=team, state="closed").count(),
        others=tuple((str(pool.team_id), pool.name) for pool in others),
    )


def _teams() -> QuerySet[CareTeam]:
    team = OuterRef("pk")
    members = CareTeamMembership.objects.current().filter(team=team, user__is_active=True)
    patients = CareRelationship.objects.current().filter(team=team)
    waiting = WorkItem.objects.unfinished().filter(pool__team=team, thread__isnull=False)
    refills = RefillRequestItem.objects.waiting().filter(pool__team=team).order_by()
    staffed = Pool.objects.staffed().filter(team=team).values("pk")[:1]
    fallback = Pool.objects.filter(team=team).values("is_fallback")[:1]
    return CareTeam.objects.select_related("successor").annotate(
        members=_number(members, "team"),
        patients=_number(patients, "team"),
        waiting=_number(waiting, "pool__team"),
        refills=_number(refills, "pool__team"),
        staffed_pool=Subquery(staffed),
        is_fallback=Subquery(fallback),
    )


def _number(rows: QuerySet[Model], group: str) -> Coalesce:
    counted = rows.order_by().values(group).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _row(team: CareTeam) -> TeamRow:
    found = vars(team)
    return TeamRow(
        ref=team.pk,
        name=team.name,
        name_es=team.name_es,
        purpose=team.purpose,
        purpose_es=team.purpose_es,
        phone=team.phone,
        closed_at=team.closed_at,
        successor=team.successor.name if team.successor else "",
        members=found["members"],
        patients=found["patients"],
        waiting=found["waiting"],
        refills=found["refills"],
        is_fallback=bool(found["is_fallback"]),
        is_staffed=found["staffed_pool"] is not None,
    )
