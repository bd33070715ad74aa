"""Every change to every row of ours is an event, unless its model is named here with a reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from auditlog.receivers import log_update
from auditlog.registry import auditlog
from django.apps import AppConfig, apps
from django.db.models import BinaryField, Model
from django.db.models.signals import pre_save
from django.utils.encoding import smart_str

from audit import trail

UNTRACKED = {
    "audit.auditevent": "It is the trail.",
    "accounts.session": "Its beginning, each change of strength and its end are events; every request touches it.",
    "accounts.trycounter": "It counts tries by one statement of its own; every refused try is an event.",
    "accounts.passkeychallenge": "A question asked of a browser; the answer is an event.",
    "messaging.messagewords": "Keyed digests of the words of a message; sending or indexing it is an event.",
    "messaging.readreceipt": "A receipt is itself who read what and when; the access is an event.",
    "accounts.notification": "An outbox row is its own log of attempts; sending opens an address, which is an event.",
}
# Proofs and counters: their values say nothing to a reader of the trail, or too much to a thief of it.
NEVER_IN_CHANGES = frozenset({"password", "security_stamp"})
NEVER_IN_CHANGES_ENDING = ("_digest", "_hash", "_stamp", "_token", "_counter")


def our_apps() -> list[AppConfig]:
    """The apps that live beside this one, as opposed to installed ones."""
    home = Path(__file__).resolve().parent.parent
    return [config for config in apps.get_app_configs() if Path(config.path).resolve().parent == home]


def our_models() -> list[type[Model]]:
    return [model for config in our_apps() for model in config.get_models(include_auto_created=True)]


def track_every_model() -> None:
    auditlog._signals[pre_save] = _log_update
    for model in our_models():
        if model._meta.label_lower in UNTRACKED or auditlog.contains(model):
            continue
        auditlog.register(
            model,
            exclude_fields=sorted(hidden_fields(model)),
            m2m_fields={field.name for field in model._meta.many_to_many},
        )


def hidden_fields(model: type[Model]) -> set[str]:
    """The fields whose values never enter the trail."""
    concrete = {field.name: field for field in model._meta.concrete_fields}
    # Relations that point here: django-auditlog would follow each with a statement of its own.
    hidden = {field.name for field in model._meta.get_fields() if field.name not in concrete}
    # What a model says about itself: sums and counters of things that are events in their own right.
    hidden |= set(getattr(model, "audit_hidden", ()))
    for name, field in concrete.items():
        secret = name in NEVER_IN_CHANGES or name.endswith(NEVER_IN_CHANGES_ENDING)
        if secret or isinstance(field, BinaryField):
            hidden.add(name)
    return hidden


def _log_update(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    """django-auditlog's own, which reads the row once more, where there may be something for it to find."""
    written = kwargs.get("update_fields")
    if written is None or not set(written) <= _never_shown(sender):
        log_update(sender, instance=instance, **kwargs)


@cache
def _never_shown(model: type[Model]) -> frozenset[str]:
    return frozenset(hidden_fields(model))


def record_change(instance: Model, action: str, changes: dict[str, Any] | None) -> None:
    """Called by django-auditlog, in the transaction that changes the row."""
    trail.write(
        type="change",
        subtype={"C": "create", "U": "update", "D": "delete"}.get(action, "access"),
        action=action,
        data_category=getattr(instance, "audit_category", None) or instance._meta.model_name or "none",
        rows=[
            trail.Row(
                patient_id=getattr(instance, "patient_id", None),
                obj=instance,
                changes=_worth_keeping(instance, action, changes or {}),
            )
        ],
    )


def _worth_keeping(instance: Model, action: str, changes: dict[str, Any]) -> dict[str, Any] | None:
    """Before and after. A new row needs no before, and neither its own id nor what it left empty."""
    if action != "C":
        return changes or None
    empty = ("", "None", None)
    own = instance._meta.pk.attname
    kept = {
        name: after
        for name, (_before, after) in changes.items()
        if name not in (own, "patient") and after not in empty
    }
    return {name: smart_str(value) for name, value in kept.items()} or None
