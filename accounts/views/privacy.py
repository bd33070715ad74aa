"""The patient's own look at who has seen her record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.shortcuts import render

from accounts.access import acting_patient
from accounts.history import history_for
from accounts.models import Scope
from accounts.policy import policy, signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import PortalRequest


@policy(get=signed_in("patient"))
def privacy(request: PortalRequest) -> HttpResponse:
    patient = acting_patient(request)
    if Scope.HISTORY not in request.user.scopes_for(patient.pk):
        raise PermissionDenied
    history = history_for(request.user, patient, before=request.GET.get("before", ""))
    return render(request, "accounts/privacy.html", {"history": history})
