from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from messaging.filing.caretaking import clear_away

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Clear away files nobody sent and bytes without a row; count rows without bytes. The worker does it nightly."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        found = clear_away(dry_run=dry_run)
        self.stdout.write(
            f"abandoned: {found.abandoned}, without a row: {found.without_row}, "
            f"without their bytes: {found.without_bytes}"
        )
