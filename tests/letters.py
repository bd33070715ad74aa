"""A new message as somebody writes it: every step of it, by the forms of the pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.urls import reverse

if TYPE_CHECKING:
    from django.test import Client

NEW = "/messages/new/"
URGENT, TOPIC = ("now", "patient", "about", "form_token"), ("category", "pool")
WORDS = ("subject", "body", "written_with_help", "revision")


def write(browser: Client, form: dict[str, str], *, follow: bool = False) -> Any:
    """Walk from the urgent question to the last button, and return the answer of the last step that was reached.

    `form` has what would be typed on all of the pages, and says "no" to the question unless it names `now`.
    """
    answer: Any = browser.post(NEW, {"now": "no", **_of(form, URGENT)})
    if answer.status_code != 302:
        return answer
    if "/stop/" in answer["Location"]:
        answer = browser.post(answer["Location"])
    ref = ref_of(answer)
    if answer["Location"].endswith("/sent/"):
        return answer
    for step, fields in (("topic", TOPIC), ("text", WORDS)):
        answer = browser.post(reverse(f"draft-{step}", args=[ref]), _of(form, fields))
        if answer.status_code != 302:
            return answer
    return send(browser, ref, follow=follow)


def send(browser: Client, ref: str, *, follow: bool = False) -> Any:
    """Look at the check page and press its button."""
    address = reverse("draft-check", args=[ref])
    page = browser.get(address)
    if page.status_code != 200:
        return page
    return browser.post(address, hidden(page), follow=follow)


def begin(browser: Client, **form: str) -> str:
    """Answer the urgent question, and return the reference of the draft that this began."""
    return ref_of(browser.post(NEW, {"now": "no", **form}))


def ref_of(answer: Any) -> str:
    found = re.search(r"/messages/(?:drafts/)?([0-9a-f-]{36})/", answer["Location"])
    assert found, answer["Location"]
    return found[1]


def hidden(page: Any) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode()))


def _of(form: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: form[name] for name in names if name in form}
