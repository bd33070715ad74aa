"""Joining by an invitation: code and birth date, a link, a password, a second step, and only then a record (SC4)."""

from __future__ import annotations

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import (
    Invitation,
    InvitationKind,
    InvitationState,
    Patient,
    Role,
    RoleRequest,
    Session,
    User,
)
from accounts.refusals import PatientHasAccount
from accounts.tasks import sweep_notifications, tidy
from audit.models import AuditEvent
from tests.accounts.invited import (
    NORA,
    PASSWORD,
    a_newcomer,
    agree,
    ask,
    choose_password,
    invite,
    link_in_mail,
    set_up,
)
from tests.accounts.steps import is_in


@pytest.fixture
def clock():
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def nora(cast):
    return a_newcomer(cast)


def state(patient: Patient) -> str:
    return Invitation.objects.filter(patient=patient).latest("invited_at").state


def test_a_patient_joins_with_code_birth_date_link_password_and_second_step(cast, nora):
    _invitation, code = invite(cast, nora)
    answer = ask(f"{code[:4]}-{code[4:8]} {code[8:].lower()}")
    assert answer.status_code == 200 and "We sent a link" in answer.content.decode()
    client = choose_password(link_in_mail())
    assert state(nora) == "begun"
    assert not is_in(client) and Patient.objects.get(pk=nora.pk).user is None
    assert set_up(client) == "/"
    assert client.get("/", follow=True).redirect_chain[0][0] == "/messages/"
    agree(client, "patients-1")
    assert client.get("/messages/").status_code == 200
    patient = Patient.objects.get(pk=nora.pk)
    assert patient.user == User.objects.by_email("NORA@riverside.example") and state(nora) == "used"
    said = AuditEvent.objects.filter(type="invitation").values_list("subtype", flat=True)
    assert {"invite", "link-asked", "take", "join"} <= set(said)
    sweep_notifications()
    assert {letter.to[0] for letter in mail.outbox} == {NORA["email"]}
    assert [letter for letter in mail.outbox if "is open" in letter.body]


def test_the_mail_names_nobody_and_carries_no_code(cast, nora):
    _invitation, code = invite(cast, nora, email=NORA["email"])
    link_in_mail()
    letter = mail.outbox[-1]
    for word in ("Nora", "Quist", "RC-105511", code, code[:4], "1971"):
        assert word not in letter.body and word not in letter.subject


def test_a_mailed_link_asks_for_the_birth_date(cast, nora):
    invite(cast, nora, email=NORA["email"])
    link = link_in_mail()
    wrong = Client().post(link, {"birth_date": "1971-09-24", "password": PASSWORD})
    assert wrong.status_code == 422 and not User.objects.by_email(NORA["email"])
    assert set_up(choose_password(link)) == "/"


@pytest.mark.parametrize(
    "case", ["wrong code", "wrong birth date", "expired", "used", "taken back", "no code"]
)
def test_whatever_does_not_fit_gets_one_answer(cast, nora, clock, case):
    def words(answer) -> tuple[int, str]:
        text = answer.content.decode()
        start = text.index('<form class="stack"')
        return answer.status_code, text[start : text.index("</form>", start)].replace(typed, "")

    invitation, code = invite(cast, nora)
    typed = "AAAABBBBCCCC"
    usual = words(ask(typed))
    typed, birth_date = code, NORA["birth_date"]
    if case == "wrong code":
        typed = "ABCDEFGHIJKL"
    elif case == "wrong birth date":
        usual = usual[0], usual[1].replace(NORA["birth_date"], "1971-09-24")
        birth_date = "1971-09-24"
    elif case == "expired":
        clock.shift(72 * 3600)
    elif case == "used":
        ask(code)
        set_up(choose_password(link_in_mail()))
    elif case == "taken back":
        invitation.revoke(by=cast.sam)
    else:
        typed = "????"
    mail.outbox.clear()
    answer = words(ask(typed, birth_date=birth_date))
    assert answer[0] == usual[0] == 422
    assert _without_token(answer[1]) == _without_token(usual[1])
    sweep_notifications()
    assert not [letter for letter in mail.outbox if "/join/" in letter.body]


def _without_token(text: str) -> str:
    import re

    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


def test_an_invitation_holds_as_long_as_the_setting_says(cast, nora, clock):
    _invitation, code = invite(cast, nora)
    clock.shift(72 * 3600 - 1)
    assert ask(code).status_code == 200
    clock.shift(1)
    assert ask(code).status_code == 422 and state(nora) == "expired"


def test_a_new_invitation_takes_the_place_of_the_one_before(cast, nora):
    old = invite(cast, nora).code
    new = invite(cast, nora).code
    assert ask(old).status_code == 422
    assert ask(new).status_code == 200


def test_guessing_the_birth_date_ends_after_eight_tries_and_shuts_out_the_right_one(cast, nora):
    _invitation, code = invite(cast, nora)
    tries = [ask(code, birth_date=f"1971-08-{day:02}").status_code for day in range(1, 10)]
    assert tries == [422] * 8 + [429]
    assert ask(code).status_code == 429
    assert ask("ABCDEFGHIJKL").status_code == 422


def test_a_code_of_nobody_runs_out_of_tries_just_the_same(cast):
    tries = [ask("ABCDEFGHIJKL").status_code for _ in range(9)]
    assert tries == [422] * 8 + [429]


def test_a_taken_e_mail_gets_the_same_answer_and_the_same_mail(cast, nora, enter):
    _invitation, code = invite(cast, nora)
    free = ask(code)
    link_in_mail()
    taken = ask(code, email="rosa@riverside.example")
    link = link_in_mail()
    assert (free.status_code, len(free.content)) == (taken.status_code, len(taken.content))
    to_free, to_rosa = mail.outbox[-2:]
    assert (to_free.to, to_rosa.to) == ([NORA["email"]], ["rosa@riverside.example"])
    assert to_free.body.split("/join/")[0] == to_rosa.body.split("/join/")[0]
    # Whoever reads that mail is told, and joins with the account she has.
    answer = Client().post(link, {"birth_date": NORA["birth_date"], "password": PASSWORD})
    assert answer.status_code == 409 and "You have an account already" in answer.content.decode()
    assert not Session.objects.filter(user=cast.rosa, strength=1).exists()
    hers, elsewhere = enter(cast.rosa), enter(cast.rosa)
    assert "password" not in hers.get(link).content.decode().split('<form class="stack"')[1]
    assert hers.post(link, {"birth_date": NORA["birth_date"]})["Location"] == "/"
    assert is_in(hers) and not is_in(elsewhere)
    assert Patient.objects.get(pk=nora.pk).user == cast.rosa
    assert {grant.patient_id for grant in User.objects.get(pk=cast.rosa.pk).grants} == {
        cast.patient("ana").pk
    }


def test_a_code_is_redeemed_by_who_is_signed_in(cast, nora, enter):
    _invitation, code = invite(cast, nora)
    rosa = enter(cast.rosa)
    page = rosa.get("/join/").content.decode()
    assert "Your e-mail" not in page
    wrong = rosa.post("/join/", {"code": code, "birth_date": "1971-09-24"})
    assert wrong.status_code == 422
    assert rosa.post("/join/", {"code": code, "birth_date": NORA["birth_date"]}).status_code == 302
    assert Patient.objects.get(pk=nora.pk).user == cast.rosa
    ben = enter(cast.ben)
    other = a_newcomer(cast, number="RC-105512")
    code = invite(cast, other).code
    answer = ben.post("/join/", {"code": code, "birth_date": NORA["birth_date"]})
    assert answer.status_code == 409 and "another record" in answer.content.decode()
    assert state(other) == "waiting"


def test_what_was_begun_is_resumed_by_signing_in(cast, nora):
    ask(invite(cast, nora).code)
    choose_password(link_in_mail())
    later = Client()
    answer = later.post("/sign-in/", {"email": NORA["email"], "password": PASSWORD})
    assert answer.status_code == 302
    assert set_up(later) == "/" and state(nora) == "used"


def test_who_lost_the_password_before_finishing_begins_again_with_the_code(cast, nora):
    code = invite(cast, nora).code
    ask(code)
    first = choose_password(link_in_mail())
    ask(code, email="quist@riverside.example")
    second = choose_password(link_in_mail(), password="another heron in the reeds")
    assert first.get("/sign-in/set-up/").status_code == 302
    assert set_up(second) == "/"
    assert User.objects.by_email(NORA["email"]) is None
    assert Patient.objects.get(pk=nora.pk).user == User.objects.by_email("quist@riverside.example")


@pytest.mark.parametrize("how", ["expired", "taken back", "replaced"])
def test_what_was_begun_and_is_over_opens_nothing(cast, nora, clock, how):
    invitation, code = invite(cast, nora)
    ask(code)
    client = choose_password(link_in_mail())
    user = User.objects.by_email(NORA["email"])
    if how == "expired":
        clock.shift(73 * 3600)
        client = Client()
        client.post("/sign-in/", {"email": NORA["email"], "password": PASSWORD})
        with pytest.raises(AssertionError, match="does not work any more"):
            set_up(client)
        tidy()
    elif how == "taken back":
        invitation.revoke(by=cast.sam)
    else:
        invite(cast, nora)
    assert not User.objects.get(pk=user.pk).is_active
    assert client.get("/sign-in/set-up/")["Location"].startswith("/sign-in/")
    assert Patient.objects.get(pk=nora.pk).user is None
    # A new invitation brings the same account back to life, with nothing of what was set up.
    code = invite(cast, nora).code
    ask(code)
    assert set_up(choose_password(link_in_mail())) == "/"
    assert Patient.objects.get(pk=nora.pk).user == user


def test_a_link_works_once(cast, nora):
    ask(invite(cast, nora).code)
    link = link_in_mail()
    assert Client().get(link).status_code == 200
    choose_password(link)
    assert Client().get(link).status_code == 410
    assert Client().post(link, {"birth_date": NORA["birth_date"], "password": PASSWORD}).status_code == 410


@pytest.mark.parametrize("password", ["short", "password1234", NORA["email"]])
def test_a_password_that_is_too_easy_uses_nothing_up(cast, nora, password):
    ask(invite(cast, nora).code)
    link = link_in_mail()
    answer = Client().post(link, {"birth_date": NORA["birth_date"], "password": password})
    assert answer.status_code == 422
    choose_password(link)


def test_nobody_is_invited_to_a_record_that_has_an_account(cast):
    with pytest.raises(PatientHasAccount):
        invite(cast, cast.patient("ana"))


def test_who_was_closed_comes_back_with_nothing_of_what_opened_it(cast, clock):
    ana = cast.patient("ana")
    cast.ana.deactivate(by=cast.root)
    invitation, code = invite(cast, ana)
    invitation.second.sign(by=cast.root)
    clock.shift(24 * 3600)
    ask(code, email="ana.new@riverside.example")
    client = choose_password(link_in_mail())
    assert client.get("/sign-in/code/")["Location"].startswith("/sign-in/set-up/")
    assert set_up(client) == "/"
    user = User.objects.get(pk=cast.ana.pk)
    assert user.is_active and Patient.objects.get(pk=ana.pk).user == user
    assert User.objects.by_email("ana@riverside.example") is None


def test_a_member_of_staff_shows_the_code_behind_the_link(cast, enter):
    invitation, code = Invitation.objects.issue(
        kind=InvitationKind.STAFF,
        name="Nils Berg",
        email="nils@riverside.example",
        roles=[Role.NURSE],
        teams=[cast.team("okafor")],
        by=cast.root,
    )
    assert ask(code).status_code == 422
    link = link_in_mail()
    assert "Code from the clinic" in Client().get(link).content.decode()
    assert Client().post(link, {"code": "ABCDEFGHIJKL", "password": PASSWORD}).status_code == 422
    client = choose_password(link, code=code)
    assert not User.objects.by_email("nils@riverside.example").roles
    set_up(client)
    nils = User.objects.by_email("nils@riverside.example")
    assert not nils.roles, "two people give a role"
    RoleRequest.objects.get(user=nils).approve(by=cast.mira)
    assert client.get("/")["Location"].startswith("/sign-in/"), "with the role she signs in anew"
    assert nils.roles == {Role.NURSE} and nils.practitioner is not None
    assert [place.team for place in nils.team_memberships.all()] == [cast.team("okafor")]
    assert enter(nils).get("/inbox/").status_code == 200
    assert Invitation.objects.get(pk=invitation.pk).state == InvitationState.USED


def test_a_mail_server_that_is_down_loses_no_link(cast, nora, clock, settings):
    settings.EMAIL_BACKEND = "tests.accounts.test_joining.Down"
    assert ask(invite(cast, nora).code).status_code == 200
    sweep_notifications()
    assert not mail.outbox
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    sweep_notifications()
    assert not mail.outbox
    clock.shift(6 * 60)
    choose_password(link_in_mail())


class Down:
    def __init__(self, *args, **kwargs) -> None:
        pass

    def send_messages(self, messages):
        raise ConnectionRefusedError
