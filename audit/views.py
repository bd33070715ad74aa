"""The access review. Who may open these addresses is said in the portal's URL configuration."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.access import event_for
from audit.forms import EventFilter
from audit.review import open_event, review


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    asked = EventFilter(request.GET)
    if not asked.is_valid():
        return render(request, "audit/events.html", {"form": asked, "review": None}, status=422)
    return render(request, "audit/events.html", {"form": asked, "review": review(request.user, asked)})


@require_safe
def event(request: HttpRequest, ref: UUID) -> HttpResponse:
    found = event_for(request.user, ref)
    return render(request, "audit/event.html", {"event": open_event(request.user, found)})
