"""Whether a conversation is kept from trusted people, for those who may know and decide it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from accounts.models import ProxyGrant
from accounts.people import People
from audit.prepared import Prepared
from audit.recorder import record_read
from messaging.clock import now
from messaging.models import Confidence, Thread
from messaging.opened.texts import open_texts

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.models import User
    from accounts.people import Person


@dataclass(frozen=True, slots=True)
class Apart:
    """`by` and `reason` say who keeps it apart now, and why, where a clinician does."""

    is_kept: bool
    may_change: bool
    by_patient: bool = False
    by: Person | None = None
    reason: str = ""
    since: datetime | None = None


@Prepared
def _could_read(*, thread: UUID, at: datetime) -> QuerySet[Thread, tuple[bool]]:
    grants = ProxyGrant.objects.current(at).filter(patient=OuterRef("patient"), scopes__contains=["read"])
    return Thread.objects.filter(Exists(grants), pk=thread).values_list("confidential")


def apart_for_patient(thread: Thread, *, reader: User) -> Apart | None:
    """What the patient is shown about it; nothing for anybody else, and nothing to choose where she trusts nobody."""
    if thread.patient_id not in reader.records:
        return None
    if thread.confidential:
        return _kept(thread, reader=reader, may_share=True)
    return Apart(is_kept=False, may_change=True) if _could_read(thread=thread.pk, at=now()) else None


def apart_for_team(thread: Thread, *, reader: User, could_read: bool) -> Apart:
    """The same for the team: clinicians may keep it apart with a reason, and share what clinicians kept.

    `could_read` says that the patient trusts somebody with reading at all.
    """
    if thread.confidential:
        return _kept(thread, reader=reader, may_share=reader.is_clinical)
    return Apart(is_kept=False, may_change=reader.is_clinical and could_read)


def _kept(thread: Thread, *, reader: User, may_share: bool) -> Apart:
    kept = Confidence.objects.filter(thread=thread, shared_at=None).first()
    if kept is None:
        return Apart(is_kept=True, may_change=False)
    by_patient = kept.kept_by_id in thread.patient.owners
    own = thread.patient_id in reader.records
    may_change = own or (may_share and not by_patient)
    if by_patient:
        return Apart(is_kept=True, may_change=may_change, by_patient=True, since=kept.kept_at)
    people = People.load([kept.kept_by_id], patient_id=thread.patient_id, to_patient=own)
    receipt = record_read(
        reader=reader, of=thread, shown=[kept], named=people.sealed_records(), category="message"
    )
    reason = open_texts([(kept, "reason")], receipt=receipt)[kept.pk, "reason"]
    by = people.opened(receipt).get(kept.kept_by_id)
    return Apart(is_kept=True, may_change=may_change, by=by, reason=reason, since=kept.kept_at)
