"""Answers that their patient has not read: somebody calls her, or writes a letter (NT3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts import leaving
from accounts.models import Patient, PatientState, ProxyGrant
from accounts.notices import Notice
from audit.context import SystemAgent
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb
from messaging import notices
from messaging.clock import BusinessClock, NeverOpen, now
from messaging.models.correction import Amendment, Withdrawal
from messaging.models.message import Message, ReadReceipt, Side
from messaging.models.thread import Thread
from messaging.models.work import Priority, WorkItem, WorkState
from messaging.refusals import NotHeld

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User

WATCHDOG = SystemAgent("system:unread-watchdog")
# Open days of the team, after which somebody calls instead of waiting.
ROUTINE_DAYS = 3
PRESSING_DAYS = 1
# Business time in which she is to be reached.
TO_REACH_HER = timedelta(hours=9)
# An answer from before that was overtaken by life: a clinic that starts the watchdog late is not flooded.
LOOKS_BACK = timedelta(days=60)


class HowSettled(models.TextChoices):
    READ = "read", _("The patient read it")
    PHONED = "phoned", _("Told on the phone")
    LETTER = "letter", _("A letter was sent")
    IN_PERSON = "in_person", _("Told at a visit")
    OVERTAKEN = "overtaken", _("Not needed any more")


# What a person can say she did.
REACHED = (HowSettled.PHONED, HowSettled.LETTER, HowSettled.IN_PERSON)


class UnreadAlarmQuerySet(models.QuerySet["UnreadAlarm"]):
    def standing(self) -> UnreadAlarmQuerySet:
        return self.filter(settled_at=None)

    def raise_overdue(self, *, by: SystemAgent = WATCHDOG) -> int:
        """Make "phone or letter" work of answers nobody on the patient's side has read in time. How many there were.

        In time is `ROUTINE_DAYS` open days of the team, `PRESSING_DAYS` for urgent work, since it said what it says
        now. Each version of a message raises it once, however often and by however many workers this runs.
        """
        pressing = WorkItem.objects.unfinished().filter(
            thread=OuterRef("thread"), priority__lt=Priority.ROUTINE
        )
        unread = _unread(now()).annotate(is_pressing=Exists(pressing)).select_related("thread__pool")
        clocks: dict[UUID, BusinessClock] = {}
        raised = 0
        for message in list(unread):
            said_at: datetime = message.said_at  # type: ignore[attr-defined]
            pool = message.thread.pool
            clock = clocks.get(pool.pk) or clocks.setdefault(pool.pk, pool.clock())
            try:
                days = PRESSING_DAYS if message.is_pressing else ROUTINE_DAYS
                if clock.days_later(said_at, days) > now():
                    continue
                due_at = clock.promise(now(), TO_REACH_HER)
            except NeverOpen:
                continue  # A team without opening hours can promise nothing; new messages go elsewhere.
            raised += self._raise_for(message, due_at=due_at, by=by)
        return raised

    @verb(actor="by")
    def _raise_for(self, message: Message, *, due_at: datetime, by: SystemAgent) -> bool:
        thread = (
            Thread.objects.select_for_update(of=("self",)).select_related("pool").get(pk=message.thread_id)
        )
        unread = _unread(now()).filter(pk=message.pk).first()
        if unread is None:
            return False  # Another worker was faster, or she has just read it.
        item = thread.open_item()
        if item is None:
            item = WorkItem.objects.create(
                patient_id=thread.patient_id, pool=thread.pool, thread=thread, due_at=due_at
            )
        else:
            item.wake(due_at=due_at)
        alarm = self.create(
            message=unread,
            version=unread.said_number,  # type: ignore[attr-defined]
            thread=thread,
            patient_id=thread.patient_id,
            item=item,
        )
        record(
            agent=by,
            type="work",
            subtype="unread-alarm",
            action="C",
            obj=item,
            patient_id=thread.patient_id,
            category="work",
        )
        notices.tell_pool(thread.pool, about=alarm, notice=Notice.WORK_WAITING, owner=item.holder_id)
        return True

    def settle_read(self, thread: Thread, *, by: User, shown: Collection[UUID]) -> None:
        """`by`, on the patient's side, was shown these messages: nobody needs to call about one of them."""
        if self.standing().filter(thread=thread, message__in=shown).exists():
            self._settle_read(thread, by=by)

    @verb(actor="by")
    def _settle_read(self, thread: Thread, *, by: User) -> None:
        self._settle(thread, by=by, how=HowSettled.READ)

    def end_about(self, message: Message, *, by: User) -> bool:
        """It was taken back, so nobody calls about it. Whether a call about another one of its thread still stands."""
        stands = False
        for alarm in self.standing().filter(thread=message.thread_id):
            if alarm.message_id == message.pk:
                alarm.end(by=by, how=HowSettled.OVERTAKEN)
            else:
                stands = True
        return stands

    def end_for(self, patient: Patient, *, by: User) -> None:
        """Nobody is there any more who could be called."""
        for alarm in self.standing().filter(patient=patient).select_related("thread"):
            self._settle(alarm.thread, by=by, how=HowSettled.OVERTAKEN)

    @verb(actor="by")
    def settle_overtaken(self, thread: Thread, *, by: User) -> None:
        """The conversation went on, or was finished, by other ways."""
        for alarm in self.standing().filter(thread=thread):
            alarm.end(by=by, how=HowSettled.OVERTAKEN)

    @verb(actor="by")
    def reached(self, thread: Thread, *, by: User, how: str) -> None:
        """A member of the team told her in another way. Raises `NotHeld` when that is not asked for any more.

        Raises `OwnRecord`, `MayNot`, `HeldByAnother` as any other work does.
        """
        item = self._settle(thread, by=by, how=HowSettled(how), works=True)
        if item is None:
            raise NotHeld

    def _settle(self, thread: Thread, *, by: User, how: HowSettled, works: bool = False) -> WorkItem | None:
        leaving.as_things_stand()
        locked = Thread.objects.select_for_update(of=("self",)).get(pk=thread.pk)
        alarm = self.standing().filter(thread=thread).first()
        if alarm is None:
            return None
        item = alarm.item.locked()
        if works:
            item.check_worker(by)
            item.check_free_for(by)
        alarm.end(by=by, how=how)
        if item.is_open:
            item.rest(thread_is_open=locked.is_open)
        return item


def _unread(at: datetime) -> models.QuerySet[Message]:
    """Answers nobody on the patient's side has opened as they stand, and nobody was told to call about, oldest first.

    With `said_at` and `said_number`, of the version that stands.
    """
    latest = Amendment.objects.filter(message=OuterRef("pk")).order_by("-number")
    hers = ReadReceipt.objects.of_what_stands().filter(
        Q(reader=OuterRef("patient__user"))
        | Q(reader=OuterRef("patient__joined_into__user"))
        | Exists(ProxyGrant.objects.filter(patient=OuterRef("patient"), proxy=OuterRef("reader"))),
        message=OuterRef("pk"),
    )
    # Who wrote after it has been there.
    later = Message.objects.filter(
        Q(sent_at__gt=OuterRef("said_at")) | Q(sent_at=OuterRef("said_at"), pk__gt=OuterRef("pk")),
        thread=OuterRef("thread"),
        side=Side.PATIENT,
    )
    # One call tells her of all that was waiting.
    called = UnreadAlarm.objects.filter(
        Q(settled_at=None)
        | Q(raised_at__gte=OuterRef("said_at"))
        | Q(settled_at__gte=OuterRef("said_at"), how__in=REACHED),
        thread=OuterRef("thread"),
        message__withdrawal=None,
    )
    # Whoever owes her an answer has not forgotten her; that answer is watched in its turn.
    owed = WorkItem.objects.filter(
        thread=OuterRef("thread"), state__in=[WorkState.REQUESTED, WorkState.ACCEPTED]
    )
    said = Message.objects.annotate(
        said_at=Coalesce(Subquery(latest.values("written_at")[:1]), F("sent_at")),
        said_number=Coalesce(Subquery(latest.values("number")[:1]), 0),
    )
    return (
        said.filter(
            ~Exists(hers),
            ~Exists(later),
            ~Exists(called),
            ~Exists(owed),
            ~Exists(Withdrawal.objects.filter(message=OuterRef("pk"))),
            side=Side.TEAM,
            said_at__lt=at - timedelta(days=PRESSING_DAYS),
            said_at__gt=at - LOOKS_BACK,
        )
        .exclude(patient__state=PatientState.DECEASED)
        .order_by("sent_at", "id")
    )


class UnreadAlarm(models.Model):
    """That an answer was not read in time, the work this made, and how it ended."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="unread_alarms")
    version = models.PositiveSmallIntegerField(default=0)  # the number of its correction, 0 as it was sent
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="unread_alarms")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    item = models.ForeignKey(WorkItem, on_delete=models.PROTECT, related_name="unread_alarms")
    raised_at = models.DateTimeField(default=now)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    how = models.CharField(max_length=12, choices=HowSettled.choices, blank=True)

    objects = UnreadAlarmQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(settled_at=None), name="one_standing_unread_alarm"
            ),
            models.UniqueConstraint(fields=["message", "version"], name="one_unread_alarm_per_version"),
            models.CheckConstraint(
                condition=Q(settled_at=None, settled_by=None, how="")
                | Q(settled_at__isnull=False, settled_by__isnull=False, how__in=HowSettled.values),
                name="unread_alarm_settled_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"unread alarm {self.pk}"

    def end(self, *, by: User, how: HowSettled) -> None:
        """Say how it ended. For the verbs above, which hold the lock of the thread."""
        self.settled_at, self.settled_by, self.how = now(), by, how
        self.save(update_fields=["settled_at", "settled_by", "how"])
        record(
            agent=by,
            type="work",
            subtype="unread-settled",
            action="U",
            obj=self,
            patient_id=self.patient_id,
            category="work",
            detail={"how": str(how)},
        )


def owes_a_call(item: str = "pk") -> Exists:
    """The condition that a work item is there because its patient has not read the answer."""
    return Exists(UnreadAlarm.objects.standing().filter(item=OuterRef(item)))
