"""The people area: who works here, what each may do, where each is signed in. No patient is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import staff
from accounts.access import place_of, role_request_for, session_of, staff_loss_for, staff_member_for
from accounts.models import FactorLoss, RoleGrant, RoleRequest
from accounts.models.role import KEEPERS
from accounts.people_forms import CloseForm, RoleForm, StaffFilter, TeamForm, lead_choices, lead_question
from accounts.policy import policy, signed_in
from accounts.refusals import RoleNotHeld
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpResponse

    from accounts.models import User
    from accounts.requests import PortalRequest

PURPOSE = (
    "people"  # for which the second step is asked again before anything about somebody's account changes
)
look = signed_in("admin")
change = look.fresh(PURPOSE)
keep = signed_in("admin", "privacy")


@policy(get=look)
def people(request: PortalRequest) -> HttpResponse:
    form = StaffFilter(request.GET or None)
    asked = form.asked
    said = {"form": form, "asked": asked, "colleagues": staff.colleagues(**asked)}
    return render(request, "accounts/people.html", said)


@policy(get=look)
def person(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _page(request, staff_member_for(request.user, ref))


@policy(post=change)
def roles(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Ask for a role to be given, or take one away. Those over accounts and over the trail are asked for both ways."""
    user = staff_member_for(request.user, ref)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, user, status=422)
    role, gives = form.cleaned_data["role"], form.cleaned_data["change"] == "give"
    try:
        if gives or role in KEEPERS:
            RoleRequest.objects.ask(user=user, role=role, gives=gives, by=request.user)
        else:
            _held(user, role).withdraw(by=request.user)
    except Refusal as refused:
        return _page(request, user, problem=str(refused.words), status=refused.status)
    return redirect("person", user.pk)


@policy(post=change)
def teams(request: PortalRequest, ref: UUID) -> HttpResponse:
    user = staff_member_for(request.user, ref)
    form = TeamForm(request.POST)
    team = staff.team_named(str(form.cleaned_data["team"])) if form.is_valid() else None
    try:
        if form.is_valid() and form.cleaned_data["place"]:
            place = place_of(request.user, user, form.cleaned_data["place"])
            leads = staff.new_leads(user, {place.team_id: form.cleaned_data["lead"]}, of=place.team_id)
            place.end(by=request.user, lead=leads.get(place.team_id))
        elif team is not None:
            team.join(user=user, by=request.user)
        else:
            return _page(request, user, status=422)
    except Refusal as refused:
        return _page(request, user, problem=str(refused.words), status=refused.status)
    return redirect("person", user.pk)


@policy(post=change)
def session_end(request: PortalRequest, ref: UUID, session: UUID) -> HttpResponse:
    user = staff_member_for(request.user, ref)
    user.sign_out_of(session_of(request.user, user, session), by=request.user)
    return redirect("person", user.pk)


@policy(post=change)
def sessions_end(request: PortalRequest, ref: UUID) -> HttpResponse:
    user = staff_member_for(request.user, ref)
    user.sign_out_everywhere(by=request.user)
    return redirect("person", user.pk)


@policy(get=change, post=change)
def close(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Shut somebody out, with a reason. What she held goes back to her teams in the same moment."""
    user = staff_member_for(request.user, ref)
    form = CloseForm(request.POST or None, leads=staff.leads_of(user))
    if request.method != "POST":
        return _closing(request, user, form)
    if not form.is_valid():
        return _closing(request, user, form, status=422)
    try:
        leads = staff.new_leads(user, form.leads)
        user.deactivate(by=request.user, why=form.cleaned_data["why"], leads=leads)
    except Refusal as refused:
        form.add_error(None, str(refused.words))
        return _closing(request, user, form, status=refused.status)
    return redirect("person", user.pk)


@policy(get=keep)
def role_requests(request: PortalRequest) -> HttpResponse:
    """What waits for a second person: roles, and who lost all second steps. Nobody decides her own."""
    return _requests(request)


@policy(post=keep.fresh(PURPOSE))
def role_request_decide(request: PortalRequest, ref: UUID) -> HttpResponse:
    asked = role_request_for(request.user, ref)
    try:
        if "approve" in request.POST:
            asked.approve(by=request.user)
        elif "refuse" in request.POST:
            asked.refuse(by=request.user)
        elif "withdraw" in request.POST:
            asked.withdraw(by=request.user)
        else:
            return _requests(request, status=422)
    except Refusal as refused:
        return _requests(request, problem=str(refused.words), status=refused.status)
    return redirect("role-requests")


@policy(post=keep.fresh(PURPOSE))
def lost(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A colleague who lost all that opens her door, and of whom this reader knows that it is she."""
    loss = staff_loss_for(request.user, ref)
    try:
        FactorLoss.objects.believe(user=loss.user, by=request.user)
    except Refusal as refused:
        return _requests(request, problem=str(refused.words), status=refused.status)
    return redirect("role-requests")


def _held(user: User, role: str) -> RoleGrant:
    grant = staff.grant_of(user, role)
    if grant is None:
        raise RoleNotHeld
    return grant


def _page(request: PortalRequest, user: User, *, problem: str = "", status: int = 200) -> HttpResponse:
    said: dict[str, Any] = {
        "person": staff.profile(request.user, user),
        "lead_question": lead_question,
        "lead_choices": lead_choices,
        "problem": problem,
    }
    return render(request, "accounts/person.html", said, status=status)


def _closing(request: PortalRequest, user: User, form: forms.Form, *, status: int = 200) -> HttpResponse:
    said = {"form": form, "name": staff.name_of(user), "ref": user.pk}
    return render(request, "accounts/person_close.html", said, status=status)


def _requests(request: PortalRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    said = {
        "asked": staff.role_requests(request.user),
        "lost": staff.losses(request.user),
        "problem": problem,
    }
    return render(request, "accounts/role_requests.html", said, status=status)
