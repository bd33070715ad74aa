"""Who will really read a message, and by when: the team, the patient's own clinician there, and who is in for her."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import ngettext

from accounts.models import CareRelationship, CareTeamMembership, RoleGrant
from accounts.models.role import CARING, Role
from accounts.people import People
from messaging.clock import NeverOpen, now
from messaging.models import Absence

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Patient
    from accounts.people import Person
    from messaging.models import Category, Pool


@dataclass(frozen=True, slots=True)
class Cover:
    """That the patient's own clinician is away: until when, and who reads meanwhile. No reader: the whole team."""

    away: Person
    back_at: datetime
    reader: Person | None


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads what is written to a team, and when. `due_at` is None where nothing can be promised."""

    pool_ref: UUID
    team: str
    phone: str
    staffed_by: str  # "1 nurse, 2 doctors"
    lead: Person | None
    cover: Cover | None
    is_open: bool
    opens_at: datetime | None
    due_at: datetime | None


def readers_of(pool: Pool, *, patient: Patient, category: Category) -> Readers:
    """Work it out for a message that is sent now. Names of staff are on the door plate: no receipt is needed."""
    moment = now()
    opens_at: datetime | None = None
    due_at: datetime | None = None
    is_open = False
    try:
        clock = pool.clock()
        opens_at, is_open = clock.next_opening(moment), clock.is_open(moment)
        due_at = clock.promise(moment, category.reply_within)
    except NeverOpen:
        pass  # a team without hours is shown without a promise
    lead_id = _lead_of(patient.pk, pool)
    cover = cover_of(pool, patient_id=patient.pk)
    people = People.load([lead_id], patient_id=patient.pk).opened()
    lead = people.get(lead_id) if lead_id else None
    return Readers(
        pool_ref=pool.pk,
        team=pool.name_to_patients,
        phone=pool.phone,
        staffed_by=_staffed_by(pool),
        lead=lead,
        cover=cover,
        is_open=is_open,
        opens_at=opens_at,
        due_at=due_at,
    )


def cover_of(pool: Pool, *, patient_id: UUID) -> Cover | None:
    """Who reads in place of the patient's own clinician in this team, when that one is away now."""
    moment = now()
    lead_id = _lead_of(patient_id, pool)
    if lead_id is None:
        return None
    absence = Absence.objects.covers_of([lead_id], at=moment).get(lead_id)
    if absence is None:
        return None
    people = People.load([lead_id, absence.cover_id], patient_id=patient_id).opened()
    reader = people[absence.cover_id] if absence.is_covered else None
    return Cover(people[lead_id], absence.ends_at, reader)


def _lead_of(patient_id: UUID, pool: Pool) -> UUID | None:
    related = CareRelationship.objects.current().filter(patient=patient_id, team=pool.team_id)
    return related.values_list("lead", flat=True).first()


def _staffed_by(pool: Pool) -> str:
    members = CareTeamMembership.objects.current().filter(team=pool.team_id, user__is_active=True)
    held = RoleGrant.objects.current().filter(user__in=members.values("user"), role__in=CARING)
    count = Counter(held.values_list("role", flat=True))
    said = {
        Role.NURSE: ngettext("%(num)s nurse", "%(num)s nurses", count[Role.NURSE]),
        Role.PHYSICIAN: ngettext("%(num)s doctor", "%(num)s doctors", count[Role.PHYSICIAN]),
        Role.FRONT_DESK: ngettext(
            "%(num)s person at the front desk", "%(num)s people at the front desk", count[Role.FRONT_DESK]
        ),
    }
    return ", ".join(words % {"num": count[role]} for role, words in said.items() if count[role])
