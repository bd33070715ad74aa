"""The only road from an id in a request to a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import Http404

from accounts.models import (
    CareTeam,
    CareTeamMembership,
    FactorLoss,
    Invitation,
    InvitationKind,
    Patient,
    ReasonGiven,
    RoleGrant,
    RoleRequest,
    Session,
    Trust,
    User,
)
from accounts.models.patient import of_owner
from accounts.models.role import CARING
from accounts.refusals import AnotherPatient
from audit.recorder import record_refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest


def patient_for(user: User | AnonymousUser, ref: UUID) -> Patient:
    """Return the patient if `user` may see her. Otherwise 404, and remember who tried."""
    if patient := Patient.objects.visible_to(user).filter(pk=ref).first():
        return patient
    hidden = Patient.objects.filter(pk=ref).first()
    if hidden is not None:
        record_refusal(agent=user, target=hidden, reason="not-visible", patient_id=hidden.pk)
    raise Http404("No such patient.")  # the same words whether hidden or absent


def patient_account_for(user: User, ref: UUID) -> Patient:
    """The patient whose account `user` may look after. Otherwise 404, and remember who tried."""
    return at_work(Patient.objects.with_accounts_for(user), user, ref)


def at_work(reachable: QuerySet[Patient], user: User, ref: UUID) -> Patient:
    """Whoever of these it is, for work on her record. Otherwise 404, and remember who tried. Raises `ReasonNeeded`."""
    patient = reachable.filter(pk=ref).first()
    if patient is not None:
        ReasonGiven.objects.ask_first(user, patient)
        return patient
    hidden = Patient.objects.filter(pk=ref).first()
    record_refusal(agent=user, target=hidden, reason=why_not(user, hidden))
    raise Http404("No such patient.")


def why_not(user: User, hidden: Patient | None) -> str:
    """Why somebody of the staff does not get this record, as the trail says it: the review looks at her own."""
    if hidden is None:
        return "absent"
    return "own-record" if hidden.is_near_to(user) else "not-visible"


def staff_member_for(user: User, ref: UUID) -> User:
    """Somebody who works or has worked here, for whoever keeps the accounts. Patients are nobody here."""
    if colleague := User.objects.staff().filter(pk=ref).first():
        return colleague
    _remember_hidden(user, User.objects.filter(pk=ref).first())
    raise Http404("No such person.")


def session_of(user: User, owner: User, ref: UUID) -> Session:
    """One of the sessions of somebody whose account `user` looks after."""
    if session := Session.objects.filter(pk=ref, user=owner).select_related("user").first():
        return session
    _remember_hidden(user, Session.objects.filter(pk=ref).first())
    raise Http404("No such session.")


def place_of(user: User, owner: User, ref: UUID) -> CareTeamMembership:
    """A place in a team that somebody has now."""
    places = CareTeamMembership.objects.current().filter(pk=ref, user=owner)
    if place := places.select_related("user").first():
        return place
    _remember_hidden(user, CareTeamMembership.objects.filter(pk=ref).first())
    raise Http404("No such place.")


def invitation_for(user: User, ref: UUID) -> Invitation:
    """The invitation of a member of staff, for whoever keeps the accounts."""
    if invitation := Invitation.objects.filter(pk=ref, kind=InvitationKind.STAFF).first():
        return invitation
    _remember_hidden(user, Invitation.objects.filter(pk=ref).first())
    raise Http404("No such invitation.")


def staff_loss_for(user: User, ref: UUID) -> FactorLoss:
    """A lost second step of a member of staff, while nobody has said that it is she; or 404."""
    if lost := next((one for one in FactorLoss.objects.of_staff() if one.pk == ref), None):
        return lost
    _remember_hidden(user, FactorLoss.objects.filter(pk=ref).first())
    raise Http404("No such loss.")


def role_request_for(user: User, ref: UUID) -> RoleRequest:
    if asked := RoleRequest.objects.visible_to(user).filter(pk=ref).first():
        return asked
    raise Http404("No such request.")


def _remember_hidden(user: User, hidden: Model | None) -> None:
    if hidden is not None:
        record_refusal(agent=user, target=hidden, reason="not-visible")


def patient_on_whose_side(user: User, ref: str) -> Patient:
    """The patient she wants to act for: herself, or one who trusts her now. Anybody else does not exist."""
    for patient_id in _on_whose_side(user):
        if str(patient_id) == ref:
            return Patient.objects.get(pk=patient_id)
    record_refusal(agent=user, target=None, reason="not-on-her-side")
    raise Http404("No such patient.")


def own_record(user: User) -> Patient:
    """The record of the patient herself. What she decides about trusted people nobody decides for her."""
    return Patient.objects.get(user=user.pk, joined_into=None)


def own_trust_for(user: User, ref: UUID) -> Trust:
    """A trust that this patient gave, or 404; looking for another's is remembered."""
    return _trust_or_refuse(Trust.objects.filter(of_owner(user.pk)), user, ref)


def trust_in_me_for(user: User, ref: UUID) -> Trust:
    """A trust that somebody puts in this person, or 404; looking for another's is remembered."""
    return _trust_or_refuse(Trust.objects.standing().filter(proxy=user.pk), user, ref)


def patient_at_desk(user: User, ref: UUID) -> Patient:
    """A patient whose trusted people this member of staff looks after, or 404; who tried is remembered."""
    return at_work(Patient.objects.at_desk_of(user), user, ref)


def trust_at_desk(user: User, ref: UUID) -> Trust:
    """A trust in a patient's record that this member of staff looks after, or 404."""
    trust = Trust.objects.filter(pk=ref).select_related("patient").first()
    if trust is None:
        record_refusal(agent=user, target=None, reason="absent")
        raise Http404("No such trust.")
    patient_at_desk(user, trust.patient_id)
    return trust


def _trust_or_refuse(reachable: QuerySet[Trust], user: User, ref: UUID) -> Trust:
    found: Trust | None = reachable.select_related("patient", "invitation").filter(pk=ref).first()
    if found is not None:
        return found
    hidden = Trust.objects.filter(pk=ref).first()
    record_refusal(agent=user, target=hidden, reason="hidden" if hidden else "absent")
    raise Http404("No such trust.")


def acting_patient(who: HttpRequest | User | AnonymousUser) -> Patient:
    """The patient on whose side this person is: the one she chose to help, else herself, else the first who trusts her.

    What the session remembers is only a wish. It counts while a grant for it runs.
    """
    user = getattr(who, "user", who)
    if not isinstance(user, User):
        raise PermissionDenied
    session = getattr(who, "session_record", None)
    wished = session.acting_for_id if session is not None else None
    open_to_her = _on_whose_side(user)
    if not open_to_her:
        raise PermissionDenied
    return Patient.objects.get(pk=wished if wished in open_to_her else open_to_her[0])


def acting_patient_as_written(who: HttpRequest, *, written_for: UUID | None) -> Patient:
    """The patient on whose side this person writes, when that is still the one she wrote for.

    Somebody who helps several may have switched in another tab, or lost a grant while she typed. Raises
    `AnotherPatient` then, and when she helps several and did not say for whom this is.
    """
    patient = acting_patient(who)
    if written_for is None and len(_on_whose_side(who.user)) < 2:  # type: ignore[arg-type]
        return patient
    if written_for != patient.pk:
        raise AnotherPatient
    return patient


def whose_side(session: Session) -> UUID | None:
    """On whose side the person of this session is, as `acting_patient` says it. Nobody's, for staff alone."""
    open_to_her = _on_whose_side(session.user)
    wished = session.acting_for_id
    return wished if wished in open_to_her else next(iter(open_to_her), None)


def team_for(user: User, ref: UUID | str) -> CareTeam:
    """A team by its id, open or closed. Teams are on the door plate: who may use the page may name one."""
    team = CareTeam.objects.select_related("successor").filter(pk=ref).first()
    if team is None:
        record_refusal(agent=user, target=None, reason="absent")
        raise Http404("No such team.")
    return team


def colleague_for(user: User, ref: UUID | str) -> User:
    """Somebody who works with patients here. Anybody else does not exist."""
    working = RoleGrant.objects.current().filter(user=OuterRef("pk"), role__in=sorted(CARING))
    found = User.objects.filter(Exists(working), pk=ref, is_active=True).first()
    if found is None:
        record_refusal(agent=user, target=None, reason="absent")
        raise Http404("No such colleague.")
    return found


def _on_whose_side(user: User) -> list[UUID]:
    return user.sides
