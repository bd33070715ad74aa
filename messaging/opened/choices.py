"""What a patient can choose from when she writes: topics, and the teams that look after her."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from messaging.clock import NeverOpen, now
from messaging.models import Category, Pool

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Patient, User


@dataclass(frozen=True, slots=True)
class Topic:
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class TeamChoice:
    """A team to write to: who it is, what for, when it reads."""

    ref: UUID
    name: str
    purpose: str
    phone: str
    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageChoices:
    topics: tuple[Topic, ...]
    teams: tuple[TeamChoice, ...]


def message_choices(patient: Patient, *, writer: User) -> MessageChoices:
    """The topics `writer` may write about, and the staffed teams with an active care relationship (PT2)."""
    pools = Pool.objects.reachable_by(patient).staffed().select_related("team").order_by("team__name")
    return MessageChoices(
        topics=tuple(
            Topic(category.code, category.words)
            for category in Category.objects.all()
            if writer.takes_in(category.code, of=patient.pk)
        ),
        teams=tuple(_team(pool) for pool in pools),
    )


def _team(pool: Pool) -> TeamChoice:
    moment = now()
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    try:
        clock = pool.clock()
        opens_at, closes_at = clock.next_opening(moment), clock.closes_at(moment)
    except NeverOpen:
        pass  # a team without hours is shown without a promise
    return TeamChoice(
        ref=pool.pk,
        name=pool.name,
        purpose=pool.team.purpose,
        phone=pool.phone,
        is_open=closes_at is not None,
        opens_at=opens_at,
        closes_at=closes_at,
    )
