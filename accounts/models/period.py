"""Rights and relationships are rows with a beginning and an end, read live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime


def current(at: datetime | None = None, *, through: str = "") -> Q:
    """The condition "runs at this moment", also for rows reached through a relation (`through="grants__"`)."""
    at = at or timezone.now()
    open_end = Q(**{f"{through}ends_at__isnull": True}) | Q(**{f"{through}ends_at__gt": at})
    return Q(**{f"{through}starts_at__lte": at}) & open_end


class PeriodQuerySet(models.QuerySet):
    def current(self, at: datetime | None = None) -> Self:
        return self.filter(current(at))


class Period(models.Model):
    """Something that starts, and ends by getting an end; never by being deleted."""

    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="%(class)s_ends_after_start"
            )
        ]

    def is_current(self, at: datetime | None = None) -> bool:
        at = at or timezone.now()
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)
