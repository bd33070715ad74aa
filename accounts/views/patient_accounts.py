"""The accounts of patients at the desk: register, invite, end sessions, close. A record number is all that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import joining, patient_accounts, staff
from accounts.access import patient_account_for
from accounts.models import ComingOfAge
from accounts.people_forms import CloseForm, InvitePatientForm, NewPatientForm, NotNowForm, RecordNumberForm
from accounts.policy import policy, signed_in
from accounts.refusals import RecordNumberTaken, TooManyTries
from accounts.views.people import PURPOSE
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpResponse

    from accounts.models import Patient
    from accounts.requests import PortalRequest

look = signed_in("front-desk", "admin")
change = look.fresh(PURPOSE)
desk = signed_in("front-desk")


@policy(get=look, post=look)
def find(request: PortalRequest) -> HttpResponse:
    """By record number, which no address and no log line carries."""
    form = RecordNumberForm(request.POST or None)
    if request.method != "POST":
        return _finding(request, form)
    if not form.is_valid():
        return _finding(request, form, status=422)
    try:
        patient = patient_accounts.find(request.user, **form.cleaned_data)
    except TooManyTries as stopped:
        form.add_error("record_number", str(stopped.words))
        response = _finding(request, form, status=stopped.status)
        response["Retry-After"] = str(stopped.seconds)
        return response
    if patient is None:
        return _finding(request, form, missing=True, status=422)
    return redirect("patient-account", patient.pk)


@policy(get=desk, post=desk)
def register(request: PortalRequest) -> HttpResponse:
    """A record for somebody who has none; then the invitation."""
    form = NewPatientForm(request.POST or None)
    if request.method != "POST":
        return render(request, "accounts/patient_new.html", {"form": form})
    if form.is_valid():
        said = form.cleaned_data
        team = staff.team_named(said.pop("team"))
        try:
            if team is not None:
                patient = patient_accounts.register(**said, team=team, by=request.user)
                return redirect("patient-account", patient.pk)
        except RecordNumberTaken as refused:
            form.add_error("record_number", str(refused.words))
    return render(request, "accounts/patient_new.html", {"form": form}, status=422)


@policy(get=look)
def of_age(request: PortalRequest) -> HttpResponse:
    """Who is old enough for an account of her own, and has none."""
    return render(request, "accounts/of_age.html", {"turned": patient_accounts.turned(request.user)})


@policy(post=look)
def not_now(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Off that list without an invitation, with the reason."""
    patient = patient_account_for(request.user, ref)
    form = NotNowForm(request.POST)
    if not form.is_valid():
        return _page(request, patient, leaving_out=form, status=422)
    try:
        ComingOfAge.objects.dismiss(patient=patient, reason=form.cleaned_data["reason"], by=request.user)
    except Refusal as refused:
        return _page(request, patient, leaving_out=form, problem=str(refused.words), status=refused.status)
    return redirect("of-age")


@policy(get=look)
def account(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _page(request, patient_account_for(request.user, ref))


@policy(post=change)
def invite(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A code to hand over, shown once. The one before opens nothing any more."""
    patient = patient_account_for(request.user, ref)
    form = InvitePatientForm(request.POST)
    if not form.is_valid():
        return _page(request, patient, form=form, status=422)
    try:
        issued = patient_accounts.invite(patient, email=form.cleaned_data["email"], by=request.user)
    except Refusal as refused:
        return _page(request, patient, problem=str(refused.words), status=refused.status)
    said = {"handed": joining.to_hand_over(issued), "name": ""}
    return render(request, "accounts/invitation_issued.html", said)


@policy(post=look)
def revoke(request: PortalRequest, ref: UUID) -> HttpResponse:
    patient = patient_account_for(request.user, ref)
    invitation = patient_accounts.open_invitation_of(patient)
    if invitation is not None:
        invitation.revoke(by=request.user)
    return redirect("patient-account", patient.pk)


@policy(post=change)
def agree(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A second person agrees to an invitation that opens what is there already."""
    patient = patient_account_for(request.user, ref)
    try:
        patient_accounts.waiting_for_second(patient).sign(by=request.user)
    except Refusal as refused:
        return _page(request, patient, problem=str(refused.words), status=refused.status)
    return redirect("patient-account", patient.pk)


@policy(post=change)
def sessions_end(request: PortalRequest, ref: UUID) -> HttpResponse:
    patient = patient_account_for(request.user, ref)
    try:
        patient.sign_out(by=request.user)
    except Refusal as refused:
        return _page(request, patient, problem=str(refused.words), status=refused.status)
    return redirect("patient-account", patient.pk)


@policy(post=change)
def close(request: PortalRequest, ref: UUID) -> HttpResponse:
    patient = patient_account_for(request.user, ref)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _page(request, patient, closing=form, status=422)
    try:
        patient.close_account(by=request.user, why=form.cleaned_data["why"])
    except Refusal as refused:
        return _page(request, patient, closing=form, problem=str(refused.words), status=refused.status)
    return redirect("patient-account", patient.pk)


def _finding(
    request: PortalRequest, form: forms.Form, *, missing: bool = False, status: int = 200
) -> HttpResponse:
    said: dict[str, Any] = {
        "form": form,
        "missing": missing,
        "waiting": patient_accounts.waiting(request.user),
        "at_the_desk": request.user.at_the_desk,
    }
    return render(request, "accounts/patient_accounts.html", said, status=status)


def _page(
    request: PortalRequest,
    patient: Patient,
    *,
    form: forms.Form | None = None,
    closing: forms.Form | None = None,
    leaving_out: forms.Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    said = {
        "account": patient_accounts.opened(request.user, patient),
        "form": form or InvitePatientForm(),
        "closing": closing or CloseForm(),
        "leaving_out": leaving_out or NotNowForm(),
        "problem": problem,
    }
    return render(request, "accounts/patient_account.html", said, status=status)
