"""One's own time away: the list, a new one, being back early."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.policy import policy, signed_in
from messaging.access import absence_for, absence_to_cover_for
from messaging.forms import AbsenceForm, CoverForm
from messaging.models import Absence
from messaging.opened.absences import absences_of
from messaging.refusals import Incomplete, Refusal

if TYPE_CHECKING:
    from accounts.requests import PortalRequest


@policy(get=signed_in("staff"), post=signed_in("staff"))
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: PortalRequest) -> HttpResponse:
    """Days on which somebody else reads in her place. Nobody can be away without cover."""
    if request.method != "POST":
        return _show(request, AbsenceForm())
    form = AbsenceForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    data = form.cleaned_data
    try:
        Absence.objects.plan(
            by=request.user, cover=data["cover"], first_day=data["first_day"], last_day=data["last_day"]
        )
    except Incomplete as missing:
        form.refuse(missing.field, missing.words)
        return _show(request, form, status=missing.status)
    return redirect(f"{reverse('absences')}?done=planned")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def absence_end(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = absence_for(request.user, ref)
    try:
        found.end(by=request.user)
    except Refusal as refusal:
        return _show(request, AbsenceForm(), problem=str(refusal.words), status=refusal.status)
    return redirect(f"{reverse('absences')}?done=ended")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def absence_cover(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Another colleague for days on which the one who was chosen cannot read any more."""
    found = absence_to_cover_for(request.user, ref)
    form = CoverForm(request.POST)
    try:
        found.be_covered(cover=form.cleaned_data.get("cover") if form.is_valid() else None, by=request.user)
    except Refusal as refusal:
        return _show(request, AbsenceForm(), problem=str(refusal.words), status=refusal.status)
    return redirect(f"{reverse('absences')}?done=covered")


def _show(request: PortalRequest, form: AbsenceForm, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "absences": absences_of(request.user),
        "done": request.GET.get("done", ""),
        "problem": problem,
    }
    return render(request, "messaging/absences.html", context, status=status)
