from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.conf import settings

from accounts.models import Patient, Role, RoleGrant, User
from audit.context import SystemAgent
from audit.fields import SealedField
from audit.models import AuditEvent
from audit.tracking import UNTRACKED, hidden_fields, our_models

SETUP = SystemAgent("system:test")


def test_every_model_of_ours_is_tracked_or_named_with_a_reason() -> None:
    ours = {model._meta.label_lower for app in ("audit", "accounts", "messaging", "portal") if apps.is_installed(app)
            for model in apps.get_app_config(app).get_models(include_auto_created=True)}  # fmt: skip
    assert {model._meta.label_lower for model in our_models()} == ours
    tracked = {model._meta.label_lower for model in auditlog.get_models()}
    assert ours - tracked == set(UNTRACKED)
    assert all(reason.endswith(".") for reason in UNTRACKED.values())


def test_nothing_sealed_or_secret_ever_enters_the_trail() -> None:
    """STK-01"""
    for model in our_models():
        hidden = hidden_fields(model)
        for field in model._meta.concrete_fields:
            secret = re.search(r"password|secret|_digest|_hash|_stamp$|token|seed", field.name)
            if isinstance(field, SealedField) or secret:
                assert field.name in hidden, f"{model._meta.label}.{field.name}"


def test_no_name_of_a_thing_holds_a_text() -> None:
    """`str()` of a row goes to logs and lists: it is a reference."""
    for model in our_models():
        assert (
            "__str__" in vars(model)
            or model._meta.auto_created
            or model.__str__.__module__ != "django.db.models.base"
        )


@pytest.mark.django_db
def test_a_change_is_an_event_with_before_and_after(enrol: Callable[[str], User]) -> None:
    """ONC-02: privilege changes, with a pointer to the earlier state."""
    root, sam = enrol("root"), enrol("sam")
    grant = RoleGrant.objects.give(user=sam, role=Role.FRONT_DESK, by=SETUP)
    grant.withdraw(by=root)
    added, ended = AuditEvent.objects.filter(object_pk=str(grant.pk)).order_by("origin_counter")
    assert (added.action, ended.action) == ("C", "U")
    assert (added.agent_id, ended.agent_id) == (str(SETUP), str(root.pk))
    assert (added.changes["role"], added.changes["user"]) == ("front-desk", str(sam.pk))
    assert list(ended.changes) == ["ends_at"]
    assert ended.changes["ends_at"][0] == "None"
    assert added.prior_version_id is None
    assert ended.prior_version_id == added.pk


@pytest.mark.django_db
def test_a_change_says_whose_record_it_is_and_nothing_of_what_is_in_it(
    register: Callable[[str], Patient],
) -> None:
    ana = register("Ana Alvarez")
    ana.language = "es"
    ana.save()
    events = AuditEvent.objects.filter(patient_id=ana.pk)
    assert {event.action for event in events} == {"C", "U"}
    everything = " ".join(str(vars(event)) for event in AuditEvent.objects.all())
    for written in ("Alvarez", "1980-", "MRN-", "555 01"):
        assert written not in everything


@pytest.mark.django_db
def test_a_removal_keeps_what_was_there(enrol: Callable[[str], User]) -> None:
    grant = RoleGrant.objects.give(user=enrol("sam"), role=Role.FRONT_DESK, by=SETUP)
    key = str(grant.pk)
    grant.delete()
    event = AuditEvent.objects.get(object_pk=key, action="D")
    assert event.changes["role"] == ["front-desk", "None"]
    assert event.prior_version_id == AuditEvent.objects.get(object_pk=key, action="C").pk


AROUND = re.compile(
    r"\.bulk_create\(|\.bulk_update\(|(?<!globals)(?<!filters)\.update\(\s*\w+=[^=]|\.raw\(|\.extra\("
    r"|_raw_delete|disable_auditlog|INSERT INTO|UPDATE \w+ SET"
)
# Where something goes around the change tracker, and the model it does that with: one that is not tracked.
KNOWN = {
    "accounts/models/limit.py": "accounts.trycounter",
    "accounts/models/session.py": "accounts.session",
    "messaging/models/message.py": "messaging.readreceipt",
    "messaging/models/words.py": "messaging.messagewords",
    "accounts/models/notification.py": "accounts.notification",
    "portal/demo_stories.py": "accounts.notification",
    "audit/models/event.py": "audit.auditevent",
    "audit/trail.py": "audit.auditevent",
}

# Rows of tracked models, many at once, where one event says what was done to all of them.
TOLD_AT_ONCE = {
    "messaging/rerouting.py": "what is finished goes along with a closed team",
    "messaging/models/team_change.py": "conversations move with their team, each with a line of its own",
}


def test_nothing_goes_around_the_trail() -> None:
    """STK-02: what the change tracker cannot see is done only to what it does not watch."""
    home = Path(settings.BASE_DIR)
    found = {
        str(path.relative_to(home))
        for app in ("audit", "accounts", "messaging", "portal")
        for path in (home / app).rglob("*.py")
        if "migrations" not in path.parts and AROUND.search(path.read_text())
    }
    assert found == set(KNOWN) | set(TOLD_AT_ONCE)
    assert set(KNOWN.values()) <= set(UNTRACKED)
