"""Who looks after whom: teams, who works in them, and which patients they care for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import leaving
from accounts.models.patient import Patient
from accounts.models.period import Period, PeriodQuerySet
from accounts.refusals import AlreadyInTeam
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from accounts.models.user import User
    from audit.context import Agent


class CareTeam(models.Model):
    """A team as its patients know it: what it is for and where to call it. Nothing here is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    purpose = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    closed_at = models.DateTimeField(null=True)
    # Who reads what is written to it since. Never itself a closed team: closing the successor moves this on.
    successor = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="predecessors")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(successor=None) | Q(closed_at__isnull=False),
                name="only_closed_teams_have_successors",
            ),
        ]

    def __str__(self) -> str:
        return f"care team {self.pk}"

    @verb(actor="by")
    def join(self, *, user: User, by: Agent) -> CareTeamMembership:
        """From now on she sees what the team sees. Nobody is signed out: every page asks the rows."""
        try:
            with transaction.atomic():
                place = CareTeamMembership.objects.create(team=self, user=user)
        except IntegrityError as clash:
            raise AlreadyInTeam from clash
        record(
            agent=by, type="team", subtype="team-join", action="C", obj=user, detail={"team": str(self.pk)}
        )
        return place

    @verb(actor="by")
    def care_for(
        self, *, patient: Patient, by: Agent, lead: User | None = None, is_primary: bool = False
    ) -> CareRelationship:
        return CareRelationship.objects.create(team=self, patient=patient, lead=lead, is_primary=is_primary)


class CareTeamMembership(Period):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="team_memberships"
    )

    objects = PeriodQuerySet.as_manager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.UniqueConstraint(fields=["team", "user"], condition=Q(ends_at=None), name="member_once"),
        ]

    def __str__(self) -> str:
        return f"team membership {self.pk}"

    @verb(actor="by")
    def end(self, *, by: Agent) -> None:
        """She leaves the team. What she holds there goes back to the others, in the same transaction."""
        leaving.alone()
        self.ends_at = timezone.now()
        self.save(update_fields=["ends_at"])
        record(
            agent=by,
            type="team",
            subtype="team-leave",
            action="U",
            obj=self.user,
            detail={"team": str(self.team_id)},
        )
        leaving.settle(leaving.Leaving(by=by, people=(self.user,), teams=(self.team,)))


class CareRelationship(Period):
    """A team cares for a patient. `lead` is the patient's own clinician in that team; `is_primary` her main team."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="care_relationships")
    team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="care_relationships")
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="leads_care_of"
    )
    is_primary = models.BooleanField(default=False)

    objects = PeriodQuerySet.as_manager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.UniqueConstraint(
                fields=["patient", "team"], condition=Q(ends_at=None), name="team_cares_once"
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(ends_at=None, is_primary=True), name="one_primary_team"
            ),
        ]

    def __str__(self) -> str:
        return f"care relationship {self.pk}"

    @verb(actor="by")
    def end(self, *, by: Agent) -> None:
        """The team looks after her no more. Open work goes to who does, else to the fall-back pool, at once."""
        leaving.alone()
        self.ends_at = timezone.now()
        self.save(update_fields=["ends_at"])
        leaving.settle(leaving.Leaving(by=by, patients=(self.patient,)))
