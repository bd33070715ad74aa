"""Setting up a second step: at the first sign-in, and later from the account page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render

from accounts import enrolment, entrance
from accounts.codes import spaced
from accounts.drawings import qr_code
from accounts.forms import NewAppForm, RecoveryCodeForm
from accounts.passkeys import account_words
from accounts.policy import half_signed_in, policy, signed_in
from accounts.refusals import FactorNeedsProof, TooManyTries
from accounts.views.where import next_step, wanted
from audit.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import HalfSignedInRequest

change = signed_in().fresh(entrance.FACTORS)


@policy(get=half_signed_in, post=half_signed_in)
def set_up(request: HalfSignedInRequest) -> HttpResponse:
    """The first app of somebody who has none. Whoever has one shows that instead."""
    session = request.session_record
    if session.is_full or session.is_enrolling:
        return next_step(request, session)
    try:
        return _app_page(request, first=True) or next_step(request, session)
    except FactorNeedsProof:
        return next_step(request, session)


@policy(get=half_signed_in, post=half_signed_in)
def first_codes(request: HalfSignedInRequest) -> HttpResponse:
    """The last step of setting up. Open only to a session that has just shown its app."""
    session = request.session_record
    if not session.is_enrolling or entrance.still_missing(session.user) != "codes":
        return next_step(request, session)
    return _codes_page(request, first=True) or next_step(request, session)


@policy(get=change, post=change)
def app_new(request: HalfSignedInRequest) -> HttpResponse:
    return _app_page(request, first=False) or redirect("account")


@policy(get=change, post=change)
def codes_new(request: HalfSignedInRequest) -> HttpResponse:
    return _codes_page(request, first=False) or redirect("account")


def _app_page(request: HalfSignedInRequest, *, first: bool) -> HttpResponse | None:
    """Show the app that is being set up, until it has shown a right code; then there is nothing more to show."""
    session = request.session_record
    app = enrolment.pending_app(session)
    form = NewAppForm(request.POST or None)
    status, wait = 200, 0
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                enrolment.confirm_app(session, **form.cleaned_data)
            except FactorNeedsProof:
                raise
            except Refusal as refused:
                form.add_error("code", str(refused.words))
                form.data = {**request.POST.dict(), "code": ""}
                status, wait = refused.status, _wait(refused)
            else:
                return None
    seed = app.secret()
    picture = qr_code(app.config_url(account=account_words(session.user)))
    said = {"form": form, "next": wanted(request), "first": first, "picture": picture, "seed": spaced(seed)}
    return _answer(request, "accounts/set_up.html", {**said, "stopped": bool(wait)}, status, wait)


def _codes_page(request: HalfSignedInRequest, *, first: bool) -> HttpResponse | None:
    """Show ten codes once when asked to, then wait for one of them to come back."""
    session = request.session_record
    said: dict[str, object] = {"next": wanted(request), "first": first, "codes": [], "stopped": False}
    if request.method != "POST":
        return _answer(request, "accounts/codes.html", {**said, "form": RecoveryCodeForm()}, 200, 0)
    if "show" in request.POST:
        said["codes"] = enrolment.new_recovery_codes(session)
        return _answer(request, "accounts/codes.html", {**said, "form": RecoveryCodeForm()}, 200, 0)
    form = RecoveryCodeForm(request.POST)
    status, wait = 422, 0
    if form.is_valid():
        try:
            enrolment.confirm_recovery_codes(session, **form.cleaned_data)
        except Refusal as refused:
            form.add_error("code", str(refused.words))
            status, wait = refused.status, _wait(refused)
        else:
            return None
    return _answer(
        request, "accounts/codes.html", {**said, "form": form, "stopped": bool(wait)}, status, wait
    )


def _wait(refused: Refusal) -> int:
    return refused.seconds if isinstance(refused, TooManyTries) else 0


def _answer(
    request: HalfSignedInRequest, template: str, said: dict[str, object], status: int, wait: int
) -> HttpResponse:
    response = render(request, template, said, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response
