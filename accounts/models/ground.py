"""By what right somebody acts for a patient, and why that ended."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Basis(models.TextChoices):
    """By what right somebody acts for a patient."""

    PERMISSION = "permission", _("the patient’s own permission")
    PARENT = "parent", _("parent of a child")
    GUARDIAN = "guardian", _("guardian named by a court")
    POWER_OF_ATTORNEY = "attorney", _("health care power of attorney")
    EXECUTOR = "executor", _("executor of the estate")
    OTHER = "other", _("another ground")


# The grounds of children. Whatever the ground, of a child it narrows as she grows, and ends when she is grown.
BY_AGE = frozenset({Basis.PARENT, Basis.GUARDIAN})
# What is not the patient's own word is on paper.
ON_PAPER = frozenset(Basis.values) - {Basis.PERMISSION}


class Ended(models.TextChoices):
    STOPPED = "stopped", _("Stopped")
    GIVEN_BACK = "given-back", _("Given back")
    RUN_OUT = "run-out", _("The agreed time is over")
    OF_AGE = "of-age", _("The patient is grown up")
    BARRED = "barred", _("Barred")
    DIED = "died", _("The patient has died")
