"""The addresses of the work. Each is a resource; what may be done to it is in the policy of its view."""

from __future__ import annotations

from django.urls import include, path

from messaging.views import absences, drafts, exports, files, medicines, refills, search, threads, triage

urlpatterns = [
    path("api/v1/", include("messaging.api.urls")),
    path("messages/", threads.messages, name="messages"),
    path("messages/new/", drafts.message_new, name="message-new"),
    path("messages/drafts/", drafts.drafts, name="drafts"),
    path("messages/drafts/<uuid:ref>/", drafts.draft, name="draft"),
    path("messages/drafts/<uuid:ref>/urgent/", drafts.draft_urgent, name="draft-urgent"),
    path("messages/drafts/<uuid:ref>/stop/", drafts.draft_stop, name="draft-stop"),
    path("messages/drafts/<uuid:ref>/topic/", drafts.draft_topic, name="draft-topic"),
    path("messages/drafts/<uuid:ref>/nurse/", drafts.draft_nurse, name="draft-nurse"),
    path("messages/drafts/<uuid:ref>/text/", drafts.draft_text, name="draft-text"),
    path("messages/drafts/<uuid:ref>/files/", drafts.draft_files, name="draft-files"),
    path("messages/drafts/<uuid:ref>/check/", drafts.draft_check, name="draft-check"),
    path("messages/drafts/<uuid:ref>/discard/", drafts.draft_discard, name="draft-discard"),
    path("messages/search/", search.message_search, name="message-search"),
    path("messages/<uuid:ref>/", threads.thread, name="thread"),
    path("messages/<uuid:ref>/print/", exports.thread_print, name="thread-print"),
    path("messages/<uuid:ref>/pdf/", exports.thread_pdf, name="thread-pdf"),
    path("messages/<uuid:ref>/data/", exports.thread_data, name="thread-data"),
    path("messages/<uuid:ref>/replies/", threads.replies, name="thread-replies"),
    path("messages/<uuid:ref>/files/", threads.thread_files, name="thread-files"),
    path("files/<uuid:ref>/", files.file, name="file"),
    path("messages/<uuid:ref>/draft/", drafts.thread_draft, name="thread-draft"),
    path("messages/<uuid:ref>/sent/", drafts.message_sent, name="message-sent"),
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
    path("inbox/<uuid:ref>/files/", triage.inbox_files, name="inbox-files"),
    path("inbox/<uuid:ref>/notes/", triage.inbox_notes, name="inbox-notes"),
    path("inbox/<uuid:ref>/close/", triage.inbox_close, name="inbox-close"),
    path("inbox/<uuid:ref>/draft/", triage.inbox_draft, name="inbox-draft"),
    path("away/", absences.absences, name="absences"),
    path("away/<uuid:ref>/end/", absences.absence_end, name="absence-end"),
    path("refills/", refills.refills, name="refills"),
    path("refills/<uuid:ref>/", refills.refill, name="refill"),
    path("refills/<uuid:ref>/claim/", refills.refill_claim, name="refill-claim"),
    path("refills/<uuid:ref>/decision/", refills.refill_decision, name="refill-decision"),
]
