"""Who looks after whom: teams, who works in them, and which patients they care for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language

from accounts import leaving
from accounts.models.patient import Patient
from accounts.models.period import Period, PeriodQuerySet
from accounts.refusals import (
    AlreadyInTeam,
    MayNotSetState,
    NotInTeam,
    NotYourOwn,
    SameTeam,
    TeamClosed,
    TeamNameTaken,
)
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent


def said(first: str, spanish: str) -> str:
    """How a clinic calls something of its own, in the reader's language as far as somebody has written it there."""
    return spanish if spanish and (get_language() or "").startswith("es") else first


class CareTeam(models.Model):
    """A team as its patients know it: what it is for and where to call it. Nothing here is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The one name: of staff pages, of the API and of the trail. Patients read the other one in Spanish.
    name = models.CharField(max_length=80, unique=True)
    name_es = models.CharField(max_length=80, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    purpose_es = models.CharField(max_length=200, blank=True)
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

    @property
    def name_to_patients(self) -> str:
        return said(self.name, self.name_es)

    @property
    def purpose_to_patients(self) -> str:
        """Without a stop at its end: pages put one."""
        return said(self.purpose, self.purpose_es).rstrip(" .")

    @verb(actor="by")
    def join(self, *, user: User, by: Agent) -> CareTeamMembership:
        """From now on she sees what the team sees. Nobody is signed out: every page asks the rows.

        Raises `NotYourOwn` for whoever would put herself there, `AlreadyInTeam`.
        """
        if getattr(by, "pk", None) == user.pk:
            raise NotYourOwn
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
        for joined in patient.joined_records.exclude(
            care_relationships__in=CareRelationship.objects.current().filter(team=self)
        ):
            edge = joined.joins_away.filter(parted_at=None, joined_at__isnull=False).first()
            CareRelationship.objects.create(team=self, patient=joined, lead=lead, by_join=edge)
        return CareRelationship.objects.create(team=self, patient=patient, lead=lead, is_primary=is_primary)

    @verb(actor="by")
    def rename(
        self,
        *,
        name: str,
        by: User,
        name_es: str | None = None,
        purpose: str | None = None,
        purpose_es: str | None = None,
    ) -> None:
        """Say how the team is called and what it is for; what is None stays.

        What was written to it says how it was called. Raises `TeamNameTaken`.
        """
        team = CareTeam.objects.select_for_update().get(pk=self.pk)
        was = FormerTeamName(team=team, name=team.name, name_es=team.name_es)
        new = {"name": name, "name_es": name_es, "purpose": purpose, "purpose_es": purpose_es}
        changed = {f: text for f, text in new.items() if text is not None and text != getattr(team, f)}
        if not changed:
            return
        others = CareTeam.objects.exclude(pk=self.pk)
        for called in filter(None, (changed.get("name"), changed.get("name_es"))):
            # In either language a name is one team's.
            if others.filter(Q(name__iexact=called) | Q(name_es__iexact=called)).exists():
                raise TeamNameTaken
        # Where its Spanish name is only now written down, it was not called otherwise before.
        if "name" in changed or (was.name_es and "name_es" in changed):
            was.save(force_insert=True)
        for field, text in changed.items():
            setattr(team, field, text)
            setattr(self, field, text)
        try:
            with transaction.atomic():
                team.save(update_fields=list(changed))
        except IntegrityError as clash:
            raise TeamNameTaken from clash
        record(agent=by, type="team", subtype="rename", action="U", obj=team, category="careteam")

    @verb(actor="by")
    def merge_into(self, *, successor: CareTeam, by: User) -> None:
        """Make this team and `successor` one: its people, its patients and its work go there, at once.

        Raises `TeamClosed`, `SameTeam`, and what those refuse whose work hangs on it. See `close`.
        """
        self._hand_over(successor, with_people=True, by=by)
        record(
            agent=by,
            type="team",
            subtype="merge",
            action="U",
            obj=self,
            category="careteam",
            detail={"into": str(successor.pk)},
        )

    @verb(actor="by")
    def close(self, *, successor: CareTeam, by: User) -> None:
        """End this team: its patients and its work go to `successor`, its people leave it.

        Old conversations stay readable there. New rows carry on what ran; the old ones end and stay. Whatever is
        being sent arrives before and goes along, or after and goes to the successor. Raises `TeamClosed`, `SameTeam`.
        """
        self._hand_over(successor, with_people=False, by=by)
        record(
            agent=by,
            type="team",
            subtype="close",
            action="U",
            obj=self,
            category="careteam",
            detail={"successor": str(successor.pk)},
        )

    def _hand_over(self, successor: CareTeam, *, with_people: bool, by: User) -> None:
        leaving.alone()
        if successor.pk == self.pk:
            raise SameTeam
        # Nobody brings another team's patients to herself.
        if CareTeamMembership.objects.current().filter(team__in=[self, successor], user=by.pk).exists():
            raise NotYourOwn
        both = CareTeam.objects.select_for_update().filter(pk__in=[self.pk, successor.pk])
        teams = {team.pk: team for team in both}
        if any(team.closed_at is not None for team in teams.values()):
            raise TeamClosed
        moment = timezone.now()
        people = [membership.user for membership in self._end_all(CareTeamMembership, moment)]
        if with_people:
            there = set(successor.memberships.current().values_list("user", flat=True))
            for user in people:
                if user.pk not in there:
                    CareTeamMembership.objects.create(team=successor, user=user, starts_at=moment)
        members = set(successor.memberships.current(moment).values_list("user", flat=True))
        for relationship in self._end_all(CareRelationship, moment):
            relationship.carry_to(successor, members=members, at=moment)
        for earlier in CareTeam.objects.filter(successor=self):
            earlier.successor = successor
            earlier.save(update_fields=["successor"])
        self.closed_at, self.successor = moment, successor
        self.save(update_fields=["closed_at", "successor"])
        leaving.settle(leaving.Leaving(by=by, people=tuple(people), teams=(self,)))

    def _end_all(self, model: type[Any], moment: datetime) -> list[Any]:
        """End what runs of this kind, and return it."""
        rows = list(model.objects.current(moment).filter(team=self))
        for row in rows:
            row.ends_at = moment
            row.save(update_fields=["ends_at"])
        return rows


class FormerTeamName(models.Model):
    """How a team was called, until when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="former_names")
    name = models.CharField(max_length=80)
    name_es = models.CharField(max_length=80, blank=True)
    until = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"former team name {self.pk}"


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
    def end(self, *, by: Agent, lead: User | None = None) -> None:
        """She leaves the team. What she holds there goes back to the others, in the same transaction.

        Her own patients there become those of `lead`; of nobody alone, where none is named. Raises `NotInTeam`.
        """
        from accounts.models.lead import hand_over

        if getattr(by, "pk", None) == self.user_id:
            raise NotYourOwn
        leaving.alone()
        if lead is not None:
            hand_over(self.user, {self.team_id: lead}, by=by)
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
    # It runs because two records were joined, and ends when they are parted.
    by_join = models.ForeignKey(
        "accounts.RecordJoin", null=True, on_delete=models.PROTECT, related_name="shared_care"
    )

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

    def carry_to(
        self, team: CareTeam, *, members: set[UUID], at: datetime, lead: User | None = None
    ) -> CareRelationship:
        """Go on with this relationship, which has just ended, in another team. Its lead goes along if she is there."""
        lead_id = lead.pk if lead is not None else self.lead_id if self.lead_id in members else None
        standing = CareRelationship.objects.filter(patient=self.patient_id, team=team, ends_at=None).first()
        is_primary, by_join = self.is_primary, self.by_join_id
        if standing is not None:
            if (is_primary <= standing.is_primary) and lead is None:
                return standing
            lead_id, is_primary = lead_id or standing.lead_id, is_primary or standing.is_primary
            by_join = by_join and standing.by_join_id
            standing.ends_at = at
            standing.save(update_fields=["ends_at"])
        return CareRelationship.objects.create(
            patient_id=self.patient_id,
            team=team,
            lead_id=lead_id,
            is_primary=is_primary,
            by_join_id=by_join,
            starts_at=at,
        )

    def _in_joined_records(self) -> list[CareRelationship]:
        """The same team's care of those records that were joined into this patient's."""
        same = CareRelationship.objects.current().filter(team=self.team_id)
        return list(same.filter(patient__joined_into=self.patient_id).select_related("patient"))

    @verb(actor="by")
    def transfer(self, *, team: CareTeam, by: User, lead: User | None = None) -> CareRelationship:
        """Let another team, or another lead in this one, look after the patient from now on. Open work goes along.

        Raises `MayNotSetState` for whoever does not look after her, `TeamClosed`, `NotInTeam` for a lead who is not
        of that team.
        """
        leaving.alone()
        relationship = CareRelationship.objects.select_for_update().get(pk=self.pk)
        team = CareTeam.objects.select_for_update().get(pk=team.pk)
        if not Patient.objects.looked_after_by(by).filter(pk=self.patient_id).exists():
            raise MayNotSetState
        if relationship.ends_at is not None or team.closed_at is not None:
            raise TeamClosed
        if team.pk == relationship.team_id and (lead is None or lead.pk == relationship.lead_id):
            raise SameTeam
        members = set(team.memberships.current().filter(user__is_active=True).values_list("user", flat=True))
        if lead is not None and lead.pk not in members:
            raise NotInTeam
        moment = timezone.now()
        joined = relationship._in_joined_records()
        for row in (relationship, *joined):
            row.ends_at = moment
            row.save(update_fields=["ends_at"])
        self.ends_at = moment
        for row in joined:
            row.carry_to(team, members=members, at=moment, lead=lead)
        carried = relationship.carry_to(team, members=members, at=moment, lead=lead)
        record(
            agent=by,
            type="record",
            subtype="transfer",
            action="U",
            obj=carried,
            patient_id=self.patient_id,
            category="carerelationship",
            detail={"was": str(relationship.team_id), "now": str(team.pk)},
        )
        patients = (self.patient, *(row.patient for row in joined))
        leaving.settle(leaving.Leaving(by=by, patients=patients, to=team))
        return carried

    @verb(actor="by")
    def end(self, *, by: Agent) -> None:
        """The team looks after her no more. Open work goes to who does, else to the fall-back pool, at once."""
        leaving.alone()
        joined = self._in_joined_records()
        for row in (self, *joined):
            row.ends_at = timezone.now()
            row.save(update_fields=["ends_at"])
        patients = (self.patient, *(row.patient for row in joined))
        leaving.settle(leaving.Leaving(by=by, patients=patients))
