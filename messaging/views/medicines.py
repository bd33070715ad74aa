"""The patient's medicines, and asking for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import acting_patient
from accounts.models import KeptForm
from accounts.models.kept import NOTHING_CAME_BACK, CameBack
from accounts.policy import policy, signed_in
from accounts.unsent import gives_back
from messaging.access import own_refill_for, prescription_for
from messaging.forms import RefillForm
from messaging.models import RefillRequest
from messaging.opened.help import looked_at
from messaging.opened.medicines import open_medicine, open_medicines, open_refill
from messaging.refusals import DuplicateRequest, Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest
    from messaging.models import Prescription
    from messaging.opened.help import Help


@policy(get=signed_in("patient"))
def medicines(request: PortalRequest) -> HttpResponse:
    opened = open_medicines(reader=request.user, patient=acting_patient(request))
    return render(request, "messaging/medicines.html", {"medicines": opened})


@policy(get=signed_in("patient"), post=signed_in("patient"))
@gives_back
@require_http_methods(["GET", "HEAD", "POST"])
def refill_new(request: PortalRequest, ref: UUID) -> HttpResponse:
    prescription = prescription_for(request.user, ref)
    if request.method != "POST":
        back = KeptForm.come_back(request.user, request.path)
        form = RefillForm(initial={"comment": back.text.data.get("comment", "")} if back.text else None)
        return _ask(request, prescription, form, was_kept=back.text is not None, came_back=back)
    form = RefillForm(request.POST)
    if not form.is_valid():
        return _ask(request, prescription, form, status=422)
    looked = looked_at(
        form.cleaned_data["comment"],
        helped=request.POST.get("helped", ""),
        pool=None,
        patient=prescription.patient,
    )
    if looked.help is not None:
        return _ask(request, prescription, form, help=looked.help, status=422)
    try:
        item = RefillRequest.objects.ask(
            by=request.user, prescription=prescription, safety=looked.safety, **form.cleaned_data
        )
    except DuplicateRequest as duplicate:
        return redirect(duplicate.open_item)
    except Refusal as refusal:
        form.refuse("comment", refusal.words)
        return _ask(request, prescription, form, status=refusal.status)
    return redirect(f"{item.get_absolute_url()}?sent=1")


@policy(get=signed_in("patient"))
def refill_request(request: PortalRequest, ref: UUID) -> HttpResponse:
    item = own_refill_for(request.user, ref)
    context = {
        "refill": open_refill(item, reader=request.user),
        "just_sent": "sent" in request.GET,
        "problem": "",
    }
    return render(request, "messaging/refill_request.html", context)


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
def refill_cancel(request: PortalRequest, ref: UUID) -> HttpResponse:
    item = own_refill_for(request.user, ref)
    try:
        item.cancel(by=request.user)
    except Refusal as refusal:
        context = {
            "refill": open_refill(item, reader=request.user),
            "just_sent": False,
            "problem": str(refusal.words),
        }
        return render(request, "messaging/refill_request.html", context, status=refusal.status)
    return redirect(item)


def _ask(
    request: PortalRequest,
    prescription: Prescription,
    form: RefillForm,
    *,
    help: Help | None = None,
    status: int = 200,
    was_kept: bool = False,
    came_back: CameBack = NOTHING_CAME_BACK,
) -> HttpResponse:
    context = {
        "medicine": open_medicine(prescription, reader=request.user),
        "form": form,
        "help": help,
        "was_kept": was_kept,
        "came_back": came_back,
    }
    return render(request, "messaging/refill_new.html", context, status=status)
