"""What happens next: where the last thing the patient's side wrote is now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from messaging.clock import now
from messaging.models import Side

if TYPE_CHECKING:
    from accounts.models import User
    from messaging.opened.messages import OpenMessage


@dataclass(frozen=True, slots=True)
class Step:
    """One line of "what happens next": `status` is done, now, later or late."""

    kind: str
    status: str
    words: str
    at: datetime | None = None
    by: datetime | None = None


def steps_of(
    messages: tuple[OpenMessage, ...], *, owed: datetime | None, closed_at: datetime | None, reader: User
) -> tuple[Step, ...]:
    """Where the last thing the patient's side wrote is now (PT9), from the same rows that staff use."""
    said = tuple(m for m in messages if m.withdrawn_at is None)
    sent = next((m for m in reversed(said) if m.side == Side.PATIENT), None)
    if sent is None:
        return ()
    own = sent.author is not None and sent.author.id == reader.pk
    by_whom = "" if own or sent.author is None else sent.author.name
    words = _("You sent your message") if own else _("%(name)s sent this message") % {"name": by_whom}
    steps = [Step("sent", "done", words, at=sent.sent_at)]
    team_reading = next((r for r in sent.read_by if r.person.side == "staff"), None)
    answer = next((m for m in said if m.side == Side.TEAM and m.sent_at > sent.sent_at), None)
    if team_reading:
        words = _("%(name)s, %(role)s, read it") % {
            "name": team_reading.person.given_name,
            "role": team_reading.person.role_words,
        }
        steps.append(Step("read", "done", words, at=team_reading.at))
    else:
        if before := next((r for r in sent.read_before if r.person.side == "staff"), None):
            words = _("%(name)s, %(role)s, read it before it was corrected") % {
                "name": before.person.given_name,
                "role": before.person.role_words,
            }
            steps.append(Step("read-before", "done", words, at=before.at))
        if answer is None and closed_at is None:
            waiting = _("Your team will read the correction") if before else _("Your team will read it")
            steps.append(Step("read", "now", waiting))
    if answer is not None and answer.author is not None:
        steps.append(
            Step("reply", "done", _("%(name)s replied") % {"name": answer.author.name}, at=answer.sent_at)
        )
    elif closed_at is None and owed is not None:
        late = owed < now()
        status = "late" if late else "now" if team_reading else "later"
        steps.append(Step("reply", status, _("Your team will reply"), by=owed))
    if closed_at is not None:
        steps.append(Step("finished", "done", _("Your team finished this conversation"), at=closed_at))
    return tuple(steps)
