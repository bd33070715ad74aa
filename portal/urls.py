from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from accounts.policy import policy, signed_in
from audit import views as audit_views
from portal import views

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler404 = "portal.errors.page_not_found"
handler500 = "portal.errors.server_error"

# The trail is the lowest layer and knows no roles: who reviews it is said here, once.
policy(get=signed_in("privacy"), post=signed_in("privacy"))(audit_views.events)
policy(get=signed_in("privacy"))(audit_views.event)

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", views.healthz, name="healthz"),
    path("help/", views.help_with_this_site, name="help"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("", include("messaging.urls")),
    path("", include("accounts.urls")),
    path("", include("audit.urls")),
]
if settings.DEMO:
    urlpatterns += [path("demo/mail/", views.mailbox, name="demo-mail")]
