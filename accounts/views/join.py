"""Joining by an invitation: the code from the clinic, then the link from the mail, then the second step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import joining
from accounts.forms import JoinForm, LinkForm, RedeemForm
from accounts.policy import anyone, policy
from accounts.refusals import InvitationOver, PasswordTooEasy, SignInToJoin, TooManyTries
from accounts.views.where import step
from audit.refusals import Refusal

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpResponse

    from accounts.requests import PortalRequest


@policy(get=anyone, post=anyone)
def join(request: PortalRequest) -> HttpResponse:
    """The code and the birth date. Who is signed in joins at once; who is not gets a link by e-mail."""
    session = request.session_record
    signed_in = session is not None and session.is_full
    form = (RedeemForm if signed_in else JoinForm)(request.POST or None)
    said: dict[str, Any] = {"signed_in": signed_in, "sent": False}
    if request.method != "POST":
        return _show(request, "accounts/join.html", form, **said)
    if not form.is_valid():
        return _show(request, "accounts/join.html", form, status=422, **said)
    try:
        if session is not None and signed_in:
            joining.redeem(session, **form.cleaned_data)
            return redirect("home")
        joining.ask_for_link(**form.cleaned_data)
    except Refusal as refused:
        return _refused(request, "accounts/join.html", form, refused, field="code", **said)
    return _show(request, "accounts/join.html", form, **{**said, "sent": True})


@policy(get=anyone, post=anyone)
def by_link(request: PortalRequest, token: str) -> HttpResponse:
    """The link from the mail. Looking at the page uses nothing up."""
    session = request.session_record
    signed_in = session is not None and session.is_full
    welcome = joining.welcome(token)
    if welcome is None:
        return _over(request)
    form = LinkForm(request.POST or None, asks_birth_date=welcome.asks_birth_date, has_account=signed_in)
    said: dict[str, Any] = {"signed_in": signed_in, "knows_her": False}
    if request.method != "POST":
        return _show(request, "accounts/join_link.html", form, **said)
    if not form.is_valid():
        return _show(request, "accounts/join_link.html", form, status=422, **said)
    try:
        if session is not None and signed_in:
            joining.redeem(session, token=token, **form.shown)
            return redirect("home")
        request.session_record = joining.take(
            token=token,
            password=form.cleaned_data["password"],
            browser=request.headers.get("User-Agent", ""),
            **form.shown,
        )
    except InvitationOver:
        return _over(request)
    except SignInToJoin as refused:
        return _show(
            request, "accounts/join_link.html", form, status=refused.status, **{**said, "knows_her": True}
        )
    except Refusal as refused:
        besides = "birth_date" if welcome.asks_birth_date else "code"
        field = "password" if isinstance(refused, PasswordTooEasy) else besides
        return _refused(request, "accounts/join_link.html", form, refused, field=field, **said)
    return step(request, "sign-in-set-up")


@policy(get=anyone, post=anyone)
def stop(request: PortalRequest, token: str) -> HttpResponse:
    """Whoever had the account says no to the invitation. Looking at the page, as mail programs do, stops nothing."""
    done = False
    if request.method == "POST":
        try:
            joining.stop(token)
        except InvitationOver:
            return _over(request)
        done = True
    elif not joining.stops(token):
        return _over(request)
    return render(request, "accounts/join_stop.html", {"done": done})


def _over(request: PortalRequest) -> HttpResponse:
    return render(request, "accounts/join_over.html", status=InvitationOver.status)


def _show(
    request: PortalRequest, template: str, form: forms.Form, status: int = 200, **more: Any
) -> HttpResponse:
    return render(request, template, {"form": form, "stopped": False, **more}, status=status)


def _refused(
    request: PortalRequest, template: str, form: forms.Form, refused: Refusal, *, field: str, **more: Any
) -> HttpResponse:
    form.add_error(field if field in form.fields else None, str(refused.words))
    stopped = isinstance(refused, TooManyTries)
    response = _show(request, template, form, status=refused.status, stopped=stopped, **more)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.seconds)
    return response
