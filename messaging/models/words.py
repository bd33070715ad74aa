"""By which words a message is found while its text stays sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.expressions import RawSQL

from accounts.models import Patient
from audit import blind_index
from messaging.models.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from audit.blind_index import Wanted
    from messaging.models.attachment import Attachment


WAITING_KB = 256
# One look into the index for each patient. All digests in one array would find the same rows, but beyond a few
# patients the planner takes them for most of the table and reads all of it. What is fenced in by OFFSET it has to ask
# as it stands, and arrays that come from a row it takes for rare.
_HAVING = """
    SELECT found.message_id
    FROM unnest({arrays}) AS asked ({names})
    CROSS JOIN LATERAL (
        SELECT words.message_id FROM messaging_messagewords words WHERE {conditions} OFFSET 0
    ) found
"""


def messages_having(wanted: Wanted, *, of: Iterable[UUID], names_of: Iterable[UUID] = ()) -> RawSQL:
    """The messages that have one digest of each word, under the keys of these patients, for `pk__in`.

    Names of files count for those whose files the reader may have: `names_of`.

    Digests of two patients never meet, so this finds messages of no others. It finds a few too many: what is
    eight bytes long may be met by chance, and a phrase is only known by its words.
    """
    asked = wanted.digests(of, aside_of=names_of)
    words = range(len(asked[0]) if asked else 1)
    statement = _HAVING.format(
        arrays=", ".join("%s::text[]" for _word in words),
        names=", ".join(f"word{number}" for number in words),
        conditions=" AND ".join(f"words.digests && asked.word{number}::bigint[]" for number in words),
    )
    # An array of arrays of different lengths is none in PostgreSQL: each travels as its own text.
    arrays = [[_as_array(of_patient[number]) for of_patient in asked] for number in words]
    return RawSQL(statement, arrays)  # noqa: S611  (made of numbers of ours; what is asked are its parameters)


def _as_array(digests: Iterable[int]) -> str:
    return "{" + ",".join(map(str, digests)) + "}"


class MessageWords(models.Model):
    """Digests of the words of one message and, apart from these, of the names of its files; of the conversation's
    title, too, in the row of its first message.

    A row of its own, because the message never changes and this is made anew when the rules of words do
    (`manage.py rebuild_search`).
    """

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.PROTECT, related_name="words", db_constraint=False
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    rules = models.PositiveSmallIntegerField(default=blind_index.RULES)
    digests = ArrayField(models.BigIntegerField())

    class Meta:
        # Every look into the index reads what waits to be filed in it, and one message in some hundred files it.
        indexes = [GinIndex(fields=["digests"], name="message_words", gin_pending_list_limit=WAITING_KB)]

    def __str__(self) -> str:
        return f"words of message {self.pk}"

    @classmethod
    def of(cls, message: Message, *texts: str, names: Iterable[str] = ()) -> Self:
        """The row of `message`, not yet written."""
        digests = blind_index.digests(texts, owner_id=message.patient_id, aside=names)
        return cls(message=message, patient_id=message.patient_id, rules=blind_index.RULES, digests=digests)

    @classmethod
    def keep(cls, message: Message, *texts: str) -> None:
        """Make `message`, just written in this transaction, findable by the words of these texts."""
        cls.of(message, *texts).save(force_insert=True)

    @classmethod
    def add(cls, message: Message, *texts: str) -> None:
        """Make `message` findable by the words of a later version as well."""
        more = cls.of(message, *texts)
        cls._add(message, more.digests, rules=more.rules)

    @classmethod
    def add_names(cls, message: Message, files: Sequence[Attachment]) -> None:
        """Make `message` findable by the names of files that go with it. They were digested when they were added."""
        found = {digest for file in files for digest in file.name_digests}
        cls._add(message, found, rules=min(file.name_rules for file in files))

    @classmethod
    def _add(cls, message: Message, digests: Iterable[int], *, rules: int) -> None:
        """The row is as old as the oldest part of it: `rebuild_search` makes it anew."""
        kept = cls.objects.filter(message=message).first() or cls(message=message, rules=0, digests=[])
        row = cls(message=message, patient_id=message.patient_id, rules=min(kept.rules, rules))
        row.digests = sorted({*kept.digests, *digests})
        cls.keep_all([row])

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
