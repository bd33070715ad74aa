"""What stands unsent when a session's time is over: kept for the page it stood on, when that is one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from django.urls import Resolver404, resolve

from accounts.access import whose_side
from accounts.models import KeptForm
from accounts.policy import declared, is_api, rule_for

if TYPE_CHECKING:
    from django.http import QueryDict
    from django.urls import ResolverMatch

    from accounts.models import Session


def keep_unsent(session: Session, *, page: str, action: str, data: QueryDict) -> bool:
    """Keep what was typed into a page, by its address as the browser tells it. Says whether anything was kept.

    The address is stored in clear: only one that leads to a page of ours is taken, made of our words and ids.
    """
    path = page_to_open(_path_of(page))
    found = _page_at(path)
    if found is None:
        return False
    rule = rule_for(found.func, "GET")
    # On the team's side the page is about somebody, but only the page knows whom.
    of_the_team = rule is not None and rule.who and "patient" not in rule.who
    patient_id = None if of_the_team else whose_side(session)
    kept = KeptForm.objects.keep(by=session.user, path=path, action=action, data=data, patient_id=patient_id)
    return kept is not None


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
