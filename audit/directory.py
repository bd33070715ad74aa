"""How the trail's pages learn who and whom they speak of, without knowing the apps that know.

The app that keeps people registers one directory when it starts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models import Model


@dataclass(frozen=True, slots=True)
class PersonLabel:
    """How a person is named to the privacy officer. Patients, and those they trust, have no name here."""

    id: UUID
    name: str
    role: str


class People(Protocol):
    def __call__(self, ids: Collection[UUID]) -> Mapping[UUID, PersonLabel]:
        """Labels for these users, in a constant number of statements. Unknown ids are left out."""


class Staff(Protocol):
    def __call__(self) -> Sequence[PersonLabel]:
        """Everybody who works or has worked here, by name: the choices of the filter."""


class Patients(Protocol):
    def __call__(self, ids: Collection[UUID]) -> Mapping[UUID, Model]:
        """Records that hold `record_number` as a sealed field, one a patient, in one statement."""


class RecordsOf(Protocol):
    def __call__(self, patient: UUID) -> Collection[UUID]:
        """All records of the person whose record this is."""


class FindPatient(Protocol):
    def __call__(self, record_number: str) -> UUID | None:
        """The patient with this record number, found by keyed digest."""


@dataclass(frozen=True, slots=True)
class Directory:
    people: People
    staff: Staff
    patients: Patients
    find_patient: FindPatient
    records_of: RecordsOf


_nobody = Directory(
    people=lambda ids: {},
    staff=list,
    patients=lambda ids: {},
    find_patient=lambda record_number: None,
    records_of=lambda patient: [patient],
)
_registered = _nobody


def register(
    *, people: People, staff: Staff, patients: Patients, find_patient: FindPatient, records_of: RecordsOf
) -> None:
    global _registered
    _registered = Directory(
        people=people, staff=staff, patients=patients, find_patient=find_patient, records_of=records_of
    )


def registered() -> Directory:
    return _registered
