"""A page costs the same number of statements however many rows it shows."""

from __future__ import annotations

import pytest
from django.urls import reverse

from messaging.models import Draft, Thread


def clinic_with(work, cast, rows: int) -> Thread:
    """`rows` of everything: conversations, messages in one of them, notes, medicines, requests, readers."""
    thread = work.thread(subject="The long one")
    work.item(thread).claim(by=cast.maya)
    others = []
    for n in range(rows):
        others.append(work.thread(subject=f"Letter {n}", by="ana" if n % 2 else "rosa"))
        work.refill(of=work.medicine(name=f"Medicine {n}"), comment="Please.")
        thread.post(author=(cast.ana, cast.maya, cast.rosa)[n % 3], body=f"Message {n}")
        thread.note(author=(cast.okafor, cast.maya)[n % 2], body=f"Note {n}")
        begun = Draft.objects.begin(
            by=cast.ana, patient=cast.patient("ana"), urgent="no", category=thread.category
        )
        begun.keep(by=cast.ana, subject=f"Draft {n}", body="Not yet.")
    for other in others[: rows // 2]:
        other.post(author=cast.okafor, body="And?")
    return thread


PAGES = {
    "patient inbox": ("ana", lambda t, i: reverse("messages")),
    "daughter's inbox": ("rosa", lambda t, i: reverse("messages")),
    "conversation": ("ana", lambda t, i: reverse("thread", args=[t.pk])),
    "new message": ("ana", lambda t, i: reverse("message-new")),
    "drafts": ("ana", lambda t, i: reverse("drafts")),
    "last look": ("ana", lambda t, i: reverse("draft-check", args=[Draft.objects.latest("created_at").pk])),
    "medicines": ("ana", lambda t, i: reverse("medicines")),
    "request": ("ana", lambda t, i: reverse("refill-request", args=[i.pk])),
    "team inbox": ("okafor", lambda t, i: reverse("inbox")),
    "team conversation": ("okafor", lambda t, i: reverse("inbox-thread", args=[t.pk])),
    "refill queue": ("okafor", lambda t, i: reverse("refills")),
    "refill": ("okafor", lambda t, i: reverse("refill", args=[i.pk])),
    "trail": ("mira", lambda t, i: reverse("audit-events")),
    "who has seen my record": ("ana", lambda t, i: reverse("privacy")),
    "threads for programs": ("ana", lambda t, i: reverse("api-threads")),
    "thread for programs": ("okafor", lambda t, i: reverse("api-thread", args=[t.pk])),
    "refills for programs": ("okafor", lambda t, i: reverse("api-refills")),
}


@pytest.fixture
def counted(work, cast, enter, count_statements):
    """Statements of every page, with few rows and then with many, in one clinic."""
    from messaging.models import RefillRequestItem

    def counts(thread: Thread) -> dict[str, int]:
        item = RefillRequestItem.objects.latest("state_since")
        found = {}
        for name, (who, address) in PAGES.items():
            browser, at = enter(cast[who]), address(thread, item)
            browser.get(at)  # what is new is read once, and that writes receipts
            found[name] = count_statements(lambda b=browser, a=at: b.get(a))
        return found

    few = counts(clinic_with(work, cast, 2))
    many = counts(clinic_with(work, cast, 14))
    return few, many


def test_no_page_asks_more_for_many_rows_than_for_few(counted):
    few, many = counted
    assert many == few


def test_no_page_asks_for_much(counted):
    """Two of these are the session and its person's rights; none is asked row by row.
    The team's conversation shows the list, the talk, its files, flags and drafts, and what stands beside it, at once.
    """
    few, _ = counted
    assert {name: n for name, n in few.items() if n > 25} == {}


@pytest.mark.parametrize("messages", [1, 12])
def test_opening_what_is_new_asks_the_same_for_one_message_as_for_twelve(
    work, cast, enter, count_statements, messages
):
    thread = work.thread()
    for n in range(messages):
        thread.post(author=cast.okafor, body=f"Message {n}")
    browser = enter(cast.ana)
    browser.get(reverse("message-new"))
    assert count_statements(lambda: browser.get(reverse("thread", args=[thread.pk]))) <= 15
