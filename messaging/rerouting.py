"""Work whose people are gone: taken back from whoever left, and brought to somebody who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from accounts.leaving import Leaving
from accounts.models import CareRelationship, CareTeamMembership, PatientState, User
from accounts.models.family import near
from accounts.models.role import PRESCRIBERS
from accounts.models.user import Standing
from accounts.notices import Notice
from accounts.refusals import NotYourOwn
from messaging import notices
from messaging.models.absence import Absence
from messaging.models.pool import Category, Pool
from messaging.models.refill import OPEN_STATES as REFILL_OPEN
from messaging.models.refill import RefillRequestItem
from messaging.models.team_change import Cause, TeamChange, next_pool
from messaging.models.thread import Thread
from messaging.models.unread import UnreadAlarm
from messaging.models.work import OPEN_STATES, WorkItem, is_held
from messaging.refusals import FallbackStays, LastReader, NoPool, Unstaffed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from accounts.models import CareTeam, Patient
    from audit.context import Agent


def settle(change: Leaving) -> None:
    """Release what those who left hold, bring what nobody reads any more to somebody who does, tell each pool once."""
    waiting: set[UUID] = set()
    for patient in change.patients:
        if patient.state == PatientState.DECEASED:
            _take_back(patient, by=change.by)
    for team in change.teams:
        _check_and_hand_on(team)
    teams = {team.pk for team in change.teams} | _teams_of(change.people)
    patients = [patient.pk for patient in change.patients]
    unread = WorkItem.objects.unfinished().filter(
        _nobody_reads(), Q(pool__team__in=teams) | Q(patient__in=patients)
    )
    for item in unread.select_related("pool__team__successor", "thread", "refill").order_by(
        "created_at", "id"
    ):
        to = _bring_on(item, to=change.to, by=change.by)
        if to is not None and _is_to_herself(change, item.pool_id, to.pk):
            raise NotYourOwn
        if to is not None and item.is_owed:
            waiting.add(to.pk)
    for person in change.people:
        waiting |= _let_go(person, by=change.by)
    for pool in Pool.objects.filter(pk__in=waiting):
        notices.tell_members(pool, notice=Notice.WORK_WAITING)
    if change.people:
        Absence.objects.tell_of_uncovered()


def _is_to_herself(change: Leaving, was: UUID, to: UUID) -> bool:
    """Whether a clerk would come to read what she did not read before, by saying who looks after a patient.

    For clinicians that is their work: they take a patient over from each other.
    """
    by = change.by
    if not change.patients or not isinstance(by, User) or by.is_clinical:
        return False
    hers = set(Pool.objects.worked_by(by).values_list("pk", flat=True))
    return to in hers and was not in hers


def _check_and_hand_on(team: CareTeam) -> None:
    """Of a closed team, give what is routed to it by rule and all that is finished to its successor.

    Raises `FallbackStays` and `Unstaffed` where messages would lie unread; `LastReader` when she was the last.
    """
    pool = Pool.objects.filter(team=team).first()
    if pool is None:
        return
    if team.closed_at is None:
        if pool.is_fallback and not Pool.objects.staffed().filter(pk=pool.pk).exists():
            raise LastReader
        return
    if pool.is_fallback:
        raise FallbackStays
    to = Pool.objects.staffed().filter(team=team.successor_id).first()
    if to is None:
        raise Unstaffed
    for category in Category.objects.filter(desk=pool):
        category.read_by(to)
    # What is finished has nobody who waits. It goes along in one statement each; the team's own event tells of it.
    TeamChange.objects.of_the_finished(pool, to)
    WorkItem.objects.filter(pool=pool).exclude(state__in=OPEN_STATES).update(pool=to)
    RefillRequestItem.objects.filter(pool=pool).exclude(state__in=REFILL_OPEN).update(pool=to)


def may_still_be_told(change: UUID, person: UUID) -> bool:
    """Whether a notice of a new team may leave for somebody on the patient's side, at this moment."""
    return Thread.objects.of_patients_side(Standing(person)).filter(team_changes=change).exists()


def _let_go(person: User, *, by: Agent) -> set[UUID]:
    """Take from `person` what she cannot work on any more. The pools in which something waits for that."""
    waiting = set()
    left = WorkItem.objects.unfinished().filter(~is_held() | near(person.pk), owner=person.pk)
    for item in left.select_for_update(of=("self",)).order_by("id"):
        item.let_go(by=by)
        if item.refill_id is not None:
            RefillRequestItem.objects.get(pk=item.refill_id).put_back()
        if item.is_owed:
            waiting.add(item.pool_id)
    return waiting


def _take_back(patient: Patient, *, by: Agent) -> None:
    """Nobody is there any more for whom a medicine could be ordered, or who could be called."""
    for refill in RefillRequestItem.objects.waiting().filter(patient=patient):
        refill.end_unread(by=by)
    # A state is set by a person.
    UnreadAlarm.objects.end_for(patient, by=by)  # type: ignore[arg-type]


def _teams_of(people: Iterable[User]) -> set[UUID]:
    ever = CareTeamMembership.objects.filter(user__in=[person.pk for person in people])
    return set(ever.values_list("team", flat=True))


def _nobody_reads() -> Q:
    """The condition that a piece of work lies where nobody may open it now."""
    staffed = Pool.objects.staffed().filter(pk=OuterRef("pool"))
    cared_for = CareRelationship.objects.current().filter(
        patient=OuterRef("patient"), team=OuterRef("pool__team")
    )
    return ~Q(Exists(staffed)) | (Q(pool__is_fallback=False) & ~Q(Exists(cared_for)))


def _bring_on(item: WorkItem, *, to: CareTeam | None, by: Agent) -> Pool | None:
    """Bring it to where it is read. It stays where it is when the clinic has nobody at all: nothing is dropped."""
    if item.thread is not None:
        return _bring_thread_on(item.thread, _cause(item.pool.team, item), wanted=to, by=by)
    if item.refill is not None:
        return _bring_refill_on(item.refill, item, wanted=to, by=by)
    return None


def _bring_thread_on(thread: Thread, because: Cause, *, wanted: CareTeam | None, by: Agent) -> Pool | None:
    thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread.pk)
    try:
        to = next_pool(thread, wanted)
    except NoPool:
        return None
    if to.pk == thread.pool_id:
        return None
    TeamChange.objects.make(thread=thread, to=to, because=because, by=by)
    return to


def _bring_refill_on(
    refill: RefillRequestItem, item: WorkItem, *, wanted: CareTeam | None, by: Agent
) -> Pool | None:
    """To the team that looks after the patient now, else to the fall-back pool if a prescriber reads there.

    Where nobody is left to judge it, the request ends and its patient is told to call.
    """
    ordered_by = refill.prescription.team
    to: Pool | None
    try:
        to = Pool.objects.for_refill(
            patient=refill.patient, ordered_by=wanted or ordered_by.successor or ordered_by
        )
    except NoPool:
        to = Pool.objects.staffed(PRESCRIBERS).filter(is_fallback=True).select_related("team").first()
    if to is None:
        refill.end_unread(by=by)
        return None
    if to.pk == refill.pool_id:
        return None
    refill.pool = to
    refill.save(update_fields=["pool"])
    moved = item.locked()
    moved.move_to(to, by=by)
    if moved.owner_id is None:
        refill.put_back()
    notices.tell_patients_side(refill.patient, about=refill, notice=Notice.TEAM_CHANGED, once=str(to.pk))
    return to


def _cause(team: CareTeam, item: WorkItem) -> Cause:
    if team.closed_at is not None:
        return Cause.MERGED if team.successor_id else Cause.CLOSED
    if Pool.objects.staffed().filter(pk=item.pool_id).exists():
        return Cause.CARE_ENDED
    return Cause.NOBODY_LEFT
