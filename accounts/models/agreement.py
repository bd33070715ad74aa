"""That somebody has agreed to the terms: which words, in which language, when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts import terms
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from accounts.models.user import User


class AgreementManager(models.Manager["Agreement"]):
    @verb(actor="by")
    def agree(self, *, to: terms.Terms, language: str, by: User) -> None:
        """From now on she is not asked again for these words. A second press changes nothing."""
        row, new = self.get_or_create(
            user=by, version=to.version, defaults={"text_digest": to.digest(language), "language": language}
        )
        by.forget_rights()
        if new:
            detail = {"version": to.version, "language": language}
            record(agent=by, type="account", subtype="terms", action="C", obj=row, detail=detail)


class Agreement(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agreements")
    version = models.CharField(max_length=24)
    # Of the words as they stood, in the language in which she read them.
    text_digest = models.CharField(max_length=64)
    language = models.CharField(max_length=8)
    agreed_at = models.DateTimeField(default=timezone.now)

    objects = AgreementManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "version"], name="agreed_once")]

    def __str__(self) -> str:
        return f"agreement {self.pk}"
