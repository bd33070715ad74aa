"""The first words of conversations, as lists show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.recorder import record_read
from messaging.models import Message
from messaging.models.message import PREVIEW_LENGTH
from messaging.opened.messages import message_pairs, versions_of
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import Model

    from accounts.models import User
    from messaging.models import Thread
    from messaging.opened.texts import Texts


def previews_of(
    threads: Iterable[Thread], texts: Texts, *, reader: User, of: Model | None = None
) -> dict[UUID, str]:
    """By conversation. Only those whose preview was opened into `texts` have one.

    Where the newest message was taken back, what stands before it has no preview: its own words are opened, and
    recorded, for the few rows of which that is so. Empty is one in which nothing stands.
    """
    said = {t.pk: texts[t.pk, "preview"] for t in threads if (t.pk, "preview") in texts}
    missing = {t.last_message_id: t.pk for t in threads if said.get(t.pk) == ""}
    messages = list(Message.objects.filter(pk__in=missing, withdrawal=None).as_shown()) if missing else []
    if not messages:
        return said
    versions = versions_of(messages)
    receipt = record_read(
        reader=reader,
        of=of,
        shown=[*messages, *(version for found in versions.values() for version in found)],
        category="message",
        subtype="list",
    )
    bodies = open_texts(message_pairs(messages, versions), receipt=receipt)
    for message in messages:
        later = versions.get(message.pk)
        body = bodies.get((later[-1].pk if later else message.pk, "body"), "")
        said[missing[message.pk]] = " ".join(body.split())[:PREVIEW_LENGTH]
    return said
