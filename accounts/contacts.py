"""How a person is reached, as her own page shows it and as she changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import Http404

from accounts import limits
from accounts.models import ContactChange, KnownDevice, Patient, Strength, User
from accounts.models.contact import Reach
from accounts.models.user import email_digest
from accounts.refusals import LinkSpent, NothingToUndo, SameAddress
from audit.recorder import record_read, record_refusal
from audit.seals import SealBroken, unseal, unseal_all

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import Model

    from accounts.models import Session
    from audit.receipts import Receipt

CONTACT = "contact"  # the purpose for which a second step is asked again before an address changes


@dataclass(frozen=True, slots=True)
class Changed:
    """What was changed within the day, and what it would be again."""

    id: UUID
    kind: str
    former: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OpenContacts:
    email: str
    phone: str
    has_record: bool  # a record of her own, on which a telephone number stands
    waiting_for: str  # an address that has not yet been proven
    changed: tuple[Changed, ...]


def open_contacts(user: User) -> OpenContacts:
    account = User.objects.get(pk=user.pk)
    own = Patient.objects.filter(user=user.pk).first()
    waiting = ContactChange.objects.waiting().filter(user=user.pk).first()
    held = list(ContactChange.objects.held().filter(user=user.pk).order_by("-confirmed_at"))
    shown: list[Model] = [account, *filter(None, [own, waiting]), *held]
    receipt = _reading(user, shown)
    pairs = [(account, "email"), *((one, "former") for one in held)]
    pairs += [(own, "phone")] if own else []
    pairs += [(waiting, "address")] if waiting else []
    said = dict(
        zip([(one.pk, field) for one, field in pairs], unseal_all(pairs, receipt=receipt), strict=True)
    )
    # Of several numbers within a day only the last can be taken back.
    newest = {one.kind: one for one in reversed(held)}
    return OpenContacts(
        email=said[account.pk, "email"],
        phone=said[own.pk, "phone"] if own else "",
        has_record=own is not None,
        waiting_for=said[waiting.pk, "address"] if waiting else "",
        changed=tuple(
            Changed(one.pk, one.kind, said[one.pk, "former"], one.undo_until) for one in newest.values()
        ),
    )


def ask_for_email(session: Session, *, email: str) -> None:
    """A link goes to the new address. The same work and the same answer for every address but her own."""
    user = session.user
    if email_digest(email) == user.email_digest:
        raise SameAddress
    limits.spend(("contact-account", str(user.pk)))
    ContactChange.objects.ask(by=user, email=email)


def is_good(user: User, token: str) -> bool:
    return ContactChange.objects.by_token(token, user=user) is not None


def confirm_email(session: Session, *, token: str) -> None:
    """The link was opened by its owner. Her other sessions end; this one goes on with a new key."""
    change = ContactChange.objects.by_token(token, user=session.user)
    if change is None:
        raise LinkSpent
    user = User.objects.get(pk=session.user_id)
    receipt = _reading(session.user, [user, change])
    try:
        email = unseal(change, "address", receipt=receipt)
        former = unseal(user, "email", receipt=receipt)
    except SealBroken as broken:
        raise LinkSpent from broken
    with transaction.atomic():
        change.confirm(by=user, email=email, former=former)
        _go_on(session, user)


def cancel_email(user: User) -> None:
    for waiting in ContactChange.objects.waiting().filter(user=user.pk):
        waiting.cancel(by=user)


def own_record(user: User) -> Patient:
    """The record whose telephone number is hers to change, or 404. Whom she helps changes it herself."""
    own = Patient.objects.filter(user=user.pk).first()
    if own is None:
        record_refusal(agent=user, target=None, reason="no-record-of-her-own")
        raise Http404("No record of her own.")
    return own


def change_phone(session: Session, *, phone: str) -> None:
    own = own_record(session.user)
    receipt = _reading(session.user, [own])
    try:
        former = unseal(own, "phone", receipt=receipt)
    except SealBroken:
        former = ""  # Nothing to come back to; the number that is broken is replaced.
    if former == phone:
        raise SameAddress
    limits.spend(("contact-account", str(session.user_id)))
    user = User.objects.get(pk=session.user_id)
    with transaction.atomic():
        ContactChange.objects.change_phone(by=user, patient=own, phone=phone, former=former)
        _go_on(session, user)


def change_for(user: User, ref: UUID) -> ContactChange:
    """A change of her own, or 404; looking for another's is remembered."""
    if change := ContactChange.objects.filter(user=user.pk, pk=ref).first():
        return change
    if hidden := ContactChange.objects.filter(pk=ref).first():
        record_refusal(agent=user, target=hidden, reason="not-own")
    raise Http404("No such change.")


def undo(session: Session, change: ContactChange) -> None:
    user = User.objects.get(pk=session.user_id)
    receipt = _reading(session.user, [change])
    try:
        former = unseal(change, "former", receipt=receipt)
    except SealBroken as broken:
        raise NothingToUndo from broken
    with transaction.atomic():
        change.undo(by=user, former=former)
        _go_on(session, user)


def is_email(change: ContactChange) -> bool:
    return change.kind == Reach.EMAIL


def _go_on(session: Session, user: User) -> None:
    """Everything else of hers is signed out, and a stranger; this session gets a new key."""
    KnownDevice.objects.forget_all(of=user, by=user, but=session.known_device_id)
    session.user.security_stamp = user.security_stamp
    session.strengthen(by=user, strength=Strength(session.strength), factor=session.factor)


def _reading(user: User, shown: list[Model]) -> Receipt:
    purpose = "" if user.roles else "PATRQT"
    return record_read(reader=user, shown=shown, category="contact", purpose=purpose)
