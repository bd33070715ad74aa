"""What "I need more of this" means for one prescription: refill, renewal, or a talk first (RF2, §4.4).

A table of plain rules on plain values, so that every row can be tested without a database.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.schedules import CONTROLLED_REFILL_CAP, Schedule, months_later


class Eligibility(models.TextChoices):
    """Stored with the request when it is made; the words are what the patient reads."""

    OK_REFILL = "OK_REFILL", _("Refills are left. We will tell your pharmacy.")
    RENEWAL_NEEDED = "RENEWAL_NEEDED", _("No refills are left. Your prescriber will look at a new order.")
    CII_NEW_RX = (
        "CII_NEW_RX",
        _("The law asks for a new prescription each time. Your prescriber will look at it."),
    )
    CIII_IV_LIMIT = (
        "CIII_IV_LIMIT",
        _("The legal limit for refills is reached. Your prescriber will look at a new order."),
    )
    DISCONTINUED = "DISCONTINUED", _("This medicine was stopped. Call us before you take it again.")
    PATIENT_INACTIVE = "PATIENT_INACTIVE", _("You are not a patient here now. Call us and we will help.")

    @property
    def is_requestable(self) -> bool:
        """Whether asking makes a request; otherwise the page says whom to call."""
        return self not in (Eligibility.DISCONTINUED, Eligibility.PATIENT_INACTIVE)


class Prescribed(Protocol):
    """The part of a prescription that the rules look at."""

    @property
    def schedule(self) -> str: ...
    @property
    def repeats_left(self) -> int: ...
    @property
    def repeats_used(self) -> int: ...
    @property
    def issued_on(self) -> date: ...
    @property
    def valid_until(self) -> date: ...
    @property
    def stopped_on(self) -> date | None: ...


def standing(prescription: Prescribed, *, today: date, patient_is_active: bool) -> Eligibility:
    """Decide the eligibility code for `prescription` on `today`. First rule that fits wins.

    21 CFR 1306.12(a): schedule II is never refilled. 21 CFR 1306.22: III and IV at most five refills
    and none later than six months after the day of issue.
    """
    if not patient_is_active:
        return Eligibility.PATIENT_INACTIVE
    if prescription.stopped_on is not None and prescription.stopped_on <= today:
        return Eligibility.DISCONTINUED
    if prescription.schedule == Schedule.II:
        return Eligibility.CII_NEW_RX
    if prescription.schedule in (Schedule.III, Schedule.IV) and (
        prescription.repeats_used >= CONTROLLED_REFILL_CAP or today > months_later(prescription.issued_on, 6)
    ):
        return Eligibility.CIII_IV_LIMIT
    if prescription.repeats_left < 1 or today > prescription.valid_until:
        return Eligibility.RENEWAL_NEEDED
    return Eligibility.OK_REFILL
