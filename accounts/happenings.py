"""What happened to an account lately, for whoever keeps it: acts and ends, and nothing of health."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts import directory
from accounts.models.session import End
from audit import words
from audit.models import AuditEvent

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

HISTORY = 30


@dataclass(frozen=True, slots=True)
class Happened:
    at: datetime
    what: str
    who: str


def history(user: User) -> list[Happened]:
    """What happened to an account lately, newest first: what its owner did there, and what others did to it."""
    sorts = ("login", "session", "factor", "account", "invitation", "role", "team")
    # Two statements, because each has an index of its own.
    hers = AuditEvent.objects.filter(agent_id=str(user.pk), type__in=sorts).order_by("-recorded_at", "-id")
    to_her = (
        AuditEvent.objects.filter(object_pk=str(user.pk), action__in=("C", "U", "D"), type__in=sorts)
        .exclude(agent_id=str(user.pk))
        .order_by("-recorded_at", "-id")
    )
    events = sorted(
        [*_done_by_herself(hers, user), *to_her[:HISTORY]],
        key=lambda event: (event.recorded_at, event.pk),
        reverse=True,
    )[:HISTORY]
    people = directory.people({event.actor_id for event in events if event.actor_id is not None})
    return [
        Happened(
            event.recorded_at,
            words.what_was_done(event),
            people[event.actor_id].name if event.actor_id in people else _("The portal"),
        )
        for event in events
    ]


def _done_by_herself(events: QuerySet[AuditEvent], user: User) -> list[AuditEvent]:
    """Her own acts on her own account. What she did to accounts of others stands in theirs."""
    return [event for event in events[: HISTORY * 4] if _is_her_own(event, user)][:HISTORY]


def _is_her_own(event: AuditEvent, user: User) -> bool:
    if event.type == "session":
        return (event.additional_data or {}).get("reason") != End.ENDED_BY_ADMIN
    if event.type == "invitation":
        return event.subtype == "join"
    return event.type in ("login", "factor") or event.object_pk == str(user.pk)
