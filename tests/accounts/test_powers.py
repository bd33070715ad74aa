"""What nobody of the house can do alone: by no road does a clerk or an administrator come to read a patient."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Invitation, Patient, Practitioner, RecordJoin, RoleGrant, RoleRequest, Trust, User
from accounts.tasks import sweep_notifications
from accounts.trusted import TRUST
from audit.models import AuditEvent
from messaging.models import Category, Thread
from portal.demo_clinic import FOUNDER
from tests.accounts.invited import NORA, PASSWORD, a_newcomer, ask, choose_password, link_in_mail, set_up
from tests.work import words


def code_on(answer) -> str:
    return re.findall(r'<code class="secret">([\w-]+)</code>', answer.content.decode())[0]


def letters() -> list:
    sweep_notifications()
    return list(mail.outbox)


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def an_administrator(cast, key: str) -> User:
    user = User.objects.enrol(email=f"{key}@riverside.example", password=None, by=FOUNDER)
    Practitioner.objects.introduce(user=user, name=key, title="", by=FOUNDER)
    asked = RoleRequest.objects.ask(user=user, role="account-admin", gives=True, by=again(cast.root))
    asked.approve(by=again(cast.mira))
    return again(user)


def desk(cast, key: str = "ana") -> str:
    return f"/desk/accounts/{cast.patient(key).pk}/"


def a_second_clerk(cast) -> User:
    """Kim works at the desk with Sam."""
    user = User.objects.enrol(email="kim@riverside.example", password=None, by=FOUNDER)
    Practitioner.objects.introduce(user=user, name="Kim Vale", title="", by=FOUNDER)
    RoleGrant.objects.give(user=user, role="front-desk", by=FOUNDER)
    cast.team("desk").join(user=user, by=FOUNDER)
    return user


def reads(client: Client, thread) -> bool:
    return b"CANARY" in client.get(reverse("thread", args=[thread.pk]), follow=True).content


# The account of a patient


@pytest.fixture
def clock():
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        yield clock


@pytest.mark.parametrize("who", ["sam", "root"])
def test_an_account_that_was_is_opened_again_by_two_and_a_day_later(cast, work, enter, clock, who):
    """Ana's account is closed and her record invited to a mailbox of the insider, who knows her birth date."""
    thread = work.thread(body="CANARY")
    insider, page = cast[who], desk(cast)
    assert enter(insider).post(f"{page}invite/")["Location"].startswith("/sign-in/again/")
    browser = enter(insider, fresh="people")
    browser.post(f"{page}close/", {"why": "x"})
    issued = browser.post(f"{page}invite/", {"email": "insider@elsewhere.example"})
    assert "a second person must agree" in words(issued)
    code, born = code_on(issued), {"birth_date": "1958-03-14"}

    def walks() -> int:
        return Client().post("/join/", {"code": code, **born, "email": "in@elsewhere.example"}).status_code

    assert walks() == 409
    refused = browser.post(f"{page}agree/")
    assert refused.status_code == 403 and "Somebody else must agree" in words(refused)
    clock.shift(60 * 60)
    other = a_second_clerk(cast)
    assert "I agree to this invitation" in words(enter(other).get(page))
    assert "I agree to this invitation" not in words(browser.get(page))
    assert enter(other, fresh="people").post(f"{page}agree/").status_code == 302
    assert not [letter for letter in letters() if letter.to == ["insider@elsewhere.example"]]
    assert walks() == 409
    clock.shift(24 * 60 * 60 - 1)
    assert walks() == 409
    clock.shift(1)
    assert walks() == 200
    set_up(choose_password(link_in_mail(), **born))
    assert not reads(Client(), thread)
    said = AuditEvent.objects.filter(type="invitation").values_list("subtype", "agent_id")
    assert ("countersign", str(other.pk)) in said


def test_the_owner_is_told_and_stops_it(cast, enter, clock):
    sam, page = enter(cast.sam, fresh="people"), desk(cast)
    sam.post(f"{page}close/", {"why": "x"})
    code = code_on(sam.post(f"{page}invite/"))
    enter(a_second_clerk(cast), fresh="people").post(f"{page}agree/")
    told = [
        letter for letter in letters() if "opened again" in letter.body or "open your account" in letter.body
    ]
    assert [letter.to for letter in told] == [["ana@riverside.example"]]
    (link,) = re.findall(r"/join/stop/[\w-]{43}/", told[0].body)
    assert "Stop it" in words(Client().get(link))
    clock.shift(25 * 60 * 60)
    assert "It is stopped" in words(Client().post(link))
    assert Client().get(link).status_code == Client().post(link).status_code == 410
    form = {"code": code, "birth_date": "1958-03-14", "email": "in@elsewhere.example"}
    assert Client().post("/join/", form).status_code == 422
    assert "Taken back" in words(enter(cast.sam).get(page))
    assert AuditEvent.objects.filter(subtype="stop", agent_id="system:porter").count() == 1


def test_a_record_with_nothing_in_it_is_joined_at_once_and_one_that_is_read_needs_two(cast, work, enter):
    nora = a_newcomer(cast)
    sam, page = enter(cast.sam, fresh="people"), f"/desk/accounts/{nora.pk}/"
    assert ask(code_on(sam.post(f"{page}invite/"))).status_code == 200
    Trust.objects.give(
        patient=nora, proxy=cast.rosa, relationship="friend", scopes=["read", "write"], by=FOUNDER
    )
    Thread.objects.start(
        by=again(cast.rosa), patient=nora, category=Category.objects.first(), subject="S", body="B"
    )
    code = code_on(sam.post(f"{page}invite/"))
    assert ask(code).status_code == 409
    assert enter(cast.root, fresh="people").post(f"{page}agree/").status_code == 302
    assert ask(code).status_code == 200


def test_nobody_takes_up_what_she_invited_to_or_agreed_to(cast, enter):
    nora = a_newcomer(cast)
    code = code_on(enter(cast.sam, fresh="people").post(f"/desk/accounts/{nora.pk}/invite/"))
    form = {"code": code, "birth_date": NORA["birth_date"]}
    assert enter(cast.sam).post("/join/", form).status_code == 422
    assert Patient.objects.get(pk=nora.pk).user is None
    assert enter(cast.rosa).post("/join/", form).status_code == 302


def test_birth_dates_are_counted_by_record_and_not_by_invitation(cast, enter):
    nora, root = a_newcomer(cast), enter(cast.root, fresh="people")
    evaluated = 0
    for attempt in range(4):
        code = code_on(root.post(f"/desk/accounts/{nora.pk}/invite/"))
        for day in range(1, 10):
            client = Client(REMOTE_ADDR=f"10.0.{attempt}.{day}")
            evaluated += ask(code, client, birth_date=f"19{20 + attempt}-01-0{day}").status_code == 422
    assert evaluated == 16


@pytest.mark.parametrize("who", ["mira", "root", "maya"])
def test_the_desk_shuts_out_nobody_who_works_here(cast, enter, who):
    patient = cast.patient("ana")
    patient.user = cast[who]
    patient.save(update_fields=["user"])
    sam, page = enter(cast.sam, fresh="people"), desk(cast)
    assert "An administrator looks after the account" in words(sam.get(page))
    for act in ("close", "sessions/end"):
        answer = sam.post(f"{page}{act}/", {"why": "x"})
        assert answer.status_code == 403 and "This person works here" in words(answer)
    dead = {"state": "deceased", "reason": "x"}
    assert sam.post(reverse("desk-patient-state", args=[patient.pk]), dead).status_code == 403
    assert again(cast[who]).is_active and again(cast[who]).roles == cast[who].roles


# A trusted person at the desk

FRIEND = {
    "name": "Sid",
    "email": "sid@elsewhere.example",
    "relationship": "friend",
    "which": "all",
    "ends_on": "",
}


def writes_down(browser: Client, patient: Patient, **said: str):
    form = {**FRIEND, "scopes": ["read"], "ground": "", "document": "Slip in folder 3", **said}
    return browser.post(reverse("desk-trusted-new", args=[patient.pk]), form)


def code_for_friend(answer) -> str:
    return re.findall(r'class="code-shown"><b>([^<]+)</b>', answer.content.decode())[0]


def test_what_the_patient_permits_she_says_herself(cast, work, enter):
    thread, ana = work.thread(body="CANARY"), cast.patient("ana")
    assert writes_down(enter(cast.sam), ana, basis="permission").status_code == 302
    sam = enter(cast.sam, fresh=TRUST)
    assert writes_down(sam, ana, basis="permission", document="").status_code == 422
    answer = writes_down(sam, ana, basis="permission")
    assert "The patient must agree" in words(answer)
    told = [letter.to for letter in letters() if "Who may help you" in letter.body]
    assert told == [["ana@riverside.example"]]
    assert not [letter for letter in letters() if letter.to == [FRIEND["email"]]]
    trust = Trust.objects.get(patient=ana, proxy=None)
    for clerk in (cast.sam, a_second_clerk(cast), cast.mira):
        refused = enter(clerk, fresh=TRUST).post(reverse("desk-trust-agree", args=[trust.pk]))
        assert refused.status_code == 403 and "Somebody else must agree" in words(refused)
    form = {"code": code_for_friend(answer), "birth_date": "1958-03-14"}
    assert enter(cast.ben).post("/join/", form).status_code == 409
    hers = enter(cast.ana, fresh=TRUST)
    assert "Nothing is open before you agree" in words(hers.get(reverse("trusted-person", args=[trust.pk])))
    assert hers.post(reverse("trusted-agree", args=[trust.pk])).status_code == 302
    assert [letter for letter in letters() if letter.to == [FRIEND["email"]]]
    assert enter(cast.sam).post("/join/", form).status_code == 422
    assert enter(cast.ben).post("/join/", form).status_code == 302
    assert reads(enter(cast.ben), thread)


@pytest.mark.parametrize("case", ["another ground", "no account"])
def test_a_ground_on_paper_and_a_patient_without_an_account_need_a_second_person(cast, enter, case):
    ana = cast.patient("ana") if case == "another ground" else a_newcomer(cast)
    born = "1958-03-14" if case == "another ground" else NORA["birth_date"]
    sam = enter(cast.sam, fresh=TRUST)
    answer = writes_down(sam, ana, basis="other" if case == "another ground" else "permission")
    assert "A second person must agree" in words(answer) and "I agree to this person" not in words(answer)
    trust = Trust.objects.get(patient=ana, proxy=None)
    address = reverse("desk-trust-agree", args=[trust.pk])
    assert sam.post(address).status_code == 403
    form = {"code": code_for_friend(answer), "birth_date": born}
    assert enter(cast.ben).post("/join/", form).status_code == 409
    mira = enter(cast.mira, fresh=TRUST)
    assert "I agree to this person" in words(mira.get(reverse("desk-trusted-patient", args=[ana.pk])))
    assert mira.post(address).status_code == 302
    assert enter(cast.ben).post("/join/", form).status_code == 302
    assert Trust.objects.get(pk=trust.pk).proxy == cast.ben


# An administrator


def test_an_administrator_makes_nobody_a_nurse_alone(cast, work, enter):
    """Neither herself, nor a ghost of hers, nor by a team she puts herself into."""
    thread = work.thread(body="CANARY")
    inbox, team = reverse("inbox-thread", args=[thread.pk]), str(cast.team("okafor").pk)
    root = enter(cast.root, fresh="people")
    assert "Somebody else changes your roles" in words(root.get(f"/people/{cast.root.pk}/"))
    root.post(f"/people/{cast.root.pk}/roles/", {"role": "nurse", "change": "give"})
    refused = root.post(f"/people/{cast.root.pk}/teams/", {"team": team})
    assert refused.status_code == 422 and "Somebody else must do this" in words(refused)
    form = {"name": "Ghost", "email": "ghost@elsewhere.example", "roles": ["nurse"], "teams": [team]}
    code = code_on(root.post("/people/invite/", form))
    set_up(choose_password(link_in_mail(), code=code))
    ghost = User.objects.by_email("ghost@elsewhere.example")
    for asked in RoleRequest.objects.open():
        assert root.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 403
    for who in (cast.root, ghost):
        assert "nurse" not in again(who).roles
        assert enter(who).get(inbox).status_code in (403, 404)
    enter(cast.mira, fresh="people").post(
        f"/people/requests/{RoleRequest.objects.get(user=ghost).pk}/", {"approve": "1"}
    )
    assert b"CANARY" in enter(ghost).get(inbox).content


def test_who_comes_back_by_the_staffs_door_has_lost_her_patients_side(cast, work, enter):
    thread = work.thread(body="CANARY")
    ana = cast.patient("ana")
    ana.user = cast.maya
    ana.save(update_fields=["user"])
    bens = work.thread(by="ben", body="CANARY")
    helping = Trust.objects.give(
        patient=cast.patient("ben"), proxy=cast.maya, relationship="friend", scopes=["read"], by=FOUNDER
    )
    assert reads(enter(cast.maya), thread) and reads(enter(cast.maya), bens)
    root = enter(cast.root, fresh="people")
    root.post(f"/people/{cast.maya.pk}/close/", {"why": "x", f"lead-{cast.team('okafor').pk}": "nobody"})
    back = {"email": "root@elsewhere.example", "roles": ["front-desk"], "teams": []}
    code = code_on(root.post(reverse("person-invite", args=[cast.maya.pk]), back))
    set_up(choose_password(link_in_mail(), code=code))
    maya = again(cast.maya)
    assert maya.is_active and not maya.roles and maya.patient_id is None and not maya.grants
    assert not reads(enter(maya), thread) and not reads(enter(maya), bens)
    assert AuditEvent.objects.filter(subtype="unlink", patient_id=ana.pk).count() == 1
    sam = enter(cast.sam, fresh="people")
    code = code_on(sam.post(f"{desk(cast)}invite/"))
    form = {"code": code, "birth_date": "1958-03-14"}
    assert enter(maya).post("/join/", form).status_code == 409, "the desk's second person has not agreed"
    enter(a_second_clerk(cast), fresh="people").post(f"{desk(cast)}agree/")
    assert enter(maya).post("/join/", form).status_code == 302
    assert reads(enter(maya), thread) and helping.pk


# Who reads what


def test_nobody_brings_conversations_to_herself(cast, work, enter):
    """A clerk by ending or giving away care; an administrator by teams she works in."""
    thread, ana = work.thread(body="CANARY"), cast.patient("ana")
    care = ana.care_relationships.get(team=cast.team("okafor"))
    sam, inbox = enter(cast.sam), reverse("inbox-thread", args=[thread.pk])
    to_desk = {"to": str(cast.team("desk").pk)}
    for act, form in (("desk-care-transfer", to_desk), ("desk-care-end", {})):
        refused = sam.post(reverse(act, args=[ana.pk, care.pk]), form)
        assert refused.status_code == 422 and "Somebody else must do this" in words(refused)
    assert sam.get(inbox).status_code == 404
    cast.team("desk").join(user=cast.root, by=FOUNDER)
    root = enter(cast.root, fresh="people")
    merge = {"successor": str(cast.team("desk").pk)}
    assert root.post(reverse("team-merge", args=[cast.team("okafor").pk]), merge).status_code == 422
    assert root.post(reverse("team-close", args=[cast.team("okafor").pk]), merge).status_code == 422
    assert root.post(reverse("team-fallback", args=[cast.team("desk").pk])).status_code == 422
    lund = {"to": f"{cast.team('lund').pk}:{cast.lund.pk}"}
    assert sam.post(reverse("desk-care-transfer", args=[ana.pk, care.pk]), lund).status_code == 302


def test_a_clerk_joins_no_record_alone_to_the_account_she_invited(cast, work):
    """A record made up with Ana's birth date, joined by its maker's own mailbox, would open hers after a join."""
    work.thread(body="CANARY")
    ana, made_up = cast.patient("ana"), a_newcomer(cast)
    code = Invitation.objects.issue(
        kind="patient", patient=made_up, birth_date=NORA["birth_date"], by=again(cast.sam)
    ).code
    ask(code)
    set_up(choose_password(link_in_mail()))
    joining = {"reason": "one person", "births_differ": False}
    join = RecordJoin.objects.ask(
        patient=ana, survivor=Patient.objects.get(pk=made_up.pk), by=again(cast.sam), **joining
    )
    assert join.is_waiting and Patient.objects.get(pk=ana.pk).user == cast.ana
    join.drop(by=again(cast.sam))
    other = RecordJoin.objects.ask(
        patient=ana, survivor=Patient.objects.get(pk=made_up.pk), by=a_second_clerk(cast), **joining
    )
    assert other.is_running


# What an administrator began ends with her


@pytest.mark.parametrize("how", ["closed", "role taken"])
def test_what_an_administrator_began_ends_with_her_right(cast, enter, how):
    kim = an_administrator(cast, "kim")
    browser = enter(kim, fresh="people")
    form = {"name": "Ghost", "email": "ghost@riverside.example", "roles": ["physician"]}
    code = code_on(browser.post("/people/invite/", {**form, "teams": [str(cast.team("okafor").pk)]}))
    link = link_in_mail()
    browser.post(f"/people/{cast.maya.pk}/roles/", {"role": "account-admin", "change": "give"})
    asked = RoleRequest.objects.open().get()
    if how == "closed":
        again(kim).deactivate(by=cast.root, why="dismissed")
    else:
        taken = RoleRequest.objects.ask(user=kim, role="account-admin", gives=False, by=again(cast.root))
        taken.approve(by=again(cast.mira))
    assert {one.state for one in Invitation.objects.filter(invited_by=kim)} == {"revoked"}
    assert Client().post(link, {"code": code, "password": PASSWORD}).status_code == 410
    mira = enter(cast.mira, fresh="people")
    assert mira.post(f"/people/requests/{asked.pk}/", {"approve": "1"}).status_code == 409
    assert again(cast.maya).roles == {"nurse"}


def test_an_invitation_whose_maker_lost_the_role_unnoticed_opens_nothing(cast, enter):
    """Also where no verb ended it: a period that ran out, or a row changed by hand."""
    kim = an_administrator(cast, "kim")
    form = {"name": "Ghost", "email": "ghost@riverside.example", "roles": ["physician"], "teams": []}
    code = code_on(enter(kim, fresh="people").post("/people/invite/", form))
    link = link_in_mail()
    grant = kim.role_grants.get()
    grant.ends_at = grant.starts_at
    grant.save(update_fields=["ends_at"])
    assert Client().post(link, {"code": code, "password": PASSWORD}).status_code == 410


def test_who_reads_what_is_moved_only_after_the_second_step(cast, work, enter):
    address = reverse("team-merge", args=[cast.team("okafor").pk])
    form = {"successor": str(cast.team("lund").pk)}
    assert enter(cast.root).post(address, form)["Location"].startswith("/sign-in/again/")
    assert enter(cast.root, fresh="people").post(address, form)["Location"].endswith("?done=merged")
