"""What is true about a request whoever sends it: its number, its address, its browser."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from audit.context import bind
from audit.ids import uuid7

COUNTRY, UNKNOWN = re.compile(r"[A-Z]{2}"), "XX"
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Bind the audit context. Nothing that a client calls its request, or its address, is believed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid7()
        with bind(
            agent_id="anonymous",
            agent_pk=None,
            agent_role="none",
            request_id=request_id,
            address=true_address(request),
            country=true_country(request),
            user_agent_digest=_user_agent_digest(request),
            source="api" if request.path_info.startswith("/api/") else "web",
            app_version=settings.APP_VERSION,
        ):
            response = self.get_response(request)
        response["X-Request-ID"] = str(request_id)
        return response


def true_address(request: HttpRequest) -> str | None:
    """The peer, or, behind `TRUSTED_PROXIES` proxies of ours, the address that the outermost of them saw.

    Each proxy appends the address it was called from. What stands further left was written by the client.
    """
    peer, hops, chain = request.META.get("REMOTE_ADDR", ""), settings.TRUSTED_PROXIES, _chain(request)
    if hops and len(chain) >= hops:
        return _address(chain[-hops]) or _address(peer)
    return _address(peer)


def true_country(request: HttpRequest) -> str:
    """Two letters from the header that the operator named, of a request that came through all our proxies."""
    hops = settings.TRUSTED_PROXIES
    if not settings.COUNTRY_HEADER or not hops or len(_chain(request)) < hops:
        return ""
    said = request.headers.get(settings.COUNTRY_HEADER, "").strip()
    return said if COUNTRY.fullmatch(said) and said != UNKNOWN else ""


def _chain(request: HttpRequest) -> list[str]:
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return [part.strip() for part in forwarded.split(",") if part.strip()]


def _address(text: str) -> str | None:
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _user_agent_digest(request: HttpRequest) -> str:
    agent = request.META.get("HTTP_USER_AGENT", "")
    return hashlib.sha256(agent.encode("utf-8", "replace")).hexdigest()[:16] if agent else ""
