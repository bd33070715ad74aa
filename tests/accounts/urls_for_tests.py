"""Addresses that the portal does not have: one nobody declared, and one of each kind of rule."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.policy import policy, signed_in
from portal.urls import handler400, handler403, handler404, handler500
from portal.urls import urlpatterns as portals

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def forgotten(request):
    return HttpResponse("open")


@policy(get=signed_in("prescriber"), post=signed_in("prescriber").fresh("refill-decision"))
def decision(request):
    return HttpResponse("decided")


class Forgotten(APIView):
    def get(self, request):
        return Response("open")


@policy(get=signed_in("patient"), post=signed_in("prescriber").fresh("refill-decision"))
class Declared(APIView):
    def get(self, request):
        return Response({"you": str(request.user.pk)})

    def post(self, request):
        return Response({"got": request.data})


class Child(Declared):
    """A class inherits what its parent does, and not what its parent declared."""


urlpatterns = [
    path("t/forgotten/", forgotten),
    path("t/decision/", decision),
    path("api/t/forgotten/", Forgotten.as_view()),
    path("api/t/declared/", Declared.as_view()),
    path("api/t/child/", Child.as_view()),
    *portals,
]
