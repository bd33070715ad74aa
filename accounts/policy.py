"""Who may use an address, said once for each method. An address that says nothing is closed.

@policy(get=signed_in("clinical"), post=signed_in("prescriber").fresh("refill-decision"))
def refill(request, ref): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models.role import CARING, CLINICAL, PRESCRIBERS, Role

if TYPE_CHECKING:
    from accounts.models import User

View = TypeVar("View", bound=Callable[..., Any])
Who = Literal["patient", "staff", "front-desk", "clinical", "prescriber", "privacy", "admin"]
METHODS = ("get", "post", "put", "patch", "delete")


class Proof(Enum):
    """How much a visitor must have shown."""

    NOTHING = "nothing"
    PASSWORD = "password"  # noqa: S105  (a step of sign-in, not a secret)
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Rule:
    proof: Proof
    who: frozenset[str] = frozenset()
    fresh_for: str = ""
    before_terms: bool = False

    def fresh(self, purpose: str) -> Rule:
        """Ask besides for a second step shown within the last minutes, for this purpose."""
        return replace(self, fresh_for=purpose)

    def without_terms(self) -> Rule:
        """Let in also who has not yet agreed to the terms in force."""
        return replace(self, before_terms=True)

    def admits(self, user: User) -> bool:
        """Whether one of the ways in named by this rule is open to this signed-in person, now."""
        return not self.who or any(WAYS_IN[name](user) for name in self.who)


# The ways in. "patient" is the patient's side: one's own record, or one that somebody trusts one with.
WAYS_IN: dict[str, Callable[[User], bool]] = {
    "patient": lambda user: bool(user.patient_id or user.grants),
    "staff": lambda user: bool(user.roles & CARING),
    "front-desk": lambda user: Role.FRONT_DESK in user.roles,
    "clinical": lambda user: bool(user.roles & CLINICAL),
    "prescriber": lambda user: bool(user.roles & PRESCRIBERS),
    "privacy": lambda user: Role.PRIVACY_OFFICER in user.roles,
    "admin": lambda user: Role.ACCOUNT_ADMIN in user.roles,
}

anyone = Rule(Proof.NOTHING)
half_signed_in = Rule(Proof.PASSWORD)


def signed_in(*who: Who) -> Rule:
    """Both steps done, and one of these ways in; without a name, whoever is signed in."""
    unknown = set(who) - set(WAYS_IN)
    if unknown:
        raise ValueError(f"No such way in: {', '.join(sorted(unknown))}.")
    return Rule(Proof.BOTH, frozenset(who))


def policy(**rules: Rule) -> Callable[[View], View]:
    """Declare the rules of a view function or an API view class, one for each method it answers."""
    unknown = set(rules) - set(METHODS)
    if unknown or not rules:
        raise ValueError(f"A policy names the methods it opens, of {', '.join(METHODS)}.")

    def declare(view: View) -> View:
        view.policy = dict(rules)  # type: ignore[attr-defined]
        return view

    return declare


def declared(view: Callable[..., Any]) -> dict[str, Rule] | None:
    """The rules of a view as the URL configuration knows it, or None where nobody declared any."""
    own: dict[str, Rule] | None = getattr(view, "policy", None)
    if own is not None:
        return own
    # A class inherits attributes; its rules are only those written on itself.
    behind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return vars(behind).get("policy") if behind is not None else None


def rule_for(view: Callable[..., Any], method: str) -> Rule | None:
    rules = declared(view) or {}
    return rules.get("get" if method == "HEAD" else method.lower())


def is_api(view: Callable[..., Any]) -> bool:
    """Whether the answers of this view are for programs."""
    return hasattr(view, "cls") or hasattr(view, "view_class")


def addresses(patterns: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the portal: its route as written, and its pattern."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route, pattern
