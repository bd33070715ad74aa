from __future__ import annotations

from django.urls import path

from audit import views

urlpatterns = [
    path("audit/events/", views.events, name="audit-events"),
    path("audit/events/<uuid:ref>/", views.event, name="audit-event"),
]
