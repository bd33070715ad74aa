"""Who has seen a patient's record, as the patient is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from audit import words

if TYPE_CHECKING:
    from audit.models import AuditEvent

# What one person does with one thing within this time is one visit.
ONE_VISIT = timedelta(hours=1)
# Work on the record that also shows it. Notes of the team among themselves are not announced.
TOLD = frozenset(
    {"send", "close", "print", "download", "refill-request", "decide", "cancel", "join", "part", "birth-date"}
)


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """One visit to the record by one person. `agent_pk` is None for the portal itself."""

    agent_pk: UUID | None
    agent_id: str
    agent_role: str
    on_behalf_of: UUID | None
    what: tuple[str, ...]
    purpose: str
    why: str
    first_at: datetime
    last_at: datetime
    times: int

    @property
    def sentence(self) -> str:
        return ". ".join(self.what)


def visits(events: Iterable[AuditEvent]) -> list[SeenEntry]:
    """Group events, newest first, into visits, the one that ended last first."""
    open_visits: dict[tuple[str, int | None, str, str], list[AuditEvent]] = {}
    found: list[list[AuditEvent]] = []
    for event in events:
        # The name above a page: the page itself tells what was looked at.
        if event.subtype == "frame" or (event.type == "record" and event.subtype not in TOLD):
            continue
        thing = (event.agent_id, event.content_type_id, event.object_pk, event.purpose_of_use)
        visit = open_visits.get(thing)
        if visit is None or visit[0].recorded_at - event.recorded_at > ONE_VISIT:
            visit = open_visits[thing] = []
            found.append(visit)
        visit.append(event)
    return [_entry(visit) for visit in found]


def _entry(visit: list[AuditEvent]) -> SeenEntry:
    newest, oldest = visit[0], visit[-1]
    done = [
        words.seen_by_patient(event.type, event.subtype, event.data_category) for event in reversed(visit)
    ]
    return SeenEntry(
        agent_pk=newest.actor_id,
        agent_id=newest.agent_id,
        agent_role=newest.agent_role,
        on_behalf_of=newest.on_behalf_of,
        what=tuple(dict.fromkeys(done)),
        purpose=newest.purpose_of_use,
        why=words.why_for_patient(newest.purpose_of_use),
        first_at=oldest.recorded_at,
        last_at=newest.recorded_at,
        times=len(visit),
    )
