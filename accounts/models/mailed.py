"""Where the link of an invitation goes, and the mail that carries it. The link is made when the mail is sent."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

from audit.seals import Kind, SealedField, digest


def link_digest(token: str) -> str:
    return digest(token, purpose="invitation-link")


class Mailed(models.Model):
    link_digest = models.CharField(max_length=64, null=True, unique=True)
    # Where the link goes. Forgotten when it is used, taken back or too old.
    email = SealedField(kind=Kind.HEALTH, null=True)
    email_digest = models.CharField(max_length=64, blank=True)
    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def claim_mail(self) -> None:
        self.mail_attempts += 1
        # Longer each time; after about a day the invitation is nearly over anyway.
        self.mail_due_at = timezone.now() + timedelta(minutes=3) * 2 ** min(self.mail_attempts, 8)
        self.save(update_fields=["mail_attempts", "mail_due_at"])

    def new_token(self) -> str:
        """A link for the mail that is being sent. One sent before is good no more."""
        token = secrets.token_urlsafe(32)
        self.link_digest = link_digest(token)
        self.save(update_fields=["link_digest"])
        return token

    def was_mailed(self) -> None:
        self.mail_due_at, self.mailed_at = None, timezone.now()
        self.save(update_fields=["mail_due_at", "mailed_at"])


def nudge() -> None:
    """Ask a worker to send now. Losing the nudge costs seconds: the sweep finds the row."""
    from accounts.tasks import send_invitations

    send_invitations.delay()
