"""Opening many seals of one page at once, under the receipt that says they are being opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from audit.seals import unseal_all
from messaging.clock import clinic_date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import Model

    from accounts.models import Patient
    from audit.recorder import Receipt

Pair = tuple["Model", str]
Texts = dict[tuple["UUID", str], str]

PATIENT_FIELDS = ("name", "birth_date", "record_number")


def open_texts(pairs: Sequence[Pair], *, receipt: Receipt) -> Texts:
    """Open all `pairs` with at most one statement for keys; look a text up by (record id, field)."""
    texts = unseal_all(pairs, receipt=receipt)
    return {(record.pk, field): text for (record, field), text in zip(pairs, texts, strict=True)}


def patient_pairs(patient: Patient) -> list[Pair]:
    """What a page needs opened to say who the patient is."""
    return [(patient, field) for field in PATIENT_FIELDS]


def person_rows(patient: Patient) -> list[Patient]:
    """The rows that say to the team who the patient is: her record as it is now, and where the thing was filed."""
    return [patient] if patient.joined_into is None else [patient.joined_into, patient]


def person_pairs(patient: Patient) -> list[Pair]:
    """What the team's pages need opened of them."""
    filed: list[Pair] = [] if patient.joined_into is None else [(patient, "record_number")]
    return [*patient_pairs(patient.stays), *filed]


@dataclass(frozen=True, slots=True)
class OpenPatient:
    """Who a page is about. `filed_under` is the number of a record that was joined away, where the thing is of that."""

    ref: UUID
    name: str
    given_name: str
    birth_date: date | None
    record_number: str
    language: str
    state: str
    state_words: str  # empty while the record is active
    filed_under: str = ""

    @classmethod
    def at_work(cls, patient: Patient, texts: Texts) -> OpenPatient:
        """The same for the team, which knows one person by one name, whatever record a thing is of."""
        known = cls.of(patient.stays, texts)
        if patient.joined_into is None:
            return known
        return replace(known, filed_under=texts[patient.pk, "record_number"])

    @classmethod
    def of(cls, patient: Patient, texts: Texts) -> OpenPatient:
        name = texts[patient.pk, "name"]
        return cls(
            ref=patient.pk,
            name=name,
            given_name=name.split(" ")[0],
            birth_date=_as_date(texts[patient.pk, "birth_date"]),
            record_number=texts[patient.pk, "record_number"],
            language=patient.language,
            state=patient.state,
            state_words="" if patient.is_active else str(patient.get_state_display()),
        )

    @property
    def age(self) -> int | None:
        """Whole years today, in the clinic's zone."""
        if self.birth_date is None:
            return None
        today = clinic_date()
        before_birthday = (today.month, today.day) < (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - before_birthday


def _as_date(text: str) -> date | None:
    # A birth date that could not be opened safely shows its placeholder as no date, never an error.
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
