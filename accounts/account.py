"""A person's own account as her page shows it: how she signs in, and where she is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import places
from accounts.models import (
    AuthenticatorApp,
    FactorLoss,
    KeptForm,
    Passkey,
    Patient,
    RecoverySheet,
    Session,
    User,
)
from accounts.models.factor import labels_of, second_steps_of
from accounts.people import People
from audit.recorder import record_read, record_refusal
from audit.seals import unseal, unseal_all

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django_stubs_ext import StrPromise

    from accounts.models.factor import SecondStep


@dataclass(frozen=True, slots=True)
class OwnFactor:
    id: UUID
    kind: str
    name: str | StrPromise
    added_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnSession:
    id: UUID
    device: str
    place: str
    started_at: datetime
    last_seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class Helped:
    """A patient on whose side this person may act."""

    id: UUID
    name: str
    is_self: bool


def factors_of(user: User) -> list[OwnFactor]:
    """Apps and passkeys, oldest first."""
    steps = second_steps_of(user)
    labels = labels_of(steps, reader=user)
    return [
        OwnFactor(
            step.pk, step.kind, labels.get(step.pk, _NAMELESS[step.kind]), step.created_at, step.last_used_at
        )
        for step in steps
    ]


_NAMELESS = {"totp": gettext_lazy("My app"), "passkey": gettext_lazy("My passkey")}


def factor_for(user: User, ref: UUID) -> SecondStep:
    """Her own app or passkey, or 404; looking for another's is remembered."""
    if own := next((step for step in second_steps_of(user) if step.pk == ref), None):
        return own
    _remember(user, AuthenticatorApp.objects.filter(pk=ref).first() or Passkey.objects.filter(pk=ref).first())
    raise Http404("No such app or passkey.")


def codes_left(user: User) -> int:
    sheet = RecoverySheet.objects.of(user)
    return sheet.left if sheet is not None else 0


def sessions_of(user: User, this: Session) -> list[OwnSession]:
    """Where she is signed in now, this place first."""
    alive = Session.objects.alive().filter(user=user, stamp=user.security_stamp).order_by("-last_seen_at")
    found = []
    for row in alive:
        row.user = user  # one person, whose roles are known already
        if not row.has_run_out():
            device, place = row.device or _("Unknown device"), places.words(row.network, row.country)
            found.append(
                OwnSession(row.pk, device, place, row.started_at, row.last_seen_at, row.pk == this.pk)
            )
    return sorted(found, key=lambda one: not one.is_this)


def loss_of(user: User) -> FactorLoss | None:
    """What somebody said to be lost of hers, while it can be stopped."""
    return FactorLoss.objects.open_of(user)


def cancel_loss(user: User) -> None:
    loss = FactorLoss.objects.open_of(user)
    if loss is not None:
        loss.cancel(by=user)


def session_for(user: User, ref: UUID) -> Session:
    """Her own session, or 404; looking for another's is remembered."""
    if session := Session.objects.filter(user=user, pk=ref).first():
        return session
    _remember(user, Session.objects.filter(pk=ref).first())
    raise Http404("No such session.")


def kept_for(user: User, ref: UUID) -> KeptForm:
    """What waits for her at a page, or 404; looking for another's is remembered."""
    if kept := KeptForm.objects.filter(user=user, pk=ref).first():
        return kept
    _remember(user, KeptForm.objects.filter(pk=ref).first())
    raise Http404("Nothing is kept here.")


def helped_by(user: User) -> list[Helped]:
    """Whose side she may act on, with names, when there is a choice; nothing to choose: nothing opened."""
    wanted = user.sides
    if len(wanted) < 2:
        return []
    rows = list(Patient.objects.filter(pk__in=wanted))
    receipt = record_read(reader=user, shown=rows, category="patient", purpose="PATRQT")
    names = unseal_all([(row, "name") for row in rows], receipt=receipt)
    return [
        Helped(row.pk, str(name), row.pk == user.patient_id) for row, name in zip(rows, names, strict=True)
    ]


def helped_name(user: User, patient_id: UUID) -> str:
    """The name above every page of whoever helps somebody. Each opening is an event, of a kind of its own."""
    patient = Patient.objects.get(pk=patient_id)
    receipt = record_read(reader=user, shown=[patient], category="patient", purpose="PATRQT", subtype="frame")
    return unseal(patient, "name", receipt=receipt)


def own_name(user: User) -> str:
    """How the portal greets her; empty for somebody of whom no name is on file."""
    people = People.load([user.pk], to_patient=False)
    sealed = people.sealed_records()
    receipt = record_read(reader=user, shown=sealed, category="account", purpose="PATRQT") if sealed else None
    person = people.opened(receipt)[user.pk]
    return person.name if person.is_known else ""


def _remember(user: User, hidden: SecondStep | Session | KeptForm | None) -> None:
    if hidden is not None:
        record_refusal(agent=user, target=hidden, reason="not-own")
