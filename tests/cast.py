"""The cast of the clinic, and their ways in. Every test that needs a person takes her from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client

from portal.demo_cast import BY_KEY
from tests.remembered import remembered

# This module is imported before Django's apps are ready, so what needs models imports them when it runs.
if TYPE_CHECKING:
    from accounts.models import CareTeam, Patient, User
    from portal.demo_clinic import Clinic
    from portal.demo_practice import Practice

Enter = Callable[..., Client]


class Cast:
    """People by key: `cast.ana` or `cast["ana"]`. Patients, teams and how each signs in besides."""

    def __init__(self, clinic: Clinic, practice: Practice | None = None) -> None:
        self.clinic = clinic
        self.practice = practice

    def __getitem__(self, key: str) -> User:
        return self.clinic.users[key]

    def __getattr__(self, key: str) -> User:
        try:
            return self.__dict__["clinic"].users[key]
        except KeyError:
            raise AttributeError(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.clinic.users)

    def patient(self, key: str) -> Patient:
        return self.clinic.patients[key]

    def team(self, key: str) -> CareTeam:
        return self.clinic.teams[key]

    def login(self, key: str) -> dict[str, str]:
        return {"email": BY_KEY[key].email, "password": BY_KEY[key].password}

    def code(self, key: str, at: float | None = None) -> str:
        """What her phone shows now (or at that Unix time)."""
        return BY_KEY[key].code(at)[0]


def founded() -> Clinic:
    from portal.demo_clinic import found_clinic

    return found_clinic(with_recovery_codes=False)


def opened() -> Practice:
    from portal.demo_practice import open_practice

    return open_practice(founded(), neighbours=())


@pytest.fixture
def cast(request: pytest.FixtureRequest, db: None) -> Cast:
    if "work" not in request.fixturenames:
        return Cast(remembered("clinic", founded))
    practice = remembered("practice", opened)
    return Cast(practice.clinic, practice)


def open_session(user: User, strength: int, *, fresh: str = "", client: Client | None = None) -> Client:
    from accounts import terms
    from accounts.models import Agreement, Session, Strength, User

    person = User.objects.get(pk=user.pk)
    # Who joined in this test agrees as she enters. Whoever tests the terms takes the agreement away afterwards.
    while text := terms.due(person):
        Agreement.objects.agree(to=text, language="en", by=person)
    session = Session.objects.begin(by=person, browser="Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0")
    if strength != Strength.PASSWORD:
        session.strengthen(by=person, strength=Strength(strength), factor="totp")
    if fresh:
        session.prove_again(by=person, purpose=fresh, factor="totp")
    client = client or Client(raise_request_exception=True)
    client.cookies[settings.SESSION_COOKIE_NAME] = session.key
    return client


@pytest.fixture
def enter(db: None) -> Enter:
    """`enter(user)` is a browser that is fully signed in; `fresh="…"` has just shown the second step for that."""

    def _enter(user: User, *, fresh: str = "", **more: Any) -> Client:
        return open_session(user, 3, fresh=fresh, **more)

    return _enter


@pytest.fixture
def half(db: None) -> Enter:
    """`half(user)` is a browser whose person has given her password and nothing more."""

    def _half(user: User, **more: Any) -> Client:
        return open_session(user, 1, **more)

    return _half
