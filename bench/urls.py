"""The portal's own addresses, and one more: the team inbox in Django's own template language."""

from __future__ import annotations

from django.urls import path

from bench import engine
from portal.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [*urlpatterns, path("bench/inbox/", engine.inbox, name="bench-inbox")]
