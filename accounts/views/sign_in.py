"""The way in: password, second step, and the second step again before what matters most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from accounts import contacts, entrance
from accounts.forms import AppCodeForm, PasskeyForm, RecoveryCodeForm, SignInForm
from accounts.models.session import End
from accounts.policy import anyone, half_signed_in, policy, signed_in
from accounts.refusals import CodeRefused, PasskeyRefused, SessionEnded, TooManyTries
from accounts.trusted import TRUST
from accounts.views.where import home_of, next_step, onward, site_of, step, wanted
from audit.refusals import Refusal

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpResponse

    from accounts.models import AuthenticatorApp
    from accounts.requests import HalfSignedInRequest, PortalRequest


@policy(get=anyone)
def home(request: PortalRequest) -> HttpResponse:
    session = request.session_record
    if session is None:
        return redirect("sign-in")
    return redirect(home_of(request.user)) if session.is_full else next_step(request, session)


@policy(get=anyone, post=anyone)
def sign_in(request: PortalRequest) -> HttpResponse:
    session = request.session_record
    if session is not None and session.is_full:
        return onward(request)
    form = SignInForm(request.POST or None)
    if request.method != "POST":
        return show_sign_in(request)
    if not form.is_valid():
        return _show(request, "accounts/sign_in.html", form, status=422)
    try:
        request.session_record = entrance.open_with_password(
            **form.cleaned_data,
            browser=request.headers.get("User-Agent", ""),
            browser_key=request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""),
            instead_of=session,
        )
    except Refusal as refused:
        return _refused(request, "accounts/sign_in.html", form, refused)
    return step(request, "sign-in-code")


@policy(get=half_signed_in, post=half_signed_in)
def sign_in_code(request: HalfSignedInRequest) -> HttpResponse:
    session = request.session_record
    if session.is_full or session.is_enrolling:
        return next_step(request, session)
    apps, passkey = entrance.apps_that_open(session.user), entrance.has_passkey(session.user)
    if not apps and not passkey:
        return step(request, "sign-in-set-up")
    form = _second_step_form(request, apps)
    if request.method != "POST":
        return _show(request, "accounts/code.html", form, passkey=passkey)
    if not form.is_valid():
        return _show(request, "accounts/code.html", form, status=422, passkey=passkey)
    try:
        if isinstance(form, PasskeyForm):
            entrance.enter_with_passkey(session, answer=form.cleaned_data["answer"], site=site_of(request))
        else:
            entrance.enter_with_app(session, app=form.chosen, code=form.cleaned_data["code"])
    except Refusal as refused:
        return _refused(request, "accounts/code.html", form, refused, passkey=passkey)
    return next_step(request, session)


@policy(get=half_signed_in, post=half_signed_in)
def recovery(request: HalfSignedInRequest) -> HttpResponse:
    session = request.session_record
    if session.is_full or session.is_enrolling:
        return next_step(request, session)
    form, waits = RecoveryCodeForm(request.POST or None), not entrance.takes_codes(session.user)
    if request.method != "POST":
        return _show(request, "accounts/recovery.html", form, waits=waits)
    if not form.is_valid():
        return _show(request, "accounts/recovery.html", form, status=422, waits=waits)
    try:
        entrance.enter_with_recovery_code(session, code=form.cleaned_data["code"])
    except Refusal as refused:
        return _refused(request, "accounts/recovery.html", form, refused, waits=waits)
    if waits:
        # Whose work needs a passkey waits for a new one, and reads there from when.
        return step(request, "sign-in-lost")
    return next_step(request, session)


# All that a second step is asked again for, as the page says it. A rule that asks names one of them.
WHY_AGAIN = {
    "": "",
    "refill-decision": _("You are about to decide on a refill."),
    contacts.CONTACT: _("You are about to change how we reach you."),
    "export": _("You are about to save a conversation on this device."),
    entrance.FACTORS: _("You are about to change how you sign in."),
    TRUST: _("You are about to decide who may help you."),
    "people": _("You are about to change somebody’s account."),
    "records": _("You are about to change a patient’s record."),
}


@policy(get=signed_in(), post=signed_in())
def again(request: HalfSignedInRequest) -> HttpResponse:
    """The second step, shown again for one purpose. With a recovery code, where the phone is lost."""
    session = request.session_record
    purpose = request.POST.get("for") or request.GET.get("for") or ""
    if purpose not in WHY_AGAIN:
        # It would be written down in clear, as it came.
        raise Http404("Nothing asks for this.")
    on_paper = "recovery" in request.GET
    form: forms.Form
    if on_paper:
        form = RecoveryCodeForm(request.POST or None)
    else:
        form = _second_step_form(request, entrance.apps_that_open(session.user))
    passkey = entrance.has_passkey(session.user)
    more: dict[str, Any] = {
        "purpose": purpose,
        "why": WHY_AGAIN[purpose],
        "on_paper": on_paper,
        "takes_codes": entrance.takes_codes(session.user),
        "passkey": passkey,
    }
    if request.method != "POST":
        return _show(request, "accounts/again.html", form, **more)
    if not form.is_valid():
        return _show(request, "accounts/again.html", form, status=422, **more)
    said = form.cleaned_data
    try:
        if isinstance(form, PasskeyForm):
            site = site_of(request)
            entrance.prove_again_with_passkey(session, answer=said["answer"], site=site, purpose=purpose)
        elif isinstance(form, AppCodeForm):
            entrance.prove_again(session, app=form.chosen, code=said["code"], purpose=purpose)
        else:
            entrance.prove_again_with_recovery_code(session, code=said["code"], purpose=purpose)
    except Refusal as refused:
        return _refused(request, "accounts/again.html", form, refused, **more)
    return onward(request)


@policy(post=anyone)
def sign_out(request: PortalRequest) -> HttpResponse:
    """End the session here and on the server, and leave nothing behind in the browser."""
    session = request.session_record
    if session is not None:
        session.end(by=session.user, reason=End.SIGNED_OUT)
    response = redirect("sign-in")
    # Not "cookies": whoever reads Spanish still does after signing out. What tells people apart goes by name.
    response["Clear-Site-Data"] = '"cache", "storage"'
    response.delete_cookie(settings.CSRF_COOKIE_NAME, samesite="Lax")
    response.cookies[settings.CSRF_COOKIE_NAME]["secure"] = settings.CSRF_COOKIE_SECURE
    return response


def show_sign_in(
    request: PortalRequest, *, refused: Refusal | None = None, passkey_failed: bool = False
) -> HttpResponse:
    """The first page, also after a passkey that did not open."""
    form = SignInForm()
    if passkey_failed:
        refused = PasskeyRefused()
    if refused is None:
        return _show(request, "accounts/sign_in.html", form)
    stopped = isinstance(refused, TooManyTries)
    response = _show(
        request,
        "accounts/sign_in.html",
        form,
        status=refused.status,
        stopped=stopped,
        trouble=str(refused.words),
    )
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.seconds)
    return response


def _second_step_form(request: PortalRequest, apps: list[AuthenticatorApp]) -> AppCodeForm | PasskeyForm:
    """A code from an app, or what a passkey answered. Who has no app that opens has only the second."""
    if "answer" in request.POST or (not apps and request.method == "POST"):
        return PasskeyForm(request.POST)
    return AppCodeForm(request.POST or None, apps=apps)


def _show(
    request: PortalRequest, template: str, form: forms.Form, status: int = 200, **more: Any
) -> HttpResponse:
    said = {
        "form": form,
        "next": wanted(request),
        "left": request.GET.get("left", ""),
        "stopped": False,
        "trouble": "",
        "passkey": False,
    }
    if isinstance(form, PasskeyForm):
        # The page shows the code field, too; what went wrong with the passkey is said above it.
        apps = entrance.apps_that_open(request.session_record.user) if request.session_record else []
        said["trouble"] = " ".join(str(words) for errors in form.errors.values() for words in errors)
        said["form"] = AppCodeForm(apps=apps)
    return render(request, template, {**said, **more}, status=status)


def _refused(
    request: PortalRequest, template: str, form: forms.Form, refused: Refusal, **more: Any
) -> HttpResponse:
    """The same page with the refusal in words. The same for whoever asks: it tells nothing about an account."""
    session = request.session_record
    if isinstance(refused, SessionEnded):
        return step(request, "sign-in")
    if isinstance(refused, CodeRefused) and session is not None and session.was_turned():
        # She pressed twice. The first press let her in, and its answer has the new key.
        return onward(request)
    field = next((name for name in ("code", "answer") if name in form.fields), None)
    form.add_error(field, str(refused.words))
    if isinstance(form, AppCodeForm):
        # A code that failed is never worth keeping: the phone shows another by now.
        form.data = {**request.POST.dict(), "code": ""}
    stopped = isinstance(refused, TooManyTries)
    response = _show(request, template, form, status=refused.status, stopped=stopped, **more)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.seconds)
    return response
