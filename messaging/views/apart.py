"""A conversation is kept from trusted people, or shared with them again, from either side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render

from accounts.policy import policy, signed_in
from messaging.access import own_thread_for, worked_thread_for
from messaging.forms import ApartForm
from messaging.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest


@policy(post=signed_in("own-record"))
def of_patient(request: PortalRequest, ref: UUID) -> HttpResponse:
    thread = own_thread_for(request.user, ref)
    if request.POST.get("apart") == "share":
        thread.share_again(by=request.user)
    else:
        thread.keep_from_trusted_people(by=request.user)
    return redirect(thread)


@policy(get=signed_in("clinical"), post=signed_in("clinical"))
def of_team(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A clinician says why. Without scripts this is a page of its own, so that nothing else on the other is lost."""
    thread = worked_thread_for(request.user, ref)
    form = ApartForm(request.POST or None)
    if request.method != "POST":
        return _show(request, ref, form)
    if not form.is_valid():
        return _show(request, ref, form, status=422)
    try:
        if form.cleaned_data["apart"] == "share":
            thread.share_again(by=request.user)
        else:
            thread.keep_from_trusted_people(by=request.user, reason=form.cleaned_data["reason"])
    except Refusal as refusal:
        form.refuse("reason", refusal.words)
        return _show(request, ref, form, status=refusal.status)
    return redirect("inbox-thread", ref)


def _show(request: PortalRequest, ref: UUID, form: ApartForm, status: int = 200) -> HttpResponse:
    return render(request, "messaging/apart.html", {"form": form, "ref": ref}, status=status)
