"""What the state of a record lets be written in it, from either side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models import Patient, PatientState
from messaging.models.pool import CategoryCode
from messaging.refusals import RecordBlocked, RecordDismissed, RecordFrozen, RecordInactive, RecordJoined

if TYPE_CHECKING:
    from uuid import UUID

    from audit.refusals import Refusal

# What a patient may write about in any state but the last: her record is hers, and this is how she asks for it.
ALWAYS_OPEN = CategoryCode.FORM_OR_LETTER

_REFUSED: dict[str, type[Refusal]] = {
    PatientState.INACTIVE: RecordInactive,
    PatientState.DISMISSED: RecordDismissed,
    PatientState.BLOCKED: RecordBlocked,
    PatientState.DECEASED: RecordFrozen,
}


def check_patients_side(patient: UUID, *, about: str = "", begins: bool = False) -> None:
    """Raise the refusal with the name of the state in which nothing new may come from the patient's side.

    `about` is the topic, for what stays open. What `begins` goes into no record that was joined away meanwhile.
    Asks for the state as it is now: expects `as_things_stand`.
    """
    state, joined_into = Patient.objects.values_list("state", "joined_into").get(pk=patient)
    if begins and joined_into is not None:
        raise RecordJoined
    if state == PatientState.ACTIVE or (about == ALWAYS_OPEN and state != PatientState.DECEASED):
        return
    raise _REFUSED[state]


def check_teams_side(patient: Patient) -> None:
    """Raise `RecordFrozen` when nobody is there any more who could read it."""
    if patient.state == PatientState.DECEASED:
        raise RecordFrozen


def open_topics(patient: Patient) -> frozenset[str]:
    """What may be written about now."""
    if patient.state == PatientState.ACTIVE:
        return frozenset(CategoryCode.values)
    return frozenset() if patient.state == PatientState.DECEASED else frozenset({ALWAYS_OPEN.value})


def holds_something(patient: Patient) -> bool:
    """Whether there is something to read in this record for whoever gets its login."""
    from messaging.models import Prescription, Thread

    hers = Q(patient=patient.pk) | Q(patient__joined_into=patient.pk)
    return Thread.objects.filter(hers).exists() or Prescription.objects.filter(hers).exists()
