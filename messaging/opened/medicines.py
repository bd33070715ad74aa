"""Medicines and refill requests, opened for the patient and for the prescribers' queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, QuerySet, Value
from django.utils.translation import gettext as _

from accounts.models import ReasonGiven
from accounts.models.user import Standing
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.clock import clinic_date, now
from messaging.eligibility import Eligibility
from messaging.models import (
    DenialReason,
    Prescription,
    RefillDecision,
    RefillRequestItem,
    RefillState,
    SafetyFlag,
    WorkItem,
)
from messaging.opened.flags import OpenFlag, flag_pairs, open_flags
from messaging.opened.paging import Page, Position
from messaging.opened.texts import OpenPatient, Pair, open_texts, patient_pairs, person_pairs, person_rows
from messaging.opened.threads import Step
from messaging.schedules import Schedule

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Patient, User
    from accounts.people import Person

PAGE_LENGTH = 25


@dataclass(frozen=True, slots=True)
class OpenMedicine:
    """One of the patient's medicines. One state value drives tag, steps and button, so they cannot disagree."""

    ref: UUID
    name: str
    directions: str
    repeats_left: int
    days_left: int | None
    is_stopped: bool
    eligibility: Eligibility
    open_request: UUID | None
    last_request: UUID | None
    request_state: str
    request_words: str

    @property
    def can_ask(self) -> bool:
        return self.open_request is None and self.eligibility.is_requestable


@dataclass(frozen=True, slots=True)
class MedicineList:
    current: tuple[OpenMedicine, ...]
    stopped: tuple[OpenMedicine, ...]


def open_medicines(*, reader: User, patient: Patient) -> MedicineList:
    """Open the patient's medicines with the request that is open on each. Recorded as one read."""
    prescriptions = list(
        Prescription.objects.of_patients_side(reader)
        .filter(patient__in=reader.records_with(patient.pk))
        .select_related("patient")
    )
    latest = {}
    for item in RefillRequestItem.objects.filter(prescription__in=[p.pk for p in prescriptions]).order_by(
        "state_since"
    ):
        latest[item.prescription_id] = item
    receipt = record_read(
        reader=reader, of=patient, shown=[patient, *prescriptions], category="medicine", subtype="list"
    )
    texts = open_texts([(p, f) for p in prescriptions for f in ("medicine", "directions")], receipt=receipt)
    opened = [
        _medicine(p, texts[p.pk, "medicine"], texts[p.pk, "directions"], latest.get(p.pk))
        for p in prescriptions
    ]
    return MedicineList(
        current=tuple(m for m in opened if not m.is_stopped), stopped=tuple(m for m in opened if m.is_stopped)
    )


def open_medicine(prescription: Prescription, *, reader: User) -> OpenMedicine:
    """Open one medicine, for the page that asks for more of it."""
    item = RefillRequestItem.objects.filter(prescription=prescription).order_by("-state_since").first()
    receipt = record_read(reader=reader, of=prescription, shown=[prescription], category="medicine")
    texts = open_texts([(prescription, f) for f in ("medicine", "directions")], receipt=receipt)
    return _medicine(
        prescription, texts[prescription.pk, "medicine"], texts[prescription.pk, "directions"], item
    )


def _medicine(
    prescription: Prescription, name: str, directions: str, latest: RefillRequestItem | None
) -> OpenMedicine:
    open_request = latest if latest is not None and latest.is_open else None
    return OpenMedicine(
        ref=prescription.pk,
        name=name,
        directions=directions,
        repeats_left=prescription.repeats_left,
        days_left=_days_left(prescription.last_filled_on, prescription.days_supply),
        is_stopped=prescription.stopped_on is not None and prescription.stopped_on <= clinic_date(),
        eligibility=prescription.eligibility(),
        open_request=open_request.pk if open_request else None,
        last_request=latest.pk if latest else None,
        request_state=latest.state if latest else "",
        request_words=latest.get_state_display() if latest else "",
    )


def _days_left(last_filled_on: date | None, days_supply: int) -> int | None:
    if last_filled_on is None:
        return None
    return max(0, (last_filled_on + timedelta(days=days_supply) - clinic_date()).days)


@dataclass(frozen=True, slots=True)
class OpenDecision:
    """The answer to a request, in the words the patient reads."""

    decided_by: Person
    decided_at: datetime
    outcome: str
    outcome_words: str
    reason_words: str
    note: str
    quantity: int | None
    repeats: int | None


@dataclass(frozen=True, slots=True)
class OpenRefill:
    """One asked-for medicine, opened."""

    ref: UUID
    patient: OpenPatient
    medicine: str
    directions: str
    schedule_words: str
    schedule: str
    quantity: int
    repeats_left: int
    last_filled_on: date | None
    eligibility: Eligibility | None
    comment: str
    requested_by: Person
    requested_at: datetime
    pool_name: str
    pool_phone: str
    due_at: datetime  # the team's own moment; for the patient's side, what was promised
    state: str
    state_words: str
    is_open: bool
    is_late: bool
    owner: Person | None
    is_held_by_another: bool
    decision: OpenDecision | None
    steps: tuple[Step, ...]
    promised_at: datetime
    flag: OpenFlag | None = None
    is_masked: bool = (
        False  # of a protected record whose reason is still to be said: who waits, and not for what
    )

    @property
    def may_be_approved(self) -> bool:
        """Schedule II is never refilled (21 CFR 1306.12(a)); the page does not offer what the verb refuses."""
        return self.schedule != Schedule.II


@dataclass(frozen=True, slots=True)
class RefillQueue:
    rows: tuple[OpenRefill, ...]
    page: Page
    total: int
    late: int


_PARTS = ("request", "prescription", "patient__joined_into", "pool__team", "work")


def refill_queue(*, reader: User, after: Position | None) -> RefillQueue:
    """Open a page of the requests waiting in the pools `reader` works, earliest promise first.

    Of a protected record it says whose turn it is, until she has said why she opens it.
    """
    waiting = RefillRequestItem.objects.worked_by(reader).waiting()
    page = Page.cut(
        waiting.select_related(*_PARTS, "decision"), keys=("due_at", "id"), after=after, length=PAGE_LENGTH
    )
    unsaid = ReasonGiven.objects.missing(reader, {item.patient for item in page.rows})
    return RefillQueue(
        rows=_open_refills(list(page.rows), reader=reader, subtype="list", unsaid=unsaid),
        page=page,
        total=waiting.count(),
        late=waiting.filter(due_at__lt=now()).count(),
    )


def refill_count(reader: User) -> int:
    """How many requests wait, for the rail. Not a read: it names nobody."""
    counted = _waiting.first(reader.cares, reader=reader.pk, at=now())
    return counted[0] if counted else 0


@Prepared
def _waiting(cares: bool, *, reader: UUID, at: datetime) -> QuerySet[RefillRequestItem, tuple[int]]:
    items = RefillRequestItem.objects.worked_by(Standing(reader, cares), at=at).waiting()
    return items.order_by().values(every=Value(1)).annotate(n=Count("pk")).values_list("n")


def open_refill(item: RefillRequestItem, *, reader: User) -> OpenRefill:
    """Open one request with its decision, for either side."""
    return _open_refills([item], reader=reader, subtype="read")[0]


def open_refills_of(*, reader: User, patient: Patient, after: Position | None = None) -> Page:
    """Open a page of one patient's requests for her side, newest first: what the API lists."""
    page = Page.cut(
        RefillRequestItem.objects.of_patients_side(reader)
        .filter(patient__in=reader.records_with(patient.pk))
        .select_related(*_PARTS, "decision"),
        keys=("-state_since", "-id"),
        after=after,
        length=PAGE_LENGTH,
    )
    return Page(_open_refills(list(page.rows), reader=reader, subtype="list"), page.next)


def _open_refills(
    items: list[RefillRequestItem], *, reader: User, subtype: str, unsaid: frozenset[UUID] = frozenset()
) -> tuple[OpenRefill, ...]:
    said = [i for i in items if i.patient_id not in unsaid]
    decisions = {d.item_id: d for d in RefillDecision.objects.filter(item__in=[i.pk for i in said])}
    flagged = SafetyFlag.objects.filter(refill__in=[i.pk for i in said]) if reader.cares else ()
    flags = {flag.refill_id: flag for flag in flagged}
    held = WorkItem.objects.held().filter(refill__in=[i.pk for i in items])
    owners = dict(held.values_list("refill_id", "owner_id"))
    ids = {i.request.requested_by_id for i in items} | {d.decided_by_id for d in decisions.values()}
    ids |= set(owners.values())
    one_patient = items[0].patient_id if len({i.patient_id for i in items}) == 1 else None
    people = People.load(ids, patient_id=one_patient, to_patient=not reader.cares)
    patients = {i.patient_id: i.patient for i in items}
    # Whoever asks for a patient sees her by the record that she was trusted with, and nothing of another one.
    at_work = {pk for pk in patients if not reader.scopes_for(pk)} if reader.cares else set()
    rows = {row: None for p in patients.values() for row in (person_rows(p) if p.pk in at_work else [p])}
    receipt = record_read(
        reader=reader,
        of=items[0] if len(items) == 1 else None,
        shown=[
            *rows,
            *items,
            *(i.request for i in said),
            *(i.prescription for i in said),
            *decisions.values(),
            *flags.values(),
        ],
        named=people.sealed_records(),
        category="refill",
        subtype=subtype,
    )
    named = {
        pair: None
        for p in patients.values()
        for pair in (person_pairs(p) if p.pk in at_work else patient_pairs(p))
    }
    pairs: list[Pair] = list(named)
    pairs += [(i.prescription, f) for i in said for f in ("medicine", "directions")]
    pairs += [(i.request, "comment") for i in said if i.request.comment is not None]
    pairs += [(d, "note") for d in decisions.values() if d.note is not None]
    pairs += flag_pairs(flags.values())
    texts = open_texts(pairs, receipt=receipt)
    names = people.opened(receipt)
    moment = now()
    opened = []
    for item in items:
        decision = _decision(decisions.get(item.pk), texts, names)
        is_masked = item.patient_id in unsaid
        owner_id = owners.get(item.pk)
        promised_at = item.promised_at or item.due_at
        due_at = promised_at if reader.scopes_for(item.patient_id) else item.due_at
        opened.append(
            OpenRefill(
                ref=item.pk,
                patient=(OpenPatient.at_work if item.patient_id in at_work else OpenPatient.of)(
                    patients[item.patient_id], texts
                ),
                **(MASKED if is_masked else _asked_for(item.prescription, texts)),
                medicine=texts.get((item.prescription_id, "medicine"), _("Protected record")),
                eligibility=Eligibility(item.eligibility) if not is_masked else None,
                comment=texts.get((item.request_id, "comment"), ""),
                requested_by=names[item.request.requested_by_id],
                requested_at=item.request.requested_at,
                pool_name=item.pool.name_to_patients,
                pool_phone=item.pool.phone,
                due_at=due_at,
                state=item.state,
                state_words=item.get_state_display(),
                is_open=item.is_open,
                is_late=item.is_open and due_at < moment,
                owner=names.get(owner_id) if owner_id else None,
                is_held_by_another=item.is_open and owner_id is not None and owner_id != reader.pk,
                decision=decision,
                steps=_steps(item, decision),
                promised_at=promised_at,
                flag=open_flags([flags[item.pk]], texts)[0] if item.pk in flags else None,
                is_masked=is_masked,
            )
        )
    return tuple(opened)


MASKED: dict[str, Any] = {
    "directions": "", "schedule": "", "schedule_words": "", "quantity": 0, "repeats_left": 0, "last_filled_on": None,
}  # fmt: skip


def _asked_for(order: Prescription, texts: dict[tuple[UUID, str], str]) -> dict[str, Any]:
    return {
        "directions": texts[order.pk, "directions"],
        "schedule": order.schedule,
        "schedule_words": str(Schedule(order.schedule).label) if order.schedule else "",
        "quantity": order.quantity,
        "repeats_left": order.repeats_left,
        "last_filled_on": order.last_filled_on,
    }


def _decision(decision: RefillDecision | None, texts, names) -> OpenDecision | None:  # type: ignore[no-untyped-def]
    if decision is None:
        return None
    return OpenDecision(
        decided_by=names[decision.decided_by_id],
        decided_at=decision.decided_at,
        outcome=decision.outcome,
        outcome_words=str(RefillState(decision.outcome).label),
        reason_words=str(DenialReason(decision.reason).label) if decision.reason else "",
        note=texts.get((decision.pk, "note"), ""),
        quantity=decision.quantity,
        repeats=decision.repeats,
    )


def _steps(item: RefillRequestItem, decision: OpenDecision | None) -> tuple[Step, ...]:
    """What happened and what happens next (RF8), all from the one state."""
    steps = [Step("asked", "done", _("You asked for more"), at=item.request.requested_at)]
    if item.state == RefillState.CANCELLED:
        return (*steps, Step("cancelled", "done", _("You took the request back"), at=item.state_since))
    if decision is None:
        looking = item.state == RefillState.IN_REVIEW
        steps.append(
            Step(
                "review",
                "done" if looking else "now",
                _("Your team looks at it"),
                at=item.state_since if looking else None,
            )
        )
        promised_at = item.promised_at or item.due_at
        status = "late" if promised_at < now() else "now" if looking else "later"
        return (*steps, Step("answer", status, _("Your team answers"), by=promised_at))
    answer = _("%(name)s answered: %(outcome)s") % {
        "name": decision.decided_by.name,
        "outcome": decision.outcome_words,
    }
    steps.append(Step("answer", "done", answer, at=decision.decided_at))
    if decision.outcome == RefillState.DENIED:
        steps.append(Step("next", "now", decision.reason_words))
    elif item.prescription.schedule:
        # 21 CFR 1311: the portal records a decision; a controlled prescription is signed elsewhere.
        steps.append(
            Step("next", "now", _("Your prescriber signs the prescription and sends it to your pharmacy"))
        )
    else:
        steps.append(Step("next", "now", _("Call your pharmacy before you go, to be sure it is ready")))
    return tuple(steps)
