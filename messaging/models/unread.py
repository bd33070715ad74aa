"""Answers that their patient has not read: somebody calls her, or writes a letter (NT3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
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
from messaging.models.correction import Withdrawal
from messaging.models.message import Message, ReadReceipt, Side
from messaging.models.thread import Thread
from messaging.models.work import Priority, WorkItem
from messaging.refusals import NotHeld

if TYPE_CHECKING:
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

        In time is `ROUTINE_DAYS` open days of the team, `PRESSING_DAYS` for urgent work. Each message raises it once,
        however often and by however many workers this runs.
        """
        pressing = WorkItem.objects.unfinished().filter(
            thread=OuterRef("thread"), priority__lt=Priority.ROUTINE
        )
        unread = _unread(now()).annotate(is_pressing=Exists(pressing)).select_related("thread__pool")
        clocks: dict[UUID, BusinessClock] = {}
        raised = 0
        for message in list(unread):
            pool = message.thread.pool
            clock = clocks.get(pool.pk) or clocks.setdefault(pool.pk, pool.clock())
            try:
                days = PRESSING_DAYS if message.is_pressing else ROUTINE_DAYS
                if clock.days_later(message.sent_at, days) > now():
                    continue
                due_at = clock.after(now(), TO_REACH_HER)
            except NeverOpen:
                continue  # A team without opening hours can promise nothing; new messages go elsewhere.
            raised += self._raise_for(message, due_at=due_at, by=by)
        return raised

    @verb(actor="by")
    def _raise_for(self, message: Message, *, due_at: datetime, by: SystemAgent) -> bool:
        thread = (
            Thread.objects.select_for_update(of=("self",)).select_related("pool").get(pk=message.thread_id)
        )
        if not _unread(now()).filter(pk=message.pk).exists():
            return False  # Another worker was faster, or she has just read it.
        item = thread.open_item()
        if item is None:
            item = WorkItem.objects.create(
                patient_id=thread.patient_id, pool=thread.pool, thread=thread, due_at=due_at
            )
        else:
            item.wake(due_at=due_at)
        alarm = self.create(message=message, thread=thread, patient_id=thread.patient_id, item=item)
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

    @verb(actor="by")
    def settle_read(self, thread: Thread, *, by: User) -> None:
        """Somebody on the patient's side has opened what nobody had read: nobody needs to call."""
        self._settle(thread, by=by, how=HowSettled.READ)

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
            if locked.is_open:
                item.wait_for_patient()
            else:
                item.finish()
        return item


def _unread(at: datetime) -> models.QuerySet[Message]:
    """Answers nobody on the patient's side has opened and nobody was told to call about, oldest first."""
    hers = ReadReceipt.objects.filter(message=OuterRef("pk")).filter(
        Q(reader=OuterRef("patient__user"))
        | Q(reader=OuterRef("patient__joined_into__user"))
        | Exists(ProxyGrant.objects.filter(patient=OuterRef("patient"), proxy=OuterRef("reader")))
    )
    # Who wrote after it has been there.
    later = Message.objects.filter(
        Q(sent_at__gt=OuterRef("sent_at")) | Q(sent_at=OuterRef("sent_at"), pk__gt=OuterRef("pk")),
        thread=OuterRef("thread"),
        side=Side.PATIENT,
    )
    # One call tells her of all that was waiting.
    called = UnreadAlarm.objects.filter(thread=OuterRef("thread"), raised_at__gte=OuterRef("sent_at"))
    # Nobody calls somebody who has died.
    return (
        Message.objects.exclude(patient__state=PatientState.DECEASED)
        .filter(
            ~Exists(hers),
            ~Exists(later),
            ~Exists(called),
            ~Exists(Withdrawal.objects.filter(message=OuterRef("pk"))),
            side=Side.TEAM,
            sent_at__lt=at - timedelta(days=PRESSING_DAYS),
            sent_at__gt=at - LOOKS_BACK,
        )
        .order_by("sent_at", "id")
    )


class UnreadAlarm(models.Model):
    """That an answer was not read in time, the work this made, and how it ended."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.OneToOneField(Message, on_delete=models.PROTECT, related_name="unread_alarm")
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
