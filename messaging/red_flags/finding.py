"""What was found in a text, and how pressing it is."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class Grade(models.IntegerChoices):
    """How pressing a sign is, ordered so that the most pressing sorts first."""

    CRISIS = 1, _("Crisis")
    EMERGENCY = 2, _("Emergency")
    SAME_DAY = 3, _("Today")

    @property
    def code(self) -> str:
        """The grade as programs and the trail call it: crisis, emergency, same_day."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that may be dangerous. `found` is the words as the person wrote them."""

    grade: Grade
    code: str
    found: str


@dataclass(frozen=True, slots=True)
class Finding:
    """All signs, the most pressing first, by the rules of one version. No sign, no `grade`."""

    grade: Grade | None
    signs: tuple[Sign, ...]
    version: str

    @property
    def has_emergency(self) -> bool:
        """Whether an ambulance may be needed, whatever else was found."""
        return any(sign.grade == Grade.EMERGENCY for sign in self.signs)
