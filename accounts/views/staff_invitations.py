"""Inviting those who work here. Whoever invites sees a code once, and never a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render

from accounts import joining, staff
from accounts.access import invitation_for, staff_member_for
from accounts.models import Invitation, InvitationKind
from accounts.people_forms import InviteStaffForm, RightsForm
from accounts.policy import policy, signed_in
from accounts.refusals import AccountOpen
from accounts.views.people import PURPOSE
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.models.invitation import Issued
    from accounts.requests import PortalRequest

look = signed_in("admin")
change = look.fresh(PURPOSE)


@policy(get=look)
def invitations(request: PortalRequest) -> HttpResponse:
    return _list(request)


@policy(get=change, post=change)
def invite(request: PortalRequest) -> HttpResponse:
    form = InviteStaffForm(request.POST or None)
    if request.method != "POST":
        return _form(request, form)
    if not form.is_valid():
        return _form(request, form, status=422)
    said = form.cleaned_data
    issued = Invitation.objects.issue(
        kind=InvitationKind.STAFF,
        name=said["name"],
        title=said["title"],
        email=said["email"],
        roles=said["roles"],
        teams=staff.teams_by_id(said["teams"]),
        by=request.user,
    )
    return _issued(request, issued, name=said["name"])


@policy(get=change, post=change)
def invite_back(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Somebody whose account is closed comes back to it, with roles and teams chosen anew."""
    user = staff_member_for(request.user, ref)
    form = RightsForm(request.POST or None)
    name = staff.name_of(user)
    if request.method != "POST":
        return _form(request, form, name=name)
    if not form.is_valid():
        return _form(request, form, name=name, status=422)
    said = form.cleaned_data
    try:
        if user.is_active:
            raise AccountOpen
        issued = Invitation.objects.issue(
            kind=InvitationKind.STAFF,
            returning=user,
            email=said["email"],
            roles=said["roles"],
            teams=staff.teams_by_id(said["teams"]),
            by=request.user,
        )
    except Refusal as refused:
        form.add_error(None, str(refused.words))
        return _form(request, form, name=name, status=refused.status)
    return _issued(request, issued, name=name)


@policy(post=change)
def renew(request: PortalRequest, ref: UUID) -> HttpResponse:
    """The same invitation with a new code and a new link; the old ones open nothing any more."""
    try:
        issued = joining.renew(invitation_for(request.user, ref), by=request.user)
    except Refusal as refused:
        return _list(request, problem=str(refused.words), status=refused.status)
    return _issued(request, issued)


@policy(post=change)
def revoke(request: PortalRequest, ref: UUID) -> HttpResponse:
    try:
        invitation_for(request.user, ref).revoke(by=request.user)
    except Refusal as refused:
        return _list(request, problem=str(refused.words), status=refused.status)
    return redirect("people-invitations")


def _list(request: PortalRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    said = {"invitations": staff.invitations(), "problem": problem}
    return render(request, "accounts/people_invitations.html", said, status=status)


def _form(request: PortalRequest, form: RightsForm, *, name: str = "", status: int = 200) -> HttpResponse:
    return render(request, "accounts/people_invite.html", {"form": form, "name": name}, status=status)


def _issued(request: PortalRequest, issued: Issued, *, name: str = "") -> HttpResponse:
    said = {"handed": joining.to_hand_over(issued), "name": name}
    return render(request, "accounts/invitation_issued.html", said)
