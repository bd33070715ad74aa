"""Roles are given by two people: one asks, another agrees. Those over accounts and the trail are taken by two, too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import leaving
from accounts.models.authority import may_still_ask, roles_of
from accounts.models.notification import Notification
from accounts.models.role import KEEPERS, Role, RoleGrant, keep_one, keepers
from accounts.notices import Notice
from accounts.refusals import AlreadyAsked, NeedsTwo, NotYours, RequestOver, RoleHeld, RoleNotHeld
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from accounts.models.user import User
    from audit.context import Agent

GOOD_FOR = timedelta(days=7)


class RoleRequestQuerySet(models.QuerySet["RoleRequest"]):
    def open(self) -> Self:
        return self.filter(decided_at=None, until__gt=timezone.now())

    def visible_to(self, user: User) -> Self:
        """All of them for whoever keeps accounts or the trail, and none for anybody else."""
        return self.all() if user.roles & KEEPERS else self.none()


class RoleRequestManager(models.Manager.from_queryset(RoleRequestQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def ask(self, *, user: User, role: str, gives: bool, by: User) -> RoleRequest:
        """Ask another of those who keep the house. Everybody who could agree is told, and the person herself."""
        if not gives and role not in KEEPERS:
            raise TypeError(f"{role} is taken by one person.")
        held = RoleGrant.objects.current().filter(user=user, role=role).exists()
        if held and gives:
            raise RoleHeld
        if not held and not gives:
            raise RoleNotHeld
        if not gives:
            keep_one(role, without=user)
        over = self.filter(user=user, role=role, decided_at=None, until__lte=timezone.now())
        for old in over.select_for_update():
            old.close(approved=False)
        try:
            with transaction.atomic():
                asked: RoleRequest = self.create(
                    user=user, role=role, gives=gives, requested_by=by, until=timezone.now() + GOOD_FOR
                )
        except IntegrityError as clash:
            raise AlreadyAsked from clash
        record(agent=by, type="role", subtype="role-ask", action="C", obj=user, detail=asked.detail)
        asked.tell(Notice.ROLE_ASKED)
        return asked


class RoleRequest(models.Model):
    """The database holds the rule as well: nobody decides what she asked for, or what is about herself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="role_requests")
    role = models.CharField(max_length=20, choices=Role.choices)
    gives = models.BooleanField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    # One that ran out was decided by nobody.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    approved = models.BooleanField(null=True)
    spent_at = models.DateTimeField(null=True)

    objects = RoleRequestManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_request_role_known"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")) & ~Q(decided_by=F("user")),
                name="role_request_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(approved=True) | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="role_request_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(spent_at=None) | Q(approved=True), name="role_request_spent_when_approved"
            ),
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(decided_at=None), name="role_asked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"role request {self.pk}"

    @property
    def detail(self) -> dict[str, object]:
        return {"role": str(self.role), "gives": self.gives}

    @property
    def is_open(self) -> bool:
        return self.decided_at is None and timezone.now() < self.until

    def may_decide(self, user: User) -> bool:
        """Another administrator, or a privacy officer; never who asked, never who it is about."""
        return bool(user.roles & KEEPERS) and user.pk not in (self.requested_by_id, self.user_id)

    @verb(actor="by")
    def approve(self, *, by: User) -> None:
        """Agree. The role is given or taken in the same transaction."""
        leaving.alone()  # Before any other lock, because this may end a role.
        row = self._locked(by)
        row.close(approved=True, by=by)
        if row.gives:
            RoleGrant.objects.give(user=row.user, role=row.role, by=by, approved=row)
        else:
            grant = RoleGrant.objects.current().filter(user=row.user, role=row.role).first()
            if grant is None:
                raise RoleNotHeld
            grant.withdraw(by=by, approved=row)
        record(agent=by, type="role", subtype="role-approve", action="U", obj=row.user, detail=row.detail)
        row.tell(Notice.ROLE_DECIDED)

    @verb(actor="by")
    def refuse(self, *, by: User) -> None:
        row = self._locked(by)
        row.close(approved=False, by=by)
        record(agent=by, type="role", subtype="role-refuse", action="U", obj=row.user, detail=row.detail)
        row.tell(Notice.ROLE_DECIDED)

    @verb(actor="by")
    def withdraw(self, *, by: User) -> None:
        """Whoever asked thinks better of it."""
        row = self._open()
        if by.pk != row.requested_by_id:
            raise NotYours
        row.close(approved=False)
        record(agent=by, type="role", subtype="role-unask", action="U", obj=row.user, detail=row.detail)

    def lapse(self, *, by: Agent) -> None:
        """Whoever asked may not ask any more. Inside the verb that ended her right."""
        self.close(approved=False)
        record(agent=by, type="role", subtype="role-unask", action="U", obj=self.user, detail=self.detail)

    def spend(self, *, user: User, role: str, gives: bool) -> None:
        """What two people agreed on happens once, and nothing else by it."""
        same = (self.user_id, self.role, self.gives) == (user.pk, role, gives)
        row = RoleRequest.objects.select_for_update().filter(pk=self.pk, approved=True, spent_at=None).first()
        if not same or row is None or row.decided_by_id is None:
            raise NeedsTwo
        row.spent_at = timezone.now()
        row.save(update_fields=["spent_at"])

    def close(self, *, approved: bool, by: User | None = None) -> None:
        self.approved, self.decided_by, self.decided_at = approved, by, timezone.now()
        self.save(update_fields=["approved", "decided_by", "decided_at"])

    def tell(self, notice: Notice) -> None:
        Notification.objects.tell([*keepers(), self.user_id], about=self, notice=notice)

    def _open(self) -> RoleRequest:
        row = RoleRequest.objects.select_for_update().filter(pk=self.pk).get()
        if not row.is_open:
            raise RequestOver
        return row

    def _locked(self, by: User) -> RoleRequest:
        row = self._open()
        asker = type(by).objects.get(pk=row.requested_by_id)
        if not roles_of(by) & KEEPERS or by.pk in (row.requested_by_id, row.user_id):
            raise NotYours
        if not may_still_ask(asker) or not row.user.is_active:
            # Whoever asked has lost the right to since, or whom it is about has left.
            raise RequestOver
        return row
