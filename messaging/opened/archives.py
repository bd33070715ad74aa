"""A conversation with its files, to keep: as paper, as data, and each file that everybody who reads it may have."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts import limits
from audit.recorder import record_read
from audit.seals import SealBroken
from messaging.exports.archive import Member, as_zip, list_of
from messaging.exports.bundle import as_file
from messaging.exports.check import DATA, LIST
from messaging.models import Attachment
from messaging.opened.download import content_of
from messaging.opened.transcripts import open_transcript, write_down

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from accounts.models import User
    from audit.receipts import Receipt
    from messaging.models import Thread
    from messaging.opened.files import OpenFile


def download_with_files(thread: Thread, *, reader: User) -> Iterator[bytes]:
    """The ZIP in pieces. What is in it is written down, and each file looked for, before the first one.

    What no scanner has cleared, and what is not there any more, is left out and named. Raises `TooMuch`.
    """
    limits.use("save-with-files", reader.pk)
    transcript = open_transcript(thread, reader=reader)
    from messaging.exports.paper import as_pdf  # its library takes memory that most workers never need

    pdf = as_pdf(transcript)
    data = as_file(transcript.bundle, fingerprint=transcript.fingerprint, mark=transcript.mark)
    files = [file for line in transcript.lines if line.message for file in line.message.files]
    rows = {
        row.pk: row
        for row in Attachment.objects.visible_to(reader).filter(
            pk__in=[file.ref for file in files if file.is_cleared], thread=thread
        )
    }
    kept: list[Member] = []
    left_out: list[str] = []
    if rows:
        receipt = record_read(
            reader=reader, of=thread, shown=list(rows.values()), category="attachment", subtype="download"
        )
    for number, file in enumerate(files, start=1):
        if file.ref not in rows:
            left_out.append(f"{file.name}: {file.state_words}")
        elif not _is_there(rows[file.ref], file, receipt):
            left_out.append(f"{file.name}: {_('This file cannot be opened.')}")
        else:
            kept.append(_member(number, file, rows[file.ref], receipt))
    papers = [Member.of("conversation.pdf", pdf), Member.of(DATA, data)]
    about = Member.of("about.txt", _about(thread.pk, kept, left_out).encode())
    listed = Member.of(LIST, list_of([about, *papers, *kept]))
    write_down(
        thread,
        transcript,
        reader=reader,
        how="download",
        detail={
            "form": "zip",
            "file": listed.sha256,
            "pdf": hashlib.sha256(pdf).hexdigest(),
            "data": hashlib.sha256(data).hexdigest(),
            "files": str(len(kept)),
            "left_out": str(len(left_out)),
        },
    )
    day = transcript.asked_on
    return as_zip([about, listed, *papers, *kept], at=(day.year, day.month, day.day, 0, 0, 0))


def _member(number: int, file: OpenFile, row: Attachment, receipt: Receipt) -> Member:
    return Member(
        f"files/{number:02d} {file.name}",
        file.sha256,
        lambda: content_of(row, sha256=file.sha256, receipt=receipt),
    )


def _is_there(row: Attachment, file: OpenFile, receipt: Receipt) -> bool:
    if not file.sha256:
        return False
    try:
        with closing(content_of(row, sha256=file.sha256, receipt=receipt)) as chunks:
            next(chunks)
    except (SealBroken, OSError):
        return False
    return True


def _about(ref: UUID, kept: list[Member], left_out: list[str]) -> str:
    said = [
        _("This is a conversation with your clinic, and its files."),
        "",
        _("conversation.pdf is to read. conversation.json is for other programs."),
        _("SHA256SUMS has a fingerprint of each file. With it you can check that nothing was changed."),
        "",
        _("Files in it:"),
        *([member.name for member in kept] or [_("None")]),
    ]
    if left_out:
        said += ["", _("These files are not in it:"), *left_out]
    return "\n".join([*said, "", str(ref), ""])
