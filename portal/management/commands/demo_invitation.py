from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from accounts import codes
from accounts.models import Invitation, InvitationKind, Patient
from portal.demo_clinic import FOUNDER
from portal.demo_newcomer import BIRTH_DATE, RECORD_NUMBER


class Command(BaseCommand):
    help = "Print a new code for the demo's newcomer: a patient with a record and no account yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Only the demo clinic has somebody whom anybody may invite (PORTAL_MODE=demo)."
            )
        patient = Patient.objects.by_record_number(RECORD_NUMBER)
        if patient is None:
            raise CommandError("The demo clinic is not open yet: run seed_demo.")
        if patient.user is not None and not Invitation.objects.under_way(patient.user):
            raise CommandError("She has an account already. Remove the folder .portal/ to begin anew.")
        _invitation, code = Invitation.objects.issue(
            kind=InvitationKind.PATIENT, patient=patient, birth_date=BIRTH_DATE, by=FOUNDER
        )
        self.stdout.write(f"{settings.PORTAL_URL}{reverse('join')}")
        self.stdout.write(f"code {codes.spaced(code)}, birth date {BIRTH_DATE}, any e-mail")
