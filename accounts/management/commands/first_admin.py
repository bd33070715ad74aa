from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from accounts import codes
from accounts.models import Invitation, InvitationKind, Role
from accounts.models.role import holders
from audit.context import SystemAgent

if TYPE_CHECKING:
    from argparse import ArgumentParser

OPERATOR = SystemAgent("system:shell")


class Command(BaseCommand):
    help = (
        "Invite the first administrator of accounts, or with --officer the first privacy officer, while nobody "
        "who can sign in holds that role. Prints a link and a code, and asks for no password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="she will sign in with it")
        parser.add_argument("name", help="as on the door plate, without a title")
        parser.add_argument("--title", default="")
        parser.add_argument("--officer", action="store_true", help="invite the first privacy officer instead")

    def handle(self, *args: Any, **options: Any) -> None:
        role = Role.PRIVACY_OFFICER if options["officer"] else Role.ACCOUNT_ADMIN
        try:
            validate_email(options["email"])
        except ValidationError as bad:
            raise CommandError(f"{options['email']} is no e-mail address.") from bad
        if holders(role).exists():
            raise CommandError(f"There is a {role.label} already. Two people give this role, on the pages.")
        with transaction.atomic():
            invitation, code = Invitation.objects.issue(
                kind=InvitationKind.STAFF,
                name=options["name"],
                title=options["title"],
                email=options["email"],
                roles=[role],
                by=OPERATOR,
            )
            # Printed here instead of mailed: on the first day there may be no mail server.
            link = reverse("join-by-link", args=[invitation.new_token()])
            invitation.was_mailed()
        self.stdout.write(f"Open {settings.PORTAL_URL}{link}")
        self.stdout.write(f"and type the code {codes.spaced(code)}")
        self.stdout.write(f"Both work once, until {invitation.until:%Y-%m-%d %H:%M} UTC.")
