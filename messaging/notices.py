"""Who is told that something is waiting: about a message or a decision, the patient's side; about work, its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import CareTeamMembership, Notification, ProxyGrant, Scope
from accounts.notices import Notice
from audit.prepared import Prepared
from messaging.clock import now
from messaging.models.absence import Absence
from messaging.models.message import Side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db import models

    from accounts.models import Patient
    from messaging.models.attachment import Attachment
    from messaging.models.pool import Pool
    from messaging.models.thread import Thread

_members = Prepared(
    lambda *, team, at: (
        CareTeamMembership.objects.current(at).filter(team=team, user__is_active=True).values_list("user")
    )
)


def tell_patients_side(
    patient: Patient, *, about: models.Model, notice: str, thread: Thread | None = None, once: str = ""
) -> None:
    """Tell the patient, and those trusted people who may read `thread`; without one, who may ask for her refills."""
    owner = patient.owner_id
    people = [owner] if owner else []
    grants = ProxyGrant.objects.current().filter(patient=patient)
    if thread is None:
        grants = grants.filter(scopes__contains=[Scope.REFILL])
    elif thread.confidential:
        grants = grants.none()
    else:
        grants = grants.filter(scopes__contains=[Scope.READ]).about(thread.category_id)
    people += grants.values_list("proxy", flat=True)
    Notification.objects.tell(people, about=about, notice=notice, patient=patient, once=once)


def tell_who_sent(file: Attachment) -> None:
    """Tell whoever added a file that there is news of it: on the patient's side hers, in a team that of its work."""
    notice = Notice.WORK_WAITING if file.side == Side.TEAM else Notice.FILE_STOPPED
    Notification.objects.tell([file.uploaded_by_id], about=file, notice=notice, patient=file.patient)


def instead_of_absent(people: Sequence[UUID]) -> list[UUID]:
    """These people, with whoever reads in place of those who are away now. Nobody is named twice.

    Who is away and whose cover cannot read any more is left out: her team is told.
    """
    away = Absence.objects.covers_of(people, at=now()) if people else {}
    covers = {person: absence.cover_id for person, absence in away.items() if absence.is_covered}
    here = (covers.get(person) if person in away else person for person in people)
    return list(dict.fromkeys(person for person in here if person is not None))


def tell_pool(pool: Pool, *, about: models.Model, notice: str, owner: UUID | None, once: str = "") -> None:
    """Tell who holds the work, or else everybody who works the pool. Who is away is told through her cover."""
    people = instead_of_absent([owner]) if owner is not None else []
    if not people:
        everybody = [person for (person,) in _members(team=pool.team_id, at=now())]
        people = instead_of_absent(everybody) or everybody
    patient = about.patient  # type: ignore[attr-defined]
    Notification.objects.tell(people, about=about, notice=notice, patient=patient, once=once)


def tell_members(pool: Pool, *, notice: str) -> None:
    """Tell everybody who works the pool, once for however much came to it at this moment."""
    moment = now()
    everybody = [person for (person,) in _members(team=pool.team_id, at=moment)]
    people = instead_of_absent(everybody) or everybody
    Notification.objects.tell(people, about=pool, notice=notice, once=f"{moment.timestamp():.6f}")
