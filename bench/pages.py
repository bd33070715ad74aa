"""The pages that are measured: who asks, where each contender answers, and what must stand in the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.client import reply

if TYPE_CHECKING:
    from bench.client import Answer, Visitor

# What each contender's page has once a row.
ROWS = {"inbox": b'class="thread-link"', "thread": b"<article", "team": b'class="qrow', "audit": b"<tr>"}


@dataclass(frozen=True)
class Page:
    key: str
    words: str
    person: str
    rows: int
    goal: float
    next_goal: float
    most_tax: float = 0.88

    @property
    def is_send(self) -> bool:
        return self.key == "send"

    @property
    def status(self) -> int:
        return 302 if self.is_send else 200

    def path(self, facts: dict[str, Any], *, floor: str = "", place: int = 0) -> str:
        """The address at this contender; `floor` is "" for the portal, "floor" or "bare-floor" for the plain views."""
        long, ana = facts["long"][0], facts["anas"][place % len(facts["anas"])]
        if floor:
            replies = "bare-replies" if floor == "bare-floor" else "replies"
            return {
                "inbox": "/floor/messages/",
                "thread": f"/floor/messages/{long}/",
                "team": "/floor/inbox/",
                "send": f"/floor/messages/{ana}/{replies}/",
                "audit": "/floor/events/",
            }[self.key]
        return {
            "inbox": "/messages/",
            "thread": f"/messages/{long}/",
            "team": "/inbox/",
            "send": f"/messages/{ana}/replies/",
            "audit": "/audit/events/",
        }[self.key]

    def form(self, facts: dict[str, Any], *, floor: bool, place: int) -> str:
        prefix = "/floor" if floor else ""
        return f"{prefix}/messages/{facts['anas'][place % len(facts['anas'])]}/"

    def ask(self, visitor: Visitor, path: str, **headers: str) -> Answer:
        if self.is_send:
            return reply(visitor, path)
        return visitor.get(path, **headers)


PAGES = (
    Page("inbox", "Patient inbox, 25 rows", "ana", 25, 1.0, 1.5),
    Page("thread", "Thread of 50 messages", "ana", 50, 1.0, 1.5),
    Page("team", "Team inbox, 25 rows", "maya", 25, 1.0, 1.5),
    Page("send", "Send (a reply)", "ana", 0, 0.85, 1.2),
    Page("audit", "Audit list, 50 rows", "mira", 50, 1.0, 1.5),
)
