"""A draft of a new message: what is asked of it before it goes, and how it begins a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.verbs import verb
from messaging.clock import now
from messaging.models.confidence import may_write_for
from messaging.models.thread import Thread
from messaging.models.writing import DraftState, Steps, Urgent, words_digest
from messaging.refusals import DraftMovedOn, MayNot

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.models import Patient, User
    from messaging.models.attachment import AttachmentQuerySet
    from messaging.models.draft import Draft
    from messaging.models.message import Message
    from messaging.models.pool import Category, Pool
    from messaging.models.safety import Safety


class Letter(Steps):
    """The part of a draft that only new messages have."""

    if TYPE_CHECKING:
        pk: UUID
        patient: Patient
        follows_id: UUID | None
        form_token: UUID
        confidential: bool | None
        attachments: AttachmentQuerySet

        @property
        def is_open(self) -> bool: ...
        def _locked(self, by: User) -> Draft: ...
        def _save(self, *columns: str) -> None: ...
        def end(self, state: DraftState, *, by: User, message: Message | None = None) -> None: ...

    @verb(actor="by")
    def answer(self, *, by: User, urgent: str) -> Draft:
        """Note her answer to the urgent question, and when she gave it."""
        draft = self._locked(by)
        draft.urgent, draft.urgent_at, draft.safe_at = Urgent(urgent), now(), None
        draft._save("urgent", "urgent_at", "safe_at")
        return draft

    @verb(actor="by")
    def say_safe(self, *, by: User) -> Draft:
        """Note that she has called, or is safe, and goes on writing."""
        draft = self._locked(by)
        if draft.safe_at is None:
            draft.safe_at = now()
            draft._save("safe_at")
        return draft

    @verb(actor="by")
    def choose(self, *, by: User, category: Category, pool: Pool | None) -> Draft:
        """Note what it is about and whom it is for; without a pool, we choose when it is sent."""
        draft = self._locked(by)
        if not may_write_for(by, draft.patient, about=category):
            raise MayNot
        draft.category, draft.pool = category, pool
        draft._save("category", "pool")
        return draft

    @verb(actor="by")
    def keep_apart(self, *, by: User, apart: bool) -> Draft:
        """Note whether it will be kept from trusted people. Only the patient says. Raises `MayNot`."""
        draft = self._locked(by)
        if not draft.patient.is_own_of(by):
            raise MayNot
        if draft.confidential != apart:
            draft.confidential = apart
            draft._save("confidential")
        return draft

    @verb(actor="by")
    def send_words(
        self,
        *,
        by: User,
        patient: Patient,
        category: Category,
        pool: Pool | None,
        subject: str,
        body: str,
        safety: Safety | None = None,
        confidential: bool | None = None,
        follows: Thread | None = None,
    ) -> Thread:
        """Send these words with the files that were added to it, for a program, which asks its own questions.

        Again with the same words it is the conversation that the first time began. Raises `DraftMovedOn` when other
        words are kept in it, so that they are not lost; `MayNot` when it is not `patient`'s; and what starting raises.
        """
        rows: QuerySet[Draft] = type(self)._default_manager.select_for_update(of=("self",))  # type: ignore[attr-defined]
        draft = rows.get(pk=self.pk)
        if draft.patient_id != patient.pk:
            raise MayNot
        if draft.is_open:
            draft.check_writer(by)
            if draft.words_digest not in ("", words_digest("", ""), words_digest(subject, body)):
                raise DraftMovedOn
        return draft.begin_thread(
            by=by,
            category=category,
            pool=pool,
            subject=subject,
            body=body,
            safety=safety,
            confidential=draft.confidential if confidential is None else confidential,
            follows=follows,
        )

    def begin_thread(
        self,
        *,
        by: User,
        category: Category,
        pool: Pool | None,
        subject: str,
        body: str,
        safety: Safety | None,
        confidential: bool | None,
        written_with_help: bool = False,
        follows: Thread | None = None,
    ) -> Thread:
        """Begin the conversation, with the files; the draft ends. For the verbs that send it, under their lock."""
        if follows is None and self.follows_id is not None:
            follows = Thread.objects.of_patients_side(by).filter(pk=self.follows_id).first()
        thread = Thread.objects.start(
            by=by,
            patient=self.patient,
            category=category,
            pool=pool,
            subject=subject,
            body=body,
            form_token=self.form_token,
            written_with_help=written_with_help,
            safety=safety,
            confidential=confidential,
            follows=follows,
        )
        if self.is_open:
            message = thread.messages.get(author=by, form_token=self.form_token)
            self.attachments.go_with(message)
            self.end(DraftState.SENT, by=by, message=message)
        return thread
