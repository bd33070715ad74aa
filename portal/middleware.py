"""What the frame does to every request: a line in the log, clean input, and nothing kept by a browser."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers

from messaging.filing.uploads import MOST_SENT, SealingUploadHandler, may_take_files
from portal import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("portal.requests")


class RequestLine:
    """One line a request: what was asked of which address, by its name, never with what was typed into it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        facts = {
            "method": request.method if request.method in METHODS else "other",
            "address": (match.view_name if match else "") or "-",
            "status": response.status_code,
            "ms": round((time.perf_counter() - began) * 1000, 1),
        }
        logger.info("request", extra={"facts": facts})
        return response


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class NoStore:
    """Nothing of ours stays behind in a browser or a proxy, and nothing of ours is used by another site."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Static files are answered further out, by whitenoise, and carry no one's data.
        response["Cache-Control"] = "no-store"
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("X-Robots-Tag", "noindex, nofollow")
        patch_vary_headers(response, ["Cookie"])
        return response


class CleanInput:
    """Bytes that are no text, and NUL in an address, are answered here: 400 and a page that says so.

    NUL in a form, which PostgreSQL refuses as well, is left to the form: it says so beside the field and keeps
    what was typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            check_address(request)
            check_form(request)
        except RequestDataTooBig:
            return errors.too_large(request)
        except (
            BadRequest,
            SuspiciousOperation,
            MultiPartParserError,
            UnreadablePostError,
            LookupError,
            ValueError,
        ):
            return errors.bad_request(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Who may send files here, and how much. It is known by now who asks, and the form is not read yet."""
        if request.content_type != "multipart/form-data" or not may_take_files(view):
            return None
        if declared_length(request) > MOST_SENT:
            return errors.too_large(request)
        if request.user.is_authenticated:
            request.upload_handlers = [SealingUploadHandler(request)]
        return None


def declared_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def takes_files_at(path: str) -> bool:
    try:
        return may_take_files(resolve(path).func)
    except Resolver404:
        return False


def check_address(request: HttpRequest) -> None:
    # Django has put back the percent signs of bytes that are no text; no address of ours has one otherwise.
    check_text(unquote_to_bytes(request.path_info))
    check_text(unquote_to_bytes(request.META.get("QUERY_STRING", "")))


def check_form(request: HttpRequest) -> None:
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    if request.content_type == "application/x-www-form-urlencoded":
        if not is_text(unquote_to_bytes(request.body)):
            raise BadRequest("not text")
    elif request.content_type == "multipart/form-data":
        if takes_files_at(request.path_info):
            return  # Its form is read when it is known who sends it, and the files in it are never held whole.
        body = request.body
        for values in request.POST.lists():
            for value in (values[0], *values[1]):
                # The parser has put U+FFFD where the bytes were no text; a person may also have typed one.
                if "\ufffd" in value and not is_text(body):
                    raise BadRequest("not text")
    if request.method == "POST":
        _ = request.POST  # Parsed once, here, so that what is wrong with it is answered here.


def check_text(raw: bytes) -> None:
    if b"\0" in raw or not is_text(raw):
        raise BadRequest("not text")


def is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
