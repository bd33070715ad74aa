"""What stands unsent when a session is over: kept for the page it stood on, when that is one of ours.

When time alone ended it, it is its person's unfinished work. When somebody did, on another device, at the desk, or
by a new password, whoever still has its key may be anybody: what comes then is only offered to her (ADR 52).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils import timezone

from accounts.access import whose_side
from accounts.models import KeptForm
from accounts.models.session import LAPSED, THROWN_OUT, End
from accounts.policy import View, declared, is_api, rule_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import QueryDict
    from django.urls import ResolverMatch

    from accounts.models import Session


class Kept(Enum):
    HERS = "hers"
    OFFERED = "offered"
    NOT = "not"


# Ends by somebody who may have been afraid of whoever was in it, and by a password or a right that changed.
ENDED_ON_PURPOSE = THROWN_OUT | {End.RIGHTS_CHANGED}


def gives_back(view: View) -> View:
    """Say that this page offers what was typed into it after somebody had ended the session."""
    view.gives_back = True  # type: ignore[attr-defined]
    return view


def kept_as(session: Session) -> Kept:
    """As what anything typed is kept that arrives on this session now.

    An account that is closed keeps nothing, nor does a session that was left by signing out: its browser gave up
    the key, and whoever shows it has a copy. What is offered is taken in until the session's own time would be over.
    """
    if not session.is_full or not session.user.is_active:
        return Kept.NOT
    if session.ended_at is None:
        return Kept.HERS
    now = timezone.now()
    same_rights = session.stamp == session.user.security_stamp
    if session.end_reason in LAPSED and same_rights:
        return Kept.HERS if now - session.ended_at < settings.SESSION_ABSOLUTE else Kept.NOT
    on_purpose = session.end_reason in (ENDED_ON_PURPOSE | LAPSED)
    return Kept.OFFERED if on_purpose and now < session.over_at else Kept.NOT


def keep_unsent(
    session: Session, *, page: str, action: str, data: QueryDict, files: Sequence[str] = (), writer: str = ""
) -> KeptForm | None:
    """Keep what was typed into a page, by its address as the browser tells it.

    `writer` is whose page it was, where that says so: somebody else may have signed in since, at the same machine,
    and what one person typed is not kept for another.

    The address is stored in clear: only one that leads to a page of ours is taken, made of our words and ids.
    """
    path = page_to_open(_path_of(page))
    found, kept_for = _page_at(path), kept_as(session)
    if found is None or kept_for == Kept.NOT or writer not in ("", str(session.user_id)):
        return None
    if kept_for == Kept.OFFERED and not hasattr(found.func, "gives_back"):
        return None
    rule = rule_for(found.func, "GET")
    # On the team's side the page is about somebody, but only the page knows whom.
    of_the_team = rule is not None and rule.who and "patient" not in rule.who
    patient_id = None if of_the_team else whose_side(session)
    return KeptForm.objects.keep(
        by=session.user,
        path=path,
        action=action,
        data=data,
        patient_id=patient_id,
        after=session if kept_for == Kept.OFFERED else None,
        files=files,
    )


def left_because(session: Session, kept: KeptForm | None, *, page: str) -> str:
    """What the sign-in page says of a session that is over: why, and what became of what was typed at `page`."""
    kept = kept or KeptForm.objects.waiting(session.user, _path_of(page), after=session)
    if kept is not None:
        return "held" if kept.is_offered else "kept"
    return session.end_reason if kept_as(session) == Kept.HERS else "ended"


def page_to_open(path: str) -> str:
    """The page that stands at this path, or, where only forms are taken, the one above it, which has the form.

    A form that was refused shows its page at the form's own address, and that page has a form to send, too.
    """
    above = path
    while above.count("/") > 2:
        if _page_at(above) is not None:
            return above
        above = above.rstrip("/").rpartition("/")[0] + "/"
    return path


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


def _page_at(path: str) -> ResolverMatch | None:
    """The page of ours at this path, if it can be opened there and its address has no free words."""
    try:
        found = resolve(path)
    except Resolver404:
        return None
    if "get" not in (declared(found.func) or {}) or is_api(found.func):
        return None
    return found if all(isinstance(part, UUID) for part in found.kwargs.values()) else None
