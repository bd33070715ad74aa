from __future__ import annotations

from django.urls import path

from messaging.api import files, views
from messaging.api.schema import Schema

urlpatterns = [
    path("schema/", Schema.as_view(), name="api-schema"),
    path("threads/", views.Threads.as_view(), name="api-threads"),
    path("threads/<uuid:ref>/", views.OneThread.as_view(), name="api-thread"),
    path("threads/<uuid:ref>/messages/", views.ThreadMessages.as_view(), name="api-thread-messages"),
    path("threads/<uuid:ref>/files/", files.ThreadFiles.as_view(), name="api-thread-files"),
    path("files/<uuid:ref>/", files.OneFile.as_view(), name="api-file"),
    path("refills/", views.Refills.as_view(), name="api-refills"),
    path("refills/<uuid:ref>/", views.OneRefill.as_view(), name="api-refill"),
    path("refills/<uuid:ref>/decision/", views.RefillDecisions.as_view(), name="api-refill-decision"),
]
