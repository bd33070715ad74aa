"""Pages for when something cannot be shown. They say what to do next, and nothing about anybody."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.translation import get_language
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger("portal.errors")

API = "/api/"
# How long a client should wait before it asks again, in seconds.
RETRY_AFTER = 20


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return too_large(request)
    return answer(request, 400, "bad_request")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer(request, 403, "form_expired", template="csrf")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 403, "forbidden")


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 404, "not_found")


def too_large(request: HttpRequest) -> HttpResponse:
    return answer(request, 413, "too_large")


def server_error(request: HttpRequest) -> HttpResponse:
    # A database that is restarting is not a fault of the portal's: the person is told to come back.
    if is_database_away(sys.exc_info()[1]):
        return unavailable(request)
    return answer(request, 500, "server_error")


def unavailable(request: HttpRequest) -> HttpResponse:
    response = answer(request, 503, "unavailable")
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def is_database_away(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OperationalError | InterfaceError):
            return True
        error = error.__cause__ or error.__context__
    return False


def answer(request: HttpRequest, status: int, code: str, *, template: str = "") -> HttpResponse:
    if request.path_info.startswith(API):
        return JsonResponse({"code": code, "detail": words(status)[1]}, status=status)
    title, text = words(status)
    page: str
    try:
        page = render_to_string(
            f"errors/{template or status}.html", {"title": title, "text": text}, request=request
        )
    except TemplateDoesNotExist:
        page = plain(title, text)
    except Exception:
        # An error page that fails must not take its place: the plainest one is always there.
        logger.exception("error page failed")
        page = plain(title, text)
    return HttpResponse(page, status=status)


def words(status: int) -> tuple[str, str]:
    call = _("If you need help now, call us at %(phone)s.") % {"phone": settings.CLINIC_PHONE}
    title, text = {
        400: (
            _("We could not read what was sent"),
            _("Part of it was not text. Go back, check what you pasted, and try again."),
        ),
        403: (_("You cannot open this page"), _("Your account does not include it.")),
        404: (
            _("We could not find that page"),
            _("The address may be mistyped, or the page is not one you can open."),
        ),
        413: (_("That was too much at once"), _("Go back, shorten what you wrote, and try again.")),
        500: (
            _("Something went wrong on our side"),
            _("Nothing you sent before was lost. Try again in a minute."),
        ),
        503: (
            _("We will be back in a moment"),
            _(
                "The portal cannot reach its records right now. Nothing you sent before was lost. Try again shortly."
            ),
        ),
    }[status]
    return title, f"{text} {call}"


def plain(title: str, text: str) -> str:
    return (
        f'<!doctype html><html lang="{get_language() or settings.LANGUAGE_CODE}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p></html>"
    )
