"""How a conversation ended, and when it began again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Patient
from audit.ids import uuid7
from messaging.clock import now


class Outcome(models.TextChoices):
    """Why a conversation is finished (TR15). Staff choose; patients read the words."""

    ANSWERED = "answered", _("Answered")
    VISIT_BOOKED = "visit_booked", _("Visit booked")
    REFILL_DECIDED = "refill_decided", _("Refill decided")
    PHONED = "phoned", _("Talked on the phone")
    NO_REPLY_NEEDED = "no_reply_needed", _("No reply needed")
    REDIRECTED = "redirected", _("Sent to another team")


class Closure(models.Model):
    """That a conversation was finished, by whom and how; and when somebody wrote in it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="closures")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    closed_at = models.DateTimeField(default=now)
    reopened_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["closed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(reopened_at=None), name="one_standing_closure"
            ),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="outcome_known"),
        ]

    def __str__(self) -> str:
        return f"closure {self.pk}"
