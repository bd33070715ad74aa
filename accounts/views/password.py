"""A new password: by whoever is signed in, and by the link for whoever forgot hers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import entrance, passwords
from accounts.forms import ChangePasswordForm, ForgottenForm, NewPasswordForm
from accounts.policy import anyone, policy, signed_in
from accounts.refusals import LinkSpent, TooManyTries, WrongPassword
from audit.refusals import Refusal

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpResponse

    from accounts.requests import HalfSignedInRequest, PortalRequest

change_it = signed_in().fresh(entrance.FACTORS)


@policy(get=change_it, post=change_it)
def change(request: HalfSignedInRequest) -> HttpResponse:
    form = ChangePasswordForm(request.POST or None)
    if request.method != "POST":
        return _show(request, "accounts/password.html", form)
    if not form.is_valid():
        return _show(request, "accounts/password.html", form, status=422)
    try:
        passwords.change(request.session_record, **form.cleaned_data)
    except Refusal as refused:
        field = "current" if isinstance(refused, WrongPassword | TooManyTries) else "new"
        return _refused(request, "accounts/password.html", form, refused, field=field)
    return redirect("account")


@policy(get=anyone, post=anyone)
def forgotten(request: PortalRequest) -> HttpResponse:
    """Ask for a link. The answer is the same whether there is such an account or not."""
    form = ForgottenForm(request.POST or None)
    if request.method != "POST":
        return _show(request, "accounts/forgotten.html", form, sent=False)
    if not form.is_valid():
        return _show(request, "accounts/forgotten.html", form, status=422, sent=False)
    try:
        passwords.ask_for_link(**form.cleaned_data)
    except Refusal as refused:
        return _refused(request, "accounts/forgotten.html", form, refused, field="email", sent=False)
    return _show(request, "accounts/forgotten.html", ForgottenForm(), sent=True)


@policy(get=anyone, post=anyone)
def by_link(request: PortalRequest, token: str) -> HttpResponse:
    """Choose a new password by the link from the mail. Looking at the page uses nothing up."""
    form = NewPasswordForm(request.POST or None)
    if not passwords.is_good(token):
        return _show(request, "accounts/new_password.html", form, status=LinkSpent.status, spent=True)
    if request.method != "POST":
        return _show(request, "accounts/new_password.html", form, spent=False)
    if not form.is_valid():
        return _show(request, "accounts/new_password.html", form, status=422, spent=False)
    try:
        passwords.set_new(token=token, **form.cleaned_data)
    except Refusal as refused:
        spent = isinstance(refused, LinkSpent)
        return _refused(request, "accounts/new_password.html", form, refused, field="new", spent=spent)
    return _show(request, "accounts/password_set.html", form)


def _show(
    request: PortalRequest, template: str, form: forms.Form, status: int = 200, **more: Any
) -> HttpResponse:
    return render(request, template, {"form": form, "stopped": False, **more}, status=status)


def _refused(
    request: PortalRequest, template: str, form: forms.Form, refused: Refusal, *, field: str, **more: Any
) -> HttpResponse:
    form.add_error(field, str(refused.words))
    stopped = isinstance(refused, TooManyTries)
    response = _show(request, template, form, status=refused.status, stopped=stopped, **more)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.seconds)
    return response
