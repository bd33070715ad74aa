"""The schedules of controlled substances (21 CFR 1308) and the limits that go with them."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

CONTROLLED_REFILL_CAP = 5  # 21 CFR 1306.22(a), schedules III and IV


class Schedule(models.TextChoices):
    NONE = "", _("Not controlled")
    II = "II", _("Schedule II")
    III = "III", _("Schedule III")
    IV = "IV", _("Schedule IV")
    V = "V", _("Schedule V")


def months_later(day: date, months: int) -> date:
    """The same day of the month `months` later, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
