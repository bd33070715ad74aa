"""Who grows up is invited: never before the age of the table, and seen by the desk from that day on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import ComingOfAge, Invitation, Patient, Session, User
from accounts.tasks import birthdays
from audit.models import AuditEvent
from portal.demo_clinic import FOUNDER
from tests.accounts.invited import PASSWORD, link_in_mail
from tests.accounts.test_accounts_at_the_desk import code_on

SECOND = timedelta(seconds=1)
LIST = "/desk/accounts/of-age/"


def child(cast, born: date, number: str = "RC-106600") -> Patient:
    patient = Patient.objects.register(
        name="Tilda Brandt", birth_date=born.isoformat(), record_number=number, by=cast.sam
    )
    cast.team("okafor").care_for(patient=patient, is_primary=True, by=cast.sam)
    cast.team("desk").care_for(patient=patient, by=cast.sam)
    return patient


def page_of(patient: Patient) -> str:
    return f"/desk/accounts/{patient.pk}/"


# Midnight where the clinic is decides, wherever the child, the desk or the server is.
FIRST_DAYS = [
    ("US", 13, "America/New_York", date(2014, 6, 24), datetime(2027, 6, 24, 4, 0, tzinfo=UTC)),
    ("US-CA", 12, "America/Los_Angeles", date(2015, 1, 9), datetime(2027, 1, 9, 8, 0, tzinfo=UTC)),
    ("US", 13, "Pacific/Kiritimati", date(2014, 6, 24), datetime(2027, 6, 23, 10, 0, tzinfo=UTC)),
    ("US", 13, "Pacific/Pago_Pago", date(2014, 6, 24), datetime(2027, 6, 24, 11, 0, tzinfo=UTC)),
    ("US", 13, "America/New_York", date(2016, 2, 29), datetime(2029, 3, 1, 5, 0, tzinfo=UTC)),
    ("US-CA", 12, "America/Los_Angeles", date(2016, 2, 29), datetime(2028, 2, 29, 8, 0, tzinfo=UTC)),
    ("US", 18, "America/New_York", date(2010, 2, 28), datetime(2028, 2, 28, 5, 0, tzinfo=UTC)),
    ("US", 18, "America/Los_Angeles", date(2012, 2, 29), datetime(2030, 3, 1, 8, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("jurisdiction", "age", "zone", "born", "moment"), FIRST_DAYS)
def test_on_the_birthday_the_desk_is_asked_to_invite_and_not_a_second_before(
    cast, enter, settings, jurisdiction, age, zone, born, moment
):
    settings.CLINIC_JURISDICTION, settings.CLINIC_TIME_ZONE = jurisdiction, zone
    with time_machine.travel(moment - timedelta(days=20), tick=False):
        patient = child(cast, born)
    with time_machine.travel(moment - SECOND, tick=False):
        birthdays()
        sam = enter(cast.sam, fresh="people")
        assert "Nobody to invite" in sam.get(LIST).content.decode()
        answer = sam.post(f"{page_of(patient)}invite/", {})
        if age == 18:
            # Old enough for an account already, so she can be invited at any time.
            assert answer.status_code == 200
            Invitation.objects.get(patient=patient).revoke(by=cast.sam)
        else:
            assert answer.status_code == 409
            assert f"before age {age}" in answer.content.decode()
            assert not Invitation.objects.filter(patient=patient).exists()
    with time_machine.travel(moment, tick=False):
        birthdays()
        birthdays()
        sam = enter(cast.sam, fresh="people")
        listed = sam.get(LIST).content.decode()
        assert f"Turned {age}: invite" in listed and "RC-106600" in listed and "Tilda" not in listed
        seen = AuditEvent.objects.filter(type="access", agent_id=str(cast.sam.pk)).latest()
        assert (seen.patient_id, seen.data_category, seen.subtype) == (patient.pk, "identity", "list")
        assert f"Turned {age}: invite" in sam.get(page_of(patient)).content.decode()
        assert AuditEvent.objects.filter(subtype="due", patient_id=patient.pk).count() == 1
        assert code_on(sam.post(f"{page_of(patient)}invite/", {}))
        assert "Nobody to invite" in sam.get(LIST).content.decode()


def test_an_invitation_that_runs_out_brings_her_back_and_a_reason_takes_her_off(cast, enter):
    born, day = date(2010, 6, 24), datetime(2028, 6, 24, 16, 0, tzinfo=UTC)
    with time_machine.travel(day - timedelta(days=9), tick=False):
        patient = child(cast, born)
    with time_machine.travel(day, tick=False):
        birthdays()
        enter(cast.sam, fresh="people").post(f"{page_of(patient)}invite/", {})
    with time_machine.travel(day + timedelta(days=40), tick=False):
        sam = enter(cast.sam, fresh="people")
        assert "RC-106600" in sam.get(LIST).content.decode()
        empty = sam.post(f"{page_of(patient)}not-now/", {"reason": " "})
        assert empty.status_code == 422 and "Write why" in empty.content.decode()
        sam.post(f"{page_of(patient)}not-now/", {"reason": "Goes to the clinic in Elmwood"})
        assert "RC-106600" not in sam.get(LIST).content.decode()
        again = sam.post(f"{page_of(patient)}not-now/", {"reason": "Twice"})
        assert again.status_code == 409 and "Twice" not in str(AuditEvent.objects.values_list("reason_text"))
        said = AuditEvent.objects.get(subtype="not-invited")
        assert said.patient_id == patient.pk and said.reason_text
        birthdays()
        assert "Nobody to invite" in sam.get(LIST).content.decode()


def test_who_was_left_out_at_thirteen_is_back_at_eighteen_and_once(cast, enter):
    born = date(2014, 6, 24)
    with time_machine.travel(datetime(2026, 6, 24, tzinfo=UTC), tick=False):
        patient, other = child(cast, born), child(cast, born, "RC-106601")
    with time_machine.travel(datetime(2027, 6, 24, 16, 0, tzinfo=UTC), tick=False):
        birthdays()
        ComingOfAge.objects.dismiss(patient=patient, reason="Her mother does it", by=cast.sam)
    with time_machine.travel(datetime(2032, 6, 24, 16, 0, tzinfo=UTC), tick=False):
        birthdays()
        page = enter(cast.sam).get(LIST).content.decode()
        assert page.count("Turned 18: invite") == 2 and "Turned 13" not in page
        assert patient.pk != other.pk


def test_nobody_is_asked_to_invite_who_has_an_account_or_is_no_patient_here_now(cast, enter):
    with time_machine.travel(datetime(2028, 6, 1, tzinfo=UTC), tick=False):
        has, gone, ours = (child(cast, date(2010, 6, 24), f"RC-10660{n}") for n in range(3))
        has.user = User.objects.enrol(email="tilda@patients.example", password=None, by=FOUNDER)
        has.save(update_fields=["user"])
        gone.state = "inactive"
        gone.save(update_fields=["state"])
    with time_machine.travel(datetime(2028, 6, 24, 16, 0, tzinfo=UTC), tick=False):
        birthdays()
        page = enter(cast.sam).get(LIST).content.decode()
        assert "RC-106602" in page and "RC-106600" not in page and "RC-106601" not in page
        # The desk sees those its teams look after; an administrator all; a clinician has no such list.
        for care in ours.care_relationships.filter(team=cast.team("desk")):
            care.end(by=cast.sam)
        assert "RC-106602" not in enter(cast.sam).get(LIST).content.decode()
        assert "RC-106602" in enter(cast.root).get(LIST).content.decode()
        assert enter(cast.okafor).get(LIST).status_code == 403


def test_the_link_of_whoever_was_a_child_asks_for_the_code_and_a_birth_date_opens_nothing(cast, enter):
    with time_machine.travel(datetime(2028, 6, 1, tzinfo=UTC), tick=False):
        patient = child(cast, date(2010, 6, 24))
    with time_machine.travel(datetime(2028, 6, 24, 16, 0, tzinfo=UTC)):
        birthdays()
        answer = enter(cast.sam, fresh="people").post(
            f"{page_of(patient)}invite/", {"email": "tilda@riverside.example"}
        )
        code, link, client = code_on(answer), link_in_mail(), Client()
        assert "only the birth date" not in answer.content.decode()
        refused = client.post(link, {"birth_date": "2010-06-24", "password": PASSWORD})
        assert refused.status_code == 422 and not Session.objects.filter(user__patient=patient).exists()
        assert client.post(link, {"code": code, "password": PASSWORD}).status_code == 302


def test_a_corrected_birth_date_moves_the_day_and_takes_back_what_asks_for_the_former_one(cast, enter):
    with time_machine.travel(datetime(2028, 6, 24, 16, 0, tzinfo=UTC), tick=False):
        patient = child(cast, date(2015, 1, 1))
        sam = enter(cast.sam, fresh="people")
        assert sam.post(f"{page_of(patient)}invite/", {}).status_code == 200
        patient.correct_birth_date(date(2016, 1, 1), proof="passport", reason="A slip.", by=cast.sam)
        assert Invitation.objects.get(patient=patient).state == "revoked"
        assert "No own account before age 13" in sam.get(page_of(patient)).content.decode()
        patient.correct_birth_date(date(2010, 6, 24), proof="passport", reason="A slip.", by=cast.sam)
        birthdays()
        assert "Turned 18: invite" in sam.get(LIST).content.decode()


def test_another_age_table_moves_the_day_and_records_from_before_are_worked_out(cast, settings):
    with time_machine.travel(datetime(2026, 6, 1, tzinfo=UTC), tick=False):
        patient, before = child(cast, date(2015, 1, 9)), child(cast, date(2015, 1, 9), "RC-106601")
        before.comings_of_age.all().delete()
        before.age_table = ""
        before.save(update_fields=["age_table"])
        settings.CLINIC_JURISDICTION = "US-CA"
        birthdays()
        birthdays()
    for one in (patient, before):
        assert sorted(one.comings_of_age.values_list("age", flat=True)) == [12, 18]
        opened = AuditEvent.objects.filter(patient_id=one.pk, type="access", agent_id="system:birthdays")
        assert opened.count() == 1
