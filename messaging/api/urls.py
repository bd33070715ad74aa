from __future__ import annotations

from django.urls import path

from messaging.api import drafts, files, views
from messaging.api.schema import Schema

urlpatterns = [
    path("schema/", Schema.as_view(), name="api-schema"),
    path("threads/", views.Threads.as_view(), name="api-threads"),
    path("threads/<uuid:ref>/", views.OneThread.as_view(), name="api-thread"),
    path("threads/<uuid:ref>/messages/", views.ThreadMessages.as_view(), name="api-thread-messages"),
    path("threads/<uuid:ref>/files/", files.ThreadFiles.as_view(), name="api-thread-files"),
    path("drafts/", drafts.Drafts.as_view(), name="api-drafts"),
    path("drafts/<uuid:ref>/", drafts.OneDraft.as_view(), name="api-draft"),
    path("drafts/<uuid:ref>/files/", files.DraftFiles.as_view(), name="api-draft-files"),
    path("files/<uuid:ref>/", files.OneFile.as_view(), name="api-file"),
    path("refills/", views.Refills.as_view(), name="api-refills"),
    path("refills/<uuid:ref>/", views.OneRefill.as_view(), name="api-refill"),
    path("refills/<uuid:ref>/decision/", views.RefillDecisions.as_view(), name="api-refill-decision"),
]
