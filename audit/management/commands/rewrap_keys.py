from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import keys
from audit.context import SystemAgent


class Command(BaseCommand):
    help = (
        "Wrap every data key with the first key of SEALING_KEYS. Put a new key first, restart, run this, and then "
        "take the old key away. It may be stopped and started again, and pages are served meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        try:
            while done := keys.rewrap_some(by=SystemAgent("system:key-rotation")):
                total += done
        except keys.UnknownKey as missing:
            raise CommandError(
                f"{total} data keys rewrapped. The next needs the key {str(missing)!r}, which is not in SEALING_KEYS."
            ) from missing
        self.stdout.write(f"{total} data keys rewrapped with {keys.provider().wrapping!r}.")
