"""Writing down what was read, refused and done. What changed is written down by `audit.tracking`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from audit import trail
from audit.context import Agent, SystemAgent, as_agent
from audit.models import AuditEvent
from audit.receipts import Receipt, _issue, label
from audit.seals import seal

__all__ = ["Receipt", "SystemAgent", "label", "record", "record_read", "record_refusal"]


class InsideTransaction(RuntimeError):
    """A reading or a refusal must be committed by itself: a later rollback would unsee it."""


def record_read(
    *,
    reader: Agent,
    shown: Iterable[Model],
    named: Iterable[Model] = (),
    of: Model | None = None,
    category: str,
    purpose: str = "",
    subtype: str = "read",
    query: str | None = None,
    on_behalf_of: UUID | None = None,
) -> Receipt:
    """Write down that `reader` is being shown these records, and return the receipt that opens them.

    One event for each patient shown, all in one INSERT, committed before this returns. If it cannot be
    written, this raises and there is nothing to open with.

    `named` are records that only lend the page a person's name: the author of a message may be a patient here
    herself, and her own record is not what is being read. The receipt covers them, and they are told of in the
    event of the page they stand on; they make no event of their own.

    Unless `purpose` says otherwise, staff read for care (TREAT), and a patient, or somebody she trusts, because
    she wants to (PATRQT). Who reads for a patient by a grant reads on her behalf.
    """
    _must_commit_by_itself("A reading")
    records = list(shown)
    by_patient: dict[UUID | None, list[Model]] = {}
    for item in records:
        by_patient.setdefault(_patient_of(item), []).append(item)
    if not records and of is not None:
        by_patient[_patient_of(of)] = []
    # What names no patient, or lends only a name, rides along on the first event.
    known = {(type(item), item.pk) for item in records}
    names = [item for item in named if (type(item), item.pk) not in known]
    rest = by_patient.pop(None, []) + names
    patients = list(by_patient.items()) or [(None, [])]
    patients[0] = (patients[0][0], patients[0][1] + rest)

    who = as_agent(reader)
    on_behalf_of = on_behalf_of or _on_behalf_of(reader, [patient_id for patient_id, _items in patients])
    own: Collection[UUID] = getattr(reader, "records", ())
    if on_behalf_of is not None:
        who = replace(who, on_behalf_of=on_behalf_of)
    if not purpose:
        hers = on_behalf_of is not None or patients[0][0] in own
        purpose = "PATRQT" if hers else "TREAT"
    rows = [_reading(patient_id, items, of=of, query=query) for patient_id, items in patients]
    trail.write(
        type="access",
        subtype=subtype,
        action="R",
        data_category=category,
        purpose=purpose,
        rows=rows,
        agent=who,
    )
    return _issue(rows[0].id, [*records, *names])


def record_refusal(
    *, agent: Agent, target: Model | None, reason: str, patient_id: UUID | None = None
) -> None:
    """Write down that somebody was refused. Committed by itself, so that it outlives the answer."""
    _must_commit_by_itself("A refusal")
    if patient_id is None and target is not None:
        patient_id = _patient_of(target)
    trail.write(
        type="refusal",
        subtype="denied",
        action="E",
        outcome="8",
        outcome_reason=reason,
        data_category=_category_of(target),
        rows=[trail.Row(patient_id=patient_id, obj=target)],
        agent=as_agent(agent),
    )


def record(
    *,
    agent: Agent,
    type: str,
    subtype: str,
    action: str = "E",
    outcome: str = "0",
    outcome_reason: str = "",
    obj: Model | None = None,
    patient_id: UUID | None = None,
    category: str = "",
    purpose: str = "",
    detail: dict[str, Any] | None = None,
    reason_text: str | None = None,
    query: str | None = None,
    activity_at: datetime | None = None,
    session_ended_at: datetime | None = None,
) -> None:
    """Write down something that was done or failed, in the transaction that does it.

    What a person typed, as her `reason_text` or as the `query` of a search, is sealed.
    """
    if patient_id is None and obj is not None:
        patient_id = _patient_of(obj)
    row = trail.Row(patient_id=patient_id, obj=obj, additional_data=detail)
    if reason_text is not None:
        row.reason_text = seal(reason_text, into=AuditEvent(id=row.id), field="reason_text")
    if query:
        row.query = seal(query, into=AuditEvent(id=row.id), field="query")
    trail.write(
        type=type,
        subtype=subtype,
        action=action,
        outcome=outcome,
        outcome_reason=outcome_reason,
        data_category=category or _category_of(obj),
        purpose=purpose,
        activity_at=activity_at,
        session_ended_at=session_ended_at,
        rows=[row],
        agent=as_agent(agent),
    )


def _reading(
    patient_id: UUID | None, items: list[Model], *, of: Model | None, query: str | None
) -> trail.Row:
    # Without a subject of its own, a reading is about the patient's record.
    subject = of or next((item for item in items if item.pk == patient_id), None)
    row = trail.Row(patient_id=patient_id, obj=subject, shown=items)
    if query:
        row.query = seal(query, into=AuditEvent(id=row.id), field="query")
    return row


def _on_behalf_of(reader: Agent, patients: list[UUID | None]) -> UUID | None:
    """The one patient whose grant lets `reader` see her own record, if that is what this reading is."""
    first = patients[0]
    if first is None or first in getattr(reader, "records", ()):
        return None
    # Two records that were joined are one patient's.
    trusts = {grant.patient_id: grant.joined_into for grant in getattr(reader, "grants", ())}
    whose = {trusts[patient] or patient if patient in trusts else None for patient in patients}
    return first if len(whose) == 1 and None not in whose else None


def _patient_of(item: Model) -> UUID | None:
    return getattr(item, "patient_id", None)


def _category_of(item: Model | None) -> str:
    if item is None:
        return "none"
    return getattr(item, "audit_category", None) or item._meta.model_name or "none"


def _must_commit_by_itself(what: str) -> None:
    # As Django's own durable blocks do, the transaction that a test case wraps around itself does not count.
    blocks: list[Any] = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:
        raise InsideTransaction(
            f"{what} is recorded outside any transaction, so that it cannot be rolled back."
        )
