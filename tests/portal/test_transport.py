"""HSR-09: nobody is spoken to in the clear."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def production(settings):
    """What settings.py says in production (see test_settings.py), seen from a browser."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 63_072_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_HSTS_PRELOAD = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    return settings


def test_plain_http_leads_to_https(production):
    answer = Client().get("/sign-in/?next=/messages/")
    assert answer.status_code == 301
    assert answer["Location"] == "https://testserver/sign-in/?next=/messages/"


def test_https_asks_the_browser_to_stay_with_it(production):
    answer = Client().get("/sign-in/", secure=True)
    assert answer.status_code == 200
    assert answer["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload"


def test_whoever_watches_may_ask_in_the_clear(production):
    assert Client().get("/healthz").status_code == 200


def test_every_cookie_is_for_https_and_for_this_host_only(production):
    answer = Client().get("/sign-in/", secure=True)
    assert set(answer.cookies) == {"__Host-csrf"}
    for cookie in answer.cookies.values():
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""


def test_the_cookies_of_somebody_signed_in_are_too(production, cast):
    """Her session, her browser's mark, the question asked of a passkey."""
    production.DEVICE_COOKIE_NAME, production.PASSKEY_COOKIE_NAME = "__Host-device", "__Host-passkey"
    client = Client()
    answers = [
        client.post("/sign-in/passkey/options/", secure=True),
        client.post("/sign-in/", cast.login("ana"), secure=True),
        client.post("/sign-in/code/", {"code": cast.code("ana")}, secure=True),
        client.post("/sign-out/", secure=True),
    ]
    cookies = [(name, cookie) for answer in answers for name, cookie in answer.cookies.items()]
    assert {name for name, _cookie in cookies} >= {"__Host-session", "__Host-device", "__Host-passkey"}
    for name, cookie in cookies:
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", ""), name
        assert cookie["samesite"] in ("Lax", "Strict"), name
        assert cookie["httponly"] or not cookie.value, name


def test_a_visitor_cannot_claim_to_have_come_by_https(production):
    assert Client().get("/sign-in/", headers={"x-forwarded-proto": "https"}).status_code == 301


def test_a_proxy_of_ours_can(production):
    production.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert Client().get("/sign-in/", headers={"x-forwarded-proto": "https"}).status_code == 200
    assert Client().get("/sign-in/", headers={"x-forwarded-proto": "http"}).status_code == 301


def test_every_answer_carries_the_headers_that_keep_it_here(client):
    answer = client.get("/sign-in/")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "camera=()" in answer["Permissions-Policy"]
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy
