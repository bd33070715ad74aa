"""Patients besides those of the stories: who joins, who has just grown up, a child, and one of the staff."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts import ages, terms
from accounts.models import Agreement, Patient, User
from accounts.tasks import birthdays
from portal.demo_clinic import FOUNDER

if TYPE_CHECKING:
    from portal.demo_clinic import Clinic

NAME = "Nora Quist"
BIRTH_DATE = "1971-09-23"
RECORD_NUMBER = "RC-105511"


# Seven days past her eighteenth birthday; and eight years old.
GROWN, CHILD = ("Tilda Brandt", "RC-105620"), ("Milo Brandt", "RC-105621")


def register_newcomer(clinic: Clinic) -> Patient:
    patient = Patient.objects.register(
        name=NAME, birth_date=BIRTH_DATE, record_number=RECORD_NUMBER, phone="+1 555 010 0163", by=FOUNDER
    )
    okafor = clinic.users["okafor"]
    clinic.teams["okafor"].care_for(patient=patient, lead=okafor, is_primary=True, by=FOUNDER)
    clinic.teams["desk"].care_for(patient=patient, by=FOUNDER)
    return patient


def register_the_young(clinic: Clinic) -> None:
    """Somebody who turned eighteen after her record was opened, and her brother."""
    today = timezone.localdate()
    for (name, number), born in ((GROWN, ages.birthday(today, -17)), (CHILD, ages.birthday(today, -8))):
        patient = Patient.objects.register(
            name=name, birth_date=born.isoformat(), record_number=number, by=FOUNDER
        )
        clinic.teams["okafor"].care_for(patient=patient, is_primary=True, by=FOUNDER)
        clinic.teams["desk"].care_for(patient=patient, by=FOUNDER)
        if name == GROWN[0]:
            patient.correct_birth_date(ages.birthday(today, -18) - timedelta(days=7), by=FOUNDER)
    birthdays()


def register_colleague(clinic: Clinic) -> None:
    """Sam is a patient of Dr Lund: at work his record does not exist for him, as a patient it does."""
    sam = clinic.users["sam"]
    patient = Patient.objects.register(
        user=sam, name="Sam Ortiz", birth_date="1990-07-19", record_number="RC-105630", by=FOUNDER
    )
    lund = clinic.users["lund"]
    clinic.teams["lund"].care_for(patient=patient, lead=lund, is_primary=True, by=FOUNDER)
    sam = User.objects.get(pk=sam.pk)
    if (text := terms.due(sam)) is not None:
        Agreement.objects.agree(to=text, language=sam.preferred_language, by=sam)
