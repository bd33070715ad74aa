"""Every address, every method, every person: what each gets. Generated from the URL configuration (HSR-01, SC2, SC7).

An address, a method or a role without its row fails. The things asked for are Ana's: her conversation with
Dr Okafor's team, her medicine, her request, her app, her session. Okafor and Maya work in that team, Rosa is
Ana's daughter; Ben, Lund and Sam have no part in it, and neither have Mira and Root.

401: sign in first (programs). 302 for nobody and half: to the sign-in. 403: not for this role. 404: not for
this person, and the same answer as for what does not exist. 409 and 422: she may, but not now or not like this.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models.session import Strength
from accounts.policy import addresses, declared
from tests.cast import open_session

if TYPE_CHECKING:
    from accounts.models import RecordJoin, User
    from messaging.models import Draft, Thread
    from tests.cast import Cast
    from tests.work import Work

PEOPLE = ["nobody", "half", "ana", "ben", "rosa", "okafor", "lund", "maya", "sam", "mira", "root"]
# What `half` and `nobody` may do. Everything else asks for both steps of sign-in.
PUBLIC = {
    "healthz", "help", "accessibility", "home", "sign-in", "sign-in-passkey", "passkey-options", "password-forgotten",
    "password-by-link", "join", "join-by-link", "join-stop", "sign-out", "keep", "theme", "language",
}  # fmt: skip
HALF_WAY = {
    "sign-in-code", "sign-in-recovery", "sign-in-set-up", "sign-in-codes", "sign-in-set-up-passkey",
    "passkey-new-options", "sign-in-lost",
}  # fmt: skip

#                                        nobody half ana ben rosa okafor lund maya sam mira root
MATRIX = {
    ("healthz", "get"):                     "200 200 200 200 200 200 200 200 200 200 200",
    ("help", "get"):                        "200 200 200 200 200 200 200 200 200 200 200",
    ("accessibility", "get"):               "200 200 200 200 200 200 200 200 200 200 200",
    # the way in
    ("home", "get"):                        "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in", "get"):                     "200 200 302 302 302 302 302 302 302 302 302",
    ("sign-in", "post"):                    "422 422 302 302 302 302 302 302 302 302 302",
    ("sign-in-code", "get"):                "302 200 302 302 302 302 302 302 302 302 302",
    ("sign-in-code", "post"):               "302 422 302 302 302 302 302 302 302 302 302",
    ("sign-in-recovery", "get"):            "302 200 302 302 302 302 302 302 302 302 302",
    ("sign-in-recovery", "post"):           "302 422 302 302 302 302 302 302 302 302 302",
    ("sign-in-set-up", "get"):              "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-set-up", "post"):             "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-codes", "get"):               "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-codes", "post"):              "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-passkey", "post"):            "422 422 302 302 302 302 302 302 302 302 302",
    ("passkey-options", "post"):            "200 200 200 200 200 200 200 200 200 200 200",
    ("password-forgotten", "get"):          "200 200 200 200 200 200 200 200 200 200 200",
    ("password-forgotten", "post"):         "422 422 422 422 422 422 422 422 422 422 422",
    ("password-by-link", "get"):            "410 410 410 410 410 410 410 410 410 410 410",
    ("password-by-link", "post"):           "410 410 410 410 410 410 410 410 410 410 410",
    ("join", "get"):                        "200 200 200 200 200 200 200 200 200 200 200",
    ("join", "post"):                       "422 422 422 422 422 422 422 422 422 422 422",
    ("join-stop", "get"):                   "410 410 410 410 410 410 410 410 410 410 410",
    ("join-stop", "post"):                  "410 410 410 410 410 410 410 410 410 410 410",
    ("join-by-link", "get"):                "410 410 410 410 410 410 410 410 410 410 410",
    ("join-by-link", "post"):               "410 410 410 410 410 410 410 410 410 410 410",
    ("sign-in-lost", "get"):                "302 200 302 302 302 302 302 302 302 302 302",
    ("sign-in-lost", "post"):               "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-set-up-passkey", "get"):      "302 302 302 302 302 302 302 302 302 302 302",
    ("sign-in-set-up-passkey", "post"):     "302 302 302 302 302 302 302 302 302 302 302",
    ("passkey-new-options", "post"):        "302 403 403 403 403 403 403 403 403 403 403",
    ("sign-in-again", "get"):               "302 302 200 200 200 200 200 200 200 200 200",
    ("sign-in-again", "post"):              "302 302 422 422 422 422 422 422 422 422 422",
    ("sign-out", "post"):                   "302 302 302 302 302 302 302 302 302 302 302",
    ("terms", "get"):                       "302 302 200 200 200 200 200 200 200 200 200",
    ("terms", "post"):                      "302 302 409 409 409 409 409 409 409 409 409",
    ("stay", "get"):                        "302 302 204 204 204 204 204 204 204 204 204",
    ("keep", "post"):                       "204 204 204 204 204 204 204 204 204 204 204",
    ("theme", "post"):                      "302 302 302 302 302 302 302 302 302 302 302",
    ("language", "post"):                   "302 302 302 302 302 302 302 302 302 302 302",
    # one's own account; what changes a factor leads to the second step first (302)
    ("account", "get"):                     "302 302 200 200 200 200 200 200 200 200 200",
    ("account-app-new", "get"):             "302 302 302 302 302 302 302 302 302 302 302",
    ("account-app-new", "post"):            "302 302 302 302 302 302 302 302 302 302 302",
    ("account-password", "get"):            "302 302 302 302 302 302 302 302 302 302 302",
    ("account-password", "post"):           "302 302 302 302 302 302 302 302 302 302 302",
    ("account-contact", "get"):             "302 302 200 200 200 200 200 200 200 200 200",
    ("account-contact-undo", "post"):       "302 302 302 302 302 302 302 302 302 302 302",
    ("account-email", "get"):               "302 302 302 302 302 302 302 302 302 302 302",
    ("account-email", "post"):              "302 302 302 302 302 302 302 302 302 302 302",
    ("account-email-cancel", "post"):       "302 302 302 302 302 302 302 302 302 302 302",
    ("account-email-confirm", "get"):       "302 302 410 410 410 410 410 410 410 410 410",
    ("account-email-confirm", "post"):      "302 302 410 410 410 410 410 410 410 410 410",
    ("account-phone", "get"):               "302 302 302 302 302 302 302 302 302 302 302",
    ("account-phone", "post"):              "302 302 302 302 302 302 302 302 302 302 302",
    ("account-loss-cancel", "post"):        "302 302 302 302 302 302 302 302 302 302 302",
    ("account-passkey-new", "get"):         "302 302 302 302 302 302 302 302 302 302 302",
    ("account-passkey-new", "post"):        "302 302 302 302 302 302 302 302 302 302 302",
    ("account-factor-remove", "post"):      "302 302 302 302 302 302 302 302 302 302 302",
    ("account-codes", "get"):               "302 302 302 302 302 302 302 302 302 302 302",
    ("account-codes", "post"):              "302 302 302 302 302 302 302 302 302 302 302",
    ("account-sessions-end-others", "post"): "302 302 302 302 302 302 302 302 302 302 302",
    ("account-session-end", "post"):        "302 302 302 404 404 404 404 404 404 404 404",
    ("kept-form", "post"):                  "302 302 302 404 404 404 404 404 404 404 404",
    ("account-acting", "post"):             "302 302 302 404 302 403 403 403 403 403 403",
    ("helping-end", "post"):                "302 302 404 404 302 403 403 403 403 403 403",
    ("trusted", "get"):                     "302 302 200 200 403 403 403 403 403 403 403",
    ("trusted-new", "get"):                 "302 302 302 302 403 403 403 403 403 403 403",
    ("trusted-new", "post"):                "302 302 302 302 403 403 403 403 403 403 403",
    ("trusted-person", "get"):              "302 302 200 404 403 403 403 403 403 403 403",
    ("trusted-person", "post"):             "302 302 302 302 403 403 403 403 403 403 403",
    ("trusted-stop", "post"):               "302 302 302 404 403 403 403 403 403 403 403",
    ("trusted-agree", "post"):              "302 302 302 302 403 403 403 403 403 403 403",
    ("trusted-invite", "post"):             "302 302 302 302 403 403 403 403 403 403 403",
    ("privacy", "get"):                     "302 302 200 200 200 403 403 403 403 403 403",
    # the patient's side
    ("messages", "get"):                    "302 302 200 200 200 403 403 403 403 403 403",
    ("message-new", "get"):                 "302 302 200 200 200 403 403 403 403 403 403",
    ("message-new", "post"):                "302 302 422 422 422 403 403 403 403 403 403",
    ("drafts", "get"):                      "302 302 200 200 200 403 403 403 403 403 403",
    # A draft is its author's alone: not even the patient sees what her daughter has not sent.
    ("draft", "get"):                       "302 302 302 404 404 403 403 403 403 403 403",
    ("draft-urgent", "get"):                "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-urgent", "post"):               "302 302 422 404 404 403 403 403 403 403 403",
    ("draft-stop", "get"):                  "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-stop", "post"):                 "302 302 302 404 404 403 403 403 403 403 403",
    ("draft-topic", "get"):                 "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-topic", "post"):                "302 302 422 404 404 403 403 403 403 403 403",
    ("draft-nurse", "get"):                 "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-text", "get"):                  "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-text", "post"):                 "302 302 422 404 404 403 403 403 403 403 403",
    ("draft-files", "post"):                 "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-check", "get"):                 "302 302 200 404 404 403 403 403 403 403 403",
    ("draft-check", "post"):                "302 302 302 404 404 403 403 403 403 403 403",
    ("draft-discard", "post"):              "302 302 302 404 404 403 403 403 403 403 403",
    ("thread-draft", "post"):               "302 302 302 404 302 403 403 403 403 403 403",
    ("message-sent", "get"):                "302 302 200 404 200 403 403 403 403 403 403",
    ("message-search", "get"):              "302 302 200 200 200 403 403 403 403 403 403",
    ("message-search", "post"):             "302 302 422 422 422 403 403 403 403 403 403",
    ("thread", "get"):                      "302 302 200 404 200 403 403 403 403 403 403",
    ("thread-apart", "post"):               "302 302 302 404 403 403 403 403 403 403 403",
    ("thread-print", "get"):                "302 302 200 404 200 403 403 403 403 403 403",
    ("thread-pdf", "post"):                 "302 302 302 302 302 403 403 403 403 403 403",
    ("thread-data", "post"):                "302 302 302 302 302 403 403 403 403 403 403",
    ("thread-archive", "post"):             "302 302 302 302 302 403 403 403 403 403 403",
    ("thread-replies", "post"):             "302 302 422 404 422 403 403 403 403 403 403",
    ("thread-put-away", "post"):            "302 302 302 404 302 403 403 403 403 403 403",
    ("thread-take-out", "post"):            "302 302 302 404 302 403 403 403 403 403 403",
    ("message-correct", "get"):             "302 302 200 404 404 403 403 403 403 403 403",
    ("message-correct", "post"):            "302 302 422 404 404 403 403 403 403 403 403",
    ("message-take-back", "post"):          "302 302 302 404 404 403 403 403 403 403 403",
    ("thread-files", "post"):               "302 302 200 404 200 403 403 403 403 403 403",
    ("file", "get"):                        "302 302 200 404 200 200 404 200 404 403 403",
    ("medicines", "get"):                   "302 302 200 200 200 403 403 403 403 403 403",
    ("refill-new", "get"):                  "302 302 200 404 200 403 403 403 403 403 403",
    ("refill-new", "post"):                 "302 302 302 404 302 403 403 403 403 403 403",
    ("refill-request", "get"):              "302 302 200 404 200 403 403 403 403 403 403",
    ("refill-cancel", "post"):              "302 302 302 404 409 403 403 403 403 403 403",
    # the team's side
    ("inbox", "get"):                       "302 302 403 403 403 200 200 200 200 403 403",
    ("inbox-version", "get"):               "302 302 403 403 403 200 200 200 200 403 403",
    ("inbox-thread", "get"):                "302 302 403 403 403 200 404 200 404 403 403",
    ("inbox-claim", "post"):                "302 302 403 403 403 302 404 409 404 403 403",
    ("inbox-release", "post"):              "302 302 403 403 403 409 404 409 404 403 403",
    ("inbox-replies", "post"):              "302 302 403 403 403 422 404 422 404 403 403",
    ("inbox-files", "post"):                "302 302 403 403 403 200 404 200 404 403 403",
    ("inbox-notes", "post"):                "302 302 403 403 403 422 404 422 404 403 403",
    ("inbox-apart", "get"):                 "302 302 403 403 403 200 404 200 403 403 403",
    ("inbox-apart", "post"):                "302 302 403 403 403 422 404 422 403 403 403",
    ("inbox-close", "post"):                "302 302 403 403 403 422 404 422 404 403 403",
    ("inbox-reached", "post"):              "302 302 403 403 403 422 404 422 404 403 403",
    # the message is Ana's: nobody of the team wrote it
    ("inbox-correct", "get"):               "302 302 403 403 403 404 404 404 404 403 403",
    ("inbox-correct", "post"):              "302 302 403 403 403 404 404 404 404 403 403",
    ("inbox-take-back", "post"):            "302 302 403 403 403 404 404 404 404 403 403",
    ("inbox-draft", "post"):                "302 302 403 403 403 302 404 302 404 403 403",
    ("absences", "get"):                    "302 302 403 403 403 200 200 200 200 403 403",
    ("absences", "post"):                   "302 302 403 403 403 422 422 422 422 403 403",
    ("absence-cover", "post"):              "302 302 403 403 403 422 404 422 404 403 403",
    ("absence-end", "post"):                "302 302 403 403 403 302 404 404 404 403 403",
    ("refills", "get"):                     "302 302 403 403 403 200 200 200 403 403 403",
    ("refill", "get"):                      "302 302 403 403 403 200 404 200 403 403 403",
    ("refill-claim", "post"):               "302 302 403 403 403 302 404 409 403 403 403",
    ("refill-decision", "post"):            "302 302 403 403 403 302 302 403 403 403 403",
    # the front desk
    ("desk-trusted", "get"):                "302 302 403 403 403 403 403 403 200 200 403",
    ("desk-trusted", "post"):               "302 302 403 403 403 403 403 403 422 422 403",
    ("desk-trusted-patient", "get"):        "302 302 403 403 403 403 403 403 200 200 403",
    ("desk-trusted-new", "get"):            "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-trusted-new", "post"):           "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-trust-agree", "post"):           "302 302 403 403 403 403 403 403 302 302 403",
    ("desk-trust-pause", "post"):           "302 302 403 403 403 403 403 403 422 422 403",
    ("desk-trust-go-on", "post"):           "302 302 403 403 403 403 403 403 302 302 403",
    ("desk-trust-bar", "post"):             "302 302 403 403 403 403 403 403 302 302 403",
    ("desk-lost", "get"):                   "302 302 403 403 403 403 403 403 200 403 403",
    ("desk-lost", "post"):                  "302 302 403 403 403 403 403 403 422 403 403",
    ("patient-accounts", "get"):            "302 302 403 403 403 403 403 403 200 403 200",
    ("patient-accounts", "post"):           "302 302 403 403 403 403 403 403 422 403 422",
    ("patient-new", "get"):                 "302 302 403 403 403 403 403 403 200 403 403",
    ("patient-new", "post"):                "302 302 403 403 403 403 403 403 422 403 403",
    ("patient-account", "get"):             "302 302 403 403 403 403 403 403 200 403 200",
    ("patient-account-invite", "post"):     "302 302 403 403 403 403 403 403 302 403 302",
    ("patient-account-agree", "post"):      "302 302 403 403 403 403 403 403 302 403 302",
    ("patient-account-revoke", "post"):     "302 302 403 403 403 403 403 403 302 403 302",
    ("of-age", "get"):                      "302 302 403 403 403 403 403 403 200 403 200",
    ("patient-account-not-now", "post"):    "302 302 403 403 403 403 403 403 422 403 422",
    ("patient-account-close", "post"):      "302 302 403 403 403 403 403 403 302 403 302",
    ("patient-account-sessions-end", "post"): "302 302 403 403 403 403 403 403 302 403 302",
    # the people area: no patient is there, and nobody's chart; what changes an account asks for the second step (302)
    ("people", "get"):                      "302 302 403 403 403 403 403 403 403 403 200",
    ("people-invite", "get"):               "302 302 403 403 403 403 403 403 403 403 302",
    ("people-invite", "post"):              "302 302 403 403 403 403 403 403 403 403 302",
    ("people-invitations", "get"):          "302 302 403 403 403 403 403 403 403 403 200",
    ("people-invitation-renew", "post"):    "302 302 403 403 403 403 403 403 403 403 302",
    ("people-invitation-revoke", "post"):   "302 302 403 403 403 403 403 403 403 403 302",
    ("role-requests", "get"):               "302 302 403 403 403 403 403 403 403 200 200",
    ("role-request-decide", "post"):        "302 302 403 403 403 403 403 403 403 302 302",
    ("person-lost", "post"):                "302 302 403 403 403 403 403 403 403 302 302",
    ("person", "get"):                      "302 302 403 403 403 403 403 403 403 403 200",
    ("person-roles", "post"):               "302 302 403 403 403 403 403 403 403 403 302",
    ("person-teams", "post"):               "302 302 403 403 403 403 403 403 403 403 302",
    ("person-close", "get"):                "302 302 403 403 403 403 403 403 403 403 302",
    ("person-close", "post"):               "302 302 403 403 403 403 403 403 403 403 302",
    ("person-invite", "get"):               "302 302 403 403 403 403 403 403 403 403 302",
    ("person-invite", "post"):              "302 302 403 403 403 403 403 403 403 403 302",
    ("person-sessions-end", "post"):        "302 302 403 403 403 403 403 403 403 403 302",
    ("person-session-end", "post"):         "302 302 403 403 403 403 403 403 403 403 302",
    ("desk-patients", "get"):               "302 302 403 403 403 200 200 200 200 403 403",
    ("desk-patients", "post"):              "302 302 403 403 403 422 422 422 422 403 403",
    ("desk-patient", "get"):                "302 302 403 403 403 200 404 200 200 403 403",
    ("desk-patient-state", "post"):         "302 302 403 403 403 422 404 422 422 403 403",
    ("desk-patient-protect", "post"):       "302 302 403 403 403 302 404 302 302 403 403",
    ("reason", "get"):                      "302 302 403 403 403 404 404 404 404 404 404",
    ("reason", "post"):                     "302 302 403 403 403 404 404 404 404 404 404",
    ("desk-patient-family", "post"):        "302 302 403 403 403 422 404 422 422 403 403",
    ("desk-care-transfer", "post"):         "302 302 403 403 403 422 404 422 422 403 403",
    ("desk-birth-date", "get"):             "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-birth-date", "post"):            "302 302 403 403 403 403 403 403 302 403 403",
    # Joins of records are the desk's alone, behind a second step shown again (302).
    ("desk-join-other", "get"):             "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-join-other", "post"):            "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-join-ask", "post"):              "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-joins", "get"):                  "302 302 403 403 403 403 403 403 200 403 403",
    ("desk-join", "get"):                   "302 302 403 403 403 403 403 403 200 403 403",
    ("desk-join-confirm", "post"):          "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-join-drop", "post"):             "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-join-part", "post"):             "302 302 403 403 403 403 403 403 302 403 403",
    ("desk-care-end", "post"):              "302 302 403 403 403 302 404 404 302 403 403",
    # teams
    ("teams", "get"):                       "302 302 403 403 403 403 403 403 403 403 200",
    ("team", "get"):                        "302 302 403 403 403 403 403 403 403 403 200",
    ("team-rename", "post"):                "302 302 403 403 403 403 403 403 403 403 422",
    ("team-merge", "post"):                 "302 302 403 403 403 403 403 403 403 403 302",
    ("team-close", "post"):                 "302 302 403 403 403 403 403 403 403 403 302",
    ("team-fallback", "post"):              "302 302 403 403 403 403 403 403 403 403 302",
    # the access review
    ("audit-events", "get"):                "302 302 403 403 403 403 403 403 403 200 403",
    ("audit-events", "post"):               "302 302 403 403 403 403 403 403 403 302 403",
    ("audit-event", "get"):                 "302 302 403 403 403 403 403 403 403 200 403",
    # programs
    ("api-schema", "get"):                  "401 401 200 200 200 200 200 200 200 200 200",
    ("api-threads", "get"):                 "401 401 200 200 200 200 200 200 200 403 403",
    ("api-threads", "post"):                "401 401 400 400 400 403 403 403 403 403 403",
    ("api-thread", "get"):                  "401 401 200 404 200 200 404 200 404 403 403",
    ("api-thread-messages", "get"):         "401 401 200 404 200 200 404 200 404 403 403",
    ("api-thread-messages", "post"):        "401 401 400 404 400 400 404 400 404 403 403",
    ("api-thread-files", "get"):            "401 401 200 404 200 200 404 200 404 403 403",
    ("api-thread-files", "post"):           "401 401 201 404 201 201 404 201 404 403 403",
    ("api-drafts", "post"):                 "401 401 201 201 201 403 403 403 403 403 403",
    ("api-draft", "delete"):                "401 401 204 404 404 403 403 403 403 403 403",
    ("api-draft-files", "get"):             "401 401 200 404 404 403 403 403 403 403 403",
    ("api-draft-files", "post"):            "401 401 201 404 404 403 403 403 403 403 403",
    ("api-file", "get"):                    "401 401 200 404 200 200 404 200 404 403 403",
    ("api-file", "delete"):                 "401 401 404 404 404 404 404 404 404 403 403",
    ("api-refills", "get"):                 "401 401 200 200 200 200 200 200 403 403 403",
    ("api-refills", "post"):                "401 401 400 400 400 403 403 403 403 403 403",
    ("api-refill", "get"):                  "401 401 200 404 200 200 404 200 403 403 403",
    ("api-refill-decision", "post"):        "401 401 403 403 403 403 403 403 403 403 403",
}  # fmt: skip
# Who has just shown her second step again, for that very purpose.
FRESH = {
    ("trusted-new", "trusted-people", "ana"): 422,
    ("trusted-new", "refill-decision", "ana"): 302,
    ("trusted-person", "trusted-people", "ana"): 422,
    ("trusted-person", "trusted-people", "ben"): 404,
    ("trusted-agree", "trusted-people", "ana"): 410,
    ("trusted-agree", "trusted-people", "ben"): 404,
    ("desk-trusted-new", "trusted-people", "sam"): 422,
    ("desk-trust-agree", "trusted-people", "sam"): 410,
    ("desk-trust-agree", "trusted-people", "mira"): 410,
    ("desk-trust-go-on", "trusted-people", "mira"): 302,
    ("trusted-invite", "trusted-people", "ana"): 409,
    ("trusted-invite", "trusted-people", "ben"): 404,
    ("refill-decision", "refill-decision", "okafor"): 422,
    ("refill-decision", "refill-decision", "lund"): 404,
    ("refill-decision", "refill-decision", "maya"): 403,
    ("refill-decision", "sign-in-factors", "okafor"): 302,
    ("person-roles", "people", "root"): 422,
    ("person-roles", "sign-in-factors", "root"): 302,
    ("person-close", "people", "root"): 422,
    ("person-close", "people", "mira"): 403,
    ("person-session-end", "people", "root"): 302,
    ("team-merge", "people", "root"): 422,
    ("team-close", "people", "root"): 422,
    ("team-fallback", "people", "root"): 302,
    ("role-request-decide", "people", "mira"): 422,
    ("role-request-decide", "people", "sam"): 403,
    ("person-lost", "people", "mira"): 302,
    ("person-lost", "people", "maya"): 403,
    ("patient-account-close", "people", "sam"): 422,
    ("patient-account-invite", "people", "sam"): 409,
    ("patient-account-invite", "people", "root"): 409,
    ("patient-account-agree", "people", "sam"): 410,
    ("desk-birth-date", "records", "sam"): 422,
    ("desk-birth-date", "records", "okafor"): 403,
    ("desk-join-other", "records", "sam"): 422,
    ("desk-join-ask", "records", "sam"): 422,
    ("desk-join-confirm", "records", "sam"): 403,
    ("desk-join-part", "records", "sam"): 422,
    ("desk-join-part", "records", "root"): 403,
    ("desk-join-part", "people", "sam"): 302,
    ("patient-account-close", "refill-decision", "sam"): 302,
    ("api-refill-decision", "refill-decision", "okafor"): 400,
    ("api-refill-decision", "refill-decision", "lund"): 404,
    ("thread-pdf", "export", "ana"): 200,
    ("thread-pdf", "export", "rosa"): 200,
    ("thread-pdf", "export", "ben"): 404,
    ("thread-pdf", "sign-in-factors", "ana"): 302,
    ("thread-data", "export", "ana"): 200,
    ("thread-data", "export", "rosa"): 200,
    ("thread-data", "export", "ben"): 404,
    ("thread-data", "export", "okafor"): 403,
    ("thread-archive", "export", "ana"): 200,
    ("thread-archive", "export", "rosa"): 200,
    ("thread-archive", "export", "ben"): 404,
    ("thread-archive", "export", "okafor"): 403,
    ("thread-archive", "sign-in-factors", "ana"): 302,
    ("api-refill-decision", "sign-in-factors", "okafor"): 403,
}
UNDECLARED = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class Clinic:
    """Something of Ana's behind every address that names a thing, and a browser for everybody."""

    def __init__(self, work: Work) -> None:
        from messaging.clock import clinic_date
        from messaging.models import Absence

        self.work, self.cast = work, work.cast
        cast = self.cast
        self.thread, self.order, self.item = work.thread(), work.medicine(), work.refill()
        self.file = work.file(self.thread)
        self.draft = ready(cast, self.thread)
        today = clinic_date()
        self.absence = Absence.objects.plan(
            by=cast.okafor, cover=cast.maya.pk, first_day=today, last_day=today
        )
        self.cookies = {who: self.enter(cast[who]).cookies for who in cast}
        self.cookies |= {
            "nobody": Client().cookies,
            "half": open_session(cast.ana, Strength.PASSWORD).cookies,
        }

    def enter(self, user: User, **more: Any) -> Client:
        return open_session(user, Strength.FULL, **more)

    def join(self) -> RecordJoin:
        """Of Ana's record and another, whose birth dates differ: it waits for somebody but Sam."""
        from accounts.models import Patient, RecordJoin
        from audit.context import SystemAgent

        if standing := RecordJoin.objects.waiting().first():
            return standing
        twin = Patient.objects.by_record_number("RC-118800") or Patient.objects.register(
            name="Ana Alvarez",
            birth_date="1985-03-14",
            record_number="RC-118800",
            by=SystemAgent("system:demo"),
        )
        return RecordJoin.objects.ask(
            patient=twin,
            survivor=self.cast.patient("ana"),
            reason="A slip of the pen.",
            births_differ=True,
            by=self.cast.sam,
        )

    def address(self, name: str) -> str:
        from django.http import QueryDict

        from accounts.models import AuthenticatorApp, KeptForm, Session, Trust
        from audit.models import AuditEvent

        route, _pattern = ROUTES[name]
        if "<" not in route:
            return reverse(name)
        if route.startswith("people/"):
            return reverse(name, args=self.in_the_people_area(route))
        if route.startswith("desk/accounts/"):
            return reverse(name, args=[self.cast.patient("ana").pk])
        if "<uuid:care>" in route:
            ana = self.cast.patient("ana")
            return reverse(name, args=[ana.pk, ana.care_relationships.get(team=self.cast.team("okafor")).pk])
        if "desk/joins/" in route:
            thing = self.join()
        elif "kept/" in route:
            thing = KeptForm.keep(
                by=self.cast.ana, path="/messages/", action="/messages/", data=QueryDict("body=dizzy")
            )
        elif "desk/patients/" in route:
            thing = self.cast.patient("ana")
        elif "teams/" in route:
            thing = self.cast.team("okafor")
        elif "factors/" in route:
            thing = AuthenticatorApp.objects.get(user=self.cast.ana)
        elif "sessions/" in route:
            self.enter(self.cast.ana)
            thing = Session.objects.filter(user=self.cast.ana).latest("started_at")
        elif "events/" in route:
            thing = AuditEvent.objects.filter(patient_id=self.cast.patient("ana").pk).earliest("recorded_at")
        elif "desk/trusted/" in route:
            thing = self.cast.patient("ana")
        elif "trusted/" in route or "trusts/" in route or "helping/" in route:
            thing = Trust.objects.get(proxy=self.cast.rosa)
        elif "refills/" in route or "requests/" in route:
            thing = self.item
        elif route.startswith("files/") or "v1/files/" in route:
            thing = self.file
        elif "drafts/" in route:
            thing = self.draft
        elif route.startswith("away/"):
            thing = self.absence
        elif "medicines/" in route:
            thing = self.order
        elif route.count("<") == 2:
            message = self.thread.messages.get(author=self.cast.ana)
            return reverse(name, args=[self.thread.pk, message.pk])
        else:
            thing = self.thread
        return reverse(name, args=[thing.pk])

    def in_the_people_area(self, route: str) -> list[Any]:
        from accounts.models import FactorLoss, Invitation, InvitationKind, Role, RoleRequest, Session

        if "requests/" in route:
            role, root = Role.ACCOUNT_ADMIN, self.cast.root
            asked = RoleRequest.objects.first()
            return [
                (asked or RoleRequest.objects.ask(user=self.cast.lund, role=role, gives=True, by=root)).pk
            ]
        if "lost/" in route:
            return [FactorLoss.objects.ask(by=self.cast.lund).pk]
        if "invitations/" in route:
            made = Invitation.objects.issue(kind=InvitationKind.STAFF, name="Nils", by=self.cast.root)
            return [made.invitation.pk]
        if "<uuid:session>" in route:
            self.enter(self.cast.maya)
            return [
                self.cast.maya.pk,
                Session.objects.filter(user=self.cast.maya).latest("started_at").pk,
            ]
        return [self.cast.maya.pk]

    def browser(self, who: str) -> Client:
        browser = Client()
        browser.cookies = SimpleCookie(self.cookies[who])
        return browser

    def ask(self, who: str, method: str, name: str, *, fresh: str = "") -> int:
        browser = self.enter(self.cast[who], fresh=fresh) if fresh else self.browser(who)
        address = self.address(name)
        if method == "get":
            return browser.get(address).status_code
        sent = {"patient": str(self.cast.patient("ana").pk)} if name == "account-acting" else {}
        if method == "delete":
            return browser.delete(address).status_code
        is_json = name.startswith("api-") and not name.endswith("-files")
        form = {"content_type": "application/json"} if is_json else {}
        return browser.post(address, sent, **form).status_code


def ready(cast: Cast, thread: Thread) -> Draft:
    """A draft of Ana's that could be sent as it is."""
    from messaging.models import Draft

    draft = Draft.objects.begin(
        by=cast.ana, patient=cast.patient("ana"), urgent="no", category=thread.category
    )
    return draft.keep(by=cast.ana, subject="Knee", body="It is swollen.")


ROUTES = {pattern.name: (route, pattern) for route, pattern in addresses()}


def test_every_address_has_a_name_of_its_own():
    assert len(ROUTES) == len(list(addresses()))
    assert None not in ROUTES and "" not in ROUTES


def test_every_address_and_method_has_its_row_and_every_row_its_address():
    assert set(MATRIX) == {
        (name, method) for name, (_, pattern) in ROUTES.items() for method in declared(pattern.callback) or {}
    }
    assert all(len(row.split()) == len(PEOPLE) for row in MATRIX.values())


def test_every_role_and_everybody_of_the_cast_has_a_column(cast):
    from accounts.models import Role, RoleGrant

    assert set(PEOPLE) == {"nobody", "half", *cast}
    held = RoleGrant.objects.current().filter(user__in=[cast[who].pk for who in cast])
    assert set(held.values_list("role", flat=True)) == set(Role.values)


def test_the_addresses_that_are_open_to_everybody_are_these():
    def open_to(column: str) -> set[str]:
        place = PEOPLE.index(column)
        leads_away = {("home", "get"), *((name, method) for name, method in MATRIX if name in PUBLIC)}
        return {
            name
            for (name, method), row in MATRIX.items()
            if row.split()[place] not in ("302", "401") or (name, method) in leads_away
        }

    assert open_to("nobody") == PUBLIC
    assert open_to("half") <= PUBLIC | HALF_WAY


@pytest.mark.parametrize(("name", "method"), MATRIX, ids=lambda value: value)
def test_what_each_person_gets(clinic: Clinic, name: str, method: str):
    from audit.models import AuditEvent

    refusals = AuditEvent.objects.filter(type="refusal")
    expected = dict(zip(PEOPLE, map(int, MATRIX[name, method].split()), strict=True))
    found, unrecorded = {}, []
    for who in PEOPLE:
        before = refusals.count()
        found[who] = clinic.ask(who, method, name)
        asks_for_a_second_step = name == "api-refill-decision" and who in ("okafor", "lund")
        if found[who] in (403, 404) and not asks_for_a_second_step and refusals.count() != before + 1:
            unrecorded.append(who)
    assert found == expected
    assert not unrecorded, "were refused and nobody wrote it down"


@pytest.mark.parametrize(("name", "purpose", "who"), FRESH)
def test_what_a_second_step_shown_again_opens(clinic: Clinic, name: str, purpose: str, who: str):
    assert clinic.ask(who, "post", name, fresh=purpose) == FRESH[name, purpose, who]


def test_whom_nobody_is_and_half_are_led_to_sign_in(clinic: Clinic):
    """A 302 is an answer to a sign-in page and to nothing else."""
    for who, page in (("nobody", "/sign-in/"), ("half", "/sign-in/code/")):
        browser = clinic.browser(who)
        for name, method in MATRIX:
            if name in PUBLIC | HALF_WAY or name.startswith("api-") or method != "get":
                continue
            assert browser.get(clinic.address(name))["Location"].split("?")[0] == page, name


@pytest.mark.parametrize("who", ["nobody", "half", "ana", "okafor", "root"])
def test_a_method_without_a_rule_is_closed_to_everybody(clinic: Clinic, who: str):
    browser = clinic.browser(who)
    opened = {}
    for name, (_, pattern) in ROUTES.items():
        address, rules = clinic.address(name), declared(pattern.callback) or {}
        for method in UNDECLARED:
            if method.lower() not in rules:
                opened[name, method] = browser.generic(method, address).status_code
    assert {key: status for key, status in opened.items() if status != 405} == {}


@pytest.mark.parametrize("who", ["nobody", "ana", "maya", "mira"])
def test_asking_for_the_head_alone_is_asking_for_the_page(clinic: Clinic, who: str):
    browser = clinic.browser(who)
    for name, method in MATRIX:
        if method != "get":
            continue
        answer = browser.head(clinic.address(name))
        assert answer.status_code == int(MATRIX[name, "get"].split()[PEOPLE.index(who)]), name
        assert b"".join(answer) == b"", name


def test_what_is_no_address_is_not_found(clinic: Clinic):
    for who in ("nobody", "ana", "root"):
        browser = clinic.browser(who)
        for address in (
            "/admin/",
            "/api/",
            "/api/v1/",
            "/api/v1/patients/",
            "/inbox/x/",
            "/messages",
            "/.git/config",
        ):
            assert browser.get(address).status_code == 404, address


# How far somebody is trusted, and what that opens on the patient's side; each is asked as one request can be.
# `read` may read alone; `topic` may do everything about visits alone, and the conversation is about something else.
STATES = ["full", "read", "topic", "paused", "stopped", "over"]
#                                        full read topic paused stopped over
BY_TRUST = {
    ("messages", "get"):                "200 200 200 403 403 403",
    ("thread", "get"):                  "200 200 404 403 403 403",
    ("thread-replies", "post"):         "302 403 404 403 403 403",
    ("thread-apart", "post"):           "403 403 403 403 403 403",
    ("medicines", "get"):               "200 200 200 403 403 403",
    ("refill-new", "get"):              "200 404 200 403 403 403",
    ("refill-request", "get"):          "200 404 200 403 403 403",
    ("privacy", "get"):                 "200 403 200 403 403 403",
    ("trusted", "get"):                 "403 403 403 403 403 403",
    ("account", "get"):                 "200 200 200 200 200 200",
    ("api-threads", "get"):             "200 200 200 403 403 403",
    ("api-threads", "post"):            "201 403 201 403 403 403",
    ("api-thread", "get"):              "200 200 404 403 403 403",
    ("api-thread-messages", "get"):     "200 200 404 403 403 403",
    ("api-thread-messages", "post"):    "201 403 404 403 403 403",
    ("api-refills", "get"):             "200 200 200 403 403 403",
    ("api-refill", "get"):              "200 404 200 403 403 403",
}  # fmt: skip
SENT = {
    "thread-replies": {"body": "She asks me to write."},
    "api-thread-messages": {"body": "She asks me to write."},
    "api-threads": {"category": "appointment", "subject": "A ride", "body": "Who can drive her?"},
}


@pytest.mark.parametrize("state", STATES)
def test_what_a_trusted_person_gets_as_far_as_she_is_trusted(clinic: Clinic, state: str):
    from django.utils import timezone

    from accounts.models import ProxyGrant, Scope, Trust

    trust = Trust.objects.get(proxy=clinic.cast.rosa)
    if state == "read":
        trust.change(scopes=[Scope.READ], by=clinic.cast.ana)
    elif state == "topic":
        trust.change(scopes=list(Scope), categories=["appointment"], by=clinic.cast.ana)
    elif state == "paused":
        trust.freeze(by=clinic.cast.mira, reason="A dispute.")
    elif state == "stopped":
        trust.end(by=clinic.cast.ana)
    elif state == "over":
        ProxyGrant.objects.filter(trust=trust).update(ends_at=timezone.now())
    browser = clinic.browser("rosa")
    found = {}
    for name, method in BY_TRUST:
        form = {"content_type": "application/json"} if name.startswith("api-") else {}
        sent = {"data": SENT.get(name, {}), **form} if method == "post" else {}
        found[name, method] = getattr(browser, method)(clinic.address(name), **sent).status_code
    place = STATES.index(state)
    assert found == {key: int(row.split()[place]) for key, row in BY_TRUST.items()}
