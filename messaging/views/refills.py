"""The prescribers' queue, one request, and the decision on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import KeptForm
from accounts.policy import policy, signed_in
from messaging.access import worked_refill_for
from messaging.forms import DecisionForm
from messaging.models import DenialReason
from messaging.opened.medicines import open_refill, refill_queue
from messaging.refusals import Incomplete, Refusal
from messaging.views.threads import position_in

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest
    from messaging.models import RefillRequestItem


@policy(get=signed_in("clinical"))
def refills(request: PortalRequest) -> HttpResponse:
    queue = refill_queue(reader=request.user, after=position_in(request))
    context = {"queue": queue, "done": request.GET.get("done", "")}
    return render(request, "messaging/refills.html", context)


@policy(get=signed_in("clinical"))
def refill(request: PortalRequest, ref: UUID) -> HttpResponse:
    item = worked_refill_for(request.user, ref)
    kept = KeptForm.take(request.user, request.path)
    form = DecisionForm(initial=kept.data.dict() if kept else None)
    return _show(request, item, form, was_kept=kept is not None)


@policy(post=signed_in("clinical"))
@require_http_methods(["POST"])
def refill_claim(request: PortalRequest, ref: UUID) -> HttpResponse:
    item = worked_refill_for(request.user, ref)
    try:
        item.claim(by=request.user)
    except Refusal as refusal:
        return _show(request, item, DecisionForm(), problem=str(refusal.words), status=refusal.status)
    return redirect("refill", ref)


@policy(post=signed_in("prescriber").fresh("refill-decision"))
@require_http_methods(["POST"])
def refill_decision(request: PortalRequest, ref: UUID) -> HttpResponse:
    item = worked_refill_for(request.user, ref)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _show(request, item, form, status=422)
    try:
        item.decide(by=request.user, **form.terms())
    except Incomplete as missing:
        form.refuse(missing.field, missing.words)
        return _show(request, item, form, status=missing.status)
    except Refusal as refusal:
        return _show(request, item, form, problem=str(refusal.words), status=refusal.status)
    return redirect("/refills/?done=decided")


def _show(
    request: PortalRequest,
    item: RefillRequestItem,
    form: DecisionForm,
    *,
    problem: str = "",
    was_kept: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "refill": open_refill(worked_refill_for(request.user, item.pk), reader=request.user),
        "form": form,
        "reasons": DenialReason.choices,
        "may_decide": request.user.may_prescribe,
        "problem": problem,
        "was_kept": was_kept,
    }
    return render(request, "messaging/refill.html", context, status=status)
