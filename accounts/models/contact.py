"""Where somebody is reached, changed by herself: proven before it counts, told to both addresses, undone for a day."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.user import User, email_digest
from accounts.notices import Notice
from accounts.refusals import ContactJustChanged, LinkSpent, NothingToUndo
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, digest, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

# So long the link in the mail to the new address is good.
LINK_AGE = timedelta(minutes=30)
# So long the new address gives no way back into the account, and the change can be undone.
HOLD = timedelta(hours=24)


def _digest(token: str, user: User) -> str:
    # With her stamp in it: whatever ends her sessions kills the link as well.
    return digest(f"{token}:{user.security_stamp}", purpose="contact-change")


class Reach(models.TextChoices):
    EMAIL = "email"
    PHONE = "phone"


class ContactChangeQuerySet(models.QuerySet["ContactChange"]):
    def held(self) -> Self:
        """What was changed within the last day and not undone."""
        return self.filter(confirmed_at__gt=timezone.now() - HOLD, undone_at=None)

    def waiting(self) -> Self:
        """What was asked for and not yet proven, nor given up."""
        return self.filter(
            confirmed_at=None, cancelled_at=None, asked_at__gt=timezone.now() - LINK_AGE, kind=Reach.EMAIL
        )

    def left_within_a_day(self, email_digest: str) -> Self:
        """The change by which this address was left, while it is still the way back."""
        return self.held().filter(kind=Reach.EMAIL, former_digest=email_digest)


class ContactChangeManager(models.Manager.from_queryset(ContactChangeQuerySet)):  # type: ignore[misc]
    @verb(actor="by")
    def ask(self, *, by: User, email: str) -> ContactChange:
        """She wants her mail to go elsewhere. Nothing changes before the link that goes there was opened.

        Nobody looks here whether the address is somebody else's: neither answer nor time may tell. Raises
        `ContactJustChanged`.
        """
        # Lock the person first: two changes at once must not both be the first.
        user = User.objects.select_for_update().get(pk=by.pk)
        if self.held().filter(user=user, kind=Reach.EMAIL).exists():
            raise ContactJustChanged
        for before in self.filter(user=user, kind=Reach.EMAIL, confirmed_at=None, cancelled_at=None):
            before.cancelled_at = timezone.now()
            before.save(update_fields=["cancelled_at"])
        change = ContactChange(user=user, kind=Reach.EMAIL, address_digest=email_digest(email))
        change.address = seal(email, into=change, field="address")
        change.save(force_insert=True)
        Notification.objects.warn(user, about=change, notice=Notice.CONTACT_LINK)
        Notification.objects.warn(user, about=change, notice=Notice.CONTACT_ASKED)
        record(
            agent=by,
            type="account",
            subtype="contact-asked",
            action="C",
            obj=change,
            category="contact",
            detail={"kind": change.kind},
        )
        return change

    @verb(actor="by")
    def change_phone(self, *, by: User, patient: Patient, phone: str, former: str) -> ContactChange:
        """The number people call her at. No machine calls it, and none of them opens anything."""
        change = ContactChange(user=by, patient=patient, kind=Reach.PHONE, confirmed_at=timezone.now())
        change.address = seal(phone, into=change, field="address")
        change.former = seal(former, into=change, field="former")
        change.save(force_insert=True)
        patient.call_at(phone)
        change.counts_now(by=by)
        return change

    def by_token(self, token: str, *, user: User) -> ContactChange | None:
        """Her own change to which this link belongs, while the link is good."""
        return self.waiting().filter(token_digest=_digest(token, user), user=user.pk).first()


class ContactChange(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Whose telephone number it is; an e-mail address is the account's.
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Reach.choices)
    address = SealedField(kind=Kind.HEALTH)
    address_digest = models.CharField(max_length=64, blank=True)
    # What it was before; for a day the way back.
    former = SealedField(kind=Kind.HEALTH, null=True)
    former_digest = models.CharField(max_length=64, blank=True, db_index=True)
    asked_at = models.DateTimeField(default=timezone.now)
    # Made when the mail is: until then there is no link, and afterwards it is in the mail alone.
    token_digest = models.CharField(max_length=64, null=True, unique=True)
    confirmed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = ContactChangeManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=Reach.values), name="contact_kind_known"),
        ]

    def __str__(self) -> str:
        return f"contact change {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id or self.user_id

    @property
    def undo_until(self) -> datetime | None:
        return self.confirmed_at + HOLD if self.confirmed_at else None

    @property
    def is_worth_a_mail(self) -> bool:
        """Whether the link may still be sent: the question stands, and the address is nobody else's way in."""
        waits = ContactChange.objects.waiting().filter(pk=self.pk).exists()
        return waits and not is_taken(self.address_digest, but_for=self.user_id)

    def new_token(self) -> str:
        """A link for the mail that is being sent. One sent before is good no more."""
        token = secrets.token_urlsafe(32)
        self.token_digest = _digest(token, User.objects.get(pk=self.user_id))
        self.save(update_fields=["token_digest"])
        return token

    @verb(actor="by")
    def confirm(self, *, by: User, email: str, former: str) -> None:
        """The link was opened by its owner: from now on she signs in with this address. Every session of hers ends.

        `email` and `former` are the two addresses as they were opened. Raises `LinkSpent`.
        """
        change = self._locked(ContactChange.objects.waiting(), by)
        if change is None or is_taken(change.address_digest, but_for=by.pk):
            raise LinkSpent
        change.former = seal(former, into=change, field="former")
        change.former_digest = by.email_digest
        change.confirmed_at = timezone.now()
        change.save(update_fields=["former", "former_digest", "confirmed_at"])
        try:
            with transaction.atomic():
                by.sign_in_as(email)
        except IntegrityError as clash:
            raise LinkSpent from clash
        change.counts_now(by=by)

    @verb(actor="by")
    def cancel(self, *, by: User) -> None:
        """She thought better of it. Where nothing waits any more nothing changes."""
        change = self._locked(ContactChange.objects.waiting(), by)
        if change is not None:
            change.cancelled_at = timezone.now()
            change.save(update_fields=["cancelled_at"])

    @verb(actor="by")
    def undo(self, *, by: User, former: str) -> None:
        """As it was before. Raises `NothingToUndo` when a day has gone by, or somebody was faster."""
        change = self._locked(ContactChange.objects.held(), by)
        if change is None:
            raise NothingToUndo
        if change.kind == Reach.PHONE:
            newest = ContactChange.objects.held().filter(patient=change.patient_id, kind=Reach.PHONE)
            if newest.latest("confirmed_at").pk != change.pk:
                raise NothingToUndo
        change.undone_at = timezone.now()
        change.save(update_fields=["undone_at"])
        if change.kind == Reach.PHONE and change.patient is not None:
            change.patient.call_at(former)
        else:
            by.sign_in_as(former)
        change.counts_now(by=by)

    def counts_now(self, *, by: User) -> None:
        """Every other session ends, both addresses are told, and it is written down."""
        by.rights_changed()
        undone = "undone" if self.undone_at else ""
        if self.kind == Reach.PHONE:
            Notification.objects.warn(by, about=self, notice=Notice.PHONE_CHANGED, once=undone)
        else:
            Notification.objects.warn(by, about=self, notice=Notice.CONTACT_CHANGED, once=undone)
            Notification.objects.warn(by, about=self, notice=Notice.CONTACT_LEFT, once=undone)
        record(
            agent=by,
            type="account",
            subtype="contact-undone" if undone else "contact-changed",
            action="U",
            obj=self,
            category="contact",
            detail={"kind": self.kind},
        )

    def _locked(self, among: ContactChangeQuerySet, by: User) -> ContactChange | None:
        # The person first, as in `ask`.
        User.objects.select_for_update().get(pk=by.pk)
        return among.select_for_update(of=("self",)).filter(pk=self.pk, user=by.pk).first()


def is_taken(login: str, *, but_for: UUID | None = None) -> bool:
    """Whether somebody signs in with this address, or could come back to it within the day."""
    hers = User.objects.filter(email_digest=login)
    left = ContactChange.objects.left_within_a_day(login)
    if but_for is not None:
        hers, left = hers.exclude(pk=but_for), left.exclude(user=but_for)
    return hers.exists() or left.exists()
