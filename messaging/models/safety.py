"""What a message said that may be dangerous, what the patient answered when she was asked, and what she was shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Patient
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from messaging.clock import NeverOpen, now
from messaging.models.message import Message, Side
from messaging.models.work import Priority
from messaging.red_flags import Grade, Sign, look

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from messaging.models.correction import Amendment
    from messaging.models.refill import RefillRequestItem
    from messaging.models.work import WorkItem
    from messaging.red_flags import Finding


class Answer(models.TextChoices):
    """Her own answer to "Is any of this happening now?"."""

    NOT_ASKED = "not_asked", _("Not asked")
    NO = "no", _("No")
    YES = "yes", _("Yes")
    UNSURE = "unsure", _("Not sure")


class Shown(models.TextChoices):
    """Which help she was shown before she sent: for words that were found, or for her answer (`STOP`)."""

    NOTHING = "nothing", _("Nothing")
    STOP = "stop", _("The page that says whom to call")
    CRISIS = "crisis", _("Help in a crisis")
    EMERGENCY = "emergency", _("Help in an emergency")
    SAME_DAY = "same_day", _("Whom to call today")


class Chose(models.TextChoices):
    """What she did then."""

    NOTHING_SHOWN = "nothing_shown", _("Nothing was shown")
    WENT_ON = "went_on", _("Went on to send")


@dataclass(frozen=True, slots=True)
class Safety:
    """What the page that sends knows: asked and answered, shown, chosen. A fact for the team, never a gate."""

    answer: Answer = Answer.NOT_ASKED
    shown: Shown = Shown.NOTHING
    chose: Chose = Chose.NOTHING_SHOWN

    @property
    def says_something(self) -> bool:
        """That she was asked and said no, and was shown nothing, is what happens with every message."""
        return self.answer in (Answer.YES, Answer.UNSURE) or self.shown != Shown.NOTHING


class SafetyFlagQuerySet(models.QuerySet["SafetyFlag"]):
    def as_shown(self) -> Self:
        """With what became of each: whether it `is_answered`, and whether its message `is_taken_back`."""
        answers = Message.objects.filter(
            thread=OuterRef("thread"), side=Side.TEAM, withdrawal=None, sent_at__gte=OuterRef("flagged_at")
        )
        gone = Message.objects.filter(pk=OuterRef("message"), withdrawal__isnull=False)
        return self.annotate(is_answered=Exists(answers), is_taken_back=Exists(gone))

    def raise_for(
        self,
        *,
        by: User,
        about: Message | RefillRequestItem,
        item: WorkItem,
        texts: tuple[str, ...],
        safety: Safety | None,
        version: Amendment | None = None,
    ) -> SafetyFlag | None:
        """Look at what was written, keep what was found and answered, and bring the work forward. Never refuses.

        `version` is the correction of the message, if that is what was written. Only for the verbs that send, in
        their transaction. None when there is nothing to keep.
        """
        finding = look(*texts)
        safety = safety or Safety()
        if finding.grade is None and not safety.says_something:
            return None
        flag = SafetyFlag(
            patient_id=about.patient_id,
            grade=finding.grade,
            version=finding.version,
            answer=safety.answer,
            shown=safety.shown,
            chose=safety.chose,
        )
        if isinstance(about, Message):
            flag.message, flag.thread_id, flag.amendment = about, about.thread_id, version
        else:
            flag.refill = about
        if finding.signs:
            flag.found = seal(_written(finding), into=flag, field="found")
        flag.save(force_insert=True)
        record(
            agent=by,
            type="record",
            subtype="safety-flag",
            action="C",
            obj=flag,
            patient_id=flag.patient_id,
            category="safetyflag",
            # Which sign it was would say what ails her: that stands under the seal.
            detail={
                "grade": finding.grade.code if finding.grade else "none",
                "version": finding.version,
                "answer": str(safety.answer),
                "shown": str(safety.shown),
                "chose": str(safety.chose),
            },
        )
        flag.press(item)
        return flag


class SafetyFlag(models.Model):
    """That a message or a refill request may be about something dangerous. Written once, with what it is about.

    `found` holds, sealed, each sign with the words as they were written. Without a grade nothing was found, and
    the row keeps what she answered or was shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    thread = models.ForeignKey(
        "messaging.Thread", null=True, on_delete=models.PROTECT, related_name="safety_flags"
    )
    message = models.ForeignKey(
        "messaging.Message", null=True, on_delete=models.PROTECT, related_name="safety_flags"
    )
    # The correction that it stood in; none for the message as it was sent.
    amendment = models.OneToOneField(
        "messaging.Amendment", null=True, on_delete=models.PROTECT, related_name="+"
    )
    refill = models.OneToOneField(
        "messaging.RefillRequestItem", null=True, on_delete=models.PROTECT, related_name="safety_flag"
    )
    grade = models.PositiveSmallIntegerField(choices=Grade.choices, null=True)
    version = models.CharField(max_length=64)
    found = SealedField(kind=Kind.HEALTH, null=True)
    answer = models.CharField(max_length=12, choices=Answer.choices, default=Answer.NOT_ASKED)
    shown = models.CharField(max_length=12, choices=Shown.choices, default=Shown.NOTHING)
    chose = models.CharField(max_length=16, choices=Chose.choices, default=Chose.NOTHING_SHOWN)
    flagged_at = models.DateTimeField(default=now)

    objects = SafetyFlagQuerySet.as_manager()

    class Meta:
        ordering = ["flagged_at", "id"]
        indexes = [models.Index(fields=["thread", "flagged_at"], name="flag_in_thread")]
        constraints = [
            models.CheckConstraint(
                condition=Q(message__isnull=False, thread__isnull=False, refill=None)
                | Q(message=None, thread=None, refill__isnull=False),
                name="flag_is_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(grade=None, found=None)
                | Q(grade__in=Grade.values, grade__isnull=False, found__isnull=False),
                name="flag_says_what_was_found",
            ),
            models.CheckConstraint(condition=Q(answer__in=Answer.values), name="flag_answer_known"),
            models.UniqueConstraint(
                fields=["message"], condition=Q(amendment=None), name="one_flag_of_a_message_as_sent"
            ),
            models.CheckConstraint(
                condition=Q(amendment=None) | Q(message__isnull=False), name="flagged_version_of_a_message"
            ),
        ]

    def __str__(self) -> str:
        return f"safety flag {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @property
    def priority(self) -> Priority:
        """How the team's work is sorted for it: by what was found, or by what she said, whichever presses more."""
        found = _BY_GRADE[Grade(self.grade)] if self.grade else Priority.ROUTINE
        return Priority(min(found, _BY_ANSWER.get(Answer(self.answer), Priority.ROUTINE)))

    def press(self, item: WorkItem, *, since: datetime | None = None) -> None:
        """Raise the work's priority and bring its moment forward; never the other way.

        Its clock runs from now, or from `since`.
        """
        priority = self.priority
        if priority >= item.priority:
            return
        due_at = _due(item, priority, since or now())
        item.press(priority=priority, due_at=due_at)
        if self.refill is not None:
            self.refill.promised_at = self.refill.promised_at or self.refill.due_at
            self.refill.due_at = due_at
            self.refill.save(update_fields=["promised_at", "due_at"])


# What is written for whom: a crisis and an emergency do not wait for opening hours, so neither does their clock.
_BY_GRADE = {
    Grade.CRISIS: Priority.STAT,
    Grade.EMERGENCY: Priority.ASAP,
    Grade.SAME_DAY: Priority.URGENT,
}
_BY_ANSWER = {Answer.YES: Priority.ASAP, Answer.UNSURE: Priority.URGENT}
_AT_ONCE = {Priority.STAT: timedelta(minutes=15), Priority.ASAP: timedelta(minutes=30)}
_SAME_DAY = timedelta(hours=2)


def _due(item: WorkItem, priority: Priority, moment: datetime) -> datetime:
    if priority in _AT_ONCE:
        return min(item.due_at, moment + _AT_ONCE[priority])
    try:
        return min(item.due_at, item.pool.clock().after(moment, _SAME_DAY))
    except NeverOpen:
        return item.due_at


def _written(finding: Finding) -> str:
    return json.dumps(
        [[sign.grade.code, sign.code, sign.found] for sign in finding.signs], ensure_ascii=False
    )


def signs_written(text: str) -> tuple[Sign, ...]:
    """The signs that an opened `found` holds; none when it could not be opened."""
    try:
        return tuple(Sign(Grade[grade.upper()], code, found) for grade, code, found in json.loads(text))
    except (ValueError, KeyError, TypeError):
        return ()
