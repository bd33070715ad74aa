"""Where a person is reached: shown, changed after the second step, proven by a link, undone for a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import contacts
from accounts.forms import NewEmailForm, NewPhoneForm
from accounts.models import KeptForm
from accounts.policy import policy, signed_in
from accounts.refusals import LinkSpent, NothingToUndo, TooManyTries
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpResponse

    from accounts.requests import HalfSignedInRequest, PortalRequest

change = signed_in().fresh(contacts.CONTACT)


@policy(get=signed_in())
def contact(request: PortalRequest) -> HttpResponse:
    return _page(request)


@policy(get=change, post=change)
def email(request: HalfSignedInRequest) -> HttpResponse:
    form = NewEmailForm(request.POST or None, initial=_kept(request))
    if request.method != "POST":
        return _show(request, "accounts/contact_email.html", form)
    if not form.is_valid():
        return _show(request, "accounts/contact_email.html", form, status=422)
    try:
        contacts.ask_for_email(request.session_record, **form.cleaned_data)
    except Refusal as refused:
        return _refused(request, "accounts/contact_email.html", form, refused, field="email")
    return redirect("account-contact")


@policy(post=signed_in())
def email_cancel(request: PortalRequest) -> HttpResponse:
    contacts.cancel_email(request.user)
    return redirect("account-contact")


@policy(get=signed_in(), post=signed_in())
def email_confirm(request: HalfSignedInRequest, token: str) -> HttpResponse:
    """The link from the mail, in a session of its owner. Looking at the page uses nothing up."""
    if not contacts.is_good(request.user, token):
        return render(request, "accounts/contact_confirm.html", {"spent": True}, status=LinkSpent.status)
    if request.method != "POST":
        return render(request, "accounts/contact_confirm.html", {"spent": False})
    try:
        contacts.confirm_email(request.session_record, token=token)
    except LinkSpent as refused:
        return render(request, "accounts/contact_confirm.html", {"spent": True}, status=refused.status)
    return redirect("account-contact")


@policy(get=change, post=change)
def phone(request: HalfSignedInRequest) -> HttpResponse:
    contacts.own_record(request.user)
    form = NewPhoneForm(request.POST or None, initial=_kept(request))
    if request.method != "POST":
        return _show(request, "accounts/contact_phone.html", form)
    if not form.is_valid():
        return _show(request, "accounts/contact_phone.html", form, status=422)
    try:
        contacts.change_phone(request.session_record, **form.cleaned_data)
    except Refusal as refused:
        return _refused(request, "accounts/contact_phone.html", form, refused, field="phone")
    return redirect("account-contact")


@policy(post=change)
def undo(request: HalfSignedInRequest, ref: UUID) -> HttpResponse:
    found = contacts.change_for(request.user, ref)
    try:
        contacts.undo(request.session_record, found)
    except NothingToUndo as refused:
        return _page(request, problem=str(refused.words), status=refused.status)
    return redirect("account-contact")


def _page(request: PortalRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    said = {"contacts": contacts.open_contacts(request.user), "problem": problem}
    return render(request, "accounts/contact.html", said, status=status)


def _kept(request: PortalRequest) -> dict[str, Any] | None:
    """What she had typed when the second step was asked for in between."""
    kept = KeptForm.take(request.user, request.path) if request.method != "POST" else None
    return kept.data.dict() if kept else None


def _show(
    request: PortalRequest, template: str, form: forms.Form, status: int = 200, **more: Any
) -> HttpResponse:
    return render(request, template, {"form": form, "stopped": False, **more}, status=status)


def _refused(
    request: PortalRequest, template: str, form: forms.Form, refused: Refusal, *, field: str
) -> HttpResponse:
    form.add_error(field, str(refused.words))
    stopped = isinstance(refused, TooManyTries)
    response = _show(request, template, form, status=refused.status, stopped=stopped)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.seconds)
    return response
