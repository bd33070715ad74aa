"""A trusted person walks every address there is, and finds no trace of what is kept from her."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from accounts.models import Scope
from accounts.policy import declared
from messaging.kept_apart import roads
from messaging.models import Amendment, Attachment, Draft, Thread
from tests.test_access_matrix import MATRIX, ROUTES
from tests.work import words

if TYPE_CHECKING:
    from django.test import Client

    from tests.cast import Cast
    from tests.test_access_matrix import Clinic

CANARY = "kestrel-over-the-weir"
# What would be told of what was done with it, and with nothing else.
TOLD = [
    "Opened a file of yours", "Checked a file of yours", "Opened text that was not sent", "Began to write",
    "Read your messages", "Searched your messages", "Opened a conversation to print it",
    "Saved a conversation as a file", "Corrected a message", "Used your e-mail address",
]  # fmt: skip
# Whose answer ends or changes how she is signed in, or that she helps at all.
ENDING = {
    "helping-end",
    "sign-out",
    "language",
    "theme",
    "account-session-end",
    "account-sessions-end-others",
}


class Hidden:
    """What Ana keeps from Rosa: one conversation before and one after what they share, and all that hangs on them."""

    def __init__(self, enter: Any, clinic: Clinic) -> None:
        self.cast, self.work, self.enter, self.shared = clinic.cast, clinic.work, enter, clinic.thread
        cast, work = self.cast, self.work
        self.before = work.thread(
            about="refill", subject=CANARY, body=f"More of my {CANARY}?", confidential=True
        )
        self.shared.follows = self.before
        self.shared.save(update_fields=["follows"])
        self.after = work.thread(subject=CANARY, body=CANARY, follows=self.shared, confidential=True)
        self.refs: list[Any] = [self.before.pk, self.after.pk]
        for thread in (self.before, self.after):
            self.fill(thread)
        new = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
        new.keep(by=cast.ana, subject=CANARY, body=CANARY)
        self.new = new.pk
        on_draft = work.file(self.after, message=None, name=f"{CANARY}.png")
        Attachment.objects.filter(pk=on_draft.pk).update(thread=None, draft=new)
        self.refs += [new.pk, on_draft.pk]

    def fill(self, thread: Thread) -> None:
        cast, work = self.cast, self.work
        sent = work.file(thread, name=f"{CANARY}.png")
        answer = thread.post(author=cast.maya, body=CANARY)
        thread.post(author=cast.ana, body=CANARY)
        note = thread.note(author=cast.maya, body=CANARY)
        asked = thread.messages.filter(author=cast.ana).earliest("sent_at")
        versions = [
            Amendment.objects.write(thread, message, by=by, body=CANARY)
            for message, by in ((asked, cast.ana), (answer, cast.maya))
        ]
        reply = Draft.objects.keep(by=cast.ana, thread=thread, kind="reply", body=CANARY)
        kept = Draft.objects.keep(by=cast.maya, thread=thread, kind="answer", body=CANARY)
        self.refs += [row.pk for row in (sent, note, *versions, reply, kept) if row is not None]
        self.refs += thread.messages.values_list("pk", flat=True)
        self.file = sent.pk

    def everybody_reads_it(self) -> None:
        maya, ana = self.enter(self.cast.maya), self.enter(self.cast.ana, fresh="export")
        for thread in (self.before, self.after):
            for browser, names in (
                (maya, ["inbox-thread", "api-thread", "api-thread-messages"]),
                (ana, ["thread", "thread-print", "api-thread"]),
            ):
                for name in names:
                    assert browser.get(reverse(name, args=[thread.pk])).status_code == 200
            for name in ("thread-pdf", "thread-data"):
                assert ana.post(reverse(name, args=[thread.pk])).status_code == 200
            b"".join(ana.post(reverse("thread-archive", args=[thread.pk])))
        for browser in (maya, ana):
            b"".join(browser.get(reverse("file", args=[self.file])))
        assert CANARY in words(ana.post(reverse("message-search"), {"look_for": CANARY}))
        for page in ("drafts", "messages"):
            assert CANARY in words(ana.get(reverse(page)))
        assert ana.get(reverse("draft-text", args=[self.new])).status_code == 200
        assert CANARY in words(maya.get(reverse("inbox")))

    def named(self, clinic: Clinic) -> Iterator[tuple[str, str, str]]:
        """Every address as it stands for what Rosa may see, and with the id of each hidden thing where it takes one."""
        for name, method in MATRIX:
            if name in ENDING or method not in ("get", "post", "delete"):
                continue
            route, _pattern = ROUTES[name]
            if "<" not in route:
                yield name, method, reverse(name)
                continue
            yield name, method, clinic.address(name)
            if "<uuid" in route:
                for ref in (self.before.pk, self.after.pk, self.file, self.new):
                    yield name, method, reverse(name, args=[ref] * route.count("<"))


@pytest.fixture
def cast(clinic: Clinic) -> Cast:
    return clinic.cast


@pytest.fixture
def hidden(cast, enter, clinic) -> Hidden:
    cast.patient("ana").trusts.get(proxy=cast.rosa).change(scopes=list(Scope), by=cast.ana)
    found = Hidden(enter, clinic)
    found.everybody_reads_it()
    return found


def ask(browser: Client, name: str, method: str, address: str) -> str:
    form = {"content_type": "application/json"} if name.startswith("api-") and "files" not in name else {}
    answer = getattr(browser, method)(address, **form)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.headers.get('Location', '')} {body.decode(errors='replace')}"


def test_a_trusted_person_finds_no_trace_of_it_anywhere(cast, enter, clinic, hidden):
    browsers: dict[str, Client] = {}
    told, asked = [], 0
    for name, method, address in hidden.named(clinic):
        fresh = declared(ROUTES[name][1].callback)[method].fresh_for
        if fresh not in browsers:
            browsers[fresh] = enter(cast.rosa, fresh=fresh)
        page, asked = ask(browsers[fresh], name, method, address), asked + 1
        # A page that is not there may say back the address that was asked for.
        told += [(name, method, ref) for ref in hidden.refs if str(ref) in page and str(ref) not in address]
        told += [(name, method, CANARY)] if CANARY in page else []
    assert told == []
    assert asked > 300
    browser = enter(cast.rosa)
    assert browser.get(reverse("thread", args=[hidden.shared.pk])).status_code == 200, "she helps to the end"
    for query in ({"show": "closed"}, {"show": "away"}):
        page = browser.get(reverse("messages"), query).content.decode()
        assert not [ref for ref in hidden.refs if str(ref) in page]
    page = browser.post(reverse("message-search"), {"look_for": CANARY}).content.decode()
    assert not [ref for ref in hidden.refs if str(ref) in page], "the word that she typed finds nothing"


def test_the_conversation_that_they_share_leads_to_none_that_they_do_not(cast, enter, hidden):
    shared = reverse("thread", args=[hidden.shared.pk])
    hers, own = (enter(cast[who]).get(shared).content.decode() for who in ("rosa", "ana"))
    for ref in (hidden.before.pk, hidden.after.pk):
        assert str(ref) in own
        assert str(ref) not in hers
    assert "newer conversation" in own and "newer conversation" not in hers


def test_who_has_seen_the_record_tells_her_of_nothing_that_was_done_with_it(cast, enter, hidden):
    hers, own = (words(enter(cast[who]).get(reverse("privacy"))) for who in ("rosa", "ana"))
    assert [phrase for phrase in TOLD if phrase in hers] == []
    assert {"Opened a file of yours", "Opened text that was not sent", "Read your messages"} <= {
        phrase for phrase in TOLD if phrase in own
    }
    assert hers.count("Wrote a message") == 1 < own.count("Wrote a message"), "of these she shares one"


def test_she_is_told_of_what_they_share(cast, enter, hidden, clinic):
    enter(cast.okafor).get(reverse("inbox-thread", args=[hidden.shared.pk]))
    b"".join(enter(cast.okafor).get(reverse("file", args=[clinic.file.pk])))
    page = words(enter(cast.rosa).get(reverse("privacy")))
    assert "Read your messages" in page and "Opened a file of yours" in page


def test_whatever_names_a_conversation_leads_to_it():
    """A new kind of thing with a column for one is kept back with it, without a line of ours."""
    from django.apps import apps

    without = {model.__name__ for model in apps.get_app_config("messaging").get_models() if not roads(model)}
    assert without == {
        "Absence", "Pool", "Category", "OpeningHours", "Holiday",
        "Prescription", "RefillRequest", "RefillRequestItem", "RefillDecision",
    }  # fmt: skip
