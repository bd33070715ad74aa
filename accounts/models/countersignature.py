"""That an invitation to what is there already needs a second person, who that was, and from when on it opens.

Whoever invites at the desk knows the code, and the birth date stands on the record. So where an invitation would open
something that can be read, it opens it for nobody before somebody else has agreed; and where there is an owner, not
before she was told and had a day to stop it (ADR 46).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts.models.authority import roles_of
from accounts.models.family import near
from accounts.models.ground import Basis
from accounts.models.invitation import Invitation
from accounts.models.joined import InvitationKind
from accounts.models.mailed import nudge
from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.role import Role
from accounts.models.user import User
from accounts.notices import Notice
from accounts.refusals import InvitationOver, InvitationWaits, NeedsAnother
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import digest
from audit.verbs import verb

if TYPE_CHECKING:
    from audit.context import Agent

# Long enough for the owner to see the mail and to say no.
WAIT = timedelta(hours=24)
# Who may agree at the clinic, besides the patient herself to her trusted person.
AGREES = {
    InvitationKind.PATIENT: frozenset({Role.FRONT_DESK, Role.ACCOUNT_ADMIN}),
    InvitationKind.TRUSTED: frozenset({Role.FRONT_DESK, Role.PRIVACY_OFFICER}),
}

HoldsSomething = Callable[[Patient], bool]
_asked: list[HoldsSomething] = []


def ask_whether_it_holds_something(asked: HoldsSomething) -> None:
    """Have `asked(patient)` say whether there is something to read in a record of which nobody has the login."""
    if asked not in _asked:
        _asked.append(asked)


def _link_digest(token: str) -> str:
    return digest(token, purpose="invitation-stop")


class CountersignatureManager(models.Manager["Countersignature"]):
    def need(self, invitation: Invitation) -> None:
        """Have this new invitation wait for a second person, if it opens what is there already. Inside `issue`."""
        patient, by = invitation.patient, invitation.invited_by
        if patient is None or by is None:
            return
        if invitation.kind == InvitationKind.TRUSTED:
            needed = patient.user_id != by.pk
        else:
            needed = patient.user_id is not None or any(asked(patient) for asked in _asked)
        if needed:
            has_owner = invitation.kind == InvitationKind.PATIENT and patient.user_id is not None
            self.create(invitation=invitation, patient=patient, waits=has_owner)

    def by_token(self, token: str) -> Countersignature | None:
        found = self.filter(stop_digest=_link_digest(token)).select_related("invitation").first()
        return found if found is not None and found.can_be_stopped else None


class Countersignature(models.Model):
    """As long as nobody has signed, the invitation opens nothing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    invitation = models.OneToOneField(Invitation, on_delete=models.PROTECT, related_name="countersignature")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    # Whether the record had an owner, who is told and has a day.
    waits = models.BooleanField()
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    signed_at = models.DateTimeField(null=True)
    opens_at = models.DateTimeField(null=True)
    # In the mail to whoever had the account before: it takes the invitation back.
    stop_digest = models.CharField(max_length=64, null=True, unique=True)

    objects = CountersignatureManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(signed_by=None, signed_at=None, opens_at=None)
                | models.Q(signed_by__isnull=False, signed_at__isnull=False, opens_at__isnull=False),
                name="countersigned_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"countersignature {self.pk}"

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None

    @property
    def is_open(self) -> bool:
        return self.opens_at is not None and timezone.now() >= self.opens_at

    @property
    def can_be_stopped(self) -> bool:
        return self.invitation.is_open

    def must_be_open(self) -> None:
        if not self.is_open:
            raise InvitationWaits(is_agreed=self.is_signed)

    def is_for_the_patient(self) -> bool:
        """Whether it is her own word alone that counts: that she permits it, and she can come in to say so."""
        from accounts.models.trust import Trust

        trust = Trust.objects.filter(invitation=self.invitation_id).first()
        owner = self.patient.user
        return (
            trust is not None
            and trust.basis == Basis.PERMISSION
            and owner is not None
            and owner.is_active
            and owner.pk != self.invitation.invited_by_id
        )

    def may_be_signed_by(self, user: User) -> bool:
        """Never by whoever invited, who is invited, or stands on the patient's side; but by the patient herself."""
        if self.is_signed or user.pk in (self.invitation.invited_by_id, self.invitation.user_id):
            return False
        if self.invitation.kind == InvitationKind.TRUSTED and user.pk == self.patient.user_id:
            return True
        is_near = Patient.objects.filter(near(user.pk, through="pk"), pk=self.patient_id).exists()
        works = bool(roles_of(user) & AGREES[InvitationKind(self.invitation.kind)])
        return works and not is_near and not self.is_for_the_patient()

    @verb(actor="by")
    def sign(self, *, by: User) -> None:
        """Agree. Where there is an owner she is told, and a day begins. Raises `NeedsAnother`, `InvitationOver`."""
        row = Countersignature.objects.select_for_update(of=("self",)).get(pk=self.pk)
        if row.is_signed:
            raise InvitationOver
        invitation = Invitation.objects.select_for_update().get(pk=row.invitation_id)
        invitation.must_not_be_over()
        if not row.may_be_signed_by(by):
            raise NeedsAnother
        moment = timezone.now()
        row.signed_by, row.signed_at = by, moment
        row.opens_at = moment + WAIT if row.waits else moment
        row.save(update_fields=["signed_by", "signed_at", "opens_at"])
        invitation.open_from(row.opens_at)
        if row.waits and invitation.user is not None:
            Notification.objects.warn(invitation.user, about=row, notice=Notice.ACCOUNT_REOPENS)
        else:
            transaction.on_commit(nudge, robust=True)
        record(
            agent=by,
            type="invitation",
            subtype="countersign",
            obj=invitation,
            patient_id=row.patient_id,
            detail={"kind": invitation.kind},
        )

    def new_token(self) -> str:
        """A link for the mail that is being sent. One sent before is good no more."""
        token = secrets.token_urlsafe(32)
        self.stop_digest = _link_digest(token)
        self.save(update_fields=["stop_digest"])
        return token

    @verb(actor="by")
    def stop(self, *, by: Agent) -> None:
        """Whoever reads the mail of the account that was says no. Raises `InvitationOver`."""
        invitation = Invitation.objects.select_for_update().get(pk=self.invitation_id)
        invitation.must_not_be_over()
        record(agent=by, type="invitation", subtype="stop", obj=invitation, patient_id=self.patient_id)
        invitation.revoke(by=by)
