"""Making messages of earlier findable by their words: opened by the portal itself, and recorded so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import OuterRef, Subquery

from audit.context import SystemAgent
from audit.recorder import record_read
from messaging.models import Amendment, Attachment, Message, MessageWords, Thread, not_findable
from messaging.opened.messages import message_pairs, versions_of
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from uuid import UUID

    from messaging.models.message import MessageQuerySet


INDEXER = SystemAgent("system:search-index")


def waiting() -> MessageQuerySet:
    """Messages that no search finds yet."""
    return Message.objects.filter(not_findable())


def index_some(*, batch: int, after: UUID | None = None) -> tuple[int, UUID | None]:
    """Make up to `batch` messages findable, in the order they were written, and say how many and up to which.

    Without a last one there were none left.

    Stop whenever, go on later. The reading is one event for each patient of the batch, under the name of the
    part of the portal that reads.
    """
    first = Message.objects.filter(thread=OuterRef("thread")).order_by("sent_at", "pk").values("pk")[:1]
    rows = waiting().as_shown().select_related("thread").annotate(first_ref=Subquery(first)).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    messages = list(rows[:batch])
    if not messages:
        return 0, None
    titles = {m.thread_id: m.thread for m in messages if m.first_ref == m.pk}
    versions = versions_of(messages)
    later = [version for found in versions.values() for version in found]
    files = list(Attachment.objects.filter(message__in=messages))
    receipt = record_read(
        reader=INDEXER,
        shown=[*messages, *later, *files, *titles.values()],
        category="message",
        subtype="index",
        purpose="HOPERAT",
    )
    titled = [(thread, "subject") for thread in titles.values()]
    named = [(file, "name") for file in files]
    texts = open_texts([*message_pairs(messages, versions), *titled, *named], receipt=receipt)
    made = [
        MessageWords.of(
            m,
            texts[m.pk, "body"],
            *(texts[version.pk, "body"] for version in versions.get(m.pk, ())),
            *([texts[m.thread_id, "subject"]] if m.first_ref == m.pk else []),
            names=[texts[file.pk, "name"] for file in files if file.message_id == m.pk],
        )
        for m in messages
    ]
    with transaction.atomic():
        # Whoever puts a message right meanwhile waits for this, or this is without her words and leaves it for later.
        threads = Thread.objects.filter(pk__in={m.thread_id for m in messages}).order_by("pk")
        list(threads.select_for_update(of=("self",)).values_list("pk"))
        opened = [version.pk for version in later]
        moved = set(
            Amendment.objects.filter(message__in=messages)
            .exclude(pk__in=opened)
            .values_list("message", flat=True)
        )
        kept = [row for row in made if row.message_id not in moved]
        MessageWords.keep_all(kept)
    return len(kept), messages[-1].pk
