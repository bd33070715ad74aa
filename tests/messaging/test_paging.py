"""Pages of lists: every row once, and a position that nobody was given is a page that does not exist."""

from __future__ import annotations

import base64
import json
import re

import pytest
from django.urls import reverse

from messaging.opened import medicines, queue, threads


def position(*values) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


LISTS = [
    ("ana", "messages"),
    ("okafor", "inbox"),
    ("okafor", "refills"),
    ("ana", "api-threads"),
    ("okafor", "api-refills"),
]
NOT_OURS = [
    "x",
    "é",
    "AAAA",
    position(),
    position("2026-01-01T00:00:00+00:00"),
    position("2026-01-01T00:00:00", "no id"),
    position("2026-01-01T00:00:00", "01a20481-7237-76d6-bbb6-1a8ab4888418"),
    position("2026-02-31T00:00:00+00:00", "01a20481-7237-76d6-bbb6-1a8ab4888418"),
    position(99**9, "2026-01-01T00:00:00+00:00", "01a20481-7237-76d6-bbb6-1a8ab4888418"),
    position({"a": 1}, [], None),
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    base64.urlsafe_b64encode(b"1" * 5000).decode(),
]


@pytest.mark.parametrize(("who", "address"), LISTS)
def test_a_position_that_nobody_was_given_is_a_page_that_does_not_exist(work, cast, enter, who, address):
    browser = enter(cast[who])
    for after in NOT_OURS:
        assert browser.get(reverse(address), {"after": after}).status_code == 404, after


@pytest.mark.parametrize("before", ["x", "7", "é"])
def test_paging_back_from_no_message_is_a_page_that_does_not_exist(work, cast, enter, before):
    thread = work.thread()
    assert enter(cast.ana).get(thread.get_absolute_url(), {"before": before}).status_code == 404


def test_before_the_first_message_of_all_stands_the_newest_page(work, cast, enter):
    thread = work.thread()
    first = {"before": str(thread.messages.earliest("sent_at", "id").pk)}
    ana, okafor = enter(cast.ana), enter(cast.okafor)
    for browser, address in (
        (ana, thread.get_absolute_url()),
        (ana, reverse("api-thread", args=[thread.pk])),
        (okafor, reverse("inbox-thread", args=[thread.pk])),
        (okafor, reverse("api-thread", args=[thread.pk])),
    ):
        assert browser.get(address, first).status_code == 200, address


def test_an_older_page_does_not_say_what_happens_next(work, cast, enter, monkeypatch):
    monkeypatch.setattr(threads, "MESSAGES_SHOWN", 2)
    thread = work.thread()
    for n in range(3):
        thread.post(author=cast.ana, body=f"Letter {n}")
    ana = enter(cast.ana)
    newest = ana.get(thread.get_absolute_url()).content.decode()
    assert "What happens next" in newest
    back = re.search(r"before=([0-9a-f-]{36})", newest)
    assert back is not None
    older = ana.get(thread.get_absolute_url(), {"before": back[1]})
    assert older.status_code == 200
    assert "Letter 2" not in older.content.decode()
    assert "What happens next" not in older.content.decode()


def through(browser, address, **query) -> list[str]:
    """The ids of every row on every page of an API list."""
    seen, after = [], ""
    while True:
        page = browser.get(reverse(address), {**query, "after": after}).json()
        seen += [row["id"] for row in page["results"]]
        after = page["next"]
        if not after:
            return seen


def test_every_conversation_is_on_one_page(work, cast, enter, monkeypatch):
    monkeypatch.setattr(threads, "PAGE_LENGTH", 2)
    monkeypatch.setattr(queue, "PAGE_LENGTH", 2)
    made = [work.thread(subject=f"Letter {n}") for n in range(5)]
    newest_first = [str(thread.pk) for thread in reversed(made)]
    assert through(enter(cast.ana), "api-threads") == newest_first
    in_order_of_promise = through(enter(cast.okafor), "api-threads")
    assert sorted(in_order_of_promise) == sorted(newest_first)
    assert len(in_order_of_promise) == 5


def test_every_request_is_on_one_page(work, cast, enter, monkeypatch):
    monkeypatch.setattr(medicines, "PAGE_LENGTH", 2)
    made = [
        str(work.refill(of=order).pk)
        for key, order in work.practice.prescriptions.items()
        if order.patient_id == cast.patient("ana").pk
    ]
    assert len(made) == 3
    assert sorted(through(enter(cast.okafor), "api-refills")) == sorted(made)
    assert through(enter(cast.ana), "api-refills") == made[::-1]


def test_a_row_that_arrives_shifts_no_page(work, cast, enter, monkeypatch):
    monkeypatch.setattr(threads, "PAGE_LENGTH", 2)
    made = [str(work.thread().pk) for _ in range(4)]
    browser = enter(cast.ana)
    first = browser.get(reverse("api-threads")).json()
    work.thread(subject="Newer than all")
    second = browser.get(reverse("api-threads"), {"after": first["next"]}).json()
    assert [row["id"] for row in first["results"] + second["results"]] == made[::-1]


def test_a_long_conversation_is_read_in_parts(work, cast, enter, monkeypatch):
    monkeypatch.setattr(threads, "MESSAGES_SHOWN", 3)
    thread = work.thread(body="letter 0")
    for n in range(1, 7):
        thread.post(author=cast.ana, body=f"letter {n}")
    browser, seen, before = enter(cast.ana), [], ""
    address = reverse("api-thread", args=[thread.pk])
    while True:
        page = browser.get(address, {"before": before} if before else {}).json()
        seen = [m["body"] for m in page["messages"] if m["side"] == "patient"] + seen
        before = page["earlier"]
        if not before:
            break
    assert seen == [f"letter {n}" for n in range(7)]
