"""The team inbox: one dense list, most pressing first, that never says more than it must."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.utils.translation import gettext_lazy as _

from accounts.models import ReasonGiven
from accounts.models.user import Standing
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.clock import clinic_date, now
from messaging.models import CategoryCode, Pool, Priority, SafetyFlag, Side, WorkItem, WorkState
from messaging.models.news import has_news
from messaging.models.unread import owes_a_call
from messaging.opened.paging import Page, Position
from messaging.opened.previews import previews_of
from messaging.opened.texts import OpenPatient, open_texts, person_pairs, person_rows
from messaging.red_flags import Grade

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from django.utils.functional import _StrPromise

    from accounts.models import User
    from accounts.people import Person
    from messaging.models.work import WorkItemQuerySet

PAGE_LENGTH = 25
Thing = TypeVar("Thing")


class View(models.TextChoices):
    """The lists of the team inbox. Each is a filter on the same rows, so counts and lists agree (TR1)."""

    TEAM = "team", _("Team inbox")
    UNCLAIMED = "unclaimed", _("Unassigned")
    MINE = "mine", _("Mine")
    WITH_PATIENT = "with-patient", _("With patient")
    FINISHED = "finished", _("Finished")


UNFINISHED = (View.TEAM, View.UNCLAIMED, View.MINE, View.WITH_PATIENT)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One conversation in the team inbox."""

    ref: UUID
    patient: OpenPatient
    subject: str
    preview: str
    category: str
    priority: int
    due_at: datetime
    waiting_since: datetime
    finished_at: datetime | None
    is_late: bool
    is_new: bool
    owner: Person | None
    is_mine: bool
    from_proxy: Person | None
    owes_a_call: bool  # the patient has not read the answer: phone or letter
    flagged: Grade | None = None  # the most pressing sign in what waits for an answer

    @property
    def flag_words(self) -> str:
        return str(self.flagged.label) if self.flagged is not None else ""

    @property
    def priority_words(self) -> str:
        return str(Priority(self.priority).label)

    @property
    def minutes_left(self) -> int | None:
        """Whole minutes until due, only below one hour either way: longer spans read better as a clock time."""
        minutes = int((self.due_at - now()).total_seconds() // 60)
        return minutes if -60 < minutes < 60 else None


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading, with what the heading says."""

    key: str
    words: str | _StrPromise
    rows: tuple[QueueRow, ...]

    @property
    def late(self) -> int:
        return sum(row.is_late for row in self.rows)

    @property
    def oldest_wait(self) -> datetime:
        return min(row.waiting_since for row in self.rows)


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of the team inbox in one of its views."""

    view: str
    title: str
    groups: tuple[Group, ...]
    page: Page
    counts: dict[str, int]
    late: int

    @property
    def total(self) -> int:
        """How much is in this list. Of what is finished, how much is shown."""
        return self.counts.get(self.view, self.shown)

    @property
    def shown(self) -> int:
        return sum(len(group.rows) for group in self.groups)


def team_queue(*, reader: User, view: str, after: Position | None) -> Queue:
    """Open a page of the team inbox. One read event for each patient shown, in one INSERT."""
    wanted = View(view)
    at, keys = now(), _keys(wanted)
    pools = _pools_of(reader, at)
    counts = _counts(pools, reader=reader.pk, at=at)
    if not pools:
        page = Page((), "")
    else:
        whose: dict[str, Any] = {"reader": reader.pk, "at": at, **pools}
        if after is None:
            page = Page.of(_first_page(wanted.value, **whose), keys, PAGE_LENGTH)
        else:
            page = Page.cut(_items(wanted.value, **whose), keys=keys, after=after, length=PAGE_LENGTH)
    rows = _open_rows(list(page.rows), reader=reader)
    grouped = groupby(rows, key=_heading if wanted != View.FINISHED else lambda row: "finished")
    return Queue(
        view=wanted.value,
        title=str(wanted.label),
        groups=tuple(Group(key, _HEADINGS[key], tuple(members)) for key, members in grouped),
        page=page,
        counts=counts,
        late=counts.pop("late"),
    )


def queue_version(reader: User) -> str:
    """A short text that changes when the team inbox does: what a page asks for between visits. Not a read."""
    state = (
        WorkItem.objects.visible_to(reader)
        .filter(thread__isnull=False)
        .unfinished()
        .aggregate(
            n=Count("pk", distinct=True),
            taken=Count("pk", filter=Q(owner__isnull=False), distinct=True),
            newest=models.Max("waiting_since"),
            threads=models.Max("thread__last_message_at"),
            claims=models.Max("claims__claimed_at"),
        )
    )
    return ".".join(str(part) for part in state.values())


def _filters(reader: UUID) -> dict[str, Q]:
    waiting = Q(state__in=[WorkState.REQUESTED, WorkState.ACCEPTED])
    return {
        View.TEAM: waiting,
        View.UNCLAIMED: waiting & Q(owner=None),
        View.MINE: waiting & Q(owner=reader),
        View.WITH_PATIENT: Q(state=WorkState.ON_HOLD),
        View.FINISHED: Q(state=WorkState.COMPLETED),
    }


def _keys(view: str) -> tuple[str, ...]:
    return ("-finished_at", "-id") if view == View.FINISHED else ("priority", "due_at", "id")


@Prepared
def _worked(cares: bool, *, reader: UUID, at: datetime) -> QuerySet[Pool, tuple[UUID, UUID, bool]]:
    return Pool.objects.worked_by(Standing(reader, cares), at=at).values_list("pk", "team", "is_fallback")


def _pools_of(reader: User, at: datetime) -> dict[str, list[UUID]]:
    """The pools that `reader` works now, with their teams, and the fall-back ones; no list of them is empty."""
    worked = _worked(reader.cares, reader=reader.pk, at=at)
    kinds = {
        "pools": [pk for pk, _team, is_fallback in worked if not is_fallback],
        "teams": [team for _pk, team, is_fallback in worked if not is_fallback],
        "fallbacks": [pk for pk, _team, is_fallback in worked if is_fallback],
    }
    return {kind: ids for kind, ids in kinds.items() if ids}


def _items(view: str, *, reader: UUID, **pools: Any) -> QuerySet[WorkItem]:
    items = _in(reader=reader, **pools).filter(thread__isnull=False)
    flags = SafetyFlag.objects.filter(thread=OuterRef("thread"), flagged_at__gte=OuterRef("waiting_since"))
    flagged = Subquery(flags.order_by("grade").values("grade")[:1])  # NULLs, with nothing found, come last
    found = items.filter(_filters(reader)[view]).select_related("thread", "patient__joined_into")
    news = has_news(reader, side=Side.PATIENT, thread="thread")
    return found.annotate(is_new=news, flagged=flagged, owes_a_call=owes_a_call())


_first_page = Prepared(lambda view, **whose: _items(view, **whose).order_by(*_keys(view))[: PAGE_LENGTH + 1])


def _in(
    *,
    reader: UUID,
    at: datetime,
    pools: Sequence[UUID] = (),
    teams: Sequence[UUID] = (),
    fallbacks: Sequence[UUID] = (),
) -> WorkItemQuerySet:
    return WorkItem.objects.in_pools(zip(pools, teams, strict=True), fallbacks, reader=reader, at=at)


@Prepared
def _counted(*, reader: UUID, at: datetime, **pools: Sequence[UUID]) -> QuerySet[WorkItem, tuple[int, ...]]:
    # What is finished is not counted: it only grows, and no page says how much it is.
    filters = _filters(reader)
    counts = {view.name: Count("pk", filter=filters[view]) for view in UNFINISHED}
    late = Count("pk", filter=filters[View.TEAM] & Q(due_at__lt=at))
    items = _in(reader=reader, at=at, **pools).unfinished()
    together = items.filter(thread__isnull=False).order_by().values(every=Value(1))
    return together.annotate(**counts, late=late).values_list(*counts, "late")


def _counts(pools: dict[str, list[UUID]], *, reader: UUID, at: datetime) -> dict[str, int]:
    names = [*(view.value for view in UNFINISHED), "late"]
    found = _counted.first(reader=reader, at=at, **pools) if pools else None
    return dict(zip(names, found or [0] * len(names), strict=True))


def _open_rows(items: list[WorkItem], *, reader: User) -> list[QueueRow]:
    threads = [item.thread for item in items if item.thread is not None]
    ids = {item.owner_id for item in items if item.owner_id}
    ids |= {t.last_author_id for t in threads if t.last_side == Side.PATIENT}
    people = People.load(ids, to_patient=False)
    patients = {item.patient_id: item.patient for item in items}
    unsaid = ReasonGiven.objects.missing(reader, patients.values())
    receipt = record_read(
        reader=reader,
        shown=[
            *_once(row for p in patients.values() for row in person_rows(p)),
            *(t for t in threads if t.patient_id not in unsaid),
        ],
        named=people.sealed_records(),
        category="message",
        subtype="list",
    )
    pairs = [(t, f) for t in threads for f in ("subject", "preview") if t.patient_id not in unsaid]
    texts = open_texts(
        [*pairs, *_once(pair for p in patients.values() for pair in person_pairs(p))], receipt=receipt
    )
    names = people.opened(receipt)
    previews = previews_of(threads, texts, reader=reader)
    moment = now()
    rows = []
    for item, thread in zip(items, threads, strict=True):
        writer = names.get(thread.last_author_id) if thread.last_side == Side.PATIENT else None
        rows.append(
            QueueRow(
                ref=thread.pk,
                patient=OpenPatient.at_work(item.patient, texts),
                subject=texts.get((thread.pk, "subject"), str(_("Protected record"))),
                preview=previews.get(thread.pk, ""),
                category=str(CategoryCode(thread.category_id).label),
                priority=item.priority,
                due_at=item.due_at,
                waiting_since=item.waiting_since,
                finished_at=item.finished_at,
                is_late=item.state in (WorkState.REQUESTED, WorkState.ACCEPTED) and item.due_at < moment,
                is_new=item.is_new,  # type: ignore[attr-defined]
                owner=names[item.owner_id] if item.owner_id else None,
                is_mine=item.owner_id == reader.pk,
                from_proxy=writer if writer is not None and writer.side == "proxy" else None,
                owes_a_call=item.owes_a_call,  # type: ignore[attr-defined]
                flagged=Grade(item.flagged) if item.flagged is not None else None,  # type: ignore[attr-defined]
            )
        )
    return rows


def _once(things: Iterable[Thing]) -> list[Thing]:
    """Each once, in order: two records of one person may stand in one list."""
    return list(dict.fromkeys(things))


_HEADINGS = {
    "urgent": _("Urgent"),
    "today": _("Due today"),
    "later": _("Later"),
    "finished": _("Finished"),
}


def _heading(row: QueueRow) -> str:
    if row.priority < Priority.ROUTINE:
        return "urgent"
    return "today" if clinic_date(row.due_at) <= clinic_date() else "later"
