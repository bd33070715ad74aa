"""A conversation between a patient and a team, from the first worry to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import leaving, limits, terms
from accounts.models import CareRelationship, Patient, ProxyGrant
from accounts.models.family import near
from accounts.models.patient import of_owner
from accounts.notices import Notice
from audit.ids import uuid7
from audit.prepared import Prepared
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb
from messaging import notices
from messaging.clock import now
from messaging.models.closure import Closure, Outcome
from messaging.models.confidence import Confidence, begins_apart, may_write_for, may_write_in, written_to
from messaging.models.message import PREVIEW_LENGTH, Message, Press, Side
from messaging.models.note import InternalNote
from messaging.models.pool import Category, Pool
from messaging.models.safety import SafetyFlag
from messaging.models.team_change import TeamChange
from messaging.models.words import MessageWords
from messaging.models.work import WorkItem, is_on_patients_side
from messaging.record_states import check_patients_side, check_teams_side
from messaging.refusals import MayNot, OwnRecord, ThreadMovedOn, TooLongAgo

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from accounts.models.user import Standing
    from messaging.models.safety import Safety


class ThreadState(models.TextChoices):
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Finished")


class ThreadQuerySet(models.QuerySet["Thread"]):
    def visible_to(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Threads `user` may read now. Rights are read live; nobody sees charts by power over accounts."""
        return self.of_patients_side(user, at=at) | self.worked_by(user, at=at)

    def of_patients_side(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """The patient's own threads; and for trusted people those about their topics that are not kept apart."""
        granted = ProxyGrant.objects.reading(user.pk, at=at).filter(patient=OuterRef("patient"))
        trusted = Q(Exists(granted.about(OuterRef("category"))), confidential=False)
        return self.filter(of_owner(user.pk) | trusted)

    def worked_by(self, user: User | Standing, *, at: datetime | None = None) -> Self:
        """Threads of the pools `user` works now, about patients whom that team looks after now: none near to her.

        What came to the fall-back pool came because no team looked after the patient: its desk reads it.
        """
        related = CareRelationship.objects.current(at).filter(
            patient=OuterRef("patient"), team=OuterRef("pool__team")
        )
        pools = Pool.objects.worked_by(user, at=at)
        worked = self.filter(Exists(related) | Q(pool__is_fallback=True), pool__in=pools)
        return worked.exclude(near(user.pk, at=at))

    @verb(actor="by")
    def start(
        self,
        *,
        by: User,
        patient: Patient,
        category: Category,
        subject: str,
        body: str,
        form_token: UUID | None = None,
        pool: Pool | None = None,
        written_with_help: bool = False,
        confidential: bool | None = None,
        safety: Safety | None = None,
        follows: Thread | None = None,
        from_reply: bool = False,
    ) -> Thread:
        """Begin a conversation: route, seal, promise, acknowledge, look for danger, notify. Everything or nothing.

        The same `form_token` from the same person finds the thread that its first press made. `pool` is
        the patient's own choice among those that look after her, `safety` what she was asked and shown.
        `confidential` keeps it from trusted people; unless the patient says so or not, her age does. `follows` is a
        finished conversation of hers that this one goes on from, with the same team if it still looks after her;
        `from_reply` says that it was written as a reply there, whose files come along.
        Raises `MayNot` when `by` may not write for `patient`, `FormUsed` when that press sent something
        else, `NoPool` when nobody could read it.
        """
        leaving.as_things_stand()
        patient = written_to(patient, by=by)
        if not may_write_for(by, patient, about=category):
            raise MayNot
        if follows is not None and follows.patient.person_id != patient.pk:
            raise MayNot
        if confidential is None and follows is not None and follows.confidential:
            confidential = True
        if confidential is None:
            confidential = begins_apart(by, patient)
        elif confidential and not patient.is_own_of(by):
            raise MayNot
        if follows is not None and pool is None:
            pool = follows.pool
        chosen = pool.pk if pool else ""
        press = Press.of(form_token, "thread", patient.pk, category.pk, chosen, subject, body)
        if twin := press.earlier_locked(Message.objects.all(), author=by):
            return twin.thread
        check_patients_side(patient.pk, about=category.pk, begins=True)
        moment = now()
        destination = Pool.objects.for_message(patient=patient, category=category, chosen=pool)
        due_at = destination.due(category, since=moment)
        thread = Thread(
            patient=patient,
            pool=destination,
            category=category,
            started_by=by,
            opened_at=moment,
            follows=follows,
        )
        thread.subject = seal(subject, into=thread, field="subject")
        message = thread.write(
            author=by,
            side=Side.PATIENT,
            body=body,
            press=press,
            adding=True,
            title=subject,
            help=written_with_help,
        )
        if follows is not None and from_reply:
            follows.attachments.go_with(message)
            follows.drafts.spend(author=by, kind="reply", press=press, body=body, into=message)
        Message.objects.create(
            thread=thread,
            patient=patient,
            author=None,
            side=Side.SYSTEM,
            reply_due_at=due_at,
            sent_at=now(),
        )
        if confidential:
            thread.keep_from_trusted_people(by=by)
        item = WorkItem.objects.create(patient=patient, pool=destination, thread=thread, due_at=due_at)
        SafetyFlag.objects.raise_for(by=by, about=message, item=item, texts=(subject, body), safety=safety)
        notices.tell_pool(destination, about=message, notice=Notice.WORK_WAITING, owner=item.owner_id)
        return thread


class Thread(models.Model):
    """A conversation. Its list columns are written only by the verbs that write the rows they sum up."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="threads")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="threads")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject = SealedField(kind=Kind.HEALTH)
    preview = SealedField(kind=Kind.HEALTH)
    state = models.CharField(max_length=8, choices=ThreadState.choices, default=ThreadState.OPEN)
    opened_at = models.DateTimeField(default=now)
    # The finished conversation that this one goes on from.
    follows = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="followed_by")
    last_message_at = models.DateTimeField()
    last_message_id = models.UUIDField()
    latest_id = models.UUIDField()  # the message, correction or taking back that was the last thing in it
    last_author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    last_side = models.CharField(max_length=8, choices=Side.choices)
    message_count = models.PositiveIntegerField(default=0)
    # Kept from trusted people. Written with the row that says by whom and since when.
    confidential = models.BooleanField(default=False)

    objects = ThreadQuerySet.as_manager()

    # Sums of the messages, which are events themselves.
    audit_hidden = (
        "last_message_at",
        "last_message_id",
        "latest_id",
        "last_author",
        "last_side",
        "message_count",
    )

    class Meta:
        indexes = [models.Index(fields=["patient", "state", "-last_message_at", "-id"], name="patient_inbox")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ThreadState.values), name="thread_state_known"),
        ]

    def __str__(self) -> str:
        return f"thread {self.pk}"

    def get_absolute_url(self) -> str:
        """Where the patient's side reads it; staff read it in the team inbox."""
        return reverse("thread", args=[self.pk])

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @property
    def is_open(self) -> bool:
        return self.state == ThreadState.OPEN

    @verb(actor="author")
    def post(
        self,
        *,
        author: User,
        body: str,
        side: Side | None = None,
        form_token: UUID | None = None,
        seen: UUID | None = None,
        safety: Safety | None = None,
    ) -> Message:
        """Add a message and line up the notices. Everything or nothing.

        From the patient's side it wakes the work, or begins new work when the thread was finished; what may
        be dangerous in it raises that work, and `safety` is what she was asked and shown. From the team it
        takes the work for `author` and stops the clock. The same `form_token` finds the message its first
        press made. `side` is the one whose door she came through; without it, what she is to this patient
        decides. Raises `OwnRecord` for one of the patient's side at the team's door;
        `ThreadMovedOn` when `seen`, the `latest_id` of the page that the form was on, is not that of the thread any
        more; `TooLongAgo` when the patient's side writes later than `settings.REOPEN_WITHIN` (then a new one follows
        it); `FormUsed` when the first press sent something else; `HeldByAnother`; `MayNot`.
        """
        leaving.as_things_stand()
        # Lock first: two replies may race to reopen a closed thread.
        thread = self.locked()
        side = thread.side_of(author, door=side)
        # First: what this press wrote, if it came before, stands in the conversation that follows.
        if side == Side.PATIENT and not thread.takes_replies():
            raise TooLongAgo
        press = Press.of(form_token, "message", self.pk, body)
        if twin := press.earlier(Message.objects.all(), author=author):
            return twin
        if seen is not None and seen != thread.latest_id:
            raise ThreadMovedOn
        if side == Side.PATIENT:
            check_patients_side(thread.patient_id, about=thread.category_id)
            return thread._hear(author, body, press, safety)
        check_teams_side(thread.patient)
        return thread._answer(author, body, press)

    def _hear(self, author: User, body: str, press: Press, safety: Safety | None) -> Message:
        self.overtake_unread(by=author)
        TeamChange.objects.keep_read(self, by=author)
        message = self.write(author=author, side=Side.PATIENT, body=body, press=press)
        item = self.owed_work()
        SafetyFlag.objects.raise_for(by=author, about=message, item=item, texts=(body,), safety=safety)
        notices.tell_pool(self.pool, about=message, notice=Notice.WORK_WAITING, owner=item.holder_id)
        self.drafts.spend(author=author, kind="reply", press=press, body=body, into=message)
        return message

    def owed_work(self) -> WorkItem:
        """The patient's side said something: there is work, and its clock runs."""
        item = self.open_item()
        if item is None:
            due_at = self.pool.due(self.category, since=now())
            item = WorkItem.objects.create(patient=self.patient, pool=self.pool, thread=self, due_at=due_at)
        elif item.is_on_hold:
            item.wake(due_at=self.pool.due(self.category, since=now()))
        return item

    def _answer(self, author: User, body: str, press: Press) -> Message:
        item = self.open_item()
        if item is None:
            item = WorkItem.objects.create(patient=self.patient, pool=self.pool, thread=self, due_at=now())
        item.check_free_for(author)
        if item.owner_id != author.pk:
            item.hand_to(author)
        self.overtake_unread(by=author)
        message = self.write(author=author, side=Side.TEAM, body=body, press=press)
        item.wait_for_patient()
        notices.tell_patients_side(self.patient, about=message, notice=Notice.NEW_MESSAGE, thread=self)
        self.drafts.spend(author=author, kind="answer", press=press, body=body, into=message)
        return message

    def takes_replies(self) -> bool:
        """Whether the patient's side can still write in it. What ended long ago is followed by a new conversation."""
        if self.is_open:
            return True
        closure = self.closures.filter(reopened_at=None).first()
        return closure is None or now() < closure.closed_at + settings.REOPEN_WITHIN

    def overtake_unread(self, *, by: User) -> None:
        """Nobody needs to call about an answer that was not read: the conversation goes on."""
        from messaging.models.unread import UnreadAlarm

        UnreadAlarm.objects.settle_overtaken(self, by=by)

    def note(self, *, author: User, body: str, form_token: UUID | None = None) -> InternalNote:
        return InternalNote.objects.keep(self, author=author, body=body, form_token=form_token)

    def close(self, *, by: User, outcome: str, seen: UUID | None = None) -> Closure:
        return Closure.objects.end(self, by=by, outcome=outcome, seen=seen)

    def finish(self, *, by: User, outcome: Outcome, item: WorkItem | None) -> Closure:
        """End it and the work on it. For the verbs, which have checked that `by` may."""
        if item is not None:
            item.finish()
        self.state = ThreadState.CLOSED
        self.save(update_fields=["state"])
        return Closure.objects.write(self, by=by, outcome=outcome)

    def keep_from_trusted_people(self, *, by: User, reason: str = "") -> None:
        """From now on it does not exist for them: see `Confidence.objects.keep`."""
        Confidence.objects.keep(thread=self, by=by, reason=reason)

    def share_again(self, *, by: User) -> None:
        """Let trusted people read it again: see `Confidence.objects.share`."""
        Confidence.objects.share(thread=self, by=by)

    def side_of(self, user: User, *, door: Side | None = None) -> Side:
        """Which side `user` speaks from now; it must be that of the `door` she came through, if one is named.

        Whoever is the patient, or helps her, is on the patient's side: she may write if her grant says so, and
        raises `OwnRecord` at the team's door. Raises `MayNot` for anybody who may not speak here.
        """
        if is_on_patients_side(user, patient_id=self.patient_id):
            if door == Side.TEAM:
                raise OwnRecord
            if may_write_in(user, self):
                return Side.PATIENT
        elif door != Side.PATIENT and Thread.objects.worked_by(user).filter(pk=self.pk).exists():
            return Side.TEAM
        raise MayNot

    def locked(self) -> Thread:
        """Read the row again under a lock, with its pool, topic and patient."""
        # A row that had to wait while its team changed does not fit the team it was joined with: ask once more.
        locked = _locked.first(ref=self.pk) or _locked.first(ref=self.pk)
        if locked is None:
            raise Thread.DoesNotExist
        return locked

    def open_item(self) -> WorkItem | None:
        """The unfinished work on this thread, locked, if any."""
        return _open_work.first(thread=self.pk)

    def show_first(self, body: str) -> None:
        self.preview = seal(" ".join(body.split())[:PREVIEW_LENGTH], into=self, field="preview")

    def reopen(self) -> None:
        """Open again what was finished. What is open stays as it is."""
        if self.is_open:
            return
        self.state = ThreadState.OPEN
        for closure in self.closures.filter(reopened_at=None):
            closure.reopened_at = now()
            closure.save(update_fields=["reopened_at"])
        self.save(update_fields=["state"])

    def write(
        self,
        *,
        author: User,
        side: Side,
        body: str,
        press: Press,
        adding: bool = False,
        title: str = "",
        help: bool = False,
    ) -> Message:
        """Write the message and bring the list columns up to date. Only for the verbs above."""
        limits.use(f"write-{side}", author.pk)
        message = Message(
            thread=self,
            patient=self.patient,
            author=author,
            side=side,
            form_token=press.token,
            form_digest=press.digest,
            language=author.preferred_language,
            written_with_help=help,
            sent_at=now(),
        )
        message.body = seal(body, into=message, field="body")
        self.show_first(body)
        self.last_message_id = self.latest_id = message.pk
        self.last_message_at = message.sent_at
        self.last_author = author
        self.last_side = side
        self.message_count += 1
        self.save(update_fields=None if adding else ["preview", *self.audit_hidden])
        self.reopen()
        message.save()
        MessageWords.keep(message, body, title)
        self.attachments.go_with(message)
        record(
            agent=author,
            type="record",
            subtype="send",
            action="C",
            obj=message,
            patient_id=self.patient_id,
            category="message",
            detail={"terms": terms.agreed(author)} if adding else None,
        )
        return message


_locked = Prepared(
    lambda *, ref: (
        Thread.objects.select_for_update(of=("self",))
        .select_related("pool", "category", "patient")
        .filter(pk=ref)
    )
)
# Without its owner: a row that waited for its lock would come with the owner of before (see `WorkItem.locked`).
_open_work = Prepared(
    lambda *, thread: (
        WorkItem.objects.unfinished()
        .filter(thread=thread)
        .select_for_update(of=("self",))
        .select_related("pool")
    )
)
