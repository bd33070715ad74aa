"""The team inbox with the same rows and the same HTML, written in Django's own template language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from accounts.policy import policy, signed_in
from messaging.opened.medicines import refill_count
from messaging.opened.queue import View, team_queue

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

TEMPLATE = "floor/inbox.html"


@policy(get=signed_in("staff"))
def inbox(request: HttpRequest) -> HttpResponse:
    return render(request, TEMPLATE, context(request), using="django")


def context(request: HttpRequest) -> dict[str, object]:
    queue = team_queue(reader=request.user, view=View.TEAM, after=None)
    return {
        "queue": queue,
        "team": queue.counts["team"],
        "unclaimed": queue.counts["unclaimed"],
        "mine": queue.counts["mine"],
        "with_patient": queue.counts["with-patient"],
        "older": queue.page.next,
        "refills_waiting": refill_count(request.user),
        "list_link": "inbox",
        "row_link": "inbox-thread",
    }
