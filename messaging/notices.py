"""Who is told that something is waiting: about a message or a decision, the patient's side; about work, its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import CareTeamMembership, Notification, ProxyGrant
from audit.prepared import Prepared
from messaging.clock import now

if TYPE_CHECKING:
    from uuid import UUID

    from django.db import models

    from accounts.models import Patient
    from messaging.models.pool import Pool

_members = Prepared(
    lambda *, team, at: (
        CareTeamMembership.objects.current(at).filter(team=team, user__is_active=True).values_list("user")
    )
)


def tell_patients_side(patient: Patient, *, about: models.Model, notice: str, once: str = "") -> None:
    """Tell the patient and the trusted people who may read."""
    people = [patient.user_id] if patient.user_id else []
    people += (
        ProxyGrant.objects.current()
        .filter(patient=patient, scopes__contains=["read"])
        .values_list("proxy", flat=True)
    )
    Notification.objects.tell(people, about=about, notice=notice, patient=patient, once=once)


def tell_pool(pool: Pool, *, about: models.Model, notice: str, owner: UUID | None) -> None:
    """Tell who holds the work, or else everybody who works the pool."""
    if owner is not None:
        people = [owner]
    else:
        people = [person for (person,) in _members(team=pool.team_id, at=now())]
    Notification.objects.tell(people, about=about, notice=notice, patient=about.patient)  # type: ignore[attr-defined]


def tell_members(pool: Pool, *, notice: str) -> None:
    """Tell everybody who works the pool, once for however much came to it at this moment."""
    moment = now()
    people = [person for (person,) in _members(team=pool.team_id, at=moment)]
    Notification.objects.tell(people, about=pool, notice=notice, once=f"{moment.timestamp():.6f}")
