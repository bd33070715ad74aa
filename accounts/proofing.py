"""The front desk makes sure who somebody is: by two things on her record, without being shown either."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from accounts import limits
from accounts.models import FactorLoss, Patient, User
from accounts.refusals import NoSuchPatient, NothingAsked
from audit.recorder import record, record_read
from audit.seals import unseal

if TYPE_CHECKING:
    from datetime import date


def check_identity(*, record_number: str, birth_date: date, by: User) -> FactorLoss:
    """Start the wait for whoever both belong to, if she asked. Whatever does not fit gets the same refusal."""
    limits.spend(("identity-check", str(by.pk)))
    patient = Patient.objects.looked_after_by(by).by_record_number(record_number)
    if patient is None or patient.user_id is None or not _born(patient, birth_date, by=by):
        _remember(patient, record_number, by=by, type="factor", subtype="loss-checked", category="sign-in")
        raise NothingAsked
    return FactorLoss.objects.believe(user=User.objects.get(pk=patient.user_id), by=by)


def _born(patient: Patient, birth_date: date, *, by: User) -> bool:
    receipt = record_read(reader=by, shown=[patient], category="patient", purpose="HOPERAT")
    known = unseal(patient, "birth_date", receipt=receipt)
    return hmac.compare_digest(known, birth_date.isoformat())


def patient_by_two(*, record_number: str, birth_date: date, by: User) -> Patient:
    """The patient whom both belong to. Whatever does not fit gets the same refusal, and counts."""
    limits.spend(("identity-check", str(by.pk)))
    patient = Patient.objects.at_desk_of(by).by_record_number(record_number)
    if patient is None or not _born(patient, birth_date, by=by):
        _remember(patient, record_number, by=by, type="trust", subtype="look-up", category="trust")
        raise NoSuchPatient
    limits.give_back(("identity-check", str(by.pk)))
    return patient


def _remember(patient: Patient | None, record_number: str, *, by: User, **what: str) -> None:
    """Write down that it did not fit, and whether it was a try at a record that is near to `by`."""
    named = patient or Patient.objects.by_record_number(record_number)
    near = named is not None and named.is_near_to(by)
    about = named if near else patient
    record(
        agent=by,
        outcome="4",
        outcome_reason="own-record" if near else "no-match",
        patient_id=about.pk if about is not None else None,
        **what,
    )
