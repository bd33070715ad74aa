"""The API's side of the doors. The middlewares have settled who asks and whether she may; these only pass it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.response import Response

from accounts.refusals import TooManyTries, TooMuch
from audit.refusals import Refusal

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.models import User


class PortalSessionAuthentication(SessionAuthentication):
    """The person whom `SessionMiddleware` found; what changes anything needs the CSRF token, too."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or not user.is_verified():
            return None
        self.enforce_csrf(request)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="portal"'


class ApprovedByPolicy(BasePermission):
    """Deny unless `PolicyMiddleware` said yes to this very request."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return getattr(request._request, "approved_by_policy", False) is True


def answer_refusal(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Our refusals and the framework's, in one shape: `code` for programs, `detail` for people."""
    if isinstance(exc, Refusal):
        headers = {"Retry-After": str(exc.seconds)} if isinstance(exc, TooManyTries | TooMuch) else None
        return Response({"code": exc.code, "detail": str(exc.words)}, status=exc.status, headers=headers)
    # Not above: the framework's views read the settings that name this module.
    from rest_framework.views import exception_handler

    response = exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, ValidationError):
        fields = response.data if isinstance(response.data, dict) else {"non_field_errors": response.data}
        response.data = {"code": "invalid", "detail": "", "fields": fields}
    elif isinstance(exc, APIException):
        response.data = {"code": str(exc.default_code), "detail": str(exc.detail)}
    else:  # Http404 and PermissionDenied, in the framework's words
        code = "not_found" if response.status_code == 404 else "forbidden"
        response.data = {"code": code, "detail": str(response.data.get("detail", ""))}
    return response
