"""No day that a calendar can name breaks a form: neither the first there is nor the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from accounts.models import Basis, Trust
from accounts.policy import addresses
from tests.accounts.invited import NORA, a_newcomer, ask, invite, link_in_mail

DAYS = ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"]
WHAT = {
    "step": "send", "name": "Fern", "email": "fern@friends.example", "relationship": "friend",
    "scopes": ["read"], "which": "all", "basis": Basis.PERMISSION, "document": "Letter 7",
}  # fmt: skip


def kinds(of: type) -> Iterator[type]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.fixture
def sent(cast, work, enter) -> dict[str, list[tuple[Client, str, dict[str, Any]]]]:
    """Each form with a date in it: who sends it where, and what else is in it."""
    ana = cast.patient("ana")
    patient, desk = enter(cast.ana, fresh="trusted-people"), enter(cast.sam, fresh="trusted-people")
    doctor, officer = enter(cast.okafor), enter(cast.mira)
    code = {"code": invite(cast, a_newcomer(cast)).code}
    ask(code["code"])
    number = {"record_number": "RC-104417"}
    joiner, join = enter(cast.sam, fresh="records"), reverse("desk-join-ask", args=[ana.pk])
    twin = {"record_number": "RC-104932", "keep": "this", "reason": "x"}
    new = {"record_number": "RC-777", "name": "Fern", "language": "en", "team": str(cast.team("desk").pk)}
    state = {"state": "blocked", "reason": "x", "reviewer": str(cast.maya.pk)}
    events = reverse("audit-events")
    return {
        "WhatForm": [
            (patient, reverse("trusted-new"), WHAT),
            (patient, reverse("trusted-person", args=[ana.trusts.get().pk]), WHAT),
            (desk, reverse("desk-trusted-new", args=[ana.pk]), WHAT),
        ],
        "RecordStateForm": [(doctor, reverse("desk-patient-state", args=[ana.pk]), state)],
        "AbsenceForm": [(doctor, reverse("absences"), {"cover": str(cast.maya.pk)})],
        "SearchForm": [(patient, reverse("message-search"), {"look_for": "headache"})],
        "EventFilter": [(officer, events, {})],
        "EventSearch": [(officer, events, {"patient": "RC-104417"})],
        "IdentityForm": [(desk, reverse(name), number) for name in ("desk-lost", "desk-trusted")],
        "BirthDateForm": [
            (joiner, reverse("desk-birth-date", args=[ana.pk]), {"proof": "passport", "reason": "x"})
        ],
        "RecordJoinForm": [(joiner, join, twin)],
        "NewPatientForm": [(desk, reverse("patient-new"), new)],
        "JoinForm": [(Client(), reverse("join"), {**code, "email": NORA["email"]})],
        "RedeemForm": [(enter(cast.ben), reverse("join"), code)],
        "LinkForm": [(Client(), link_in_mail(), {**code, "password": "a heron stands in the reeds"})],
    }


def dates_of(form: type) -> list[str]:
    fields = getattr(form, "base_fields", {}).items()
    return [name for name, field in fields if isinstance(field, forms.DateField | forms.DateTimeField)]


def test_every_form_with_a_date_in_it_is_here_and_takes_no_far_day_for_good(cast, sent):
    list(addresses())  # every module with a form in it is there by now
    ours = [
        kind
        for kind in kinds(forms.Form)
        if kind.__module__.split(".")[0] in ("accounts", "messaging", "audit")
    ]
    dated = {form.__name__: dates_of(form) for form in ours if dates_of(form)}
    assert set(dated) == set(sent), "a form with a date: say here who sends it"
    broken, trusts = [], Trust.objects.count()
    for form, ways in sent.items():
        for browser, address, more in ways:
            browser.raise_request_exception = False
            for day in DAYS:
                said = {**more, **dict.fromkeys(dated[form], day)}
                method = browser.get if form == "EventFilter" else browser.post
                if (status := method(address, said).status_code) >= 500:
                    broken.append((form, address, day, status))
    assert broken == []
    assert Trust.objects.count() == trusts
