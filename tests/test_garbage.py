"""Whatever is sent to any address, the answer is an answer: never an error of ours, and never half a change."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.policy import addresses, declared
from messaging.models import Draft

NASTY = [
    "",
    "-1",
    "99999999999999999999999999",
    "NaN",
    "{}",
    "'; DROP TABLE messaging_message; -- %s %(x)s {x} {{ x }} {% x %}",
    "\u202e\u200b\ufeff" + "\U0001f469\U0001f3fd\u200d\u2695\ufe0f" * 40,
    "e\u0301" * 5000,
    "2026-02-31",
    "00000000-0000-0000-0000-000000000000",
    "//evil.example/",
]
# Whose answer is to end the sessions that this test goes by.
ENDING = {"sign-out", "account-session-end", "account-sessions-end-others"}
FIELDS = [
    "body", "subject", "category", "pool", "form_token", "seen", "comment", "outcome", "reason", "quantity",
    "repeats", "note", "patient", "next", "for", "theme", "language", "code", "app", "name", "email", "password",
    "show", "prescription", "path", "action", "about",
]  # fmt: skip
QUERY = [
    "after", "before", "view", "show", "about", "done", "sent", "next", "for", "left", "recovery", "person",
    "patient", "sort", "outcome", "since", "until", "older", "newer", "format", "page", "known",
]  # fmt: skip


class Everything:
    def __init__(self, cast, work, enter) -> None:
        self.thread, self.item = work.thread(), work.refill()
        self.draft = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
        self.browsers = {
            "ana": enter(cast.ana),
            "okafor": enter(cast.okafor, fresh="refill-decision"),
            "mira": enter(cast.mira),
        }

    def each(self, method: str):
        for route, pattern in addresses():
            if method in (declared(pattern.callback) or {}) and pattern.name not in ENDING:
                yield pattern.name, reverse(pattern.name, args=[self.ref(route)] * route.count("<"))

    def ref(self, route: str) -> str:
        if "refills/" in route or "requests/" in route:
            return str(self.item.pk)
        if "drafts/" in route:
            return str(self.draft.pk)
        return str(self.item.prescription_id if "medicines/" in route else self.thread.pk)


@pytest.fixture
def everything(cast, work, enter) -> Everything:
    return Everything(cast, work, enter)


@pytest.mark.parametrize("who", ["ana", "okafor", "mira"])
def test_no_query_is_too_strange(everything, who):
    browser, broken = everything.browsers[who], []
    for name, address in everything.each("get"):
        for text in NASTY:
            status = browser.get(address, dict.fromkeys(QUERY, text[:2000])).status_code
            if status >= 500:
                broken.append((name, text[:40], status))
            if status == 403:
                break  # not hers, whatever she asks
    assert broken == []


@pytest.mark.parametrize("who", ["ana", "okafor", "mira"])
def test_no_form_is_too_strange(everything, who):
    browser, broken = everything.browsers[who], []
    for name, address in everything.each("post"):
        for text in NASTY:
            sent = dict.fromkeys(FIELDS, text)
            if name.startswith("api-"):
                answer = browser.post(address, json.dumps(sent), content_type="application/json")
            else:
                answer = browser.post(address, sent)
            if answer.status_code >= 500:
                broken.append((name, text[:40], answer.status_code))
            if answer.status_code == 403:
                break
    assert broken == []


@pytest.mark.parametrize("value", [None, True, 7, 1.5, [], {}, [[]], {"a": {}}, "x"], ids=repr)
def test_no_json_is_too_strange(everything, value):
    broken = []
    for who in ("ana", "okafor"):
        for name, address in everything.each("post"):
            if not name.startswith("api-"):
                continue
            for sent in (value, dict.fromkeys(FIELDS, value), {"body": value, "outcome": value}):
                status = (
                    everything.browsers[who]
                    .post(address, json.dumps(sent), content_type="application/json")
                    .status_code
                )
                if status >= 500:
                    broken.append((name, who, status))
    assert broken == []


def test_a_thousand_fields_are_too_many_and_no_error(everything):
    address = reverse("message-new")
    answer = everything.browsers["ana"].post(address, {f"field{n}": "x" for n in range(1000)})
    assert answer.status_code in (400, 413)


def test_a_letter_of_two_megabytes_is_too_much_and_no_error(everything):
    answer = everything.browsers["ana"].post(reverse("message-new"), {"body": "b" * 2_000_000})
    assert answer.status_code in (413, 422)


def test_a_file_where_text_belongs_is_no_error(everything):
    from django.core.files.uploadedfile import SimpleUploadedFile

    sent = {"body": SimpleUploadedFile("letter.txt", b"words"), "subject": "x", "category": "refill"}
    assert everything.browsers["ana"].post(reverse("message-new"), sent).status_code == 422
