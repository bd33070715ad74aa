"""The patient's side: a conversation to print, and as a file to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.policy import policy, signed_in
from accounts.refusals import TooMuch
from messaging.access import own_thread_for
from messaging.opened.archives import download_with_files
from messaging.opened.transcripts import download, open_to_print

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.requests import PortalRequest
    from messaging.models import Thread


@policy(get=signed_in("patient"))
def thread_print(request: PortalRequest, ref: UUID) -> HttpResponse:
    """All of the conversation on one page without controls, with the ways to save it."""
    return _to_print(request, own_thread_for(request.user, ref))


@policy(post=signed_in("patient").fresh("export"))
@require_http_methods(["POST"])
def thread_pdf(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _save(request, ref, form="pdf", content_type="application/pdf")


@policy(post=signed_in("patient").fresh("export"))
@require_http_methods(["POST"])
def thread_data(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _save(request, ref, form="json", content_type="application/fhir+json")


@policy(post=signed_in("patient").fresh("export"))
@require_http_methods(["POST"])
def thread_archive(request: PortalRequest, ref: UUID) -> HttpResponse | StreamingHttpResponse:
    """The same with every file that was sent, written while it is on its way."""
    thread = own_thread_for(request.user, ref)
    try:
        made = download_with_files(thread, reader=request.user)
    except TooMuch as much:
        return _to_print(request, thread, problem=str(much.words), status=much.status)
    return StreamingHttpResponse(
        made,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="conversation-{ref}.zip"'},
    )


def _to_print(
    request: PortalRequest, thread: Thread, *, problem: str = "", status: int = 200
) -> HttpResponse:
    transcript = open_to_print(thread, reader=request.user)
    return render(
        request, "messaging/print.html", {"transcript": transcript, "problem": problem}, status=status
    )


def _save(request: PortalRequest, ref: UUID, *, form: str, content_type: str) -> HttpResponse:
    """A file that browsers save and do not show. Its name says nothing of anybody."""
    thread = own_thread_for(request.user, ref)
    try:
        made = download(thread, reader=request.user, form=form)
    except TooMuch as much:
        return _to_print(request, thread, problem=str(much.words), status=much.status)
    name = f"conversation-{ref}.{form}"
    return HttpResponse(
        made, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
