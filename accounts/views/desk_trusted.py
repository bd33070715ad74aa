"""Trusted people at the desk: written down by staff with a paper, paused while people disagree, or barred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render

from accounts import proofing, trusted
from accounts.access import patient_at_desk, trust_at_desk
from accounts.forms import IdentityForm
from accounts.models import Ended
from accounts.policy import policy, signed_in
from accounts.refusals import PaperMissing, TooManyTries
from accounts.trust_forms import GroundForm, PauseForm, WhatForm, WhoForm
from accounts.trusted import TRUST
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest

desk = signed_in("front-desk", "privacy")
write_down = signed_in("front-desk").fresh(TRUST)


@policy(get=desk, post=desk)
def find(request: PortalRequest) -> HttpResponse:
    """Whose trusted people: by two things that name the patient. The page shows neither."""
    form = IdentityForm(request.POST or None)
    if request.method != "POST":
        return _find(request, form)
    if not form.is_valid():
        return _find(request, form, status=422)
    try:
        patient = proofing.patient_by_two(**form.cleaned_data, by=request.user)
    except Refusal as refused:
        form.add_error("record_number", str(refused.words))
        response = _find(request, form, status=refused.status)
        if isinstance(refused, TooManyTries):
            response["Retry-After"] = str(refused.seconds)
        return response
    return redirect("desk-trusted-patient", patient.pk)


@policy(get=desk)
def patient(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _patient(request, ref)


@policy(get=write_down, post=write_down)
def new(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A parent, a guardian, somebody she permits: with the paper that shows it. A second person agrees."""
    whose = patient_at_desk(request.user, ref)
    if request.method != "POST":
        what = WhatForm(initial={"which": "all"})
        return _new(request, ref, WhoForm(), what, GroundForm())
    who, what, ground = WhoForm(request.POST), WhatForm(request.POST), GroundForm(request.POST)
    # Each of them is looked at, so that all that is missing is said at once.
    if not all([who.is_valid(), what.is_valid(), ground.is_valid()]):
        return _new(request, ref, who, what, ground, status=422)
    try:
        _trust, code = trusted.invite(
            whose, by=request.user, agreed=what.agreed, **who.cleaned_data, **ground.cleaned_data
        )
    except Refusal as refused:
        ground.add_error("document" if isinstance(refused, PaperMissing) else "basis", str(refused.words))
        return _new(request, ref, who, what, ground, status=refused.status)
    return _patient(request, ref, code=code)


@policy(post=desk)
def pause(request: PortalRequest, ref: UUID) -> HttpResponse:
    trust = trust_at_desk(request.user, ref)
    form = PauseForm(request.POST)
    if not form.is_valid():
        return _patient(request, trust.patient_id, form=form, at=ref, status=422)
    try:
        trust.freeze(by=request.user, reason=form.cleaned_data["reason"])
    except Refusal as refused:
        return _patient(request, trust.patient_id, problem=str(refused.words), status=refused.status)
    return redirect("desk-trusted-patient", trust.patient_id)


@policy(post=desk.fresh(TRUST))
def agree(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A second person has seen the paper. What the patient permits she agrees to herself, if she can sign in."""
    trust = trust_at_desk(request.user, ref)
    try:
        trusted.agree(trust, by=request.user)
    except Refusal as refused:
        return _patient(request, trust.patient_id, problem=str(refused.words), status=refused.status)
    return redirect("desk-trusted-patient", trust.patient_id)


@policy(post=desk.fresh(TRUST))
def go_on(request: PortalRequest, ref: UUID) -> HttpResponse:
    trust = trust_at_desk(request.user, ref)
    try:
        trust.unfreeze(by=request.user)
    except Refusal as refused:
        return _patient(request, trust.patient_id, problem=str(refused.words), status=refused.status)
    return redirect("desk-trusted-patient", trust.patient_id)


@policy(post=desk)
def bar(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A court keeps this person away: over for good, and she is told nothing."""
    trust = trust_at_desk(request.user, ref)
    trust.end(by=request.user, because=Ended.BARRED)
    return redirect("desk-trusted-patient", trust.patient_id)


def _find(request: PortalRequest, form: IdentityForm, status: int = 200) -> HttpResponse:
    return render(request, "accounts/desk_trusted.html", {"form": form}, status=status)


def _patient(
    request: PortalRequest,
    ref: UUID,
    *,
    form: PauseForm | None = None,
    at: UUID | None = None,
    problem: str = "",
    code: str = "",
    status: int = 200,
) -> HttpResponse:
    whose = patient_at_desk(request.user, ref)
    said = {
        "patient": trusted.named(whose, reader=request.user),
        "people": trusted.trusted_by(whose, reader=request.user, for_staff=True),
        "may_add": desk_new_is_open_to(request),
        "form": form,
        "at": at,
        "pause": PauseForm(),
        "problem": problem,
        "code": code,
    }
    return render(request, "accounts/desk_trusted_patient.html", said, status=status)


def desk_new_is_open_to(request: PortalRequest) -> bool:
    """Whether the page for a new one lets this person in, so that nothing is offered that would be refused."""
    return signed_in("front-desk").admits(request.user)


def _new(
    request: PortalRequest, ref: UUID, who: WhoForm, what: WhatForm, ground: GroundForm, status: int = 200
) -> HttpResponse:
    whose = patient_at_desk(request.user, ref)
    said = {
        "patient": trusted.named(whose, reader=request.user),
        "who": who,
        "what": what,
        "ground": ground,
        "form": next((form for form in (who, what, ground) if form.errors), who),
        "forms": (who, what, ground),
    }
    return render(request, "accounts/desk_trusted_new.html", said, status=status)
