"""What a patient can choose from when she writes: topics, and the teams that look after her."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from messaging.clock import NeverOpen, now
from messaging.models import Category, Pool
from messaging.record_states import open_topics

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
    usually_by: datetime | None  # when an answer comes as a rule, to what is written now


@dataclass(frozen=True, slots=True)
class MessageChoices:
    topics: tuple[Topic, ...]
    teams: tuple[TeamChoice, ...]

    @property
    def may_ask_for_record(self) -> bool:
        """Whom no team looks after any more may still write for her record: the fall-back desk reads it."""
        return bool(self.topics) and len(self.topics) == 1


def message_choices(patient: Patient, *, writer: User) -> MessageChoices:
    """The topics `writer` may write about as the record's state leaves them, and the staffed teams that care (PT2)."""
    pools = Pool.objects.reachable_by(patient).staffed().select_related("team").order_by("team__name")
    categories = list(Category.objects.all())
    usual = sorted(category.reply_within for category in categories)[len(categories) // 2 :][:1]
    return MessageChoices(
        topics=tuple(
            Topic(category.code, category.words)
            for category in categories
            if category.code in open_topics(patient) and writer.takes_in(category.code, of=patient.pk)
        ),
        teams=tuple(_team(pool, usual) for pool in pools),
    )


def _team(pool: Pool, usual: list[timedelta]) -> TeamChoice:
    moment = now()
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    usually_by: datetime | None = None
    try:
        clock = pool.clock()
        opens_at, closes_at = clock.next_opening(moment), clock.closes_at(moment)
        usually_by = clock.promise(moment, usual[0]) if usual else None
    except NeverOpen:
        pass  # a team without hours is shown without a promise
    return TeamChoice(
        ref=pool.pk,
        name=pool.name_to_patients,
        purpose=pool.team.purpose_to_patients,
        phone=pool.phone,
        is_open=closes_at is not None,
        opens_at=opens_at,
        closes_at=closes_at,
        usually_by=usually_by,
    )
