"""Two doors, one house: each scenario is walked as a form in a browser and as JSON, and must end the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from tests.letters import write

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse
    from django.test import Client

    from accounts.models import User
    from messaging.models import Prescription, RefillRequestItem, Thread
    from tests.cast import Enter

OUTCOMES = {
    200: "done",
    201: "done",
    302: "done",
    400: "wrong",
    422: "wrong",
    401: "stranger",
    403: "forbidden",
    404: "missing",
    409: "refused",
}


class Door:
    """What somebody can do, whichever way she came in. Each act answers with one word."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self.browser: Client

    def enter(self, user: User, **how: Any) -> Door:
        self.browser = self._enter(user, **how)
        return self

    def start(self, **fields: str) -> str:
        raise NotImplementedError

    def send(self, thread: Thread, body: str, **more: str) -> str:
        raise NotImplementedError

    def ask(self, order: Prescription, **fields: str) -> str:
        raise NotImplementedError

    def decide(self, item: RefillRequestItem, **fields: str) -> str:
        raise NotImplementedError

    def read(self, thread: Thread) -> str:
        raise NotImplementedError


class Pages(Door):
    def __init__(self, enter: Enter) -> None:
        super().__init__(enter)
        self.drafts: dict[str, UUID] = {}

    def start(self, **fields: str) -> str:
        from messaging.models import Draft

        # The button of a draft that is sent may be pressed again, too.
        token = fields.get("form_token", "")
        if token and token in self.drafts:
            return self._said(self.browser.post(reverse("draft-check", args=[self.drafts[token]])))
        before = set(Draft.objects.values_list("pk", flat=True))
        answer = write(self.browser, fields)
        for ref in Draft.objects.exclude(pk__in=before).values_list("pk", flat=True):
            self.drafts[token] = ref
        return self._said(answer)

    def send(self, thread: Thread, body: str, **more: str) -> str:
        side = "inbox-replies" if self._works_here() else "thread-replies"
        return self._post(reverse(side, args=[thread.pk]), {"body": body, **more})

    def ask(self, order: Prescription, **fields: str) -> str:
        return self._post(reverse("refill-new", args=[order.pk]), fields)

    def decide(self, item: RefillRequestItem, **fields: str) -> str:
        return self._post(reverse("refill-decision", args=[item.pk]), fields)

    def read(self, thread: Thread) -> str:
        side = "inbox-thread" if self._works_here() else "thread"
        return self._said(self.browser.get(reverse(side, args=[thread.pk])))

    def _works_here(self) -> bool:
        # The home page sends staff to the inbox.
        return self.browser.get(reverse("home"))["Location"] == reverse("inbox")

    def _post(self, address: str, form: dict[str, str]) -> str:
        return self._said(self.browser.post(address, form))

    def _said(self, answer: HttpResponse) -> str:
        if answer.status_code == 302 and answer["Location"].startswith(reverse("sign-in-again")):
            return "forbidden"
        return OUTCOMES[answer.status_code]


class Programs(Door):
    def start(self, **fields: str) -> str:
        return self._post(reverse("api-threads"), fields)

    def send(self, thread: Thread, body: str, **more: str) -> str:
        return self._post(reverse("api-thread-messages", args=[thread.pk]), {"body": body, **more})

    def ask(self, order: Prescription, **fields: str) -> str:
        return self._post(reverse("api-refills"), {"prescription": str(order.pk), **fields})

    def decide(self, item: RefillRequestItem, **fields: str) -> str:
        return self._post(reverse("api-refill-decision", args=[item.pk]), fields)

    def read(self, thread: Thread) -> str:
        return OUTCOMES[self.browser.get(reverse("api-thread", args=[thread.pk])).status_code]

    def _post(self, address: str, sent: dict[str, str]) -> str:
        return OUTCOMES[self.browser.post(address, sent, content_type="application/json").status_code]


@pytest.fixture(params=[Pages, Programs], ids=["pages", "programs"])
def door(request: pytest.FixtureRequest, enter: Enter) -> Door:
    return request.param(enter)
