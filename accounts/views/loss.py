"""A lost second step: its owner asks, the front desk checks, and whoever finds it again says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render

from accounts import enrolment, proofing
from accounts.account import cancel_loss
from accounts.forms import IdentityForm
from accounts.policy import half_signed_in, policy, signed_in
from accounts.refusals import TooManyTries
from accounts.views.where import next_step, wanted
from audit.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import HalfSignedInRequest, PortalRequest


@policy(get=half_signed_in, post=half_signed_in)
def lost(request: HalfSignedInRequest) -> HttpResponse:
    """What she can do who has lost all of it. The press of a button asks for a new one."""
    session = request.session_record
    if session.is_full or session.is_enrolling:
        return next_step(request, session)
    if request.method == "POST":
        enrolment.ask_for_new_start(session)
        return redirect("sign-in-lost")
    said = {
        "loss": enrolment.loss_of(session),
        "works_here": session.user.works_here,
        "next": wanted(request),
    }
    return render(request, "accounts/lost.html", said)


@policy(post=signed_in())
def cancel(request: PortalRequest) -> HttpResponse:
    """It is not lost, or it was not she who said so."""
    cancel_loss(request.user)
    return redirect("account")


@policy(get=signed_in("front-desk"), post=signed_in("front-desk"))
def desk(request: PortalRequest) -> HttpResponse:
    """Two things that name her, as she says them. The page shows neither."""
    form = IdentityForm(request.POST or None)
    if request.method != "POST":
        return _show(request, form)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        loss = proofing.check_identity(**form.cleaned_data, by=request.user)
    except Refusal as refused:
        form.add_error("record_number", str(refused.words))
        response = _show(request, form, status=refused.status)
        if isinstance(refused, TooManyTries):
            response["Retry-After"] = str(refused.seconds)
        return response
    return render(request, "accounts/desk_lost.html", {"form": IdentityForm(), "opens_at": loss.opens_at})


def _show(request: PortalRequest, form: IdentityForm, status: int = 200) -> HttpResponse:
    return render(request, "accounts/desk_lost.html", {"form": form, "opens_at": None}, status=status)
