"""The patient's side: looking for a message by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import acting_patient
from accounts.policy import policy, signed_in
from accounts.refusals import TooMuch
from messaging.opened.search import open_search
from messaging.search import SearchForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import PortalRequest


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
def message_search(request: PortalRequest) -> HttpResponse:
    """The form, and what it finds. Only a POST looks: words in an address would stay in histories and logs."""
    patient = acting_patient(request)
    form = SearchForm(request.POST) if request.method == "POST" else SearchForm()
    asked = form if form.is_valid() else None
    status = 422 if form.errors else 200
    try:
        page = open_search(reader=request.user, patient=patient, asked=asked)
    except TooMuch as much:
        form.add_error("look_for", str(much.words))
        page, status = open_search(reader=request.user, patient=patient, asked=None), much.status
    return render(request, "messaging/search.html", {"form": form, "page": page}, status=status)
