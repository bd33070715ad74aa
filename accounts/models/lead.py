"""Who leads somebody's care in a team, when that one leaves: whoever is named, else nobody, and never somebody gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models.care import CareRelationship, CareTeamMembership
from accounts.models.role import CARING, RoleGrant
from accounts.models.user import User
from accounts.refusals import NotInTeam
from audit.recorder import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.leaving import Leaving
    from audit.context import Agent


def could_lead(team: UUID, *, without: User) -> QuerySet[User]:
    """Who works this team and could have patients of her own there."""
    members = CareTeamMembership.objects.current().filter(team=team).values("user")
    caring = RoleGrant.objects.current().filter(role__in=sorted(CARING)).values("user")
    return User.objects.filter(is_active=True, pk__in=members).filter(pk__in=caring).exclude(pk=without.pk)


def led_by(user: User) -> QuerySet[CareRelationship]:
    return CareRelationship.objects.current().filter(lead=user.pk)


def hand_over(user: User, to: Mapping[UUID, User], *, by: Agent) -> None:
    """Give the patients whose care she leads, in these teams, to others. Raises `NotInTeam`.

    Inside the verb by which she leaves: as one transaction, so that nobody is led by somebody who is gone.
    """
    for team, lead in to.items():
        if not could_lead(team, without=user).filter(pk=lead.pk).exists():
            raise NotInTeam
        for care in led_by(user).filter(team=team):
            _lead(care, lead.pk, by=by)


def settle(change: Leaving) -> None:
    """Whose care somebody led who cannot any more, and for whom nobody was named, her whole team looks after."""
    for person in change.people:
        for care in led_by(person).select_related("patient"):
            if not _still_leads(person, care):
                _lead(care, None, by=change.by)


def _still_leads(person: User, care: CareRelationship) -> bool:
    places = CareTeamMembership.objects.current().filter(user=person.pk, team=care.team_id)
    caring = RoleGrant.objects.current().filter(user=person.pk, role__in=sorted(CARING))
    works = person.is_active and places.exists() and caring.exists()
    return works and not care.patient.is_near_to(person)


def _lead(care: CareRelationship, lead: UUID | None, *, by: Agent) -> None:
    # A new row from this moment on: what was read before was read while the other one led.
    moment = timezone.now()
    care.ends_at = moment
    care.save(update_fields=["ends_at"])
    carried = CareRelationship.objects.create(
        patient_id=care.patient_id,
        team_id=care.team_id,
        lead_id=lead,
        is_primary=care.is_primary,
        by_join_id=care.by_join_id,
        starts_at=moment,
    )
    record(
        agent=by,
        type="record",
        subtype="lead",
        action="U",
        obj=carried,
        patient_id=care.patient_id,
        category="carerelationship",
        detail={"was": str(care.lead_id), "now": str(lead or "")},
    )
