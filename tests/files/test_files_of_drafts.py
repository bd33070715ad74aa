"""Programs add files to a new message before it is sent, with the limits and the states of the pages."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import ProxyGrant
from messaging.filing.caretaking import clear_away
from messaging.models import Attachment, Draft, Scan, Thread
from messaging.tasks import check_files, tidy_drafts
from tests.files import samples
from tests.files.conftest import fetch
from tests.files.test_sending_files import chosen
from tests.work import words

WORDS = {"category": "medical_question", "subject": "My arm", "body": "It is red."}


class Program:
    """A program of one person, with a draft of hers."""

    def __init__(self, browser, **begun) -> None:
        self.browser = browser
        self.ref = self.post(reverse("api-drafts"), begun).json()["id"]
        self.files = reverse("api-draft-files", args=[self.ref])

    def post(self, address, sent):
        return self.browser.post(address, sent, content_type="application/json")

    def add(self, *files):
        return self.browser.post(self.files, {"files": [chosen(*file) for file in files]})

    def send(self, **more):
        return self.post(reverse("api-threads"), {**WORDS, "draft": self.ref, **more})


@pytest.fixture
def ana(cast, work, enter):
    return Program(enter(cast.ana))


def test_files_are_added_listed_taken_away_and_sent_once(ana, cast, enter):
    added = ana.add((samples.photo(), "arm.jpg"), (samples.png(), "leg.png"))
    assert added.status_code == 201
    assert {(file["name"], file["state"]) for file in added.json()} == {
        ("arm.jpg", "unscanned"),
        ("leg.png", "unscanned"),
    }
    leg = next(file["id"] for file in added.json() if file["name"] == "leg.png")
    assert ana.browser.delete(reverse("api-file", args=[leg])).status_code == 204
    (arm,) = ana.browser.get(ana.files).json()
    assert enter(cast.okafor).get(reverse("api-file", args=[arm["id"]])).status_code == 404
    sent, again = ana.send(), ana.send()
    assert (sent.status_code, again.status_code) == (201, 201)
    assert sent.json() == again.json(), "a second time finds what the first began"
    thread = Thread.objects.get()
    assert fetch(enter(cast.okafor), thread.messages.get(author=cast.ana).attachments.get())
    other = ana.send(body="Something else.")
    assert (other.status_code, other.json()["code"]) == (409, "form_used")
    late = ana.add((samples.png(), "late.png"))
    assert late.status_code == 422 and Attachment.objects.count() == 1


def test_beginning_twice_with_one_token_begins_once(ana):
    token = str(uuid.uuid4())
    made = [ana.post(reverse("api-drafts"), {"form_token": token}).json()["id"] for _ in range(2)]
    assert made[0] == made[1] != ana.ref


REFUSED = {
    "wrong_kind": ((b"MZ evil", "evil.exe"), "We cannot take this kind of file"),
    "empty": ((b"", "empty.jpg"), "This file is empty"),
    "too_big": ((b"\xff\xd8\xff" + bytes(10_000_001), "huge.jpg"), "smaller than 10 MB"),
    "unreadable": ((samples.photo()[:200], "half.jpg"), "We could not open this file"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_not_taken_is_named_and_the_others_are_added(ana, why):
    bad, said = REFUSED[why]
    answer = ana.add((samples.png(), "good.png"), bad)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_refused")
    (problem,) = answer.json()["problems"]
    assert problem.startswith(f"{bad[1]}: ") and said in problem
    assert [file["name"] for file in answer.json()["files"]] == ["good.png"]


def test_the_limits_hold_over_several_requests(ana, settings, monkeypatch):
    for number in range(4):
        assert ana.add((samples.png((10 + number, 10)), f"{number}.png")).status_code == 201
    with monkeypatch.context() as smaller:
        held = sum(file.size for file in Attachment.objects.all())
        smaller.setattr("messaging.models.attachment.MOST_TOGETHER", held + 1)
        assert "25 MB together" in ana.add((samples.png((50, 10)), "fifth.png")).json()["detail"]
    assert ana.add((samples.png((50, 10)), "fifth.png")).status_code == 201
    assert "up to 5 files" in ana.add((samples.png((60, 10)), "sixth.png")).json()["detail"]
    settings.FILES_QUOTA = 500
    first = ana.browser.get(ana.files).json()[0]["id"]
    ana.browser.delete(reverse("api-file", args=[first]))
    assert "no more room" in ana.add((samples.paper(), "sixth.pdf")).json()["detail"]


def test_a_trusted_person_needs_a_grant_that_says_files_and_nobody_finds_anothers_draft(
    ana, cast, enter, work
):
    rosa = Program(enter(cast.rosa))
    assert rosa.add((samples.png(), "one.png")).status_code == 201
    grant = ProxyGrant.objects.get(proxy=cast.rosa)
    grant.scopes = [scope for scope in grant.scopes if scope != "attachments"]
    grant.save(update_fields=["scopes"])
    refused = rosa.add((samples.photo(), "two.jpg"))
    assert refused.status_code == 422 and "you cannot add files" in refused.json()["detail"]
    for who in ("rosa", "ben"):
        browser = enter(cast[who])
        assert browser.get(ana.files).status_code == 404
        assert browser.delete(reverse("api-draft", args=[ana.ref])).status_code == 404
        answer = browser.post(
            reverse("api-threads"), {**WORDS, "draft": ana.ref}, content_type="application/json"
        )
        assert answer.status_code == 404
    assert not Thread.objects.exists()


def test_words_that_were_kept_on_a_page_are_not_lost_to_a_program(ana):
    place = reverse("draft-text", args=[ana.ref])
    ana.browser.post(place, {"subject": "My arm", "body": "Typed on a page", "autosave": "yes"})
    refused = ana.send()
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_moved_on")
    assert "Typed on a page" in ana.browser.get(place).content.decode()
    assert ana.send(body="Typed on a page").status_code == 201


def test_a_file_waits_for_the_scanner_and_a_stopped_one_stays_stopped(ana, cast, enter, scanner):
    (file,) = ana.add((samples.photo(), "arm.jpg")).json()
    assert (file["state"], file["may_open"]) == ("checking", True)
    scanner.mood = b"stream: Eicar FOUND\0"
    check_files([file["id"]])
    (file,) = ana.browser.get(ana.files).json()
    assert (file["state"], file["may_open"]) == ("infected", False)
    ana.send()
    assert Attachment.objects.get().scan == Scan.INFECTED
    for who in (cast.ana, cast.okafor):
        assert enter(who).get(reverse("api-file", args=[file["id"]])).status_code == 404


def test_what_is_discarded_or_left_alone_takes_its_files_along(ana, cast, enter, store_folder):
    ana.add((samples.png(), "one.png"))
    assert ana.browser.delete(reverse("api-draft", args=[ana.ref])).status_code == 204
    assert not Attachment.objects.exists()
    left = Program(ana.browser)
    with time_machine.travel(timezone.now() + timedelta(days=60)):
        left = Program(enter(cast.ana), form_token=None)
        left.add((samples.png(), "one.png"))
    Draft.objects.filter(pk=left.ref).update(updated_at=timezone.now() - timedelta(days=89))
    left.add((samples.photo(), "two.jpg"))
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        tidy_drafts()
    assert Draft.objects.filter(pk=left.ref).exists(), "adding a file is coming back to it"
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        tidy_drafts()
        clear_away()
    assert not Draft.objects.filter(pk=left.ref).exists()
    assert not Attachment.objects.exists()
    assert not [path for path in store_folder.rglob("*") if path.is_file()]


def test_the_draft_of_a_program_stands_on_the_page_of_drafts_too(ana):
    ana.add((samples.png(), "one.png"))
    page = ana.browser.get(reverse("drafts"))
    assert page.status_code == 200 and reverse("draft", args=[ana.ref]) in page.content.decode()
    assert "one.png" in words(ana.browser.get(reverse("draft-text", args=[ana.ref])))
