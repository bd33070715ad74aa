"""What becomes of a message after it was sent: put right in a further version, or taken back while nobody has read it.

The message itself stays as it was written (PT11). What stands here says how it is shown from now on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts import leaving, limits
from accounts.models import Patient, PatientState
from accounts.notices import Notice
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb
from messaging import notices
from messaging.clock import now
from messaging.models.closure import Outcome
from messaging.models.message import Message, Press, ReadReceipt, Side
from messaging.models.safety import SafetyFlag
from messaging.models.words import MessageWords
from messaging.record_states import check_patients_side, check_teams_side
from messaging.refusals import AlreadyRead, MayNot, TakenBack, TooLongAgo, TooManyVersions

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from messaging.models.safety import Safety
    from messaging.models.thread import Thread
    from messaging.models.work import WorkItem

MOST_VERSIONS = 20


class AmendmentManager(models.Manager["Amendment"]):
    @verb(actor="by")
    def write(
        self,
        thread: Thread,
        message: Message,
        *,
        by: User,
        body: str,
        side: Side | None = None,
        form_token: UUID | None = None,
        safety: Safety | None = None,
    ) -> Amendment:
        """Put a message of `by` right: a further version is shown from now on, the earlier ones stay (PT14).

        The other side is told as of a new message, since it may have acted on the old words: they are unread, and the
        conversation is where new ones are. What may be dangerous in them raises the work, and `safety` is what she
        was shown. Raises `MayNot` for anybody but the author, `TakenBack`, `TooManyVersions`, `TooLongAgo`,
        `FormUsed`, `OwnRecord`, and what the state of the record refuses.
        """
        leaving.as_things_stand()
        thread = thread.locked()
        side = thread.side_of(by, door=side)
        press = Press.of(form_token, "amend", message.pk, body)
        if twin := press.earlier(self.all(), author=by):
            return twin
        if side == Side.PATIENT:
            check_patients_side(thread.patient_id, about=thread.category_id)
            if not thread.takes_replies():
                raise TooLongAgo
        else:
            check_teams_side(thread.patient)
        limits.use(f"write-{side}", by.pk)
        version = self._add(message, by=by, body=body, press=press)
        MessageWords.add(message, body)
        if thread.last_message_id == message.pk:
            thread.show_first(body)
        thread.last_message_at, thread.latest_id = version.written_at, version.pk
        thread.save(update_fields=["preview", "last_message_at", "latest_id"])
        if side == Side.PATIENT:
            thread.reopen()
            item = thread.owed_work()
            SafetyFlag.objects.raise_for(
                by=by, about=message, version=version, item=item, texts=(body,), safety=safety
            )
            owner = item.holder_id
            notices.tell_pool(
                thread.pool, about=message, notice=Notice.WORK_WAITING, owner=owner, once=version.mark
            )
        else:
            notices.tell_patients_side(
                thread.patient, about=message, notice=Notice.NEW_MESSAGE, thread=thread, once=version.mark
            )
        return version

    def _add(self, message: Message, *, by: User, body: str, press: Press) -> Amendment:
        _check_author(message, by)
        if Withdrawal.objects.filter(message=message).exists():
            raise TakenBack
        number = self.filter(message=message).count() + 1
        if number > MOST_VERSIONS:
            raise TooManyVersions
        version: Amendment = self.model(
            message=message,
            patient_id=message.patient_id,
            author=by,
            number=number,
            form_token=press.token,
            form_digest=press.digest,
        )
        version.body = seal(body, into=version, field="body")
        version.save(force_insert=True)
        record(
            agent=by,
            type="record",
            subtype="amend",
            action="U",
            obj=message,
            patient_id=message.patient_id,
            category="message",
            detail={"version": number},
        )
        return version


class Amendment(models.Model):
    """A later version of a message, by its author (PT14). The latest is shown; the earlier ones stay readable."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="amendments")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    body = SealedField(kind=Kind.HEALTH)
    written_at = models.DateTimeField(default=now)
    form_token = models.UUIDField(null=True)
    form_digest = models.CharField(max_length=64, blank=True)

    objects = AmendmentManager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="one_version_of_a_number"),
            models.UniqueConstraint(fields=["author", "form_token"], name="one_version_per_form"),
            models.CheckConstraint(condition=Q(number__gte=1), name="versions_count_from_one"),
        ]

    def __str__(self) -> str:
        return f"amendment {self.pk}"

    @property
    def mark(self) -> str:
        """What tells the notice of this version from that of another version of the same message."""
        return f"v{self.number}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id


class WithdrawalManager(models.Manager["Withdrawal"]):
    @verb(actor="by")
    def take_back(self, thread: Thread, message: Message, *, by: User, side: Side | None = None) -> None:
        """Withdraw a message of `by` that nobody else has opened; again changes nothing (PT14).

        Work that it made ends with it, and a conversation in which nothing is left to read is finished. What it had
        answered is owed again, as it was: with its danger, and by the moment that was promised. Raises `AlreadyRead`,
        `MayNot` for anybody but the author, `OwnRecord`.
        """
        from messaging.models.unread import UnreadAlarm

        leaving.as_things_stand()
        thread = thread.locked()
        thread.side_of(by, door=side)
        gone = self._write(message, by=by)
        if gone is None:
            return
        thread.latest_id = gone.pk
        if thread.last_message_id == message.pk:
            self._show_what_stands(thread)
        thread.save(update_fields=["preview", "latest_id", "last_message_id", "last_side", "last_author"])
        item = thread.open_item()
        calls = UnreadAlarm.objects.end_about(message, by=by)
        since = _waiting_since(thread)
        if not _standing(thread).exists():
            thread.finish(by=by, outcome=Outcome.TAKEN_BACK, item=item)
        elif since is None:
            if item is not None and not item.is_on_hold and not calls:
                item.rest(thread_is_open=thread.is_open)
        elif message.side == Side.TEAM and thread.patient.state != PatientState.DECEASED:
            _owe_again(thread, item=item, since=since)

    def _show_what_stands(self, thread: Thread) -> None:
        """The list shows the newest message that stands. Its preview is left empty: no seal opens here."""
        thread.show_first("")
        last = _standing(thread).order_by("sent_at", "id").last()
        if last is not None and last.author_id is not None:
            thread.last_message_id, thread.last_side = last.pk, last.side
            thread.last_author_id = last.author_id

    def _write(self, message: Message, *, by: User) -> Withdrawal | None:
        _check_author(message, by)
        # Whoever opens it writes her receipt before the text, and that waits for this lock: either she has read it
        # and it stays, or it is gone before she sees a word.
        Message.objects.select_for_update().get(pk=message.pk)
        if self.filter(message=message).exists():
            return None
        if ReadReceipt.objects.filter(message=message).exclude(reader=by).exists():
            raise AlreadyRead
        gone: Withdrawal = self.create(message=message, patient_id=message.patient_id, withdrawn_by=by)
        record(
            agent=by,
            type="record",
            subtype="withdraw",
            action="U",
            obj=message,
            patient_id=message.patient_id,
            category="message",
        )
        return gone


class Withdrawal(models.Model):
    """That a message was taken back before anybody else had read it. Its text is not opened again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.OneToOneField(Message, on_delete=models.PROTECT, related_name="withdrawal")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(default=now)

    objects = WithdrawalManager()

    def __str__(self) -> str:
        return f"withdrawal {self.pk}"


def _standing(thread: Thread) -> models.QuerySet[Message]:
    return thread.messages.exclude(side=Side.SYSTEM).filter(withdrawal=None)


def _waiting_since(thread: Thread) -> datetime | None:
    """When the patient's side first said, or put right, what the team has not answered; None when it has all."""
    answer = _standing(thread).filter(side=Side.TEAM).order_by("sent_at", "id").last()
    said = _standing(thread).filter(side=Side.PATIENT)
    put_right = Amendment.objects.filter(message__in=said)
    if answer is not None:
        said = said.filter(Q(sent_at__gt=answer.sent_at) | Q(sent_at=answer.sent_at, pk__gt=answer.pk))
        put_right = put_right.filter(written_at__gt=answer.sent_at)
    moments = [*said.values_list("sent_at", flat=True), *put_right.values_list("written_at", flat=True)]
    return min(moments, default=None)


def _owe_again(thread: Thread, *, item: WorkItem | None, since: datetime) -> None:
    """What counted as the answer is gone: the clock runs on `since` she wrote, as if there had been none."""
    closure = None if thread.is_open else thread.closures.filter(reopened_at=None).first()
    if closure is not None and closure.outcome != Outcome.ANSWERED:
        # It ended by a visit, a call or another team, whatever was written here.
        if item is not None:
            item.finish()
        return
    thread.reopen()
    item = item or thread.owed_work()
    # What she was told when she began; later messages were promised by the same clock.
    told = thread.messages.filter(side=Side.SYSTEM, sent_at__gte=since).first()
    due_at = told.reply_due_at if told is not None else None
    item.owe(due_at=due_at or thread.pool.due(thread.category, since=since), since=since)
    flags = SafetyFlag.objects.filter(thread=thread).as_shown()
    unanswered = flags.filter(is_answered=False, is_taken_back=False)  # type: ignore[misc]  # annotated there
    for flag in unanswered:
        flag.press(item, since=flag.flagged_at)


def _check_author(message: Message, by: User) -> None:
    if message.side == Side.SYSTEM or message.author_id != by.pk:
        raise MayNot
