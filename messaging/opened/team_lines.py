"""Between the messages of a conversation: when another team took it over, and what its team was called before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.models.care import said
from audit.prepared import Prepared
from messaging.models import Cause, TeamChange

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class TeamLine:
    """One change of team. `was` and `now` are what the reader calls them; `because` is for staff."""

    at: datetime
    was: str
    now: str
    because: str

    @property
    def words(self) -> str:
        return _("Your conversation is now with %(team)s.") % {"team": self.now}

    @property
    def staff_words(self) -> str:
        return _("Moved from %(was)s to %(now)s: %(because)s") % {
            "was": self.was,
            "now": self.now,
            "because": self.because,
        }


def team_lines(thread: UUID, *, to_patient: bool) -> tuple[TeamLine, ...]:
    """The changes of team of one conversation, earliest first, in one statement."""
    lines = []
    for at, was, was_es, now, now_es, because in _changes(thread=thread):
        if to_patient:
            was, now = said(was, was_es), said(now, now_es)
        lines.append(TeamLine(at, was, now, str(Cause(because).label)))
    return tuple(lines)


@Prepared
def _changes(*, thread: UUID) -> QuerySet[TeamChange, tuple[datetime, str, str, str, str, str]]:
    changes = TeamChange.objects.filter(thread=thread).order_by("changed_at", "id")
    names = [f"{pool}__team__{name}" for pool in ("from_pool", "to_pool") for name in ("name", "name_es")]
    return changes.values_list("changed_at", *names, "because")
