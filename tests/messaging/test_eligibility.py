"""What asking for more of a medicine means: a table of rules, tested as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product

import pytest

from messaging.eligibility import Eligibility, standing
from messaging.schedules import Schedule, months_later

TODAY = date(2026, 11, 20)


@dataclass(frozen=True)
class Order:
    schedule: str = ""
    repeats_left: int = 2
    repeats_used: int = 1
    issued_on: date = TODAY - timedelta(days=60)
    valid_until: date = TODAY + timedelta(days=100)
    stopped_on: date | None = None


def code(order: Order, *, today: date = TODAY, active: bool = True) -> Eligibility:
    return standing(order, today=today, patient_is_active=active)


def test_a_medicine_with_refills_left_is_refilled():
    assert code(Order()) == Eligibility.OK_REFILL


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(repeats_left=0), Eligibility.RENEWAL_NEEDED),
        (Order(repeats_left=1), Eligibility.OK_REFILL),
        (Order(valid_until=TODAY), Eligibility.OK_REFILL),
        (Order(valid_until=TODAY - timedelta(days=1)), Eligibility.RENEWAL_NEEDED),
        (Order(stopped_on=TODAY), Eligibility.DISCONTINUED),
        (Order(stopped_on=TODAY + timedelta(days=1)), Eligibility.OK_REFILL),
        (Order(schedule="V", repeats_used=9, repeats_left=1), Eligibility.OK_REFILL),
    ],
)
def test_boundary_days_and_counts(order, expected):
    assert code(order) == expected


@pytest.mark.parametrize("schedule", ["III", "IV"])
def test_three_and_four_are_refilled_five_times_and_not_a_sixth(schedule):
    order = Order(schedule=schedule, repeats_left=3, repeats_used=4)
    assert code(order) == Eligibility.OK_REFILL
    assert code(replace(order, repeats_used=5)) == Eligibility.CIII_IV_LIMIT


@pytest.mark.parametrize("schedule", ["III", "IV"])
def test_three_and_four_are_refilled_for_six_months_and_not_a_day_longer(schedule):
    order = Order(schedule=schedule, issued_on=date(2026, 8, 31), valid_until=date(2028, 1, 1))
    last = months_later(order.issued_on, 6)
    assert last == date(2027, 2, 28)
    assert code(order, today=last) == Eligibility.OK_REFILL
    assert code(order, today=last + timedelta(days=1)) == Eligibility.CIII_IV_LIMIT


def test_schedule_two_is_never_a_refill_whatever_else_holds():
    for left, used, valid in product((0, 3), (0, 5), (-1, 0, 90)):
        order = Order("II", left, used, valid_until=TODAY + timedelta(days=valid))
        assert code(order) == Eligibility.CII_NEW_RX


def test_somebody_who_is_no_patient_any_more_is_told_to_call_whatever_she_asks_for():
    for schedule in Schedule.values:
        assert code(Order(schedule=schedule), active=False) == Eligibility.PATIENT_INACTIVE


def test_only_stopped_medicines_and_former_patients_cannot_ask():
    shut = {each for each in Eligibility if not each.is_requestable}
    assert shut == {Eligibility.DISCONTINUED, Eligibility.PATIENT_INACTIVE}
