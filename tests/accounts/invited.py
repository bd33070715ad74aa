"""An invitation walked from the front desk to the link in the mail, as the tests of joining need it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.core import mail
from django.test import Client

from accounts.models import Invitation, InvitationKind, Patient
from accounts.tasks import sweep_notifications
from tests.accounts.test_setting_up import code_of, seed_on

if TYPE_CHECKING:
    from accounts.models.invitation import Issued
    from tests.cast import Cast

NORA = {"birth_date": "1971-09-23", "email": "nora@riverside.example"}
PASSWORD = "a heron stands in the reeds"


def a_newcomer(cast: Cast, *, number: str = "RC-105511") -> Patient:
    """Somebody who has a record and no account."""
    patient = Patient.objects.register(
        name="Nora Quist", birth_date=NORA["birth_date"], record_number=number, by=cast.sam
    )
    cast.team("okafor").care_for(patient=patient, lead=cast.okafor, is_primary=True, by=cast.sam)
    cast.team("desk").care_for(patient=patient, by=cast.sam)
    return patient


def invite(cast: Cast, patient: Patient, *, email: str = "") -> Issued:
    return Invitation.objects.issue(
        kind=InvitationKind.PATIENT,
        patient=patient,
        birth_date=NORA["birth_date"],
        email=email,
        by=cast.sam,
    )


def ask(code: str, client: Client | None = None, **more: str):
    return (client or Client()).post("/join/", {"code": code, **NORA, **more})


def link_in_mail() -> str:
    """The link of the newest mail that carries one."""
    sweep_notifications()
    links = [found[0] for letter in mail.outbox if (found := re.findall(r"/join/[\w-]{43}/", letter.body))]
    return links[-1]


def choose_password(link: str, client: Client | None = None, **more: str) -> Client:
    client = client or Client()
    answer = client.post(link, {"birth_date": NORA["birth_date"], "password": PASSWORD, **more})
    assert answer.status_code == 302, answer.content.decode()
    return client


def set_up(client: Client) -> str:
    """The second step and the recovery codes; where that leads."""
    seed = seed_on(client.get("/sign-in/set-up/").content.decode())
    assert client.post("/sign-in/set-up/", {"code": code_of(seed)}).status_code == 302
    page = client.post("/sign-in/set-up/codes/", {"show": "1"}).content.decode()
    code = re.findall(r"<li><code>([\w-]+)</code>", page)[0]
    answer = client.post("/sign-in/set-up/codes/", {"code": code})
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def agree(client: Client, version: str) -> None:
    """What everybody reads before the first page."""
    assert client.post("/terms/", {"version": version}).status_code == 302
