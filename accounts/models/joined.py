"""What joining by an invitation gives, for each kind of invitation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.care import CareTeam, CareTeamMembership
from accounts.models.patient import Patient
from accounts.models.practitioner import Practitioner
from accounts.models.role import RoleGrant
from accounts.refusals import AlreadyAPatient, InvitationOver
from audit.context import SystemAgent
from audit.recorder import record
from audit.seals import open_directory

if TYPE_CHECKING:
    from accounts.models.invitation import Invitation
    from accounts.models.user import User
    from audit.context import Agent

# Acts for whoever is not yet anybody.
PORTER = SystemAgent("system:porter")


class InvitationKind(models.TextChoices):
    PATIENT = "patient", _("patient")
    STAFF = "staff", _("member of staff")
    TRUSTED = "trusted", _("trusted person")


WhenJoined = Callable[["Invitation", "User"], None]
WHEN_JOINED: dict[str, WhenJoined] = {}


def when_joined(kind: InvitationKind) -> Callable[[WhenJoined], WhenJoined]:
    """Register what an invitation of this kind gives. It runs in the transaction that finishes the account."""

    def register(give: WhenJoined) -> WhenJoined:
        WHEN_JOINED[kind] = give
        return give

    return register


def name_in(invitation: Invitation) -> str:
    """The name of a member of staff, as it will stand on the door plate."""
    return open_directory(invitation, "name")


@when_joined(InvitationKind.PATIENT)
def _her_record(invitation: Invitation, user: User) -> None:
    patient = Patient.objects.select_for_update().get(pk=invitation.patient_id)
    if patient.user_id not in (None, user.pk) or patient.joined_into_id is not None:
        raise InvitationOver
    if Patient.objects.filter(user=user).exclude(pk=patient.pk).exists():
        raise AlreadyAPatient
    patient.user = user
    patient.save(update_fields=["user"])


@when_joined(InvitationKind.STAFF)
def _her_work(invitation: Invitation, user: User) -> None:
    """Her door plate and her teams. Her roles are only asked for: two decide."""
    from accounts.models.role_request import RoleRequest

    giver: Agent = invitation.invited_by or PORTER
    if not Practitioner.objects.filter(user=user).exists():
        Practitioner.objects.introduce(user=user, name=name_in(invitation), title=invitation.title, by=giver)
    held = set(RoleGrant.objects.current().filter(user=user).values_list("role", flat=True))
    for role in sorted(set(invitation.roles) - held):
        if invitation.invited_by is None:
            RoleGrant.objects.give(user=user, role=role, by=giver)
        elif not RoleRequest.objects.open().filter(user=user, role=role).exists():
            RoleRequest.objects.ask(user=user, role=role, gives=True, by=invitation.invited_by)
    in_teams = CareTeamMembership.objects.current().filter(user=user).values_list("team", flat=True)
    for team in CareTeam.objects.filter(pk__in=invitation.teams).exclude(pk__in=in_teams):
        team.join(user=user, by=giver)


def leave_patients_side(user: User, *, invited_by: User, by: Agent) -> None:
    """Who comes back by the staff's door, which an administrator opens alone, has proven nothing as a patient.

    Her own record is nobody's until the desk has invited her to it; those she helps are paused until the desk lets her
    go on.
    """
    from accounts.models.trust import Trust

    for patient in Patient.objects.select_for_update(of=("self",)).filter(user=user):
        patient.user = None
        patient.save(update_fields=["user"])
        record(agent=by, type="account", subtype="unlink", action="U", obj=user, patient_id=patient.pk)
    for trust in Trust.objects.standing().filter(proxy=user):
        trust.freeze(by=invited_by, reason=str(_("Came back by a staff invitation. Make sure who it is.")))


@when_joined(InvitationKind.TRUSTED)
def _whom_she_helps(invitation: Invitation, user: User) -> None:
    """Her name, where she is new here, and what the patient lets her do. Who is barred finds nothing."""
    from accounts.models.proxy import RelatedPerson
    from accounts.models.trust import Trust

    trust = Trust.objects.filter(invitation=invitation).first()
    if trust is None or Trust.objects.barring(patient=trust.patient, user=user):
        raise InvitationOver
    if not any(kind.objects.filter(user=user).exists() for kind in (RelatedPerson, Patient, Practitioner)):
        RelatedPerson.objects.introduce(user=user, name=open_directory(invitation, "name"), by=PORTER)
    invitation.name = None
    invitation.save(update_fields=["name"])
    trust.accept(by=user, proxy=user)
