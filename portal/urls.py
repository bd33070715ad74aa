from __future__ import annotations

from importlib.util import find_spec

from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from portal import views

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler404 = "portal.errors.page_not_found"
handler500 = "portal.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", views.healthz, name="healthz"),
    # Temporary: an app whose addresses are still being written is left out.
    *(
        path("", include(module))
        for module in ("messaging.urls", "accounts.urls", "audit.urls")
        if find_spec(module)
    ),
]
if settings.DEMO:
    urlpatterns += [path("demo/mail/", views.mailbox, name="demo-mail")]
