"""The demo clinic at work: its inboxes and hours, its medicines, and the patients besides the cast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Basis, Patient, RelatedPerson, Scope, Trust, User
from audit.seals import seal
from messaging.models import Category, CategoryCode, Holiday, OpeningHours, Pool, Prescription
from portal.demo_clinic import FOUNDER, Clinic, found_clinic


@dataclass(frozen=True)
class Neighbour:
    """A patient of Dr Okafor's besides the cast. No password opens the account."""

    key: str
    name: str
    born: str
    number: str
    language: str = "en"


NEIGHBOURS = (
    Neighbour("walter", "Walter Schmidt-Hohenzollern", "1943-05-19", "RC-100771"),
    Neighbour("priya", "Priya Raman", "1985-11-02", "RC-108230"),
    Neighbour("grace", "Grace Lee", "1976-08-30", "RC-105018"),
    Neighbour("tomas", "Tomás Ibarra Quiñones", "1969-01-12", "RC-107444", "es"),
    Neighbour("ada", "Ada Nwosu", "1992-03-08", "RC-113911"),
    Neighbour("leo", "Leo Baker", "2018-06-24", "RC-119502"),
    Neighbour("mei", "Mei Tanaka", "1998-12-15", "RC-118377"),
    Neighbour("josephine", "Josephine Abernathy-Featherstonehaugh", "1951-09-03", "RC-099640"),
    Neighbour("omar", "Omar Haddadin", "1980-04-27", "RC-110226"),
    Neighbour("lucia", "Lucía Fernández", "1990-07-21", "RC-111108", "es"),
    Neighbour("henry", "Henry Boateng", "1959-10-10", "RC-104905"),
    Neighbour("nora", "Nora O’Brien", "1972-02-29", "RC-106333"),
    # The same person, registered again: a pair for the desk to join.
    Neighbour("nora_again", "Nora Obrien", "1972-02-29", "RC-121877"),
)


@dataclass(frozen=True)
class Helper:
    """Somebody whom a patient of the demo trusts, with a login that no password opens."""

    key: str
    name: str
    whose: str
    stands: str
    basis: str = Basis.PERMISSION
    document: str = ""
    paused: str = ""
    is_over: bool = False


HELPERS = (
    Helper("dana", "Dana Baker", "leo", "mother", Basis.PARENT, "Birth certificate, seen at the desk"),
    Helper(
        "ilse", "Ilse Schmidt", "walter", "daughter", paused="Her brother brought another power of attorney."
    ),
    Helper("carmen", "Carmen Ruiz", "ana", "friend", is_over=True),
)
DESK_READS = (
    CategoryCode.APPOINTMENT,
    CategoryCode.FORM_OR_LETTER,
    CategoryCode.BILLING_OR_ADMIN,
    CategoryCode.TECHNICAL_HELP,
)
HALF_DAYS = ((time(8), time(12)), (time(13), time(17)))


@dataclass(frozen=True)
class Order:
    """A prescription: `filled` days ago, for `supply` days, with `used` of `allowed` refills gone."""

    whose: str
    medicine: str
    directions: str
    allowed: int
    used: int
    filled: int
    supply: int = 30
    schedule: str = ""


ORDERS = {
    "metformin": Order("ana", "Metformin 500 mg tablets", "1 tablet, 2 times a day, with food", 5, 2, 24),
    "amlodipine": Order("ana", "Amlodipine 5 mg tablets", "1 tablet in the morning", 3, 3, 27),
    "lorazepam": Order(
        "ana", "Lorazepam 0.5 mg tablets", "1 tablet at night, only when you cannot sleep", 2, 1, 40, 14, "IV"
    ),
    "albuterol": Order("ben", "Albuterol inhaler 90 mcg", "2 puffs when you are short of breath", 4, 1, 20),
    "methylphenidate": Order(
        "ben", "Methylphenidate 18 mg tablets", "1 tablet in the morning", 0, 0, 26, 30, "II"
    ),
    "levothyroxine": Order("grace", "Levothyroxine 75 mcg tablets", "1 tablet before breakfast", 5, 5, 28),
    "lisinopril": Order("walter", "Lisinopril 10 mg tablets", "1 tablet in the morning", 5, 1, 26),
}


@dataclass(frozen=True)
class Practice:
    """The clinic that was founded, and what its work needs."""

    clinic: Clinic
    pools: dict[str, Pool] = field(default_factory=dict)
    prescriptions: dict[str, Prescription] = field(default_factory=dict)

    @property
    def users(self) -> dict[str, User]:
        return self.clinic.users

    @property
    def patients(self) -> dict[str, Patient]:
        return self.clinic.patients


@transaction.atomic
def open_practice(clinic: Clinic | None = None, *, neighbours: Iterable[Neighbour] = NEIGHBOURS) -> Practice:
    """Give the clinic (a new one unless told) its inboxes, hours, topics, medicines and further patients."""
    practice = Practice(clinic or found_clinic())
    for one in neighbours:
        _register(practice.clinic, one)
    for helper in HELPERS:
        # Without the neighbours it is the cast alone, as tests know it.
        if neighbours and helper.whose in practice.patients:
            _trust(practice.clinic, helper)
    for key, team in practice.clinic.teams.items():
        practice.pools[key] = Pool.objects.create(team=team, is_fallback=key == "desk")
    Category.objects.complete(by=FOUNDER)
    for category in Category.objects.filter(code__in=DESK_READS):
        category.desk = practice.pools["desk"]
        category.save()
    _post_the_hours()
    for key, order in ORDERS.items():
        if order.whose in practice.patients:
            practice.prescriptions[key] = _prescribe(practice.clinic, order)
    return practice


def _register(clinic: Clinic, one: Neighbour) -> None:
    user = User.objects.enrol(
        email=f"{one.key}@patients.example", password=None, language=one.language, by=FOUNDER
    )
    patient = Patient.objects.register(
        name=one.name,
        birth_date=one.born,
        record_number=one.number,
        phone=f"+1 555 010 0{one.number[-3:]}",
        language=one.language,
        user=user,
        by=FOUNDER,
    )
    clinic.teams["okafor"].care_for(patient=patient, lead=clinic.users["okafor"], is_primary=True, by=FOUNDER)
    clinic.teams["desk"].care_for(patient=patient, by=FOUNDER)
    clinic.users[one.key] = user
    clinic.patients[one.key] = patient


def _trust(clinic: Clinic, one: Helper) -> None:
    user = User.objects.enrol(email=f"{one.key}@patients.example", password=None, by=FOUNDER)
    RelatedPerson.objects.introduce(user=user, name=one.name, by=FOUNDER)
    born = next(
        (date.fromisoformat(patient.born) for patient in NEIGHBOURS if patient.key == one.whose), None
    )
    trust = Trust.objects.give(
        patient=clinic.patients[one.whose],
        proxy=user,
        relationship=one.stands,
        scopes=list(Scope),
        basis=one.basis,
        document=one.document,
        born=born,
        quietly=True,
        by=FOUNDER,
    )
    if one.paused:
        trust.freeze(by=clinic.users["sam"], reason=one.paused)
    if one.is_over:
        trust.end(by=clinic.users[one.whose])
    clinic.users[one.key] = user


def _post_the_hours() -> None:
    for weekday in range(1, 6):
        for opens, closes in HALF_DAYS:
            OpeningHours.objects.create(weekday=weekday, opens=opens, closes=closes)
    year = timezone.localdate().year
    for day, name in (
        (date(year, 12, 25), "Christmas Day"),
        (date(year + 1, 1, 1), "New Year’s Day"),
        (date(year + 1, 7, 4), "Independence Day"),
    ):
        Holiday.objects.create(date=day, name=name)


def _prescribe(clinic: Clinic, order: Order) -> Prescription:
    today = timezone.localdate()
    prescriber = "lund" if order.whose == "ben" else "okafor"
    prescription = Prescription(
        patient=clinic.patients[order.whose],
        team=clinic.teams[prescriber],
        prescriber=clinic.users[prescriber],
        schedule=order.schedule,
        quantity=order.supply,
        days_supply=order.supply,
        repeats_allowed=order.allowed,
        repeats_used=order.used,
        issued_on=today - timedelta(days=120),
        valid_until=today + timedelta(days=245),
        last_filled_on=today - timedelta(days=order.filled),
    )
    prescription.medicine = seal(order.medicine, into=prescription, field="medicine")
    prescription.directions = seal(order.directions, into=prescription, field="directions")
    prescription.save()
    return prescription
