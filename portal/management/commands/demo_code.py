from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo_cast import BY_KEY, CAST

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Print the code that a demo person's phone shows now."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", help=", ".join(member.key for member in CAST))
        parser.add_argument(
            "--uri", action="store_true", help="print the otpauth:// address for a phone app instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Only the demo clinic has codes that anybody may know (PORTAL_MODE=demo).")
        member = BY_KEY.get(options["who"].split("@")[0].lower())
        if member is None:
            raise CommandError(f"Nobody here is called {options['who']}: {', '.join(BY_KEY)}.")
        if options["uri"]:
            self.stdout.write(member.otpauth_uri())
            return
        code, seconds = member.code()
        self.stdout.write(code)
        self.stderr.write(f"holds {seconds} s more; each code opens once")
