"""Have one file checked by the clinic's scanner: opened under a recorded reading, chunk by chunk, kept nowhere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from audit.context import SystemAgent
from audit.files import open_file
from audit.recorder import record_read
from audit.seals import SealBroken, unseal
from messaging.filing import store
from messaging.filing.scanning import ScanFailed, scanner

if TYPE_CHECKING:
    from messaging.models import Attachment

SCANNER = SystemAgent("system:scanner")
logger = logging.getLogger("portal.files")


def check(file: Attachment) -> None:
    """Ask the scanner and write down its verdict. Without one, the file comes round again."""
    asked = scanner()
    if asked is None:
        return
    receipt = record_read(
        reader=SCANNER, of=file, shown=[file], category="attachment", subtype="scan", purpose="HOPERAT"
    )
    try:
        with store.fetch(file.stored_as) as stored:
            sha256 = unseal(file, "content_hash", receipt=receipt)
            finding = asked.finding(open_file(file, "key", stored=stored, sha256=sha256, receipt=receipt))
    except (ScanFailed, SealBroken, OSError) as failure:
        logger.warning(
            "file not checked", extra={"facts": {"failure": type(failure).__name__, "tries": file.checks}}
        )
        return
    file.settle(finding=finding, by=SCANNER)
