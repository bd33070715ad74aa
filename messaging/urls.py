"""The addresses of the work. Each is a resource; what may be done to it is in the policy of its view."""

from __future__ import annotations

from django.urls import include, path

from messaging.views import exports, medicines, refills, search, threads, triage

urlpatterns = [
    path("api/v1/", include("messaging.api.urls")),
    path("messages/", threads.messages, name="messages"),
    path("messages/new/", threads.message_new, name="message-new"),
    path("messages/search/", search.message_search, name="message-search"),
    path("messages/<uuid:ref>/", threads.thread, name="thread"),
    path("messages/<uuid:ref>/print/", exports.thread_print, name="thread-print"),
    path("messages/<uuid:ref>/pdf/", exports.thread_pdf, name="thread-pdf"),
    path("messages/<uuid:ref>/data/", exports.thread_data, name="thread-data"),
    path("messages/<uuid:ref>/replies/", threads.replies, name="thread-replies"),
    path("medicines/", medicines.medicines, name="medicines"),
    path("medicines/<uuid:ref>/refill/", medicines.refill_new, name="refill-new"),
    path("medicines/requests/<uuid:ref>/", medicines.refill_request, name="refill-request"),
    path("medicines/requests/<uuid:ref>/cancel/", medicines.refill_cancel, name="refill-cancel"),
    path("inbox/", triage.inbox, name="inbox"),
    path("inbox/version/", triage.inbox_version, name="inbox-version"),
    path("inbox/<uuid:ref>/", triage.inbox_thread, name="inbox-thread"),
    path("inbox/<uuid:ref>/claim/", triage.inbox_claim, name="inbox-claim"),
    path("inbox/<uuid:ref>/release/", triage.inbox_release, name="inbox-release"),
    path("inbox/<uuid:ref>/replies/", triage.inbox_replies, name="inbox-replies"),
    path("inbox/<uuid:ref>/notes/", triage.inbox_notes, name="inbox-notes"),
    path("inbox/<uuid:ref>/close/", triage.inbox_close, name="inbox-close"),
    path("refills/", refills.refills, name="refills"),
    path("refills/<uuid:ref>/", refills.refill, name="refill"),
    path("refills/<uuid:ref>/claim/", refills.refill_claim, name="refill-claim"),
    path("refills/<uuid:ref>/decision/", refills.refill_decision, name="refill-decision"),
]
