"""What somebody has begun to write and not sent: sealed, for her eyes alone, and used up by sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Patient, ProxyGrant
from accounts.models.patient import of_owner
from audit.ids import uuid7
from audit.recorder import record, record_read
from audit.seals import UNREADABLE, Kind, SealedField, seal, unseal_all
from audit.verbs import verb
from messaging.clock import now
from messaging.models.confidence import may_write_for, written_to
from messaging.models.letter import Letter
from messaging.models.message import Message, Press, Side, lock_writer
from messaging.models.note import InternalNote, was_sent_under
from messaging.models.pool import Category, Pool
from messaging.models.thread import Thread
from messaging.models.writing import (
    ENDED_FOR,
    KEPT_LIMIT,
    MOST_NEW,
    NO_WINDOW,
    OF_THE_TEAM,
    UNTOUCHED_FOR,
    DraftKind,
    DraftState,
    Kept,
    Urgent,
    Window,
    Words,
    words_digest,
)
from messaging.refusals import (
    DraftGone,
    DraftMovedOn,
    DraftTooLong,
    DraftUnfinished,
    MayNot,
    TeamMovedOn,
    TooManyDrafts,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models.user import Standing, User
    from audit.context import Agent


class DraftQuerySet(models.QuerySet["Draft"]):
    def visible_to(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Her own, as long as she may still write there. A sent one is still found: its button may be pressed twice."""
        granted = ProxyGrant.objects.current(at).filter(proxy=user.pk, scopes__contains=["write"])
        # A conversation that is kept from her does not exist for her, nor does what she was writing in it.
        read = Thread.objects.of_patients_side(user, at=at).values("pk")
        helped = Q(
            Q(thread=None) | Q(thread__in=read),
            Q(follows=None) | Q(follows__in=read),
            patient__in=granted.values("patient"),
        )
        hers = of_owner(user.pk) | helped
        worked = Q(kind__in=OF_THE_TEAM, thread__in=Thread.objects.worked_by(user, at=at).values("pk"))
        # What is kept apart from her, or about a topic that she is not trusted with, is no place to write in.
        written = Q(kind=DraftKind.MESSAGE) | Q(kind=DraftKind.REPLY, thread__in=read)
        return self.filter(Q(hers, written) | worked, author=user.pk).exclude(state=DraftState.DISCARDED)

    def standing(self) -> Self:
        return self.filter(state=DraftState.OPEN)

    def of_patients_side(self, patient: Patient) -> Self:
        """What is being written to the clinic for `patient`."""
        hers = Q(patient=patient) | Q(patient__joined_into=patient)
        return self.filter(hers).exclude(kind__in=OF_THE_TEAM)

    def count_of(self, author: User, patient: Patient) -> int:
        """How many she has begun for `patient` and not sent, for the tab that leads there."""
        return self.filter(author=author.pk, state=DraftState.OPEN).of_patients_side(patient).count()

    @verb(actor="by")
    def begin(
        self,
        *,
        by: User,
        patient: Patient,
        urgent: str = "",
        category: Category | None = None,
        form_token: UUID | None = None,
        follows: Thread | None = None,
        subject: str = "",
    ) -> Draft:
        """Begin a new message for `patient`. The same `form_token` finds the draft its first press began.

        One that goes on from the conversation `follows` begins with its topic and team, and with `subject`.
        Raises `MayNot`, and `TooManyDrafts` when she has begun as many as anybody needs.
        """
        pool = None
        patient = written_to(patient, by=by)
        if follows is not None:
            category = category or follows.category
            pool = Pool.objects.reachable_by(patient).staffed().filter(pk=follows.pool_id).first()
            if follows.patient.person_id != patient.pk:
                raise MayNot
        if not may_write_for(by, patient, about=category):
            raise MayNot
        lock_writer(by)
        twins = list(self.filter(author=by, form_token=form_token)) if form_token else []
        if standing := next((twin for twin in twins if twin.is_open and twin.patient_id == patient.pk), None):
            return standing.answer(by=by, urgent=urgent) if urgent else standing
        begun = self.standing().filter(author=by, patient=patient, kind=DraftKind.MESSAGE)
        if begun.count() >= MOST_NEW:
            # One that never got a word is in nobody's way but hers.
            wordless = begun.filter(revision=0, attachments=None).order_by("updated_at").first()
            if wordless is None:
                raise TooManyDrafts
            wordless.end(DraftState.DISCARDED, by=by)
        draft = self._begin(
            Draft(
                author=by,
                patient=patient,
                kind=DraftKind.MESSAGE,
                category=category,
                pool=pool,
                follows=follows,
                urgent=urgent,
                urgent_at=now() if urgent else None,
                # The token of a draft that has ended may have been sent under.
                form_token=uuid4() if twins or form_token is None else form_token,
            )
        )
        if subject:
            draft.write(subject=subject, body="")
        return draft

    @verb(actor="by")
    def keep(
        self,
        *,
        by: User,
        thread: Thread,
        kind: str,
        body: str,
        form_token: UUID | None = None,
        seen: int = 0,
        window: Window = NO_WINDOW,
    ) -> Draft | None:
        """Keep what she is writing in `thread`; there is one draft of each kind. No words left: it is discarded.

        `form_token` is that of the form it stands in: what was sent under it is not kept again. `seen` is the
        revision that the form shows, in `window`. Raises `DraftMovedOn` when other words were kept from another
        window since, `DraftTooLong`, `OwnRecord`, `MayNot`.
        """
        # As a message does: a draft that arrives beside its own message must find it.
        thread = Thread.objects.select_for_update(of=("self",)).select_related("patient").get(pk=thread.pk)
        thread.side_of(by, door=Side.TEAM if kind in OF_THE_TEAM else Side.PATIENT)
        if form_token is not None and was_sent_under(form_token, author=by):
            return None
        found = self.standing().filter(author=by, thread=thread, kind=kind).select_for_update()
        draft: Draft | None = found.first()
        if draft is None:
            if not body.strip():
                return None
            draft = self._begin(
                Draft(author=by, patient_id=thread.patient_id, kind=kind, thread=thread, pool=thread.pool)
            )
        elif draft.words_digest == words_digest("", body):
            draft.hear_again(window)
            return draft
        elif draft.has_moved_on(seen=seen, window=window):
            raise DraftMovedOn
        elif not body.strip():
            draft.end(DraftState.DISCARDED, by=by)
            return None
        draft.write(subject="", body=body, token=form_token, window=window)
        return draft

    def spend(self, *, author: User, kind: str, press: Press, body: str, into: Message | None) -> None:
        """End the draft that a message or note was made of: the form is the same, or the words are."""
        for draft in self.standing().filter(author=author, kind=kind):
            if draft.form_token == press.token or draft.words_digest == words_digest("", body):
                draft.end(DraftState.SENT, by=author, message=into)

    @verb(actor="by")
    def clear(self, *, by: Agent, at: datetime) -> None:
        """Remove those that nobody has touched for 90 days, and what is left of those that have ended."""
        untouched = Q(state=DraftState.OPEN, updated_at__lt=at - UNTOUCHED_FOR)
        ended = ~Q(state=DraftState.OPEN) & Q(updated_at__lt=at - ENDED_FOR)
        self.filter(untouched | ended).delete()

    def _begin(self, draft: Draft) -> Draft:
        draft.save(force_insert=True)
        record(
            agent=draft.author,
            type="record",
            subtype="draft",
            action="C",
            obj=draft,
            patient_id=draft.patient_id,
            category="draft",
        )
        return draft


class Draft(Letter, Kept, models.Model):
    """One text that is being written, by one person, about one patient, whatever page she is on.

    A new message has no thread. Sending it ends it, once: `state` says so under a lock, and `form_token`
    is what the message is sent under. What it said is forgotten with its end.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="drafts")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=DraftKind.choices)
    state = models.CharField(max_length=9, choices=DraftState.choices, default=DraftState.OPEN)
    thread = models.ForeignKey(Thread, null=True, on_delete=models.PROTECT, related_name="drafts")
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+")
    pool = models.ForeignKey(Pool, null=True, on_delete=models.PROTECT, related_name="+")
    subject = SealedField(kind=Kind.HEALTH, null=True)
    body = SealedField(kind=Kind.HEALTH, null=True)
    words_digest = models.CharField(max_length=64, blank=True)
    written_with_help = models.BooleanField(default=False)
    urgent = models.CharField(max_length=6, choices=Urgent.choices, blank=True)
    urgent_at = models.DateTimeField(null=True)
    safe_at = models.DateTimeField(null=True)
    form_token = models.UUIDField(default=uuid4)
    revision = models.PositiveIntegerField(default=0)
    page = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)
    message = models.ForeignKey(Message, null=True, on_delete=models.PROTECT, related_name="+")
    # Kept from trusted people; None until she says: then her age does.
    confidential = models.BooleanField(null=True)
    # The finished conversation that it goes on from.
    follows = models.ForeignKey(Thread, null=True, on_delete=models.PROTECT, related_name="+")

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["author", "patient", "state"], name="drafts_of")]
        constraints = [
            models.UniqueConstraint(
                fields=["author", "thread", "kind"], condition=Q(state="open"), name="one_draft_of_a_kind"
            ),
            models.UniqueConstraint(
                fields=["author", "form_token"], condition=Q(state="open"), name="one_draft_per_form"
            ),
            models.CheckConstraint(condition=Q(kind__in=DraftKind.values), name="draft_kind_known"),
            models.CheckConstraint(condition=Q(state__in=DraftState.values), name="draft_state_known"),
            models.CheckConstraint(condition=Q(urgent__in=["", *Urgent.values]), name="draft_urgent_known"),
            models.CheckConstraint(
                condition=Q(kind="message", thread=None) | (~Q(kind="message") & Q(thread__isnull=False)),
                name="draft_knows_its_place",
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(subject=None, body=None), name="ended_draft_is_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    def words(self, *, reader: User) -> Words:
        """Open it for its author. Reading one's own draft is a reading like any other."""
        receipt = record_read(reader=reader, of=self, shown=[self], category="draft")
        subject, body = unseal_all([(self, "subject"), (self, "body")], receipt=receipt)
        # Its seal was broken, which has been reported. The notice of that is no text of hers, to be sent on.
        broken = str(UNREADABLE)
        return Words("" if subject == broken else subject, "" if body == broken else body, self.revision)

    @verb(actor="by")
    def keep(
        self,
        *,
        by: User,
        subject: str,
        body: str,
        written_with_help: bool = False,
        seen: int | None = None,
        window: Window = NO_WINDOW,
    ) -> Draft:
        """Keep the words as they stand. The same words again change nothing.

        Raises `DraftMovedOn` when `seen`, the revision on her page, is not the last one and the words kept since
        are others, from another window; `DraftGone`, `DraftTooLong`, `MayNot`.
        """
        draft = self._locked(by)
        same = draft.words_digest == words_digest(subject, body)
        if not same and draft.has_moved_on(seen=seen, window=window):
            raise DraftMovedOn
        if draft.written_with_help != written_with_help:
            draft.written_with_help = written_with_help
            draft._save("written_with_help")
        if same:
            draft.hear_again(window)
        else:
            draft.write(subject=subject, body=body, window=window)
        return draft

    def send(self, *, by: User, seen: int | None = None, to: UUID | None = None) -> Message | InternalNote:
        """Send it and end it; once, however often the button is pressed. Opening it is recorded first.

        Raises `DraftMovedOn` when `seen` is not the revision that would be sent, `TeamMovedOn` when another pool
        than `to` would read it, `DraftUnfinished` with the step that is missing, `DraftGone` when it was discarded;
        and what starting, posting or noting raises.
        """
        words = self.words(reader=by) if self.is_open else Words("", "", self.revision)
        return self._send(by=by, words=words, seen=seen, to=to)

    @verb(actor="by")
    def _send(self, *, by: User, words: Words, seen: int | None, to: UUID | None) -> Message | InternalNote:
        if self.thread_id is not None:
            # In the order in which keeping locks them.
            Thread.objects.select_for_update(of=("self",)).get(pk=self.thread_id)
        draft = Draft.objects.select_for_update(of=("self",)).get(pk=self.pk)
        if draft.is_sent and draft.message is not None:
            return draft.message
        draft.check_writer(by)
        if draft.revision != words.revision or (seen is not None and draft.revision != seen):
            raise DraftMovedOn
        if draft.thread is not None:
            return draft._send_into(draft.thread, by, words)
        step = draft.missing_step(words)
        if step:
            raise DraftUnfinished(step)
        thread = draft.begin_thread(
            by=by,
            category=draft.category,  # type: ignore[arg-type]
            pool=draft.pool,
            subject=words.subject,
            body=words.body,
            safety=draft.safety_of(words),
            confidential=draft.confidential,
            written_with_help=draft.written_with_help,
        )
        if to is not None and thread.pool_id != to:
            raise TeamMovedOn
        return draft.message  # type: ignore[return-value]  # it has one now

    def _send_into(self, thread: Thread, by: User, words: Words) -> Message | InternalNote:
        if self.kind == DraftKind.NOTE:
            return thread.note(author=by, body=words.body, form_token=self.form_token)
        side = Side.TEAM if self.kind == DraftKind.ANSWER else Side.PATIENT
        return thread.post(author=by, side=side, body=words.body, form_token=self.form_token)

    @verb(actor="by")
    def discard(self, *, by: User) -> None:
        """Forget it. Discarding it twice is no harm."""
        draft = Draft.objects.select_for_update(of=("self",)).get(pk=self.pk)
        if draft.author_id != by.pk:
            raise MayNot
        if draft.is_open:
            draft.end(DraftState.DISCARDED, by=by)

    # What follows is for the verbs above and for those of a thread.

    def write(
        self, *, subject: str, body: str, token: UUID | None = None, window: Window = NO_WINDOW
    ) -> None:
        """Seal these words into it. Raises `DraftTooLong` for what no page of ours could show again."""
        if len(subject) + len(body) > KEPT_LIMIT:
            raise DraftTooLong
        self.subject = seal(subject, into=self, field="subject") if subject else None
        self.body = seal(body, into=self, field="body") if body else None
        self.words_digest = words_digest(subject, body)
        self.revision += 1
        self.form_token = token or self.form_token
        self.page, self.turn = window.page, window.turn
        self._save("subject", "body", "words_digest", "revision", "form_token", "page", "turn")

    def end(self, state: DraftState, *, by: User, message: Message | None = None) -> None:
        """Whatever became of it, what it said is not kept here any longer: of a sent one, that it was these words."""
        self.state, self.message = state, message
        self.subject = self.body = None
        if state != DraftState.SENT:
            self.words_digest = ""
        self._save("state", "message", "subject", "body", "words_digest")
        if state == DraftState.DISCARDED:
            self.attachments.give_up()
            record(
                agent=by,
                type="record",
                subtype="discard",
                action="D",
                obj=self,
                patient_id=self.patient_id,
                category="draft",
            )

    def _locked(self, by: User) -> Draft:
        draft = Draft.objects.select_for_update(of=("self",)).get(pk=self.pk)
        draft.check_writer(by)
        return draft

    def check_writer(self, by: User) -> None:
        """Raise `DraftGone`, or `MayNot` for whoever may not write in it now."""
        if self.author_id != by.pk:
            raise MayNot
        if not self.is_open:
            raise DraftGone
        if self.thread is None and not may_write_for(by, self.patient, about=self.category):
            raise MayNot

    def _save(self, *columns: str) -> None:
        self.updated_at = now()
        self._save_only(*columns, "updated_at")

    def _save_only(self, *columns: str) -> None:
        self.save(update_fields=columns)
