"""The administrator's pages of teams: rename one, make two into one, close one, choose who reads what is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import team_for
from accounts.forms import SuccessorForm, TeamNameForm
from accounts.policy import policy, signed_in
from accounts.views.people import PURPOSE
from audit.refusals import Refusal
from messaging.access import pool_of
from messaging.opened.teams import names_of, open_team, team_rows

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.models import CareTeam
    from accounts.requests import PortalRequest

# These move patients from team to team, and so decide who reads them.
change = signed_in("admin").fresh(PURPOSE)
DONE = frozenset({"renamed", "merged", "closed", "fallback"})


@policy(get=signed_in("admin"))
def teams(request: PortalRequest) -> HttpResponse:
    return render(request, "messaging/teams.html", {"teams": team_rows(), "done": _done(request)})


@policy(get=signed_in("admin"))
def team(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _show(request, team_for(request.user, ref))


@policy(post=signed_in("admin"))
@require_http_methods(["POST"])
def rename(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = team_for(request.user, ref)
    form = TeamNameForm(request.POST)
    if not form.is_valid():
        return _show(request, found, name_form=form, status=422)
    try:
        found.rename(by=request.user, **{f: v for f, v in form.cleaned_data.items() if f in form.data})
    except Refusal as refused:
        form.add_error("name", str(refused.words))
        return _show(request, found, name_form=form, status=refused.status)
    return redirect(f"{reverse('team', args=[ref])}?done=renamed")


@policy(post=change)
@require_http_methods(["POST"])
def merge(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = team_for(request.user, ref)
    form = SuccessorForm(request.POST)
    if not form.is_valid():
        return _show(request, found, merge_form=form, status=422)
    successor = team_for(request.user, form.cleaned_data["successor"])
    try:
        found.merge_into(successor=successor, by=request.user)
    except Refusal as refused:
        form.add_error("successor", str(refused.words))
        return _show(request, team_for(request.user, ref), merge_form=form, status=refused.status)
    return redirect(f"{reverse('team', args=[successor.pk])}?done=merged")


@policy(post=change)
@require_http_methods(["POST"])
def close(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = team_for(request.user, ref)
    form = SuccessorForm(request.POST)
    if not form.is_valid():
        return _show(request, found, close_form=form, status=422)
    successor = team_for(request.user, form.cleaned_data["successor"])
    try:
        found.close(successor=successor, by=request.user)
    except Refusal as refused:
        form.add_error("successor", str(refused.words))
        return _show(request, team_for(request.user, ref), close_form=form, status=refused.status)
    return redirect(f"{reverse('teams')}?done=closed")


@policy(post=change)
@require_http_methods(["POST"])
def fallback(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = team_for(request.user, ref)
    pool = pool_of(request.user, found)
    try:
        pool.become_fallback(by=request.user)
    except Refusal as refused:
        return _show(request, found, problem=str(refused.words), status=refused.status)
    return redirect(f"{reverse('team', args=[ref])}?done=fallback")


def _done(request: PortalRequest) -> str:
    done = request.GET.get("done", "")
    return done if done in DONE else ""


def _show(
    request: PortalRequest,
    found: CareTeam,
    *,
    name_form: TeamNameForm | None = None,
    merge_form: SuccessorForm | None = None,
    close_form: SuccessorForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "team": open_team(found),
        "name_form": name_form or TeamNameForm(initial=names_of(found)),
        "merge_form": merge_form or SuccessorForm(),
        "close_form": close_form or SuccessorForm(),
        "problem": problem or any(form and form.errors for form in (name_form, merge_form, close_form)),
        "trouble": problem,
        "done": _done(request),
    }
    return render(request, "messaging/team.html", context, status=status)
