"""What a person may do here is a row with a period, given by somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import leaving
from accounts.models.period import Period, PeriodQuerySet
from audit.ids import uuid7
from audit.verbs import verb

if TYPE_CHECKING:
    from accounts.models.user import User
    from audit.context import Agent


class Role(models.TextChoices):
    PHYSICIAN = "physician", _("physician")
    NURSE = "nurse", _("nurse")
    FRONT_DESK = "front-desk", _("front desk")
    PRIVACY_OFFICER = "privacy-officer", _("privacy officer")
    ACCOUNT_ADMIN = "account-admin", _("accounts administrator")


CLINICAL = frozenset({Role.PHYSICIAN, Role.NURSE})
PRESCRIBERS = frozenset({Role.PHYSICIAN})
# Those who keep the house: over accounts, or over the trail.
KEEPERS = frozenset({Role.PRIVACY_OFFICER, Role.ACCOUNT_ADMIN})
# Those whom a team relationship lets see the patients of the team.
CARING = CLINICAL | {Role.FRONT_DESK}


class RoleGrantManager(models.Manager.from_queryset(PeriodQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def give(self, *, user: User, role: str, by: Agent) -> RoleGrant:
        """Let `user` act in a role from now on. Sessions opened before do not gain or lose: they end."""
        grant: RoleGrant = self.create(user=user, role=role, granted_by=getattr(by, "pk", None) and by)
        user.rights_changed()
        return grant


class RoleGrant(Period):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=20, choices=Role.choices)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="roles_given"
    )

    objects = RoleGrantManager()

    class Meta(Period.Meta):
        constraints = [
            *Period.Meta.constraints,
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(ends_at=None), name="role_held_once"
            ),
        ]

    def __str__(self) -> str:
        return f"role grant {self.pk}"

    @verb(actor="by")
    def withdraw(self, *, by: Agent) -> None:
        """End the role. Work that it let her hold goes back to the others, in the same transaction."""
        leaving.alone()
        self.ends_at = timezone.now()
        self.save(update_fields=["ends_at"])
        self.user.rights_changed()
        leaving.settle(leaving.Leaving(by=by, people=(self.user,)))
