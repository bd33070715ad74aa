"""The terms: read at any time, agreed to once for each version, before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from accounts.agreements import agree, open_terms
from accounts.policy import policy, signed_in
from accounts.views.where import onward, wanted

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import PortalRequest

whoever = signed_in().without_terms()


@policy(get=whoever, post=whoever)
def terms(request: PortalRequest) -> HttpResponse:
    if request.method != "POST":
        return _show(request)
    if not agree(request.user, version=request.POST.get("version", "")):
        # Other words came into force while she was reading these.
        return _show(request, status=409)
    return onward(request)


def _show(request: PortalRequest, status: int = 200) -> HttpResponse:
    said = {"terms": open_terms(request.user), "next": wanted(request), "changed": status == 409}
    return render(request, "accounts/terms.html", said, status=status)
