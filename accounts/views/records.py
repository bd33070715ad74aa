"""The desk's page of a patient: looked up by number, who looks after her, in what state the record is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts import birth_dates, records
from accounts.access import colleague_for, team_for
from accounts.forms import FamilyForm, ReasonForm, RecordNumberForm, RecordStateForm, TransferForm
from accounts.models import FamilyLink, ReasonGiven, RecordState
from accounts.people_forms import BirthDateForm
from accounts.policy import policy, signed_in
from accounts.record_pairs import PURPOSE
from accounts.record_refusals import LetsMoreBeDone, SameBirthDate
from accounts.refusals import TooManyTries
from accounts.views.where import onward, wanted
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.models import Patient
    from accounts.requests import HalfSignedInRequest, PortalRequest

# Whoever comes to a record in her work: the desk, clinicians, who keeps the accounts, who reviews access.
at_work = signed_in("staff", "admin", "privacy")
correct = signed_in("front-desk").fresh(PURPOSE)
DONE = frozenset({"state", "care", "family", "protect", "birth-date"})


@policy(get=signed_in("staff"), post=signed_in("staff"))
@require_http_methods(["GET", "HEAD", "POST"])
def look_up(request: PortalRequest) -> HttpResponse:
    """By record number, which stands in no address."""
    form = RecordNumberForm(request.POST or None)
    context = {"form": form, "at_the_desk": request.user.at_the_desk}
    if request.method != "POST":
        return render(request, "accounts/desk_patients.html", context)
    if not form.is_valid():
        return render(request, "accounts/desk_patients.html", context, status=422)
    try:
        patient = records.find_record(**form.cleaned_data, by=request.user)
    except Refusal as refused:
        form.add_error("record_number", str(refused.words))
        response = render(request, "accounts/desk_patients.html", context, status=refused.status)
        if isinstance(refused, TooManyTries):
            response["Retry-After"] = str(refused.seconds)
        return response
    return redirect("desk-patient", patient.pk)


@policy(get=signed_in("staff"))
def patient(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _show(request, records.record_for(request.user, ref))


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def state(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = records.record_for(request.user, ref)
    form = RecordStateForm(request.POST)
    if not form.is_valid():
        return _show(request, found, state_form=form, status=422)
    data = form.cleaned_data
    reviewer = colleague_for(request.user, data["reviewer"]) if data["reviewer"] else None
    try:
        RecordState.objects.begin(
            patient=found,
            state=data["state"],
            reason=data["reason"],
            review_on=data["review_on"],
            reviewer=reviewer,
            by=request.user,
        )
    except Refusal as refused:
        form.add_error("state", str(refused.words))
        return _show(request, found, state_form=form, status=refused.status)
    return _back(request, found, "state")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def care_end(request: PortalRequest, ref: UUID, care: UUID) -> HttpResponse:
    found = records.record_for(request.user, ref)
    relationship = records.care_for(request.user, found, care)
    try:
        relationship.end(by=request.user)
    except Refusal as refused:
        return _show(request, found, problem=str(refused.words), status=refused.status)
    return _back(request, found, "care")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def care_transfer(request: PortalRequest, ref: UUID, care: UUID) -> HttpResponse:
    found = records.record_for(request.user, ref)
    relationship = records.care_for(request.user, found, care)
    form = TransferForm(request.POST)
    if not form.is_valid():
        return _show(request, found, transfer_form=form, transfer_of=care, status=422)
    team = team_for(request.user, form.team)
    lead = colleague_for(request.user, form.lead) if form.lead else None
    try:
        relationship.transfer(team=team, lead=lead, by=request.user)
    except Refusal as refused:
        form.add_error("to", str(refused.words))
        return _show(request, found, transfer_form=form, transfer_of=care, status=refused.status)
    return _back(request, found, "care")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def protect(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Ask for a reason before this record opens at work, or stop asking."""
    found = records.record_for(request.user, ref)
    try:
        found.protect(asks_reason=request.POST.get("asks") == "1", by=request.user)
    except Refusal as refused:
        return _show(request, found, problem=str(refused.words), status=refused.status)
    return _back(request, found, "protect")


@policy(get=correct, post=correct)
@require_http_methods(["GET", "HEAD", "POST"])
def birth_date(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Put the birth date right, once it was shown what that changes."""
    found = records.record_for(request.user, ref)
    form = BirthDateForm(request.POST or None)
    new, status = None, 422 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        new, status = said["birth_date"], 200
        if form.is_sure:
            try:
                birth_dates.correct(
                    found,
                    new,
                    proof=said["proof"],
                    reason=said["reason"],
                    lets_more=said["lets_more"],
                    by=request.user,
                )
                return _back(request, found, "birth-date")
            except Refusal as refused:
                at = "lets_more" if isinstance(refused, LetsMoreBeDone) else "birth_date"
                form.add_error(at, str(refused.words))
                status = refused.status
    page = birth_dates.open_birth_date(found, new=new, reader=request.user)
    if new is not None and page.changes is None and not form.errors:
        form.add_error("birth_date", str(SameBirthDate.words))
        status = SameBirthDate.status
    context = {"page": page, "form": form}
    return render(request, "accounts/desk_birth_date.html", context, status=status)


@policy(get=at_work, post=at_work)
@require_http_methods(["GET", "HEAD", "POST"])
def reason(request: HalfSignedInRequest, ref: UUID) -> HttpResponse:
    """Why a protected record is opened, asked once in a session. The page names nobody."""
    found = records.protected_for(request.user, ref)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        ReasonGiven.objects.give(
            patient=found, session=request.session_record, reason=form.cleaned_data["reason"], by=request.user
        )
        return onward(request)
    context = {"form": form, "ref": ref, "next": wanted(request)}
    return render(request, "accounts/reason.html", context, status=422 if request.method == "POST" else 200)


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def family(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Say that somebody of the staff is family of this patient. It keeps her away and opens nothing."""
    found = records.record_for(request.user, ref)
    form = FamilyForm(request.POST)
    if not form.is_valid():
        return _show(request, found, family_form=form, status=422)
    person = colleague_for(request.user, form.cleaned_data["person"])
    try:
        FamilyLink.objects.declare(patient=found, user=person, by=request.user)
    except Refusal as refused:
        form.add_error("person", str(refused.words))
        return _show(request, found, family_form=form, status=refused.status)
    return _back(request, found, "family")


def _back(request: PortalRequest, found: Patient, done: str) -> HttpResponse:
    """To the record, unless what was done took it away from whoever did it."""
    is_hers = records.works_for(request.user, found)
    page = reverse("desk-patient", args=[found.pk]) if is_hers else reverse("desk-patients")
    return redirect(f"{page}?done={done}")


def _show(
    request: PortalRequest,
    found: Patient,
    *,
    state_form: RecordStateForm | None = None,
    transfer_form: TransferForm | None = None,
    transfer_of: UUID | None = None,
    family_form: FamilyForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    done = request.GET.get("done", "")
    context = {
        "record": records.open_record(found, reader=request.user),
        "choices": records.record_choices(reader=request.user),
        "state_form": state_form or RecordStateForm(),
        "transfer_form": transfer_form or TransferForm(),
        "transfer_of": transfer_of,
        "family_form": family_form or FamilyForm(),
        "problem": problem or any(form and form.errors for form in (state_form, transfer_form, family_form)),
        "trouble": problem,
        "done": done if done in DONE else "",
    }
    return render(request, "accounts/desk_patient.html", context, status=status)
