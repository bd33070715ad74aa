"""Our own time, without SQL and without a server: opening a message, and rendering the team inbox in both engines."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from django.template.loader import get_template
from django.test import RequestFactory

from accounts.models import Session, Strength, User
from audit.recorder import record_read
from audit.seals import seal, unseal, unseal_all
from bench import engine
from messaging.models import Message, Thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

KILOBYTE = "I have had this headache since Tuesday, mostly in the morning. "


def figures(*, rounds: int) -> dict[str, Any]:
    maya = User.objects.by_email("maya@riverside.example")
    assert maya is not None  # noqa: S101
    return {**_opening(maya, rounds), **_rendering(maya, max(10, rounds // 20))}


def _opening(reader: User, rounds: int) -> dict[str, Any]:
    thread = Thread.objects.select_related("patient").first()
    assert thread is not None  # noqa: S101
    text = (KILOBYTE * 20)[:1024]
    letters = [
        Message(thread=thread, patient=thread.patient, side="patient", author=reader) for _ in range(50)
    ]
    for letter in letters:
        letter.body = seal(text, into=letter, field="body")
    receipt = record_read(reader=reader, of=thread, shown=[thread, *letters], category="message")
    one, pairs = letters[0], [(letter, "body") for letter in letters]
    return {
        "open_1kb_us": _microseconds(lambda: unseal(one, "body", receipt=receipt), rounds),
        "open_50_us": _microseconds(lambda: unseal_all(pairs, receipt=receipt), max(10, rounds // 20)),
        "seal_1kb_us": _microseconds(lambda: seal(text, into=one, field="body"), rounds),
    }


def _rendering(reader: User, rounds: int) -> dict[str, Any]:
    request: HttpRequest = RequestFactory().get("/inbox/")
    session = Session.objects.begin(by=reader, browser="Firefox")
    session.strengthen(by=reader, strength=Strength.FULL, factor="totp")
    found = Session.objects.by_key(session.key)
    assert found is not None  # noqa: S101
    request.user, request.session_record = found.user, found  # type: ignore[attr-defined]
    context = engine.context(request)
    jinja, plain = get_template("messaging/inbox.html"), get_template(engine.TEMPLATE, using="django")
    ours = {**context, "conversation": None}
    return {
        "jinja2_us": _microseconds(lambda: jinja.render(dict(ours), request), rounds),
        "django_templates_us": _microseconds(lambda: plain.render(dict(context), request), rounds),
        "jinja2_bytes": len(jinja.render(dict(ours), request).encode()),
        "django_templates_bytes": len(plain.render(dict(context), request).encode()),
    }


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    """The median of seven tries, each the mean of its rounds. Processor time: others on the machine do not count."""
    work()
    tries = []
    for _try in range(7):
        began = time.process_time()
        for _round in range(rounds):
            work()
        tries.append((time.process_time() - began) / rounds * 1e6)
    return round(median(tries), 1)
