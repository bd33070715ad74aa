"""Passkeys: what the browser is asked, the way in by one, and adding one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from accounts import enrolment, entrance, limits, passkeys
from accounts.forms import NewPasskeyForm, PasskeyForm
from accounts.models.device import KEY
from accounts.policy import anyone, half_signed_in, policy, signed_in
from accounts.views.sign_in import show_sign_in
from accounts.views.where import next_step, onward, site_of, wanted
from audit.refusals import Refusal

if TYPE_CHECKING:
    from accounts.requests import HalfSignedInRequest, PortalRequest

change = signed_in().fresh(entrance.FACTORS)


@policy(post=anyone)
def options(request: PortalRequest) -> HttpResponse:
    """What a passkey is to sign. Of a stranger's browser any key is asked, and a cookie remembers who was asked."""
    session = request.session_record
    try:
        if session is not None and session.is_full:
            # Colleagues behind one address do not use up each other's.
            limits.spend(("passkey-session", str(session.pk)))
        else:
            limits.spend(("passkey-address", limits.whence()))
    except Refusal as refused:
        return JsonResponse({"detail": str(refused.words)}, status=refused.status)
    if session is not None:
        asked = passkeys.ask(site_of(request), bound_to=str(session.pk), user=session.user)
        return HttpResponse(asked, content_type="application/json")
    browser = secrets.token_urlsafe(32)
    response = HttpResponse(
        passkeys.ask(site_of(request), bound_to=browser, user=None), content_type="application/json"
    )
    response.set_cookie(
        settings.PASSKEY_COOKIE_NAME,
        browser,
        max_age=300,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


@policy(post=anyone)
def enter(request: PortalRequest) -> HttpResponse:
    """In by a passkey alone: it is something she has, and it asks for something she is or knows."""
    session = request.session_record
    if session is not None and session.is_full:
        return onward(request)
    browser = request.COOKIES.get(settings.PASSKEY_COOKIE_NAME, "")
    form = PasskeyForm(request.POST)
    if not form.is_valid() or not KEY.fullmatch(browser):
        return show_sign_in(request, passkey_failed=True)
    try:
        request.session_record = entrance.open_with_passkey(
            answer=form.cleaned_data["answer"],
            site=site_of(request),
            bound_to=browser,
            browser=request.headers.get("User-Agent", ""),
            browser_key=request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""),
        )
    except Refusal as refused:
        return show_sign_in(request, refused=refused)
    return next_step(request, request.session_record)


@policy(post=half_signed_in)
def new_options(request: HalfSignedInRequest) -> HttpResponse:
    try:
        asked = enrolment.ask_for_new_passkey(request.session_record, site=site_of(request))
    except Refusal as refused:
        return JsonResponse({"detail": str(refused.words)}, status=refused.status)
    return HttpResponse(asked, content_type="application/json")


@policy(get=half_signed_in, post=half_signed_in)
def set_up(request: HalfSignedInRequest) -> HttpResponse:
    """A passkey as the first second step, or as the one that her work needs."""
    session = request.session_record
    if session.is_full or not enrolment.may_add(session):
        return next_step(request, session)
    return _new_page(request, first=True) or next_step(request, session)


@policy(get=change, post=change)
def new(request: HalfSignedInRequest) -> HttpResponse:
    return _new_page(request, first=False) or redirect("account")


def _new_page(request: HalfSignedInRequest, *, first: bool) -> HttpResponse | None:
    """The page on which a passkey is made, until one has been."""
    session = request.session_record
    form = NewPasskeyForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                enrolment.add_passkey(session, site=site_of(request), **form.cleaned_data)
            except Refusal as refused:
                form.add_error("name", str(refused.words))
                status = refused.status
            else:
                return None
    needed = session.is_enrolling and entrance.still_missing(session.user) == "passkey"
    said = {"form": form, "next": wanted(request), "first": first, "needed": needed}
    return render(request, "accounts/passkey_new.html", said, status=status)
