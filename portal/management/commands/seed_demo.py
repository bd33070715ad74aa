from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from portal.demo_newcomer import register_colleague, register_newcomer, register_the_young
from portal.demo_practice import open_practice
from portal.demo_stories import tell_stories


class Command(BaseCommand):
    help = "Make the demo clinic in an empty database. Leaves a database that has people in it alone."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo clinic belongs in a demo only (PORTAL_MODE=demo).")
        if User.objects.exists():
            self.stdout.write("The demo clinic is already open.")
            return
        with transaction.atomic():
            practice = open_practice()
            tell_stories(practice)
            register_newcomer(practice.clinic)
            register_the_young(practice.clinic)
            register_colleague(practice.clinic)
        self.stdout.write("The demo clinic is open.")
