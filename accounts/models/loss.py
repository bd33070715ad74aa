"""Somebody lost all that opens her door. The way back is slow on purpose: asked, checked at the desk, waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models.device import KnownDevice
from accounts.models.factor import RecoverySheet, second_steps_of
from accounts.models.notification import Notification
from accounts.models.role import KEEPERS, RoleGrant, keepers
from accounts.notices import Notice
from accounts.refusals import FactorNeedsProof, NothingAsked, NotYourOwn
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models.factor import SecondStep
    from accounts.models.user import User

# Long enough for the owner to see one of the mails and to say no.
WAIT = timedelta(hours=24)
# So long a question waits for the desk, and an open way for its person.
GOOD_FOR = timedelta(days=7)


class FactorLossManager(models.Manager["FactorLoss"]):
    def of_staff(self) -> list[FactorLoss]:
        """What members of staff have asked for, while nobody has said that it is they; the oldest first."""
        asked = self.filter(
            used_at=None, cancelled_at=None, checked_at=None, asked_at__gt=timezone.now() - GOOD_FOR
        )
        works_here = RoleGrant.objects.current().filter(user=OuterRef("user"))
        rows = asked.filter(Exists(works_here), user__is_active=True).select_related("user")
        return list(rows.order_by("asked_at"))

    def open_of(self, user: User) -> FactorLoss | None:
        """What is under way for this person now."""
        loss = self.filter(user=user.pk, used_at=None, cancelled_at=None).first()
        return loss if loss is not None and not loss.is_over else None

    def ready_for(self, user: User) -> FactorLoss | None:
        loss = self.open_of(user)
        return loss if loss is not None and loss.is_ready else None

    @verb(actor="by")
    def ask(self, *, by: User) -> FactorLoss:
        """She knows her password and has nothing to show besides. Asking again changes nothing."""
        type(by).objects.select_for_update().get(pk=by.pk)
        under_way = self.open_of(by)
        if under_way is not None:
            return under_way
        for over in self.filter(user=by, used_at=None, cancelled_at=None):
            over.cancelled_at = timezone.now()
            over.save(update_fields=["cancelled_at"])
        loss: FactorLoss = self.create(user=by)
        record(agent=by, type="factor", subtype="loss-asked", action="C", obj=loss)
        return loss

    @verb(actor="by")
    def believe(self, *, user: User | None, by: User) -> FactorLoss:
        """Somebody knows that it is she. From now on the clock runs, and she is told.

        Raises `NothingAsked`, `NotYourOwn`. The desk has seen or heard two things that name her; who works here is
        known to those who keep the house.
        """
        loss = self.open_of(user) if user is not None else None
        if loss is None or user is None:
            raise NothingAsked
        if by.pk == user.pk:
            raise NotYourOwn
        if loss.checked_at is None:
            loss.checked_by, loss.checked_at = by, timezone.now()
            loss.save(update_fields=["checked_by", "checked_at"])
            loss._begin_to_wait(user, by=by)
        return loss

    @verb(actor="by")
    def show_paper(self, *, by: User) -> FactorLoss:
        """She has a recovery code where her work needs a passkey: nobody has to know her, and she waits as well."""
        loss: FactorLoss = self.ask(by=by)
        if loss.checked_at is None:
            loss.checked_at = timezone.now()
            loss.save(update_fields=["checked_at"])
            loss._begin_to_wait(by, by=by)
        return loss


class FactorLoss(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    checked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    objects = FactorLossManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(used_at=None, cancelled_at=None), name="one_loss_under_way"
            )
        ]

    def __str__(self) -> str:
        return f"lost second step {self.pk}"

    @property
    def opens_at(self) -> datetime | None:
        return self.checked_at + WAIT if self.checked_at else None

    @property
    def is_ready(self) -> bool:
        return self.opens_at is not None and timezone.now() >= self.opens_at and not self.is_over

    @property
    def is_over(self) -> bool:
        last = self.opens_at or self.asked_at
        return timezone.now() >= last + GOOD_FOR

    @verb(actor="by")
    def cancel(self, *, by: User) -> None:
        """Its owner is signed in, so nothing is lost."""
        loss = self._mine(by)
        loss.cancelled_at = self.cancelled_at = timezone.now()
        loss.save(update_fields=["cancelled_at"])
        record(agent=by, type="factor", subtype="loss-cancelled", obj=loss)

    @verb(actor="by")
    def use(self, *, by: User, instead: SecondStep) -> None:
        """One new second step, in the place of everything she had. Whatever knew her before is a stranger again."""
        loss = self._mine(by)
        if not loss.is_ready:
            raise FactorNeedsProof
        loss.used_at = self.used_at = timezone.now()
        loss.save(update_fields=["used_at"])
        for step in second_steps_of(by):
            if step.pk != instead.pk:
                step.delete()
        for sheet in RecoverySheet.objects.filter(user=by):
            sheet.tear_up()
        KnownDevice.objects.forget_all(of=by, by=by)
        record(agent=by, type="factor", subtype="loss-used", obj=loss)

    def _begin_to_wait(self, user: User, *, by: User) -> None:
        Notification.objects.warn(user, about=self, notice=Notice.FACTOR_LOST)
        if user.roles & KEEPERS:
            others = [keeper for keeper in keepers() if keeper != user.pk]
            Notification.objects.tell(others, about=self, notice=Notice.KEEPER_LOST)
        record(agent=by, type="factor", subtype="loss-checked", obj=self)

    def _mine(self, by: User) -> FactorLoss:
        loss = (
            FactorLoss.objects.select_for_update()
            .filter(pk=self.pk, user=by, used_at=None, cancelled_at=None)
            .first()
        )
        if loss is None:
            raise FactorNeedsProof
        return loss
