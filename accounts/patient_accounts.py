"""The account of a patient, for the desk and for administrators: found by record number, and no more than is needed.

Each look opens the record number and is written down as a look at her name and contact details. Nothing else of her
is shown: whoever needs her name has it from her chart or from herself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts import ages, limits, staff
from accounts.access import why_not
from accounts.models import ComingOfAge, Countersignature, Invitation, InvitationKind, Patient, User
from accounts.models.factor import second_steps_of
from accounts.refusals import InvitationOver, PatientHasAccount
from audit.recorder import record_read, record_refusal
from audit.seals import unseal, unseal_all

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from django_stubs_ext import StrPromise

    from accounts.models import CareTeam
    from accounts.models.invitation import Issued
    from accounts.staff import SignedIn

NO_ACCOUNT, OPEN, CLOSED = "none", "open", "closed"
WAITING = 50


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    state: str
    state_words: str
    invited_at: datetime
    until: datetime
    mailed_at: datetime | None
    opens_at: datetime | None = None
    waits_a_day: bool = False
    may_agree: bool = False


@dataclass(frozen=True, slots=True)
class PatientAccount:
    ref: UUID
    record_number: str
    state: str
    invitation: OpenInvitation | None
    second_steps: tuple[str | StrPromise, ...]
    sessions: tuple[SignedIn, ...]
    may_be_invited: bool
    works_here: bool
    # The age from which she can be invited, where that is still to come.
    too_early_before: int = 0
    turned: int = 0


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody who is old enough for an account of her own, and has none."""

    ref: UUID
    record_number: str
    age: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    ref: UUID
    record_number: str
    state_words: str
    until: datetime


def find(reader: User, record_number: str) -> Patient | None:
    """Whoever has this number, if `reader` may look after her account. Trying numbers one by one soon ends."""
    limits.spend(("record-look-up", str(reader.pk)))
    if patient := Patient.objects.with_accounts_for(reader).by_record_number(record_number):
        return patient
    hidden = Patient.objects.by_record_number(record_number)
    record_refusal(
        agent=reader,
        target=hidden,
        reason=why_not(reader, hidden) if hidden is not None else "no-such-patient",
        patient_id=hidden.pk if hidden is not None else None,
    )
    return None


def opened(reader: User, patient: Patient) -> PatientAccount:
    receipt = record_read(reader=reader, shown=[patient], category="identity", purpose="HOPERAT")
    user = User.objects.get(pk=patient.user_id) if patient.user_id is not None else None
    last = (
        Invitation.objects.filter(patient=patient, kind=InvitationKind.PATIENT)
        .order_by("-invited_at")
        .first()
    )
    begun = user is not None and Invitation.objects.under_way(user) is not None
    state = NO_ACCOUNT if user is None or begun else OPEN if user.is_active else CLOSED
    too_early = state != OPEN and ComingOfAge.objects.too_early(patient)
    turned = ComingOfAge.objects.waiting().filter(patient=patient).first()
    return PatientAccount(
        ref=patient.pk,
        record_number=unseal(patient, "record_number", receipt=receipt),
        state=state,
        invitation=_invitation(last, reader=reader) if last is not None and last.used_at is None else None,
        second_steps=tuple(staff.KINDS.get(step.kind, step.kind) for step in second_steps_of(user))
        if user
        else (),
        sessions=tuple(staff.signed_in(user)) if user else (),
        works_here=user is not None and user.works_here,
        may_be_invited=state != OPEN and patient.is_active and not too_early,
        too_early_before=ages.table().own_account_from if too_early else 0,
        turned=turned.age if turned is not None else 0,
    )


def turned(reader: User) -> list[Turned]:
    """Those who came of age without an account, longest first: of all whose accounts `reader` looks after."""
    patients = Patient.objects.with_accounts_for(reader)
    rows = ComingOfAge.objects.waiting().filter(patient__in=patients).select_related("patient")
    found = list(rows.order_by("at", "id")[:WAITING])
    if not found:
        return []
    receipt = record_read(
        reader=reader,
        shown=[row.patient for row in found],
        category="identity",
        purpose="HOPERAT",
        subtype="list",
    )
    numbers = unseal_all([(row.patient, "record_number") for row in found], receipt=receipt)
    return [
        Turned(row.patient_id, str(number), row.age, row.at)
        for row, number in zip(found, numbers, strict=True)
    ]


def waiting(reader: User) -> list[Waiting]:
    """The invitations of patients that `reader`'s desk has handed out and that are still open."""
    if not reader.at_the_desk:
        return []
    rows = Invitation.objects.open().filter(
        kind=InvitationKind.PATIENT, patient__in=Patient.objects.with_accounts_for(reader)
    )
    found = list(rows.select_related("patient", "countersignature").order_by("until")[:WAITING])
    if not found:
        return []
    patients = [row.patient for row in found if row.patient is not None]
    receipt = record_read(
        reader=reader, shown=patients, category="identity", purpose="HOPERAT", subtype="list"
    )
    numbers = unseal_all([(patient, "record_number") for patient in patients], receipt=receipt)
    return [
        Waiting(patient.pk, str(number), str(row.state.label), row.until)
        for row, patient, number in zip(found, patients, numbers, strict=True)
    ]


def invite(patient: Patient, *, email: str, by: User) -> Issued:
    """A new code for this record. Her birth date is read for it, and shown to nobody."""
    if patient.user is not None and patient.user.is_active and not Invitation.objects.under_way(patient.user):
        raise PatientHasAccount
    receipt = record_read(reader=by, shown=[patient], category="patient", purpose="HOPERAT")
    return Invitation.objects.issue(
        kind=InvitationKind.PATIENT,
        patient=patient,
        birth_date=unseal(patient, "birth_date", receipt=receipt),
        email=email,
        language=patient.language,
        by=by,
    )


def open_invitation_of(patient: Patient) -> Invitation | None:
    rows = Invitation.objects.unfinished().filter(patient=patient, kind=InvitationKind.PATIENT)
    return rows.first()


def waiting_for_second(patient: Patient) -> Countersignature:
    """What somebody has to agree to before this record can be joined. Raises `InvitationOver` where nothing waits."""
    invitation = open_invitation_of(patient)
    if invitation is None or invitation.second is None:
        raise InvitationOver
    return invitation.second


def register(
    *,
    name: str,
    birth_date: date,
    record_number: str,
    phone: str,
    language: str,
    team: CareTeam,
    by: User,
) -> Patient:
    """A new record, with the team that looks after it. The registrar's own teams see it as well."""
    return Patient.objects.register_with(
        name=name,
        birth_date=birth_date.isoformat(),
        record_number=record_number.strip(),
        phone=phone,
        language=language,
        team=team,
        by=by,
    )


def _invitation(row: Invitation, *, reader: User) -> OpenInvitation:
    second = row.second
    return OpenInvitation(
        str(row.state),
        str(row.state.label),
        row.invited_at,
        row.until,
        row.mailed_at,
        opens_at=second.opens_at if second is not None else None,
        waits_a_day=second is not None and second.waits,
        may_agree=second is not None and second.may_be_signed_by(reader),
    )
