"""The demo's letter box: e-mails become files in the state folder, and a page shows them."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

from audit.ids import uuid7
from portal.local.state import private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from django.core.mail import EmailMessage

KEPT = 500


@dataclass(frozen=True)
class Letter:
    sent_at: datetime
    to: str
    subject: str
    text: str


class Mailbox(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = box()
        for message in email_messages:
            write_private(folder / f"{uuid7()}.eml", message.message().as_string())
        for old in sorted(folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return len(email_messages)


def box() -> Path:
    folder = settings.DEMO_MAIL_FOLDER
    if folder is None:
        raise RuntimeError("There is a letter box in the demo only.")
    return private_folder(folder)


def letters(limit: int = 100) -> list[Letter]:
    """Newest first: the names of the files are time-ordered ids."""
    newest = sorted(box().glob("*.eml"), reverse=True)[:limit]
    return [_letter(path) for path in newest]


def _letter(path: Path) -> Letter:
    message: Any = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    return Letter(
        sent_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=body.get_content() if body else "",
    )
