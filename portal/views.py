from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts.policy import anyone, policy
from portal import demo_mail
from portal.local.broker import pings


@policy(get=anyone)
def healthz(request: HttpRequest) -> HttpResponse:
    """For whoever watches the portal. Without the database it is down; without the broker mail is late."""
    database = database_answers()
    facts = {"database": "ok" if database else "down", "broker": broker_state()}
    return JsonResponse(facts, status=200 if database else 503)


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except Error:
        return False


def broker_state() -> str:
    """A broker on this machine is asked; one elsewhere is its own watcher's business."""
    address = urlsplit(settings.BROKER_URL)
    if address.scheme != "redis+socket":
        return "elsewhere"
    return "ok" if pings(address.path) else "down"


@policy(get=anyone)
def help_with_this_site(request: HttpRequest) -> HttpResponse:
    return render(request, "about/help.html")


@policy(get=anyone)
def accessibility(request: HttpRequest) -> HttpResponse:
    """What works for whom, and what is known not to."""
    return render(request, "about/accessibility.html")


@policy(get=anyone)
def mailbox(request: HttpRequest) -> HttpResponse:
    """The demo's e-mails. The address exists in the demo only, see `portal/urls.py`."""
    return render(request, "demo/mail.html", {"letters": demo_mail.letters()})
