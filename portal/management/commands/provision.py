from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, connection, transaction
from psycopg import sql

from portal.grants import apply_grants


class Command(BaseCommand):
    help = "Bring the database to this version: tables as their owner, then the app role and its rights. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PORTAL_DB_ROLE != "owner":
            raise CommandError("provision speaks to the database as its owner: set PORTAL_DB_ROLE=owner.")
        try:
            connection.ensure_connection()
        except OperationalError as away:
            raise CommandError("The database named by DATABASE_OWNER_URL does not answer.") from away
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        role = settings.DATABASE_APP_USER
        with transaction.atomic():
            ensure_role(role, settings.DATABASE_APP_PASSWORD)
            apply_grants(connection, role)
        self.stdout.write(f"The database is at this version, and {role} has its rights.")


def ensure_role(role: str, password: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = %s", [role])
        known = cursor.fetchone()
        if known is None:
            try:
                with transaction.atomic():
                    cursor.execute(
                        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                            sql.Identifier(role), sql.Literal(password)
                        )
                    )
            except ProgrammingError as refused:
                raise CommandError(
                    f"There is no role {role} (DATABASE_URL), and the owner may not create it: "
                    f"CREATE ROLE {role} LOGIN, then run this again."
                ) from refused
            return
        owner, superuser = known
        if role == owner:
            raise CommandError(
                f"DATABASE_URL and DATABASE_OWNER_URL are both {role}: the app needs a role of its own."
            )
        if superuser:
            raise CommandError(f"{role} (DATABASE_URL) is a superuser: no right can be kept from it.")
