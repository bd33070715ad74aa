"""A person's own account: how she signs in, where she is signed in, how pages look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language_info

from accounts import account, enrolment, entrance, trusted
from accounts.access import patient_on_whose_side
from accounts.middleware import CHOSEN_ON_THE_WAY_IN, is_spoken
from accounts.models import KeptForm
from accounts.models.session import End
from accounts.policy import anyone, policy, signed_in
from accounts.refusals import LastFactor
from accounts.unsent import keep_unsent
from accounts.views.where import onward

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.requests import HalfSignedInRequest, PortalRequest

change = signed_in().fresh(entrance.FACTORS)
A_YEAR = 365 * 24 * 60 * 60
THEMES = ("light", "dark")


@policy(get=signed_in())
def account_page(request: HalfSignedInRequest) -> HttpResponse:
    return _page(request)


@policy(post=change)
def factor_remove(request: HalfSignedInRequest, ref: UUID) -> HttpResponse:
    factor = account.factor_for(request.user, ref)
    try:
        enrolment.remove(request.session_record, factor)
    except LastFactor as refused:
        return _page(request, problem=str(refused.words), status=refused.status)
    return redirect("account")


@policy(post=signed_in())
def session_end(request: HalfSignedInRequest, ref: UUID) -> HttpResponse:
    session = account.session_for(request.user, ref)
    session.end(by=request.user, reason=End.ENDED_BY_OWNER)
    return redirect("account")


@policy(post=signed_in())
def sessions_end_others(request: HalfSignedInRequest) -> HttpResponse:
    request.session_record.end_others(by=request.user)
    return redirect("account")


@policy(get=signed_in().without_terms())
def stay(request: PortalRequest) -> HttpResponse:
    """A sign of life, and for a page that was left in between: whether it is still she, and what its forms need."""
    return HttpResponse(status=204, headers={"X-Person": str(request.user.pk), "X-Token": get_token(request)})


@policy(post=anyone)
def keep(request: PortalRequest) -> HttpResponse:
    """What stands unsent in a page when its time is over. The page sends it before it closes itself."""
    session = request.session_record or request.lapsed_session
    data = request.POST.copy()
    page, action, writer = (data.pop(f"kept-{name}", [""])[0] for name in ("page", "action", "person"))
    response = HttpResponse(status=204)
    if session and (kept := keep_unsent(session, page=page, action=action, data=data, writer=writer)):
        # The page that sent it goes on by this: it does not leave with what nobody has kept.
        response["X-Kept"] = "held" if kept.is_offered else "kept"
        response["X-Kept-At"] = reverse("kept-form", args=[kept.pk])
    return response


@policy(post=signed_in())
def kept_form(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Take up what was typed after somebody had ended the session, or throw it away. Both lead to its page."""
    kept = account.kept_for(request.user, ref)
    if "take" in request.POST:
        KeptForm.objects.take_up(kept, by=request.user)
    else:
        KeptForm.objects.throw_away(kept, by=request.user)
    return redirect(kept.path)


@policy(post=signed_in("patient"))
def act_for(request: HalfSignedInRequest) -> HttpResponse:
    """Choose whom to help from now on in this session."""
    patient = patient_on_whose_side(request.user, request.POST.get("patient", ""))
    request.session_record.act_for(by=request.user, patient=patient)
    return onward(request)


@policy(post=anyone)
def theme(request: PortalRequest) -> HttpResponse:
    response = onward(request)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        _set(response, "theme", chosen)
    else:
        response.delete_cookie("theme")
    return response


@policy(post=anyone)
def language(request: PortalRequest) -> HttpResponse:
    response = onward(request)
    chosen = request.POST.get("language", "")
    if is_spoken(chosen):
        _set(response, settings.LANGUAGE_COOKIE_NAME, chosen)
        if request.session_record is not None and request.session_record.is_full:
            request.user.prefer_language(chosen, by=request.user)
        else:
            _set(response, CHOSEN_ON_THE_WAY_IN, "1", max_age=None)
    return response


def _set(response: HttpResponse, name: str, value: str, *, max_age: int | None = A_YEAR) -> None:
    response.set_cookie(
        name, value, max_age=max_age, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )


def _page(request: HalfSignedInRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    user, session = request.user, request.session_record
    said = {
        "name": account.own_name(user),
        "factors": account.factors_of(user),
        "loss": account.loss_of(user),
        "codes_left": account.codes_left(user),
        "sessions": account.sessions_of(user, session),
        "sides": account.helped_by(user),
        "helped": trusted.helped_by(user),
        "has_record": user.patient_id is not None,
        "acting_for": session.acting_for_id
        or user.patient_id
        or next((g.patient_id for g in user.grants), None),
        "problem": problem,
        # Each in its own words: whoever looks for hers may not read this one.
        "languages": [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES],
    }
    return render(request, "accounts/account.html", said, status=status)
