"""What stands around a page: the patient's tabs or the staff rail, and the reader's choice of light or dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models.role import CARING, PRESCRIBERS, Role

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """One way to go. It is current on its own page and on those below it."""

    address: str
    words: str | Promise
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    words: str | Promise
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Shell:
    signed_in: bool = False
    base: str = "base_plain.html"
    tabs: tuple[Place, ...] = ()
    groups: tuple[Group, ...] = ()
    account: Place | None = None
    role: str | Promise = ""
    idle_seconds: int = 0
    rights: frozenset[str] = field(default_factory=frozenset)


NOBODY = Shell()


def theme_of(request: HttpRequest | None) -> str:
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in THEMES else ""


def shell_for(request: HttpRequest | None) -> Shell:
    """The frame for whoever asked. A request that no middleware has seen belongs to nobody."""
    if request is None:
        return NOBODY
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_verified():
        return NOBODY
    if user.roles:
        return Shell(
            signed_in=True,
            base="base_staff.html",
            groups=_rail(request, user.roles),
            account=_place(request, "account", _("Account"), "user"),
            role=_role_words(user.roles),
            idle_seconds=int(settings.SESSION_IDLE_STAFF.total_seconds()),
            rights=user.roles,
        )
    return Shell(
        signed_in=True,
        base="base_patient.html",
        tabs=tabs_for(request),
        idle_seconds=int(settings.SESSION_IDLE_PATIENT.total_seconds()),
    )


def tabs_for(request: HttpRequest) -> tuple[Place, ...]:
    return (
        _place(request, "messages", _("Messages"), "mail"),
        _place(request, "medicines", _("Medicines"), "pill"),
        _place(request, "privacy", _("Privacy"), "eye"),
        _place(request, "account", _("Account"), "user"),
    )


def _rail(request: HttpRequest, roles: frozenset[str]) -> tuple[Group, ...]:
    groups = []
    if roles & CARING:
        groups.append(Group(_("Messages"), (_place(request, "inbox", _("Team inbox"), "inbox"),)))
    if roles & PRESCRIBERS:
        groups.append(Group(_("Refills"), (_place(request, "refills", _("To decide"), "pill"),)))
    if Role.PRIVACY_OFFICER in roles:
        groups.append(Group(_("Privacy"), (_place(request, "audit-events", _("Access review"), "eye"),)))
    return tuple(groups)


def _place(request: HttpRequest, name: str, words: str | Promise, icon: str) -> Place:
    address = reverse(name)
    return Place(address, words, icon, request.path.startswith(address))


def _role_words(roles: frozenset[str]) -> str | Promise:
    return next((Role(role).label for role in Role.values if role in roles), "")
