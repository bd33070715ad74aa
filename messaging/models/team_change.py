"""That a conversation went from one team to another, and what its patient is told about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Patient
from accounts.notices import Notice
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb
from messaging import notices
from messaging.clock import now
from messaging.models.pool import Pool
from messaging.models.work import OPEN_STATES, WorkItem

if TYPE_CHECKING:
    from accounts.models import CareTeam
    from audit.context import Agent
    from messaging.models.thread import Thread


class Cause(models.TextChoices):
    """Why the team changed, as staff read it."""

    NOBODY_LEFT = "nobody-left", _("nobody was left in the team")
    CLOSED = "closed", _("the team was closed")
    MERGED = "merged", _("the teams became one")
    CARE_ENDED = "care-ended", _("the team does not look after the patient any more")


class TeamChangeManager(models.Manager["TeamChange"]):
    @verb(actor="by")
    def make(self, *, thread: Thread, to: Pool, because: Cause, by: Agent) -> TeamChange:
        """Bring a conversation and what is owed in it to another team, and tell the patient's side.

        What was promised stays promised. Whoever holds the work keeps it if she works there, too. Expects the
        thread locked.
        """
        change: TeamChange = self.create(
            thread=thread, patient_id=thread.patient_id, from_pool=thread.pool, to_pool=to, because=because
        )
        thread.pool = to
        thread.save(update_fields=["pool"])
        item = WorkItem.objects.unfinished().filter(thread=thread).first()
        if item is not None:
            item.locked().move_to(to, by=by)
        record(
            agent=by,
            type="work",
            subtype="reroute",
            action="U",
            obj=thread,
            patient_id=thread.patient_id,
            category="work",
            detail={"was": str(change.from_pool_id), "now": str(to.pk), "because": str(because)},
        )
        notices.tell_patients_side(thread.patient, about=change, notice=Notice.TEAM_CHANGED, thread=thread)
        return change

    def keep_read(self, thread: Thread, *, by: Agent) -> None:
        """Before something new stands in it: bring it to where somebody may open it. Raises `NoPool`."""
        if Pool.objects.still_reads(thread.pool_id, patient=thread.patient_id):
            return
        to = next_pool(thread)
        if to.pk != thread.pool_id:
            self.make(thread=thread, to=to, because=Cause.CARE_ENDED, by=by)

    def of_the_finished(self, pool: Pool, to: Pool) -> None:
        """Bring all conversations of a closed team in which nobody waits to its successor, in two statements.

        Only for the one who closes the team: nobody is told, and the trail has the event of the team.
        """
        threads = pool.threads.exclude(items__state__in=OPEN_STATES)
        rows = [
            TeamChange(thread_id=ref, patient_id=patient, from_pool=pool, to_pool=to, because=Cause.MERGED)
            for ref, patient in threads.values_list("pk", "patient")
        ]
        self.bulk_create(rows, batch_size=1000)
        pool.threads.filter(pk__in=[row.thread_id for row in rows]).update(pool=to)


class TeamChange(models.Model):
    """One line between two messages: "Your conversation is now with …". The old team's name stays on it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey("messaging.Thread", on_delete=models.PROTECT, related_name="team_changes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    from_pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    to_pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    because = models.CharField(max_length=12, choices=Cause.choices)
    changed_at = models.DateTimeField(default=now)

    objects = TeamChangeManager()

    class Meta:
        ordering = ["changed_at", "id"]
        indexes = [models.Index(fields=["thread", "changed_at"], name="team_change_in_thread")]
        constraints = [
            models.CheckConstraint(condition=Q(because__in=Cause.values), name="team_change_cause_known"),
            models.CheckConstraint(condition=~Q(from_pool=F("to_pool")), name="team_change_changes"),
        ]

    def __str__(self) -> str:
        return f"team change {self.pk}"


def next_pool(thread: Thread, wanted: CareTeam | None = None) -> Pool:
    """Where it goes on when its team cannot read it any more. Raises `NoPool`."""
    successor = Pool.objects.filter(team=wanted or thread.pool.team.successor_id).first()
    return Pool.objects.for_message(patient=thread.patient, category=thread.category, chosen=successor)
