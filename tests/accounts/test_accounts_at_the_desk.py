"""The accounts of patients, for the desk and administrators: by record number, and each look is written down."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import Invitation, Patient, User
from audit.models import AuditEvent
from tests.accounts.invited import PASSWORD, a_newcomer, agree, link_in_mail, set_up
from tests.accounts.steps import is_in

FIND = "/desk/accounts/"
NEW = {
    "record_number": "RC-200100",
    "name": "Edda Lind",
    "birth_date": "1990-02-28",
    "phone": "+1 555 010 0199",
    "language": "es",
}


def find(client, number: str):
    return client.post(FIND, {"record_number": number})


def code_on(answer) -> str:
    return re.findall(r'<code class="secret">([\w-]+)</code>', answer.content.decode())[0]


def test_the_desk_registers_invites_and_the_patient_joins_in_her_language(cast, enter):
    sam = enter(cast.sam, fresh="people")
    missing = find(sam, "RC-200100")
    assert missing.status_code == 422 and "Register a new patient" in missing.content.decode()
    answer = sam.post("/desk/accounts/new/", {**NEW, "team": str(cast.team("okafor").pk)})
    patient = Patient.objects.by_record_number("rc-200100")
    assert answer["Location"] == f"/desk/accounts/{patient.pk}/"
    teams = {care.team.name: care.is_primary for care in patient.care_relationships.all()}
    assert teams == {"Okafor team": True, "Front desk": False}
    issued = sam.post(f"/desk/accounts/{patient.pk}/invite/", {"email": "edda@riverside.example"})
    code = code_on(issued)
    for word in ("Edda", "Lind", "1990", "RC-200100"):
        assert word not in issued.content.decode()
    page = sam.get(f"/desk/accounts/{patient.pk}/").content.decode()
    assert "Waiting" in page and code not in page
    assert "RC-200100" in sam.get(FIND).content.decode()
    link = link_in_mail()
    client = Client()
    answer = client.post(link, {"birth_date": "1990-02-28", "password": PASSWORD})
    assert answer.status_code == 302
    set_up(client)
    assert User.objects.by_email("edda@riverside.example").preferred_language == "es"
    agree(client, "patients-1")
    assert client.get("/messages/").status_code == 200
    assert "RC-200100" not in sam.get(FIND).content.decode()


def test_a_record_number_in_use_is_not_given_again_and_nothing_typed_is_lost(cast, enter):
    form = {**NEW, "record_number": "rc-104417", "team": str(cast.team("okafor").pk)}
    answer = enter(cast.sam).post("/desk/accounts/new/", form)
    assert answer.status_code == 422
    assert (
        "This record number is in use" in answer.content.decode() and "Edda Lind" in answer.content.decode()
    )
    assert Patient.objects.count() == 2


@pytest.mark.parametrize("wrong", [{"birth_date": "2190-01-01"}, {"team": ""}, {"team": "x"}, {"name": " "}])
def test_a_record_that_cannot_be_is_not_registered(cast, enter, wrong):
    form = {**NEW, "team": str(cast.team("okafor").pk), **wrong}
    assert enter(cast.sam).post("/desk/accounts/new/", form).status_code == 422
    assert Patient.objects.count() == 2


def test_each_look_is_written_down_as_a_look_at_her_contact_details(cast, enter):
    ana = cast.patient("ana")
    for who in (cast.sam, cast.root):
        client = enter(who)
        assert find(client, "RC-104417")["Location"] == f"/desk/accounts/{ana.pk}/"
        page = client.get(f"/desk/accounts/{ana.pk}/").content.decode()
        assert "RC-104417" in page
        for word in ("Ana", "Alvarez", "1958", "0161", "ana@"):
            assert word not in page
        event = AuditEvent.objects.filter(type="access", agent_id=str(who.pk)).latest()
        assert (event.patient_id, event.data_category, event.purpose_of_use) == (
            ana.pk,
            "identity",
            "HOPERAT",
        )


def test_the_desk_sees_only_whom_its_teams_look_after(cast, enter):
    patient = a_newcomer(cast)
    for care in patient.care_relationships.filter(team=cast.team("desk")):
        care.end(by=cast.sam)
    sam = enter(cast.sam)
    hidden, absent = find(sam, "RC-105511"), find(sam, "RC-999999")
    assert hidden.status_code == absent.status_code == 422
    assert sam.get(f"/desk/accounts/{patient.pk}/").status_code == 404
    said = AuditEvent.objects.filter(type="refusal", agent_id=str(cast.sam.pk))
    assert set(said.values_list("outcome_reason", flat=True)) == {"not-visible", "no-such-patient"}
    assert find(enter(cast.root), "RC-105511").status_code == 302


def test_trying_numbers_ends(cast, enter, settings):
    settings.TRY_LIMITS = {
        **settings.TRY_LIMITS,
        "record-look-up": (3, settings.TRY_LIMITS["record-look-up"][1]),
    }
    root = enter(cast.root)
    assert [find(root, f"RC-{number}").status_code for number in range(4)] == [422, 422, 422, 429]


def test_sessions_end_and_the_account_closes_and_comes_back_by_invitation(cast, enter):
    ana, page = enter(cast.ana), f"/desk/accounts/{cast.patient('ana').pk}/"
    assert enter(cast.sam).post(f"{page}sessions/end/")["Location"].startswith("/sign-in/again/")
    sam = enter(cast.sam, fresh="people")
    assert sam.post(f"{page}invite/", {}).status_code == 409
    sam.post(f"{page}sessions/end/")
    assert not is_in(ana)
    ana = enter(cast.ana)
    assert sam.post(f"{page}close/", {"why": ""}).status_code == 422
    assert is_in(ana)
    sam.post(f"{page}close/", {"why": "Asked for it"})
    assert not is_in(ana) and not User.objects.get(pk=cast.ana.pk).is_active
    assert "Closed" in sam.get(page).content.decode()
    assert code_on(sam.post(f"{page}invite/", {}))


def test_an_invitation_is_taken_back(cast, enter):
    patient = a_newcomer(cast)
    sam, page = enter(cast.sam, fresh="people"), f"/desk/accounts/{patient.pk}/"
    sam.post(f"{page}invite/", {})
    sam.post(f"{page}revoke/")
    assert Invitation.objects.get(patient=patient).state == "revoked"
    assert "Taken back" in sam.get(page).content.decode()
    assert sam.post(f"{page}invite/", {"email": "no address"}).status_code == 422
