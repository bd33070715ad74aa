from __future__ import annotations

from django.urls import path

from bench.floor import views

urlpatterns = [
    path("floor/messages/", views.messages, name="floor-messages"),
    path("floor/messages/<uuid:ref>/", views.thread, name="floor-thread"),
    path("floor/messages/<uuid:ref>/replies/", views.send, name="floor-replies"),
    path("floor/messages/<uuid:ref>/bare-replies/", views.send_only, name="floor-bare-replies"),
    path("floor/inbox/", views.inbox, name="floor-inbox"),
    path("floor/inbox/<uuid:ref>/", views.inbox, name="floor-inbox-thread"),
    path("floor/events/", views.events, name="floor-events"),
    path("floor/events/<uuid:ref>/", views.events, name="floor-event"),
]
