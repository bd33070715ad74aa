"""What a person had typed when her session ended under her hands. Sealed, and given back once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.http import QueryDict
from django.utils import timezone

from accounts.models.patient import Patient
from audit.ids import uuid7
from audit.recorder import record_read
from audit.seals import Kind, SealedField, seal, unseal_all
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent

LIMIT = 64_000
# Words of the machinery, secrets and what was looked for are not what the person wrote.
NEVER_KEPT = frozenset({"csrfmiddlewaretoken", "password", "code", "answer", "current", "new", "look_for"})


@dataclass(frozen=True, slots=True)
class KeptText:
    """`action` is the address the form was sent to, `data` what was in it, ready for a form to show again."""

    action: str
    data: QueryDict
    kept_at: datetime


class KeptFormManager(models.Manager["KeptForm"]):
    @verb(actor="by")
    def keep(
        self, *, by: User, path: str, action: str, data: QueryDict, patient_id: UUID | None = None
    ) -> KeptForm | None:
        """Keep what she typed for the page at `path`; the newest wins. Nothing typed, or too much: nothing kept.

        `patient_id` is the patient it is about, where that is known.
        """
        fields = {name: values for name, values in data.lists() if name not in NEVER_KEPT}
        text = json.dumps({"action": action, "fields": fields}, ensure_ascii=False)
        if not any(value.strip() for values in fields.values() for value in values) or len(text) > LIMIT:
            return None
        kept = KeptForm(user=by, path=path[:500], patient_id=patient_id)
        kept.typed = seal(text, into=kept, field="typed")
        self.filter(user=by, path=kept.path).delete()
        kept.save(force_insert=True)
        return kept

    @verb(actor="by")
    def drop(self, *, before: datetime, by: Agent) -> None:
        """Forget what nobody has come back for since then."""
        self.filter(kept_at__lt=before).delete()

    def take(self, user: User, path: str) -> KeptText | None:
        """Give back what `user` typed at `path`, once. Opening it is a read like any other."""
        kept = self.filter(user=user.pk, path=path[:500]).first()
        if kept is None:
            return None
        receipt = record_read(
            reader=user, shown=[kept], category="kept-form", purpose="" if user.roles else "PATRQT"
        )
        with transaction.atomic():
            # Two tabs may come back at once; the text goes to the one whose delete found the row.
            taken, _ = self.filter(pk=kept.pk).delete()
        if not taken:
            return None
        (typed,) = unseal_all([(kept, "typed")], receipt=receipt)
        try:
            content = json.loads(typed)
        except ValueError:
            # Its seal was broken, which has been reported. The page it stood on still opens.
            return None
        data = QueryDict(mutable=True)
        for name, values in content["fields"].items():
            data.setlist(name, values)
        return KeptText(content["action"], data, kept.kept_at)


class KeptForm(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="kept_forms")
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=500)
    typed = SealedField(kind=Kind.HEALTH)
    kept_at = models.DateTimeField(default=timezone.now)

    objects = KeptFormManager()

    class Meta:
        indexes = [models.Index(fields=["user", "path"], name="kept_form_of")]

    def __str__(self) -> str:
        return f"kept form {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.user_id

    @classmethod
    def keep(
        cls, *, by: User, path: str, action: str, data: QueryDict, patient_id: UUID | None = None
    ) -> KeptForm | None:
        return cls.objects.keep(by=by, path=path, action=action, data=data, patient_id=patient_id)

    @classmethod
    def take(cls, user: User, path: str) -> KeptText | None:
        return cls.objects.take(user, path)
