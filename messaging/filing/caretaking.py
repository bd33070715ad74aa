"""What is left over: files nobody sent, bytes without a row, rows without their bytes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from audit.context import SystemAgent
from audit.recorder import record
from messaging.clock import now
from messaging.filing import store
from messaging.models import Attachment

CARETAKER = SystemAgent("system:caretaker")
# Bytes are written before their row. What is younger may be on its way.
GRACE = timedelta(days=1)
logger = logging.getLogger("portal.files")


@dataclass(frozen=True, slots=True)
class Leftovers:
    abandoned: int
    without_row: int
    without_bytes: int


def clear_away(*, dry_run: bool = False) -> Leftovers:
    """Remove what is abandoned and what belongs to no row; raise the alarm about rows whose bytes are gone."""
    moment = now()
    if dry_run:
        abandoned = Attachment.objects.abandoned(at=moment).count()
    else:
        abandoned = Attachment.objects.forget(at=moment, by=CARETAKER)
        if settings.SCANNER_URL:
            Attachment.objects.check_what_never_was(by=CARETAKER)
    stored, strays = set(), []
    # The rows are read after the bytes: what is added meanwhile has both, or is within its grace.
    for name, written_at in store.holdings():
        stored.add(name)
        if written_at < moment - GRACE:
            strays.append(name)
    rows = {
        file.stored_as: file for file in Attachment.objects.only("pk", "stored_as", "patient", "uploaded_at")
    }
    without_row = [name for name in strays if name not in rows]
    missing = [
        file for name, file in rows.items() if name not in stored and file.uploaded_at < moment - GRACE
    ]
    if not dry_run:
        for name in without_row:
            store.drop(name)
        for file in missing:
            record(
                agent=CARETAKER,
                type="security",
                subtype="file-missing",
                outcome="8",
                outcome_reason="file-missing",
                obj=file,
                category="attachment",
            )
    if missing:
        logger.error("files are missing", extra={"facts": {"files": len(missing)}})
    return Leftovers(abandoned, len(without_row), len(missing))
