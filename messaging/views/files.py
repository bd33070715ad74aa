"""Files on their way to whoever may have them. One road for both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.policy import policy, signed_in
from messaging.access import file_for
from messaging.opened.download import open_download
from messaging.refusals import FileGone

if TYPE_CHECKING:
    from accounts.requests import PortalRequest
    from messaging.opened.download import Download


@policy(get=signed_in("patient", "staff"))
@require_http_methods(["GET", "HEAD"])
def file(request: PortalRequest, ref: UUID) -> HttpResponse | StreamingHttpResponse:
    found = file_for(request.user, ref)
    try:
        return answer_with(open_download(found, reader=request.user))
    except FileGone as gone:
        return render(request, "messaging/file_gone.html", {"words": gone.words}, status=gone.status)


def answer_with(download: Download) -> StreamingHttpResponse:
    """Bytes to keep, not to show: whatever is in them, no browser runs it as a page of ours."""
    answer = StreamingHttpResponse(download.chunks, content_type=download.media_type)
    answer["Content-Length"] = str(download.size)
    answer["Content-Disposition"] = download.disposition
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
