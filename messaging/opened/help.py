"""Whom to call, when what somebody is about to send may be about something dangerous."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings

from messaging.clock import NeverOpen, now
from messaging.models import Chose, Pool, Safety, Shown
from messaging.red_flags import Grade, look

if TYPE_CHECKING:
    from accounts.models import Patient
    from messaging.red_flags import Finding


@dataclass(frozen=True, slots=True)
class Help:
    """The help for one grade, with the words that called for it: the writer's own, not yet sent to anybody."""

    grade: Grade
    has_emergency: bool
    found: tuple[str, ...]
    phone: str
    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None

    @property
    def code(self) -> str:
        return self.grade.code


@dataclass(frozen=True, slots=True)
class Looked:
    """What a page does with a text before it sends it: shows `help` first, or sends it with `safety`."""

    help: Help | None = None
    safety: Safety | None = None


def looked_at(*texts: str, helped: str, pool: Pool | None, patient: Patient | None = None) -> Looked:
    """Look at what is about to be sent. `helped` is the grade of the help that the page has shown for it already.

    Help is shown once, and again only when a change of the words makes it more pressing. It never keeps
    anything from being sent.
    """
    finding = look(*texts)
    shown = _grade(helped)
    if finding.grade is not None and (shown is None or finding.grade < shown):
        return Looked(help=help_for(finding, pool or _nearest(patient)))
    if shown is None:
        return Looked()
    return Looked(safety=Safety(shown=Shown(shown.code), chose=Chose.WENT_ON))


def _grade(code: str) -> Grade | None:
    return next((grade for grade in Grade if grade.code == code), None)


def _nearest(patient: Patient | None) -> Pool | None:
    if patient is None:
        return None
    return Pool.objects.reachable_by(patient).staffed().select_related("team").order_by("team__name").first()


def help_for(finding: Finding, pool: Pool | None) -> Help | None:
    """The help to show for what was found; none when nothing was."""
    if finding.grade is None:
        return None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    if pool is not None:
        moment = now()
        try:
            clock = pool.clock()
            opens_at, closes_at = clock.next_opening(moment), clock.closes_at(moment)
        except NeverOpen:
            pass  # the phone number stands without hours
    grade = finding.grade
    return Help(
        grade=grade,
        has_emergency=finding.has_emergency,
        found=tuple(sign.found for sign in finding.signs if sign.grade == grade),
        phone=pool.phone if pool is not None else settings.CLINIC_PHONE,
        is_open=closes_at is not None,
        opens_at=opens_at,
        closes_at=closes_at,
    )
