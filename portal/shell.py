"""What stands around a page: the patient's tabs or the staff rail, and the choice of light or dark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.access import whose_side
from accounts.account import helped_name
from accounts.middleware import page_of
from accounts.models import PatientState, Scope
from accounts.models.role import Role
from accounts.policy import rule_for

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User

PATIENTS_SIDE = {"patient", "own-record"}
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """One way to go. It is current on its own page and on those below it."""

    name: str
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
    works_here: bool = False  # one of the staff, on pages of the patient's side
    helping: str = ""  # the name of the patient on whose side she is, when that is not herself
    notice: tuple[str | Promise, ...] = ()  # what the state of the record on whose side she is means for her
    idle_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """This page in another language: its code, the invitation in that language, and the page to come back to."""

    code: str
    words: str
    page: str


NOBODY = Shell()
# Said in the language that is offered: whoever looks for hers may not read this one.
INVITATIONS = {"en": "View in English", "es": "Ver en español"}


def theme_of(request: HttpRequest | None) -> str:
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in THEMES else ""


def offer_for(request: HttpRequest | None) -> Offer | None:
    if request is None:
        return None
    spoken = get_language() or settings.LANGUAGE_CODE
    code = next((code for code, _name in settings.LANGUAGES if code != spoken and code in INVITATIONS), "")
    # An address of nobody's is not said back.
    page = page_of(request) if request.resolver_match else "/"
    return Offer(code, INVITATIONS[code], page) if code else None


def shell_for(request: HttpRequest | None) -> Shell:
    """The frame for whoever asked. A request that no middleware has seen belongs to nobody."""
    if request is None:
        return NOBODY
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_verified():
        return NOBODY
    side = whose_side(request.session_record)  # type: ignore[attr-defined]
    idle = settings.SESSION_IDLE_STAFF if user.works_here else settings.SESSION_IDLE_PATIENT
    if user.roles and not _is_of_the_patients_side(request):
        return Shell(
            signed_in=True,
            base="base_staff.html",
            groups=(*_rail(request, user), *_besides(request, user, side)),
            account=_place(request, "account", _("Account"), "user"),
            notice=_notice(request, user),
            role=_role_words(user.roles),
            idle_seconds=int(idle.total_seconds()),
        )
    return Shell(
        signed_in=True,
        base="base_patient.html",
        tabs=_tabs(request, user, side),
        helping=helped_name(user, side) if side is not None and side != user.patient_id else "",
        works_here=bool(user.roles),
        notice=_notice(request, user),
        idle_seconds=int(idle.total_seconds()),
    )


# Each begins with what is so. All of them read alike for the patient and for somebody who helps her.
NOTICES: dict[str, tuple[str | Promise, ...]] = {
    PatientState.INACTIVE: (
        _("This record is not active here now."),
        _("You can read everything. New messages and requests are not open."),
        _("Is this wrong, or do you want to come back? Call us."),
    ),
    PatientState.DISMISSED: (
        _("This clinic does not give care for this record any more."),
        _("You can read everything. For new care, find another clinic."),
        _("To ask for the record, write to us about “A form or letter”. You can also call us."),
    ),
    PatientState.BLOCKED: (
        _("Messages for this record are paused for now."),
        _("You can read everything. A colleague will look at this again."),
        _("To ask for the record, write to us about “A form or letter”. For care, call us."),
    ),
    PatientState.DECEASED: (
        _("This record is closed, because its patient has died. We are sorry for your loss."),
        _("You can read what stands here. Nothing new can be sent."),
        _("Call us if you need something."),
    ),
}

# With the scopes of which one at least is needed for it: nothing is offered that would be refused.
_TABS = (
    (("messages", _("Messages"), "mail"), (Scope.READ, Scope.WRITE)),
    (("medicines", _("Medicines"), "pill"), (Scope.REFILL,)),
    (("privacy", _("Privacy"), "eye"), (Scope.HISTORY,)),
    (("account", _("Account"), "user"), ()),
)
_RAIL = (
    (_("Messages"), (("inbox", _("Team inbox"), "inbox"), ("absences", _("My time away"), "clock"))),
    (
        _("Front desk"),
        (
            ("desk-patients", _("Patients"), "users"),
            ("patient-accounts", _("Patient accounts"), "user"),
            ("of-age", _("Came of age"), "clock"),
            ("desk-lost", _("Lost second step"), "lock"),
            ("desk-trusted", _("Trusted people"), "users"),
        ),
    ),
    (_("Refills"), (("refills", _("To decide"), "pill"),)),
    (_("Administration"), (("teams", _("Teams"), "users"),)),
    (_("Privacy"), (("audit-events", _("Access review"), "eye"),)),
    (
        _("People"),
        (
            ("people", _("Staff"), "users"),
            ("people-invitations", _("Invitations"), "mail"),
            ("role-requests", _("Roles to agree on"), "key"),
        ),
    ),
)


def _notice(request: HttpRequest, user: User) -> tuple[str | Promise, ...]:
    """Said on every page of the patient's side. Most people have no such state: nothing is asked for it."""
    session = getattr(request, "session_record", None)
    if session is None or not user.states:
        return ()
    side = whose_side(session)
    return NOTICES.get(user.states.get(side, ""), ()) if side else ()


def _tabs(request: HttpRequest, user: User, side: UUID | None) -> tuple[Place, ...]:
    scopes = user.scopes_for(side) if side is not None else frozenset(Scope)
    open_to_her = (tab for tab, needed in _TABS if not needed or scopes & set(needed))
    return tuple(_place(request, *tab) for tab in open_to_her if _admits(tab[0], user))


def _is_of_the_patients_side(request: HttpRequest) -> bool:
    """Whether this page is open to the patient's side alone: whoever of the staff is here is here as a patient."""
    match = request.resolver_match
    rule = rule_for(match.func, request.method or "GET") if match is not None else None
    return rule is not None and bool(rule.who) and rule.who <= PATIENTS_SIDE


def _besides(request: HttpRequest, user: User, side: UUID | None) -> tuple[Group, ...]:
    """The way over to her own record, or to whom she helps, for somebody of the staff who has one."""
    if side is None:
        return ()
    first = _tabs(request, user, side)[0]
    own = side == user.patient_id
    words = _("Own record") if own else _("Whom you are helping")
    return (Group(_("Not at work"), (replace(first, words=words, icon="user" if own else "users"),)),)


def _rail(request: HttpRequest, user: User) -> tuple[Group, ...]:
    groups = []
    for words, places in _RAIL:
        open_to_her = tuple(_place(request, *place) for place in places if _admits(place[0], user))
        if open_to_her:
            groups.append(Group(words, open_to_her))
    # Of places inside one another the innermost is where she is.
    here = max((p.address for g in groups for p in g.places if p.current), key=len, default="")
    return tuple(
        Group(g.words, tuple(replace(p, current=p.current and p.address == here) for p in g.places))
        for g in groups
    )


def _admits(name: str, user: User) -> bool:
    """Whether the page's own policy lets this person in: the rail offers nothing that would be refused."""
    rule = rule_for(_view(name), "GET")
    return rule is not None and rule.admits(user)


@cache
def _view(name: str) -> Callable[..., Any]:
    return resolve(reverse(name)).func


def _place(request: HttpRequest, name: str, words: str | Promise, icon: str) -> Place:
    address = reverse(name)
    return Place(name, address, words, icon, request.path.startswith(address))


def _role_words(roles: frozenset[str]) -> str | Promise:
    return next((Role(role).label for role in Role.values if role in roles), "")
