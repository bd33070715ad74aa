"""Trusted people as pages show them, and what is done about them where a birth date has to be opened first."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import Trust
from audit.recorder import record_read
from audit.seals import unseal

if TYPE_CHECKING:
    from accounts.models import Patient
    from audit.context import Agent


def born(patient: Patient, *, by: Agent) -> date:
    """The patient's birth date, opened for what goes by age, and written down as read."""
    receipt = record_read(reader=by, shown=[patient], category="patient", purpose="HOPERAT")
    return date.fromisoformat(unseal(patient, "birth_date", receipt=receipt))


def catch_up(*, by: Agent) -> None:
    """Write down and tell what time has changed: narrower since a birthday, over, or under another age table."""
    for trust in Trust.objects.outdated().select_related("patient"):
        trust.reckon(by=by, born=born(trust.patient, by=by))
    for trust in Trust.objects.narrowed():
        trust.announce(by=by)
    for trust in Trust.objects.lapsed(timezone.now()):
        trust.finish(by=by)
