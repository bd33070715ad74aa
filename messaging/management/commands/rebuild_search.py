from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from messaging.opened.indexing import index_some, waiting

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Make messages findable that were written before there was a search, or under older rules of words. It may "
        "be stopped and started again, and pages are served meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="messages to open at a time")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(f"{waiting().count()} messages are to be prepared for search.")
            return
        total, after = 0, None
        while True:
            done, after = index_some(batch=max(1, options["batch"]), after=after)
            if after is None:
                break
            total += done
            if options["verbosity"] > 1:
                self.stdout.write(f"{total} messages so far")
        self.stdout.write(f"{total} messages prepared for search.")
