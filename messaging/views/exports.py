"""The patient's side: a conversation to print, and as a file to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.policy import policy, signed_in
from messaging.access import own_thread_for
from messaging.opened.transcripts import download, open_to_print

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.requests import PortalRequest


@policy(get=signed_in("patient"))
def thread_print(request: PortalRequest, ref: UUID) -> HttpResponse:
    """All of the conversation on one page without controls, with the ways to save it."""
    transcript = open_to_print(own_thread_for(request.user, ref), reader=request.user)
    return render(request, "messaging/print.html", {"transcript": transcript})


@policy(post=signed_in("patient").fresh("export"))
@require_http_methods(["POST"])
def thread_pdf(request: PortalRequest, ref: UUID) -> HttpResponse:
    made = download(own_thread_for(request.user, ref), reader=request.user, form="pdf")
    return _file(made, name=f"conversation-{ref}.pdf", content_type="application/pdf")


@policy(post=signed_in("patient").fresh("export"))
@require_http_methods(["POST"])
def thread_data(request: PortalRequest, ref: UUID) -> HttpResponse:
    made = download(own_thread_for(request.user, ref), reader=request.user, form="json")
    return _file(made, name=f"conversation-{ref}.json", content_type="application/fhir+json")


def _file(made: bytes, *, name: str, content_type: str) -> HttpResponse:
    """A file that browsers save and do not show. Its name says nothing of anybody."""
    return HttpResponse(
        made, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
