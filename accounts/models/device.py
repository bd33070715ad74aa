"""A browser in which somebody has signed in before. Whoever guesses elsewhere cannot shut her out here."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from audit.ids import uuid7
from audit.seals import digest
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent

KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def _digest(key: str) -> str:
    return digest(key, purpose="known-device")


class KnownDeviceManager(models.Manager["KnownDevice"]):
    def by_key(self, key: str, *, email_digest: str) -> KnownDevice | None:
        """The device of this key, if the person with this login has used it; asked alike of those who do not exist."""
        if not KEY.fullmatch(key):
            return None
        return self.filter(key_digest=_digest(key), user__email_digest=email_digest).first()

    @verb(actor="by")
    def remember(self, *, by: User, key: str, words: str) -> tuple[KnownDevice, str, bool]:
        """The row, the key its browser has to keep, and whether the row is new.

        Several people may use one browser. They share its key, and each has a row of her own.
        """
        ours = KEY.fullmatch(key) and self.filter(key_digest=_digest(key)).exists()
        key = key if ours else secrets.token_urlsafe(32)
        device, new = self.get_or_create(user=by, key_digest=_digest(key), defaults={"words": words})
        if not new:
            device.last_seen_at = timezone.now()
            device.save(update_fields=["last_seen_at"])
        return device, key, new

    @verb(actor="by")
    def forget_all(self, *, of: User, by: Agent, but: UUID | None = None) -> None:
        """From now on every browser is a stranger to this account; `but` the one in which its owner says so."""
        self.filter(user=of).exclude(pk__in=[but] if but else []).delete()


class KnownDevice(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="known_devices")
    key_digest = models.CharField(max_length=64)
    words = models.CharField(max_length=80, blank=True)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    audit_hidden = ("last_seen_at",)

    objects = KnownDeviceManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key_digest"], name="device_known_once"),
        ]

    def __str__(self) -> str:
        return f"device {self.pk}"
