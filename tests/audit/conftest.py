"""Models are imported inside: this file is read before Django is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from accounts.models import Patient, User


@pytest.fixture
def enrol(request: pytest.FixtureRequest) -> Callable[[str], User]:
    from accounts.models import User
    from audit.context import SystemAgent

    def enrol(name: str) -> User:
        return User.objects.enrol(
            email=f"{name}@riverside.example", password=None, by=SystemAgent("system:test")
        )

    return enrol


@pytest.fixture
def register() -> Callable[[str], Patient]:
    from accounts.models import Patient
    from audit.context import SystemAgent

    def register(name: str) -> Patient:
        return Patient.objects.register(
            name=name,
            birth_date="1980-02-03",
            record_number=f"MRN-{name}",
            phone="555 0100",
            by=SystemAgent("system:test"),
        )

    return register


@pytest.fixture
def reader(transactional_or_plain_db: None, enrol: Callable[[str], User]) -> User:
    return enrol("okafor")


@pytest.fixture
def transactional_or_plain_db(request: pytest.FixtureRequest) -> None:
    """Whichever database the test asked for, before anything is written."""
    marker = request.node.get_closest_marker("django_db")
    transactional = bool(marker and marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if transactional else "db")
