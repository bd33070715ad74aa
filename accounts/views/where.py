"""Where to go after a step, and never off this site."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.entrance import still_missing
from accounts.models.role import CARING, Role
from accounts.passkeys import Site

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.models import Session, User
    from accounts.requests import PortalRequest


# Where each thing that may still be missing is set up.
SET_UP = {"codes": "sign-in-codes", "passkey": "sign-in-set-up-passkey"}


def wanted(request: PortalRequest) -> str:
    """The page asked for by `next`, if it is one of ours; else nothing."""
    page = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return page if ours and page.startswith("/") else ""


def step(request: PortalRequest, name: str, **query: str) -> HttpResponse:
    """The next step of the way in, which still knows where it leads."""
    query = {key: value for key, value in {**query, "next": wanted(request)}.items() if value}
    return HttpResponseRedirect(reverse(name) + (f"?{urlencode(query)}" if query else ""))


def site_of(request: PortalRequest) -> Site:
    """Where this browser is. Django has compared the host with ALLOWED_HOSTS; a passkey compares it with its own."""
    host = request.get_host()
    return Site(origin=f"{request.scheme}://{host}", host=urlsplit(f"//{host}").hostname or "")


def onward(request: PortalRequest) -> HttpResponse:
    return HttpResponseRedirect(wanted(request) or reverse("home"))


def next_step(request: PortalRequest, session: Session) -> HttpResponse:
    """What a session of this strength still has to do."""
    if session.is_full:
        return onward(request)
    if not session.is_enrolling:
        return step(request, "sign-in-code")
    return step(request, SET_UP[still_missing(session.user) or "codes"])


def home_of(user: User) -> str:
    """The first page of somebody's day, by name."""
    if user.roles & CARING:
        return "inbox"
    if Role.PRIVACY_OFFICER in user.roles:
        return "audit-events"
    if Role.ACCOUNT_ADMIN in user.roles:
        return "people"
    if user.patient_id or user.grants:
        return "messages"
    return "account"
