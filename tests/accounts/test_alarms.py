"""Ten failures in ten minutes raise an alarm, by account and by network, over all roads together (HSR-11)."""

from __future__ import annotations

import logging

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import Notification
from accounts.tasks import sweep_notifications
from audit.models import AuditEvent
from tests.accounts.steps import give_password
from tests.work import words


@pytest.fixture
def clock():
    with time_machine.travel("2027-03-10T14:00:00Z", tick=False) as clock:
        yield clock


def alarms(of: str = "") -> list[AuditEvent]:
    rows = AuditEvent.objects.filter(type="security", subtype="many-failures")
    return [row for row in rows.order_by("recorded_at", "id") if of in ("", row.additional_data["of"])]


def guess(email: str, times: int, *, at: str = "192.0.2.{}") -> None:
    for number in range(times):
        sent = {"email": email, "password": "not hers"}
        Client(REMOTE_ADDR=at.format(number + 1)).post("/sign-in/", sent)


def test_the_tenth_failure_of_an_account_raises_it_and_the_ninth_does_not(cast, clock):
    guess("ana@riverside.example", 9)
    assert alarms() == []
    guess("ana@riverside.example", 1, at="198.51.100.{}")
    (alarm,) = alarms()
    assert (alarm.agent_id, alarm.object_pk) == ("system:sign-in-watch", str(cast.ana.pk))
    assert alarm.outcome == "4" and alarm.patient_id is None
    guess("ana@riverside.example", 5)
    assert len(alarms()) == 1, "one alarm for one storm"
    clock.shift(11 * 60)
    guess("ana@riverside.example", 10)
    assert len(alarms()) == 2


def test_all_roads_count_together(cast, clock):
    """Passwords, codes of the app, codes on paper."""
    guess("ana@riverside.example", 4)
    client = give_password(cast, "ana")
    for _ in range(3):
        client.post("/sign-in/code/", {"code": "000000"})
    for _ in range(2):
        client.post("/sign-in/recovery/", {"code": "A" * 16})
    assert alarms() == []
    client.post("/sign-in/recovery/", {"code": "A" * 16})
    assert [alarm.additional_data["of"] for alarm in alarms()] == ["account"]


def test_a_network_that_tries_many_accounts_raises_it(cast, clock):
    for number in range(10):
        guess(f"x{number}@riverside.example", 1, at="203.0.113.7")
    (alarm,) = alarms()
    assert alarm.additional_data["of"] == "network"
    assert (alarm.network_address, alarm.object_pk) == ("203.0.113.7", "")


def test_codes_of_invitations_tried_from_one_network_count_as_well(cast, clock):
    for number in range(10):
        sent = {"code": f"ABCDEFGHJK{number:02}", "birth_date": "1971-09-23", "email": "x@riverside.example"}
        Client(REMOTE_ADDR="203.0.113.7").post("/join/", sent)
    assert [alarm.additional_data["of"] for alarm in alarms()] == ["network"]


def test_an_account_that_does_not_exist_raises_it_alike(cast, clock):
    guess("eve@riverside.example", 10)
    assert [alarm.object_pk for alarm in alarms("account")] == [""]


def test_ten_failures_spread_over_more_than_ten_minutes_raise_nothing(cast, clock):
    for _ in range(12):
        guess("ana@riverside.example", 1)
        clock.shift(80)
    assert alarms("account") == []


def test_ten_failures_are_found_wherever_the_ten_minutes_begin(cast, clock):
    """One early failure must not split a storm in two halves of nine."""
    guess("ana@riverside.example", 1)
    clock.shift(8 * 60)
    guess("ana@riverside.example", 4)
    clock.shift(3 * 60)
    guess("ana@riverside.example", 6)
    assert len(alarms("account")) == 1


def test_right_ones_raise_nothing(cast, clock):
    for _ in range(12):
        give_password(cast, "ana")
    assert alarms() == []


def test_who_keeps_the_house_is_told_once_an_hour_and_nothing_about_whom(cast, clock):
    guess("ana@riverside.example", 10)
    guess("ben@riverside.example", 10, at="198.51.100.{}")
    told = Notification.objects.filter(notice="sign_ins_failed")
    assert {row.person_id for row in told} == {cast.mira.pk, cast.root.pk}
    assert told.count() == 2
    mail.outbox.clear()
    sweep_notifications()
    bodies = [sent.body for sent in mail.outbox if sent.to == ["mira@riverside.example"]]
    assert len(bodies) == 1 and "Many sign-ins failed" in bodies[0]
    assert not any(word in bodies[0].lower() for word in ("ana", "ben@", "192.0.2", "account of"))
    clock.shift(3600)
    guess("ana@riverside.example", 10)
    assert told.all().count() == 4


def test_the_log_has_one_line_that_names_nobody(cast, clock, caplog):
    with caplog.at_level(logging.WARNING, logger="accounts.alarms"):
        guess("ana@riverside.example", 12)
    lines = [line for line in caplog.records if line.name == "accounts.alarms"]
    assert [line.getMessage() for line in lines] == ["many sign-ins failed"]
    assert lines[0].facts == {"of": "account", "failures": 10}


def test_the_access_review_shows_it(cast, enter, clock):
    guess("ana@riverside.example", 10)
    page = words(enter(cast.mira).get("/audit/events/?sort=security"))
    assert "Many sign-ins failed within minutes" in page
