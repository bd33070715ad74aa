"""Whether time tells who has an account (G20): 200 known and 200 unknown e-mails, in turn, at the real hash's cost."""

from __future__ import annotations

import random
import time

import pytest
from django.test import Client

from accounts.models import TryCounter
from accounts.models.factor import ALPHABET
from tests.accounts.invited import a_newcomer, invite

pytestmark = [pytest.mark.drill, pytest.mark.django_db]
SAMPLES = 200


def test_a_code_of_an_invitation_and_one_of_nobody_take_the_same_time(cast):
    """With a birth date that is wrong for both."""
    codes = [invite(cast, a_newcomer(cast, number=f"RC-30000{n}")).code for n in range(2)]
    found = []
    for _ in range(3):
        found.append(one_round_of_codes(codes))
        if found[-1] <= 0.55:
            break
    assert found[-1] <= 0.55, found


def one_round_of_codes(codes: list[str]) -> float:
    turns = [True, False] * SAMPLES
    random.shuffle(turns)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number, known in enumerate([True, False] * 5 + turns):
        TryCounter.objects.all().delete()
        code = codes[number % 2] if known else "".join(random.choices(ALPHABET, k=12))  # noqa: S311
        began = time.perf_counter()
        answer = Client().post("/join/", {"code": code, "birth_date": "1971-09-24", "email": "e@x.example"})
        took = time.perf_counter() - began
        assert answer.status_code == 422
        if number >= 10:
            times[known].append(took)
    return told_apart(times[True], times[False])


def told_apart(first: list[float], second: list[float]) -> float:
    """Area under the curve of the better of both directions: 0.5 is a coin, 1.0 is certainty."""
    above = sum((a > b) + 0.5 * (a == b) for a in first for b in second) / (len(first) * len(second))
    return max(above, 1 - above)


@pytest.mark.parametrize(
    ("address", "more"), [("/sign-in/", {"password": "not hers at all"}), ("/sign-in/forgotten/", {})]
)
def test_known_and_unknown_accounts_take_the_same_time(cast, settings, address, more):
    """Of three rounds one must stay below: by chance alone one in twelve does not, and a real difference none does."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    for key in ("ana", "ben"):
        cast[key].set_password("kingfisher under the bridge")
        cast[key].save(update_fields=["password"])
    found = []
    for _ in range(3):
        found.append(one_round(address, more))
        if found[-1] <= 0.55:
            break
    assert found[-1] <= 0.55, found


def one_round(address: str, more: dict[str, str]) -> float:
    turns = [True, False] * SAMPLES
    random.shuffle(turns)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number, known in enumerate([True, False] * 5 + turns):
        TryCounter.objects.all().delete()
        name = ("ana", "ben")[number % 2] if known else f"eve{number}"
        began = time.perf_counter()
        answer = Client().post(address, {"email": f"{name}@riverside.example", **more})
        took = time.perf_counter() - began
        assert answer.status_code in (200, 422)
        if number >= 10:
            times[known].append(took)
    return told_apart(times[True], times[False])
