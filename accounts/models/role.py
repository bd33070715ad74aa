"""What a person may do here is a row with a period, given by somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import leaving
from accounts.models.device import KnownDevice
from accounts.models.notification import Notification
from accounts.models.period import Period, PeriodQuerySet
from accounts.notices import Notice
from accounts.refusals import LastAdministrator, NeedsTwo, NotYourOwn, RoleHeld
from audit.context import SystemAgent
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models.role_request import RoleRequest
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
    def give(self, *, user: User, role: str, by: Agent, approved: RoleRequest | None = None) -> RoleGrant:
        """Let `user` act in a role from now on. Sessions opened before do not gain or lose: they end.

        It needs two people: `approved` is what they agreed on. Only the portal itself may give one without; and one
        over accounts or over the trail only while nobody holds it: that is how a clinic begins.
        """
        if approved is not None:
            approved.spend(user=user, role=role, gives=True)
        elif not isinstance(by, SystemAgent) or (role in KEEPERS and holders(role).exists()):
            raise NeedsTwo
        granted_by = None if isinstance(by, SystemAgent) else by
        try:
            with transaction.atomic():
                grant: RoleGrant = self.create(user=user, role=role, granted_by=granted_by)
        except IntegrityError as clash:
            raise RoleHeld from clash
        user.rights_changed()
        KnownDevice.objects.forget_all(of=user, by=by)
        record(agent=by, type="role", subtype="role-give", action="C", obj=user, detail={"role": str(role)})
        if granted_by is not None:
            Notification.objects.warn(user, about=grant, notice=Notice.ROLE_CHANGED)
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
    def withdraw(self, *, by: Agent, approved: RoleRequest | None = None) -> None:
        """Take the role away. Work that it let her hold goes back to the others, in the same transaction.

        A danger cannot wait, so one person does it; of the roles over accounts and over the trail two.
        """
        if getattr(by, "pk", None) == self.user_id:
            raise NotYourOwn
        leaving.alone()
        if self.role in KEEPERS:
            if approved is None:
                raise NeedsTwo
            approved.spend(user=self.user, role=self.role, gives=False)
            keep_one(self.role, without=self.user)
        self._run_out(by)
        self.user.rights_changed()
        leaving.settle(leaving.Leaving(by=by, people=(self.user,)))
        Notification.objects.warn(self.user, about=self, notice=Notice.ROLE_CHANGED, once="ended")

    @verb(actor="by")
    def end_with_account(self, *, by: Agent) -> None:
        """The account it belongs to has just been closed, and whoever comes back to it begins without."""
        if self.user.is_active:
            raise NeedsTwo
        self._run_out(by)

    def _run_out(self, by: Agent) -> None:
        self.ends_at = timezone.now()
        self.save(update_fields=["ends_at"])
        record(
            agent=by, type="role", subtype="role-take", action="U", obj=self.user, detail={"role": self.role}
        )


def holders(role: str) -> models.QuerySet[RoleGrant]:
    """Who holds a role now and can sign in."""
    return RoleGrant.objects.current().filter(role=role, user__is_active=True)


def keepers() -> list[UUID]:
    """Everybody who keeps the house now: over accounts, or over the trail."""
    held = [grant.user_id for role in sorted(KEEPERS) for grant in holders(role)]
    return list(dict.fromkeys(held))


def keep_one(role: str, *, without: User) -> None:
    """Raise when this person is the last who can administer accounts. Whoever else would take hers waits here."""
    if role != Role.ACCOUNT_ADMIN:
        return
    held = holders(role).select_for_update(of=("self",)).order_by("pk")
    if {grant.user_id for grant in held} == {without.pk}:
        raise LastAdministrator
