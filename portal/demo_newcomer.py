"""Somebody with a record and no account yet, so that the demo shows how a patient joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import Patient
from portal.demo_clinic import FOUNDER

if TYPE_CHECKING:
    from portal.demo_clinic import Clinic

NAME = "Nora Quist"
BIRTH_DATE = "1971-09-23"
RECORD_NUMBER = "RC-105511"


def register_newcomer(clinic: Clinic) -> Patient:
    patient = Patient.objects.register(
        name=NAME, birth_date=BIRTH_DATE, record_number=RECORD_NUMBER, phone="+1 555 010 0163", by=FOUNDER
    )
    okafor = clinic.users["okafor"]
    clinic.teams["okafor"].care_for(patient=patient, lead=okafor, is_primary=True, by=FOUNDER)
    clinic.teams["desk"].care_for(patient=patient, by=FOUNDER)
    return patient
