"""What somebody holds now, as its rows say. A request brings it along; elsewhere each verb asks who acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils import timezone

from accounts.models.role import RoleGrant
from audit.prepared import Prepared

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.models.patient import Patient
    from accounts.models.proxy import ProxyGrant


class Grant(NamedTuple):
    """A current proxy grant as a request carries it: whose record, and what may be done there.

    `topics` are those of the conversations it takes in; none named, all of them.
    """

    patient_id: UUID
    scopes: frozenset[str]
    topics: frozenset[str] = frozenset()
    # The record that this one was joined into, if it was.
    joined_into: UUID | None = None


class Rights(NamedTuple):
    roles: frozenset[str]
    patient_id: UUID | None
    grants: tuple[Grant, ...]
    agreed_to: frozenset[str]
    joined: frozenset[UUID] = frozenset()


def roles_of(person: UUID) -> frozenset[str]:
    return frozenset(role for (role,) in _roles(person=person, at=timezone.now()))


def own_record_of(person: UUID) -> UUID | None:
    own = _own_record.first(person=person)
    return own[0] if own else None


def grants_of(person: UUID) -> tuple[Grant, ...]:
    """The oldest first."""
    return tuple(
        Grant(patient, frozenset(scopes), frozenset(topics), stays)
        for patient, scopes, topics, stays in _grants(person=person, at=timezone.now())
    )


@Prepared
def _roles(*, person: UUID, at: datetime) -> QuerySet[RoleGrant, tuple[str]]:
    return RoleGrant.objects.current(at).filter(user=person).values_list("role")


@Prepared
def _own_record(*, person: UUID) -> QuerySet[Patient, tuple[UUID]]:
    from accounts.models.patient import Patient

    return Patient.objects.filter(user=person, joined_into=None).values_list("pk")


@Prepared
def _grants(*, person: UUID, at: datetime) -> QuerySet[ProxyGrant, tuple[Any, ...]]:
    from accounts.models.proxy import ProxyGrant

    rows = ProxyGrant.objects.current(at).filter(proxy=person).order_by("starts_at", "id")
    return rows.values_list("patient", "scopes", "categories", "patient__joined_into")
