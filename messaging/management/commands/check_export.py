from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from audit.models import AuditEvent
from messaging.exports.check import Found, NotAnExport, check, check_archive
from messaging.opened.transcripts import mark_on

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Say whether a conversation that somebody saved, as PDF or as data, is as this portal made it. "
        "Fails when it is not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = b"" if is_zipfile(options["file"]) else options["file"].read_bytes()
        except OSError as failure:
            raise CommandError(f"The file cannot be read ({type(failure).__name__}).") from None
        file_digest = hashlib.sha256(data).hexdigest()
        if not data:
            file_digest = self._check_archive(options["file"])
        elif not data.startswith(b"%PDF-"):
            self._check_content(data)
        # The paper and the data may have come out of a ZIP, which is known by its list.
        saved = AuditEvent.objects.filter(
            Q(additional_data__file=file_digest)
            | Q(additional_data__pdf=file_digest)
            | Q(additional_data__data=file_digest),
            type="record",
            subtype="download",
        ).first()
        if saved is not None:
            self.stdout.write(
                f"This very file was saved at {saved.recorded_at.isoformat()} (event {saved.pk})."
            )
        elif data.startswith(b"%PDF-"):
            raise CommandError(f"No file with the SHA-256 {file_digest} was ever saved here.")
        else:
            self.stdout.write("The trail knows no such file; its content is as it was made all the same.")

    def _check_archive(self, file: Path) -> str:
        try:
            archive = check_archive(file)
        except NotAnExport:
            raise CommandError("This is no conversation that was saved here.") from None
        if archive.wrong:
            raise CommandError(f"The ZIP was changed: {', '.join(archive.wrong)}.")
        self._say(archive.found)
        return archive.list_digest

    def _check_content(self, data: bytes) -> None:
        try:
            found = check(data)
        except NotAnExport:
            raise CommandError("This is no conversation that was saved here.") from None
        self._say(found)

    def _say(self, found: Found) -> None:
        if not found.is_whole:
            changed = ", ".join(found.wrong) or "something beside the messages"
            raise CommandError(f"The file was changed: {changed}.")
        if found.mark != mark_on(found.counted):
            raise CommandError(
                "The file agrees with itself, but its mark is not ours: somebody else made it."
            )
        self.stdout.write(f"Nothing was changed. {found.messages} messages, SHA-256 {found.counted}")
