"""The terms as one person meets them: what she has still to agree to, or what she has agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import get_language

from accounts import terms
from accounts.models import Agreement

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import User


@dataclass(frozen=True, slots=True)
class OpenPart:
    title: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenTerms:
    version: str
    title: str
    first: str
    parts: tuple[OpenPart, ...]
    agreed_at: datetime | None
    is_new: bool  # she has agreed to other words before


def open_terms(user: User) -> tuple[OpenTerms, ...]:
    """What she has still to agree to, alone; where there is nothing, all that she has agreed to."""
    due = terms.due(user)
    if due is not None:
        kind = due.version.partition("-")[0]
        return (_opened(due, None, is_new=any(old.startswith(f"{kind}-") for old in user.agreed_to)),)
    when = dict(Agreement.objects.filter(user=user).values_list("version", "agreed_at"))
    return tuple(_opened(text, when.get(text.version)) for text in terms.wanted_of(user))


def agree(user: User, *, version: str) -> bool:
    """She agrees to the words she was shown. False where those are in force no more."""
    shown = terms.EVERY.get(version)
    if shown is None or shown not in terms.wanted_of(user):
        return False
    Agreement.objects.agree(to=shown, language=get_language() or "en", by=user)
    return True


def _opened(text: terms.Terms, agreed_at: datetime | None, *, is_new: bool = False) -> OpenTerms:
    parts = tuple(
        OpenPart(terms.filled(part.title), tuple(map(terms.filled, part.said))) for part in text.parts
    )
    return OpenTerms(
        text.version, terms.filled(text.title), terms.filled(text.first), parts, agreed_at, is_new
    )
