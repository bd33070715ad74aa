"""The access review. Who may open these addresses is said in the portal's URL configuration."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from audit.access import event_for
from audit.forms import EventFilter, EventSearch
from audit.review import open_event, record_miss, review


@require_http_methods(["GET", "HEAD", "POST"])
def events(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _look_for(request)
    asked = EventFilter(request.GET)
    if not asked.is_valid():
        return render(request, "audit/events.html", {"form": asked, "review": None}, status=422)
    return render(request, "audit/events.html", {"form": asked, "review": review(request.user, asked)})


def _look_for(request: HttpRequest) -> HttpResponse:
    """Lead what was typed to an address that can be sent and kept: with no record number in it."""
    asked = EventSearch(request.POST)
    if asked.is_valid():
        query = asked.in_the_address
        return redirect(reverse("audit-events") + (f"?{query}" if query else ""))
    if asked.missed:
        record_miss(request.user, asked)
    return render(request, "audit/events.html", {"form": asked, "review": None}, status=422)


@require_safe
def event(request: HttpRequest, ref: UUID) -> HttpResponse:
    found = event_for(request.user, ref)
    return render(request, "audit/event.html", {"event": open_event(request.user, found)})
