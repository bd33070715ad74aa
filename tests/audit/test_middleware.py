from __future__ import annotations

from uuid import UUID

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from audit.context import Context, current
from audit.middleware import RequestContextMiddleware


def context_of(**headers: str) -> tuple[Context, HttpResponse]:
    seen: list[Context] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current())
        return HttpResponse()

    path = headers.pop("path", "/messages/")
    response = RequestContextMiddleware(view)(RequestFactory().get(path, **headers))
    return seen[0], response


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "true"),
    [
        (0, "192.0.2.1", "", "192.0.2.1"),
        (0, "192.0.2.1", "6.6.6.6", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.1", "203.0.113.9", "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "<script>", "10.0.0.1"),
        (1, "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        (1, "10.0.0.1", "203.0.113.9:5021", "203.0.113.9"),
        (0, "::ffff:192.0.2.1", "", "192.0.2.1"),
        (0, "", "6.6.6.6", None),
    ],
)
def test_the_address_is_the_one_our_own_proxy_saw(
    settings, proxies: int, peer: str, forwarded: str, true: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    context, _ = context_of(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert context.address == true


@pytest.mark.parametrize(
    ("proxies", "named", "forwarded", "said", "country"),
    [
        (1, "CF-IPCountry", "203.0.113.9", "MX", "MX"),
        # Not named, not through a proxy of ours, or no country.
        (1, "", "203.0.113.9", "MX", ""),
        (0, "CF-IPCountry", "203.0.113.9", "MX", ""),
        (1, "CF-IPCountry", "", "MX", ""),
        (2, "CF-IPCountry", "203.0.113.9", "MX", ""),
        (1, "CF-IPCountry", "203.0.113.9", "XX", ""),
        (1, "CF-IPCountry", "203.0.113.9", "T1", ""),
        (1, "CF-IPCountry", "203.0.113.9", "<b>", ""),
    ],
)
def test_the_country_is_what_a_named_header_of_our_own_proxy_says(
    settings, proxies: int, named: str, forwarded: str, said: str, country: str
) -> None:
    settings.TRUSTED_PROXIES, settings.COUNTRY_HEADER = proxies, named
    context, _ = context_of(HTTP_X_FORWARDED_FOR=forwarded, HTTP_CF_IPCOUNTRY=said)
    assert context.country == country


def test_the_number_of_a_request_is_ours(settings) -> None:
    settings.TRUSTED_PROXIES = 1
    context, response = context_of(HTTP_X_CORRELATION_ID="mine", HTTP_X_REQUEST_ID="mine")
    assert context.request_id == UUID(response["X-Request-ID"])
    assert context_of()[0].request_id != context.request_id


def test_a_browser_is_known_by_a_digest() -> None:
    context, _ = context_of(HTTP_USER_AGENT="Mozilla/5.0")
    assert len(context.user_agent_digest) == 16
    assert context_of(HTTP_USER_AGENT="")[0].user_agent_digest == ""


def test_the_door_is_known() -> None:
    assert context_of(path="/api/v1/threads/")[0].source == "api"
    assert context_of()[0].source == "web"


def test_nothing_stays_bound_after_the_request() -> None:
    context_of(REMOTE_ADDR="192.0.2.1")
    assert current() == Context()
