"""What stands beside a conversation: who cares for the patient and, for clinicians, her medicines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from accounts.models import Patient, ProxyGrant, Scope
from accounts.people import People
from audit.recorder import record_read
from messaging.models import CategoryCode, Prescription, RefillRequestItem, Thread
from messaging.opened.texts import open_texts, person_rows

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from accounts.people import Person
    from messaging.opened.texts import Pair

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class MedicineLine:
    name: str
    directions: str


@dataclass(frozen=True, slots=True)
class RefillLine:
    ref: UUID
    name: str
    due_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody the patient trusts, and what she may do now."""

    person: Person
    scope_words: tuple[str, ...]
    topic_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """`shows_medicines` is False for the front desk, which works messages and not medicines."""

    phone: str | None  # where the patient is called; None for whoever does not work the conversation
    lead: Person | None
    trusted: tuple[Helper, ...]
    is_read_by_trusted: bool  # as far as a conversation is not kept from them
    shows_medicines: bool
    medicines: tuple[MedicineLine, ...]
    open_refills: tuple[RefillLine, ...]


def open_panel(thread: Thread, *, reader: User, lead_id: UUID | None, works_it: bool) -> Panel:
    """Open what stands beside `thread`, recorded as a reading of its own: the patient is told what was shown.

    Medicines open for clinicians alone, and of the waiting requests those of the pools `reader` works. Her telephone
    number opens for whoever may work the conversation.
    """
    prescriptions: list[Prescription] = []
    refills: list[RefillRequestItem] = []
    # What she takes is hers whatever record it was ordered in.
    records = Patient.objects.one_with(thread.patient).values("pk")
    if reader.is_clinical:
        prescriptions = list(Prescription.objects.filter(patient__in=records, stopped_on=None)[:MOST_SHOWN])
        waiting = RefillRequestItem.objects.worked_by(reader).waiting().filter(patient__in=records)
        refills = list(waiting.select_related("prescription")[:MOST_SHOWN])
    grants = list(ProxyGrant.objects.current().filter(patient=thread.patient_id))
    people = People.load(
        [lead_id, *(grant.proxy_id for grant in grants)], patient_id=thread.patient_id, to_patient=False
    )
    orders = {order.pk: order for order in [*prescriptions, *(refill.prescription for refill in refills)]}
    receipt = record_read(
        reader=reader,
        of=thread.patient,
        shown=[*person_rows(thread.patient), *orders.values()],
        named=people.sealed_records(),
        category="medicine" if reader.is_clinical else "patient",
    )
    known = thread.patient.stays
    pairs: list[Pair] = [(o, f) for o in orders.values() for f in ("medicine", "directions")]
    texts = open_texts([*pairs, *([(known, "phone")] if works_it else [])], receipt=receipt)
    names = people.opened(receipt)
    return Panel(
        phone=texts[known.pk, "phone"] if works_it else None,
        lead=names.get(lead_id) if lead_id else None,
        trusted=tuple(
            Helper(
                names[grant.proxy_id],
                tuple(str(Scope(scope).label) for scope in grant.scopes),
                tuple(str(CategoryCode(topic).label) for topic in grant.categories),
            )
            for grant in grants
            if grant.proxy_id in names
        ),
        is_read_by_trusted=any(Scope.READ in grant.scopes for grant in grants),
        shows_medicines=reader.is_clinical,
        medicines=tuple(
            MedicineLine(texts[order.pk, "medicine"], texts[order.pk, "directions"])
            for order in prescriptions
        ),
        open_refills=tuple(
            RefillLine(
                refill.pk,
                texts[refill.prescription_id, "medicine"],
                refill.due_at,
                refill.get_state_display(),
            )
            for refill in refills
        ),
    )
