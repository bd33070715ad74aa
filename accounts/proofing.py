"""The front desk makes sure who somebody is: by two things on her record, without being shown either."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from accounts import limits
from accounts.models import FactorLoss, Patient, ReasonGiven
from accounts.record_refusals import SameRecord
from accounts.refusals import NoSuchPatient, NothingAsked
from audit.recorder import record, record_read
from audit.seals import unseal

if TYPE_CHECKING:
    from datetime import date

    from accounts.models import User


def check_identity(*, record_number: str, birth_date: date, by: User) -> FactorLoss:
    """Start the wait for whoever both belong to, if she asked. Whatever does not fit gets the same refusal.

    So does whoever works here: what the desk can read of her as a patient must not open her work.
    """
    limits.spend(("identity-check", str(by.pk)))
    patient = Patient.objects.looked_after_by(by).by_record_number(record_number)
    owner = patient.user if patient is not None else None
    if patient is None or owner is None or owner.works_here or not _born(patient, birth_date, by=by):
        _remember(patient, record_number, by=by, type="factor", subtype="loss-checked", category="sign-in")
        raise NothingAsked
    return FactorLoss.objects.believe(user=owner, by=by)


def _born(patient: Patient, birth_date: date, *, by: User) -> bool:
    receipt = record_read(reader=by, shown=[patient], category="patient", purpose="HOPERAT")
    known = unseal(patient, "birth_date", receipt=receipt)
    return hmac.compare_digest(known, birth_date.isoformat())


def other_by_two(patient: Patient, *, record_number: str, birth_date: date, by: User) -> Patient:
    """Another record that both belong to, in whatever team: to be compared with this one.

    Whatever does not fit gets the same refusal, and counts; so does a record near to `by`. Raises `NoSuchPatient`,
    `SameRecord`, and `ReasonNeeded` for a protected one.
    """
    limits.spend(("identity-check", str(by.pk)))
    other = Patient.objects.standing().by_record_number(record_number)
    near = other is not None and other.is_near_to(by)
    if other is None or near or not _born(other, birth_date, by=by):
        record(
            agent=by,
            type="access",
            subtype="search",
            action="R",
            outcome="4",
            outcome_reason="own-record" if near else "no-match",
            patient_id=other.pk if other is not None else None,
            category="patient",
            query=record_number,
        )
        raise NoSuchPatient
    limits.give_back(("identity-check", str(by.pk)))
    if other.person_id == patient.person_id:
        raise SameRecord
    ReasonGiven.objects.ask_first(by, other)
    return other


def patient_by_two(*, record_number: str, birth_date: date, by: User) -> Patient:
    """The patient whom both belong to. Whatever does not fit gets the same refusal, and counts."""
    limits.spend(("identity-check", str(by.pk)))
    patient = Patient.objects.at_desk_of(by).by_record_number(record_number)
    if patient is None or not _born(patient, birth_date, by=by):
        _remember(patient, record_number, by=by, type="trust", subtype="look-up", category="trust")
        raise NoSuchPatient
    limits.give_back(("identity-check", str(by.pk)))
    return patient


def _remember(
    patient: Patient | None, record_number: str, *, by: User, type: str, subtype: str, category: str
) -> None:
    """Write down that it did not fit, and whether it was a try at a record that is near to `by`."""
    named = patient or Patient.objects.by_record_number(record_number)
    near = named is not None and named.is_near_to(by)
    about = named if near else patient
    record(
        agent=by,
        type=type,
        subtype=subtype,
        outcome="4",
        outcome_reason="own-record" if near else "no-match",
        patient_id=about.pk if about is not None else None,
        category=category,
    )
