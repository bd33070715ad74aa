from __future__ import annotations

import importlib
import io
import re
import stat
import sys

import pytest
from django.core.mail import EmailMessage, get_connection
from django.core.management import CommandError, call_command
from django.urls import NoReverseMatch, clear_url_caches, reverse
from django_otp.oath import TOTP

from portal import demo_mail
from portal.demo_cast import BY_KEY, CAST


@pytest.fixture
def demo(settings, tmp_path):
    settings.DEMO = True
    settings.DEMO_MAIL_FOLDER = tmp_path / "mail"
    _read_addresses_again()
    yield settings
    settings.DEMO = False
    _read_addresses_again()


def _read_addresses_again() -> None:
    importlib.reload(sys.modules["portal.urls"])
    clear_url_caches()


def send(subject: str, text: str) -> None:
    mailbox = get_connection("portal.demo_mail.Mailbox")
    EmailMessage(
        subject, text, "portal@riverside.example", ["ana@riverside.example"], connection=mailbox
    ).send()


def code(*arguments: str) -> str:
    said = io.StringIO()
    call_command("demo_code", *arguments, stdout=said, stderr=io.StringIO())
    return said.getvalue().strip()


def test_letters_become_private_files_and_a_page(demo, client):
    send("You have a new message", "Sign in to read it.")
    send("A second letter", "¿Zürich?")
    first, second = demo_mail.letters()
    assert (first.subject, first.to, first.text.strip()) == (
        "A second letter",
        "ana@riverside.example",
        "¿Zürich?",
    )
    assert second.subject == "You have a new message"
    kept = next(demo.DEMO_MAIL_FOLDER.glob("*.eml"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    page = client.get("/demo/mail/")
    assert page.status_code == 200
    assert page.text.index("A second letter") < page.text.index("You have a new message")


def test_the_letter_page_exists_in_the_demo_only(client, db):
    with pytest.raises(NoReverseMatch):
        reverse("demo-mail")
    assert client.get("/demo/mail/").status_code == 404


def test_a_letter_cannot_bring_a_page_of_its_own(demo, client):
    send("<script>alert(1)</script>", "<img src=x>")
    page = client.get("/demo/mail/").text
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


def test_a_demo_persons_code_is_what_a_phone_would_show(demo):
    shown = code("ana")
    assert re.fullmatch(r"\d{6}", shown)
    phone = TOTP(BY_KEY["ana"].totp_secret, 30, 0, 6)
    now, _seconds = BY_KEY["ana"].code()
    assert shown in (now, f"{phone.token():06d}")
    assert code("ANA@riverside.example") == code("ana")


def test_a_code_holds_for_the_rest_of_its_half_minute():
    early, seconds = BY_KEY["ana"].code(at=1_800_000_000.0)
    late, last = BY_KEY["ana"].code(at=1_800_000_029.0)
    following, _ = BY_KEY["ana"].code(at=1_800_000_030.0)
    assert (early, seconds, last) == (late, 30, 1)
    assert following != early


def test_a_phone_app_can_be_given_the_secret(demo):
    uri = code("okafor", "--uri")
    assert uri.startswith("otpauth://totp/Riverside%20Clinic:okafor%40riverside.example?secret=")
    assert " " not in uri


def test_everybody_has_a_secret_of_her_own():
    assert len({member.totp_secret for member in CAST}) == len(CAST) == 9


def test_an_unknown_person_is_answered_with_the_known_ones(demo):
    with pytest.raises(CommandError, match=r"Nobody here is called dr-no: ana, ben"):
        code("dr-no")


def test_outside_the_demo_nobodys_code_is_told():
    with pytest.raises(CommandError, match="demo"):
        code("ana")
