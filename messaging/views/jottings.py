"""What is being written in a conversation, and the one line in which a page that saves by itself is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render

from messaging.drafting import JottedForm
from messaging.models import Draft, DraftKind, Place, Side
from messaging.views.uploads import take_in

if TYPE_CHECKING:
    from accounts.requests import PortalRequest
    from messaging.models import Thread
    from messaging.refusals import Refusal


def keep_in(request: PortalRequest, thread: Thread, kind: str) -> tuple[Draft | None, list[str]]:
    """Keep what is being written in a conversation, from either side, and say what stands against its files."""
    form = JottedForm(request.POST)
    form.is_valid()
    kept = Draft.objects.keep(by=request.user, thread=thread, kind=kind, **form.kept())
    if saves_itself(request) or kind == DraftKind.NOTE:
        return kept, []
    side = Side.PATIENT if kind == DraftKind.REPLY else Side.TEAM
    return kept, take_in(request, Place(side, thread=thread), token=None)


def saves_itself(request: PortalRequest) -> bool:
    """Whether the page sends this by itself, while somebody types."""
    return "autosave" in request.POST


def in_one_line(refusal: Refusal) -> HttpResponse:
    """For the line of a page that saves by itself."""
    return HttpResponse(str(refusal.words), status=refusal.status, content_type="text/plain")


def saved(request: PortalRequest, kept: Draft | None) -> HttpResponse:
    """One line for the page that saves by itself, and the revision that it shows from now on."""
    answer = render(request, "messaging/_draft_saved.html", {"saved_at": kept.updated_at if kept else None})
    answer["X-Draft-Revision"] = str(kept.revision if kept else 0)
    return answer
