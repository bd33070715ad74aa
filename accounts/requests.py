"""A request as our views get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails
    from rest_framework.request import Request

    from accounts.models import Session, User


class PortalRequest(HttpRequest):
    """Past the two middlewares: somebody, or an anonymous visitor, and the session she holds."""

    user: User
    # Also half signed-in; `user` is somebody only when both steps are done.
    session_record: Session | None
    # A session that is over, for which what is typed is still kept, and whose key came with this request.
    lapsed_session: Session | None
    # The names of files that came with the form and were let go by.
    let_go: list[str]
    # The language chosen on the way in has been taken over with this request.
    settled_language: bool
    approved_by_policy: bool
    htmx: HtmxDetails


class HalfSignedInRequest(PortalRequest):
    """Past a `half_signed_in` rule: there is a session."""

    session_record: Session


if TYPE_CHECKING:

    class ApiRequest(Request):
        """A request as our API's views get it: past a rule, so somebody is asking."""

        user: User
        _request: PortalRequest
