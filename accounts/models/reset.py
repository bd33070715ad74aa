"""Somebody forgot her password. The row is written alike for every e-mail; only the worker looks whose it is."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models.notification import Notification
from accounts.models.user import User, email_digest
from accounts.notices import Notice
from audit.context import SystemAgent
from audit.ids import uuid7
from audit.seals import digest

if TYPE_CHECKING:
    from uuid import UUID

LINK_AGE = timedelta(minutes=30)
# A mail that comes an hour later is no answer any more.
WORTH_SENDING = timedelta(hours=1)
RESETTER = SystemAgent("system:notifier")


def _digest(token: str) -> str:
    return digest(token, purpose="password-reset")


class PasswordResetManager(models.Manager["PasswordReset"]):
    def ask(self, *, email: str) -> PasswordReset:
        """Note that somebody asked. Nobody looks here whether there is such an account: the time must not tell."""
        asked: PasswordReset = self.create(email_digest=email_digest(email))
        transaction.on_commit(lambda: _nudge(asked.pk), robust=True)
        return asked

    def waiting(self) -> models.QuerySet[PasswordReset]:
        return self.filter(looked_up_at=None)

    def look_up(self) -> None:
        """Line up a mail for each question whose e-mail has an account. Nobody is told about the others."""
        with transaction.atomic():
            for asked in self.waiting().select_for_update(skip_locked=True):
                asked.looked_up_at = timezone.now()
                person = User.objects.by_login(asked.email_digest)
                person = person if person is not None and person.is_active else None
                asked.user = person
                asked.save(update_fields=["looked_up_at", "user"])
                if person is not None:
                    Notification.objects.warn(person, about=asked, notice=Notice.RESET_LINK)

    def by_token(self, token: str) -> PasswordReset | None:
        """The question this link belongs to, while the link is good."""
        found = (
            self.filter(token_digest=_digest(token), used_at=None, until__gt=timezone.now())
            .select_related("user")
            .first()
        )
        return found if found is not None and found.holds else None


class PasswordReset(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email_digest = models.CharField(max_length=64)
    asked_at = models.DateTimeField(default=timezone.now, db_index=True)
    looked_up_at = models.DateTimeField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    # Made when the mail is: until then there is no link, and afterwards it is in the mail alone.
    token_digest = models.CharField(max_length=64, null=True, unique=True)
    stamp = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = PasswordResetManager()

    def __str__(self) -> str:
        return f"password reset {self.pk}"

    @property
    def holds(self) -> bool:
        """Whether nothing about the account has changed since the mail was sent."""
        return self.user is not None and self.user.is_active and self.stamp == self.user.security_stamp

    @property
    def is_stale(self) -> bool:
        return timezone.now() - self.asked_at > WORTH_SENDING

    def new_token(self) -> str:
        """A link for the mail that is being sent. One sent before, whose sending seemed to fail, is good no more."""
        token = secrets.token_urlsafe(32)
        # Anew: her stamp may have changed since this row was read.
        user = User.objects.get(pk=str(self.user_id))
        self.token_digest, self.stamp, self.until = (
            _digest(token),
            user.security_stamp,
            timezone.now() + LINK_AGE,
        )
        self.save(update_fields=["token_digest", "stamp", "until"])
        return token

    def use(self) -> bool:
        """Take it, once. Inside the transaction that sets the new password."""
        taken = PasswordReset.objects.select_for_update().filter(pk=self.pk, used_at=None).first()
        if taken is None:
            return False
        taken.used_at = self.used_at = timezone.now()
        taken.save(update_fields=["used_at"])
        return True


def _nudge(key: UUID) -> None:
    """Ask a worker to look now. Losing the nudge costs seconds: the sweep finds the row."""
    from accounts.tasks import look_up_resets

    look_up_resets.delay()
