"""By which words a message is found while its text stays sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, OuterRef

from accounts.models import Patient
from audit import blind_index
from messaging.models.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from audit.blind_index import Wanted


class MessageWordsQuerySet(models.QuerySet["MessageWords"]):
    def having(self, wanted: Wanted, *, of: Iterable[UUID]) -> Self:
        """Rows that have one digest of each word, under the keys of these patients.

        Digests of two patients never meet, so this finds rows of no others. It finds a few too many: what is
        eight bytes long may be met by chance, and a phrase is only known by its words.
        """
        found = self
        for digests in wanted.digests(of):
            found = found.filter(digests__overlap=digests) if digests else found.none()
        return found


class MessageWords(models.Model):
    """Digests of the words of one message; of the conversation's title, too, in the row of its first message.

    A row of its own, because the message never changes and this is made anew when the rules of words do
    (`manage.py rebuild_search`).
    """

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.PROTECT, related_name="words", db_constraint=False
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    rules = models.PositiveSmallIntegerField(default=blind_index.RULES)
    digests = ArrayField(models.BigIntegerField())

    objects = MessageWordsQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex(fields=["digests"], name="message_words")]

    def __str__(self) -> str:
        return f"words of message {self.pk}"

    @classmethod
    def of(cls, message: Message, *texts: str) -> Self:
        """The row of `message`, not yet written."""
        digests = blind_index.digests(texts, owner_id=message.patient_id)
        return cls(message=message, patient_id=message.patient_id, rules=blind_index.RULES, digests=digests)

    @classmethod
    def keep(cls, message: Message, *texts: str) -> None:
        """Make `message`, just written in this transaction, findable by the words of these texts."""
        cls.of(message, *texts).save(force_insert=True)

    @classmethod
    def add(cls, message: Message, *texts: str) -> None:
        """Make `message` findable by the words of a later version as well."""
        kept, more = cls.objects.filter(message=message).first(), cls.of(message, *texts)
        if kept is not None:
            more.digests = sorted({*kept.digests, *more.digests})
        cls.keep_all([more])

    @classmethod
    def keep_all(cls, rows: Iterable[Self]) -> None:
        """Write rows for messages of earlier, over those that older rules made. One statement."""
        cls.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["message"], update_fields=["rules", "digests"]
        )


def not_findable() -> models.Q:
    """Messages whose words are not kept, or are kept by older rules."""
    kept = MessageWords.objects.filter(message=OuterRef("pk"), rules=blind_index.RULES)
    return ~models.Q(Exists(kept)) & models.Q(body__isnull=False, withdrawal=None)
