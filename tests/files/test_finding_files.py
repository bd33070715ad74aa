"""Whoever looks for a file by its name finds the message that carries it, if files are hers to see."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import ProxyGrant
from accounts.models.proxy import Scope
from audit.models import AuditEvent
from messaging.models import Attachment, MessageWords, Thread
from messaging.tasks import check_files
from tests.files import samples
from tests.files.test_sending_files import chosen

SEARCH = reverse("message-search")


def found(browser, words) -> list[tuple[str, list[str]]]:
    """The beginning of each hit, and the names of files that stand under it."""
    page = browser.post(SEARCH, {"look_for": words})
    assert page.status_code == 200
    rows = re.findall(r'<a class="thread-link"(.*?)</a>', page.content.decode(), re.DOTALL)
    return [
        (
            one(row, "found"),
            [plain(name) for name in re.findall(r'found-file">(.*?)</span>', row, re.DOTALL)],
        )
        for row in rows
    ]


def one(row, name) -> str:
    (text,) = re.findall(rf'class="{name}">(.*?)</span>', row, re.DOTALL)
    return plain(text)


def plain(markup) -> str:
    return re.sub(r"<[^>]+>", "", markup).strip()


def send(browser, thread, body, *files):
    sent = {"body": body, "files": [chosen(content, name) for content, name in files]}
    return browser.post(reverse("thread-replies", args=[thread.pk]), sent)


@pytest.fixture
def card(cast, enter, thread):
    """Ana's answer, with a paper and a photo."""
    answer = send(
        enter(cast.ana),
        thread,
        "Here it is.",
        (samples.paper(), "insurance card.pdf"),
        (samples.photo(), "Tarjeta de citación.JPG"),
    )
    assert answer.status_code == 302
    return thread.messages.latest("sent_at")


def test_a_message_is_found_by_the_names_of_its_files(card, cast, enter):
    ana = enter(cast.ana)
    assert found(ana, "insurance") == [("Here it is.", ["insurance card.pdf"])]
    assert found(ana, "TARJETAS citacion") == [("Here it is.", ["Tarjeta de citación.jpg"])]
    assert found(ana, "here pdf") == [("Here it is.", ["insurance card.pdf"])], "with a word of the message"
    assert found(ana, '"insurance card"') == [("Here it is.", ["insurance card.pdf"])]
    assert found(ana, '"card insurance"') == []
    assert found(ana, "here") == [("Here it is.", [])], "names that have no such word are left out"
    assert found(enter(cast.ben), "insurance") == []


def test_each_word_of_a_name_is_marked_and_a_name_is_no_markup(cast, enter, thread):
    send(enter(cast.ana), thread, "See", (samples.png(), "card & more.png"))
    page = enter(cast.ana).post(SEARCH, {"look_for": "card"}).content.decode()
    assert '<span class="found found-file"><mark>card</mark> &amp; more.png</span>' in page


def test_what_is_not_sent_is_found_by_nobody(cast, enter, thread):
    ana = enter(cast.ana)
    ana.post(reverse("thread-files", args=[thread.pk]), {"files": chosen(samples.paper(), "insurance.pdf")})
    waiting = Attachment.objects.get()
    assert waiting.name_digests
    assert found(ana, "insurance") == []
    send(ana, thread, "Now", (samples.png(), "other.png"))
    assert found(ana, "insurance") == [("Now", ["insurance.pdf"])]
    assert found(ana, "insurance other") == [("Now", ["insurance.pdf", "other.png"])]
    waiting.refresh_from_db()
    assert waiting.name_digests == [], "they stand with the message now"


def test_a_file_added_in_a_conversation_that_is_over_is_found_in_the_one_that_goes_on(cast, enter, thread):
    thread.close(by=cast.okafor, outcome="answered")
    with time_machine.travel(timezone.now() + timedelta(days=100)):
        ana = enter(cast.ana)
        sent = send(ana, thread, "It is back.", (samples.paper(), "insurance card.pdf"))
        later = Thread.objects.get(follows=thread)
        assert str(later.pk) in sent["Location"]
        assert found(ana, "insurance") == [("It is back.", ["insurance card.pdf"])]
        assert str(later.pk) in ana.post(SEARCH, {"look_for": "insurance"}).content.decode()


def test_a_file_of_a_new_message_is_found_once_that_is_sent(cast, enter, work):
    from tests.files.test_files_of_drafts import Program

    program = Program(enter(cast.ana))
    program.add((samples.paper(), "insurance card.pdf"))
    assert found(program.browser, "insurance") == []
    assert program.send().status_code == 201
    assert found(program.browser, "insurance red") == [("It is red.", ["insurance card.pdf"])]


def test_a_trusted_person_without_files_finds_none_by_name(card, cast, enter):
    grant = ProxyGrant.objects.current().get(proxy=cast.rosa, patient=cast.patient("ana"))
    ProxyGrant.objects.filter(pk=grant.pk).update(scopes=[Scope.READ, Scope.WRITE, Scope.ATTACHMENTS])
    assert found(enter(cast.rosa), "insurance") == [("Here it is.", ["insurance card.pdf"])]
    ProxyGrant.objects.filter(pk=grant.pk).update(scopes=[Scope.READ, Scope.WRITE])
    before = AuditEvent.objects.filter(subtype="search").count()
    rosa = enter(cast.rosa)
    assert found(rosa, "insurance") == []
    assert found(rosa, "here") == [("Here it is.", [])]
    for event in AuditEvent.objects.filter(subtype="search").order_by("pk")[before:]:
        assert not [name for name in event.shown if name.startswith("messaging.attachment:")]


def test_the_reading_names_the_files_whose_names_were_opened(card, cast, enter):
    found(enter(cast.ana), "insurance")
    event = AuditEvent.objects.filter(type="access", subtype="search").latest()
    assert {f"messaging.attachment:{file.pk}" for file in card.attachments.all()} <= set(event.shown)


def test_what_was_taken_back_is_not_found_by_its_files(card, cast, enter):
    ana = enter(cast.ana)
    taken = ana.post(reverse("message-take-back", args=[card.thread_id, card.pk]))
    assert taken.status_code == 302
    assert found(ana, "insurance") == []


def test_a_refused_file_leaves_nothing_to_find_and_the_other_is_found_later(cast, enter, thread):
    ana = enter(cast.ana)
    refused = send(ana, thread, "Look", (samples.paper(), "insurance.pdf"), (b"MZ evil", "tarjeta.exe"))
    assert refused.status_code == 422
    assert send(ana, thread, "Look").status_code == 302
    assert found(ana, "insurance") == [("Look", ["insurance.pdf"])]
    assert found(ana, "tarjeta") == []


def test_a_stopped_file_is_found_as_long_as_the_conversation_names_it(cast, enter, thread, scanner):
    ana = enter(cast.ana)
    send(ana, thread, "My card", (samples.paper_with_eicar(), "insurance.pdf"))
    file = Attachment.objects.get()
    check_files([str(file.pk)])
    file.refresh_from_db()
    assert file.scan == "infected"
    assert "insurance.pdf" in ana.get(reverse("thread", args=[thread.pk])).content.decode()
    assert found(ana, "insurance") == [("My card", ["insurance.pdf"])]


def test_files_from_before_and_of_older_rules_are_made_findable(card, cast, enter, thread):
    ana = enter(cast.ana)
    MessageWords.objects.filter(message=card).update(rules=0, digests=[])
    # A file that was added under older rules, and sent under these.
    ana.post(reverse("thread-files", args=[thread.pk]), {"files": chosen(samples.paper(), "results.pdf")})
    Attachment.objects.filter(message=None).update(name_rules=0, name_digests=[])
    send(ana, thread, "Later")
    assert found(ana, "insurance") == found(ana, "results") == []
    said = StringIO()
    call_command("rebuild_search", stdout=said)
    assert said.getvalue() == "2 messages prepared for search.\n"
    assert found(ana, "insurance") == [("Here it is.", ["insurance card.pdf"])]
    assert found(ana, "results later") == [("Later", ["results.pdf"])]
    event = AuditEvent.objects.filter(subtype="index").latest()
    assert len([name for name in event.shown if name.startswith("messaging.attachment:")]) == 3


def test_a_correction_of_what_no_search_finds_yet_leaves_it_to_be_prepared(card, cast, enter):
    MessageWords.objects.filter(message=card).delete()
    address = reverse("message-correct", args=[card.thread_id, card.pk])
    assert enter(cast.ana).post(address, {"body": "Here it is again."}).status_code == 302
    said = StringIO()
    call_command("rebuild_search", stdout=said)
    assert said.getvalue() == "1 messages prepared for search.\n"
    assert found(enter(cast.ana), "insurance again") == [("Here it is again.", ["insurance card.pdf"])]
