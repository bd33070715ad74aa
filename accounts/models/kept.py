"""What a person had typed when her session ended under her hands. Sealed, and given back once.

What arrived after somebody had ended the session is hers only if she says so: it is offered, and never filled in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from accounts.models.patient import Patient
from audit.ids import uuid7
from audit.recorder import record_read
from audit.seals import Kind, SealedField, seal, unseal_all
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.models.session import Session
    from accounts.models.user import User
    from audit.context import Agent

LIMIT = 64_000
# Words of the machinery, secrets and what was looked for are not what the person wrote.
NEVER_KEPT = frozenset(
    {"csrfmiddlewaretoken", "password", "code", "answer", "current", "new", "look_for", "files", "autosave"}
)
# Kept with what is typed, and nothing that anybody typed.
NOT_TYPED = frozenset({"form_token", "revision", "page", "turn", "seen", "kind", "helped", "save"})
# What she reads of a form before she decides about it: the boxes in which people write.
SHOWN = ("subject", "body", "comment")
# From one session that somebody ended. Whoever has its key may be anybody, and is not to fill the house.
MOST_OFFERED = 5


@dataclass(frozen=True, slots=True)
class KeptText:
    """`action` is the address the form was sent to, `data` what was in it, ready for a form to show again.

    `files` are the names of those that came with it and are not here. `was_offered`: she chose to have it back,
    whatever has been written since.
    """

    action: str
    data: QueryDict
    kept_at: datetime
    files: tuple[str, ...] = ()
    was_offered: bool = False

    def added_to(self, begun: str, name: str = "body") -> str:
        """What stood in this field; with what was begun since, if she chose it beside that. Neither is lost."""
        typed = self.data.get(name, "")
        if not self.was_offered or begun.strip() in typed:
            return typed
        return begun if typed.strip() in begun else f"{begun}\n\n{typed}"


@dataclass(frozen=True, slots=True)
class OfferedText:
    """What was sent from a page after somebody had ended the session it was open in. `device` is where."""

    ref: UUID
    words: tuple[str, ...]
    files: tuple[str, ...]
    kept_at: datetime
    device: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """What waits for somebody at one page."""

    text: KeptText | None = None
    offers: tuple[OfferedText, ...] = ()


NOTHING_CAME_BACK = CameBack()


class KeptFormManager(models.Manager["KeptForm"]):
    @verb(actor="by")
    def keep(
        self,
        *,
        by: User,
        path: str,
        action: str,
        data: QueryDict,
        patient_id: UUID | None = None,
        after: Session | None = None,
        files: Sequence[str] = (),
    ) -> KeptForm | None:
        """Keep what she typed for the page at `path`; the newest wins. Nothing typed, or too much: nothing kept.

        `patient_id` is the patient it is about, where that is known; `files` the names of those that came with it
        and could not be kept. `after` is the session that somebody had ended before this came: then it is offered,
        beside what is surely hers, for a few pages of that session.
        """
        fields = {name: values for name, values in data.lists() if name not in NEVER_KEPT}
        content = {"action": action, "fields": fields, "files": [name[:200] for name in files[:10]]}
        text = json.dumps(content, ensure_ascii=False)
        typed = any(
            value.strip() for name, values in fields.items() if name not in NOT_TYPED for value in values
        )
        if not (typed or files) or len(text) > LIMIT:
            return None
        kept = KeptForm(user=by, path=path[:500], patient_id=patient_id, after=after)
        kept.typed = seal(text, into=kept, field="typed")
        self.filter(user=by, path=kept.path, after=after).delete()
        if after is not None and self.filter(after=after).count() >= MOST_OFFERED:
            return None
        kept.save(force_insert=True)
        return kept

    @verb(actor="by")
    def take_up(self, kept: KeptForm, *, by: User) -> None:
        """She wants what was offered: it waits at its page like what is surely hers."""
        standing = self.select_for_update(of=("self",)).filter(user=by, pk=kept.pk).first()
        if standing is None:
            return  # Another tab threw it away.
        kept = standing
        self.filter(user=by, path=kept.path, after=None).exclude(pk=kept.pk).delete()
        kept.after, kept.taken_up, kept.kept_at = None, True, timezone.now()
        kept.save(update_fields=["after", "taken_up", "kept_at"])

    @verb(actor="by")
    def throw_away(self, kept: KeptForm, *, by: User) -> None:
        self.filter(user=by, pk=kept.pk).delete()

    @verb(actor="by")
    def drop(self, *, before: datetime, by: Agent) -> None:
        """Forget what nobody has come back for since then."""
        self.filter(kept_at__lt=before).delete()

    def waiting(self, user: User, path: str, *, after: Session) -> KeptForm | None:
        """What waits for her at this page, of her own or from this session."""
        return self.filter(Q(after=None) | Q(after=after), user=user.pk, path=path[:500]).last()

    def take(self, user: User, path: str) -> KeptText | None:
        """Give back what `user` typed at `path`, once. Opening it is a read like any other."""
        return self.come_back(user, path, offers=False).text

    def come_back(self, user: User, path: str, *, offers: bool = True) -> CameBack:
        """The same, with what is offered there besides: that stays until she has decided about it."""
        rows = list(self.filter(user=user.pk, path=path[:500]).select_related("after").order_by("kept_at"))
        if not offers:
            rows = [row for row in rows if row.after is None]
        if not rows:
            return CameBack()
        receipt = record_read(
            reader=user, shown=rows, category="kept-form", purpose="" if user.roles else "PATRQT"
        )
        sure = next((row for row in rows if row.after is None), None)
        if sure is not None:
            with transaction.atomic():
                # Two tabs may come back at once; the text goes to the one whose delete found the row.
                taken, _ = self.filter(pk=sure.pk).delete()
            if not taken:
                rows.remove(sure)
        opened = zip(rows, unseal_all([(row, "typed") for row in rows], receipt=receipt), strict=True)
        # Of one whose seal was broken, which has been reported, nothing is shown. The page still opens.
        found = [(row, content) for row, typed in opened if (content := _read(typed)) is not None]
        return CameBack(
            text=next((row.given_back(content) for row, content in found if row.after is None), None),
            offers=tuple(row.offered(content) for row, content in found if row.after is not None),
        )


class KeptForm(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="kept_forms")
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=500)
    typed = SealedField(kind=Kind.HEALTH)
    kept_at = models.DateTimeField(default=timezone.now)
    # The session that somebody had ended before this came. None: it is surely hers, or she has taken it up.
    after = models.ForeignKey("accounts.Session", null=True, on_delete=models.CASCADE, related_name="+")
    taken_up = models.BooleanField(default=False)

    objects = KeptFormManager()

    class Meta:
        indexes = [models.Index(fields=["user", "path"], name="kept_form_of")]

    def __str__(self) -> str:
        return f"kept form {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.user_id

    @property
    def is_offered(self) -> bool:
        return self.after_id is not None

    def given_back(self, content: dict[str, Any]) -> KeptText:
        data = QueryDict(mutable=True)
        for name, values in content["fields"].items():
            data.setlist(name, values)
        files = tuple(content.get("files", ()))
        return KeptText(content["action"], data, self.kept_at, files, was_offered=self.taken_up)

    def offered(self, content: dict[str, Any]) -> OfferedText:
        written = (value.strip() for name in SHOWN for value in content["fields"].get(name, ()))
        device = self.after.device if self.after is not None else ""
        files = tuple(content.get("files", ()))
        return OfferedText(self.pk, tuple(filter(None, written)), files, self.kept_at, device)

    @classmethod
    def keep(cls, *, by: User, path: str, action: str, data: QueryDict, **more: Any) -> KeptForm | None:
        return cls.objects.keep(by=by, path=path, action=action, data=data, **more)

    @classmethod
    def take(cls, user: User, path: str) -> KeptText | None:
        return cls.objects.take(user, path)

    @classmethod
    def come_back(cls, user: User, path: str) -> CameBack:
        return cls.objects.come_back(user, path)


def _read(typed: str) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(typed)
    except ValueError:
        return None
    return content
