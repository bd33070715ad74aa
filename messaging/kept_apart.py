"""What of a patient's conversations does not exist for a trusted reader: the conversation and all that hangs on it."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.models import ForeignKey, Model, Q

from messaging.models import Attachment, Draft, Thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import Patient, User

FURTHEST = 3  # claim → work item → thread, and one to spare


def kept_from(reader: User, patient: Patient, labels: Iterable[str]) -> frozenset[str]:
    """Of these things, as the trail calls them, those that are about what `reader` may not know of.

    What hangs on a conversation is found by the columns of its model, so that a new kind of thing is no news either.
    What is not sent yet is its writer's alone, and of what there is no more nobody can say whose it was.
    """
    asked = defaultdict(set)
    for label in labels:
        name, _colon, pk = label.partition(":")
        asked[name].add(pk)
    hers = Q(patient=patient) | Q(patient__joined_into=patient)
    shared = Thread.objects.of_patients_side(reader).filter(hers).values("pk")
    hidden = Thread.objects.filter(hers).exclude(pk__in=shared).values("pk")
    found: set[str] = set()
    for name, keys in asked.items():
        if not name.startswith("messaging.") or (model := _model(name)) is None:
            continue
        if not (ways := roads(model)):
            continue
        about = _unsent(model, reader)
        for road in ways:
            about |= Q(**{f"{road}__in": hidden})
        rows = model._default_manager.filter(pk__in=keys)
        there = {str(pk) for pk in rows.values_list("pk", flat=True)}
        kept = {str(pk) for pk in rows.filter(about).values_list("pk", flat=True)}
        found |= {f"{name}:{pk}" for pk in kept | (keys - there)}
    return frozenset(found)


def _unsent(model: type[Model], reader: User) -> Q:
    if model is Draft:
        return ~Q(author=reader.pk)
    return Q(message=None) & ~Q(uploaded_by=reader.pk) if model is Attachment else Q()


@cache
def roads(model: type[Model], *, most: int = FURTHEST) -> tuple[str, ...]:
    """The ways from a row to the conversation that it belongs to; none for what belongs to no conversation."""
    if model is Thread:
        return ("pk",)
    if most == 0:
        return ()
    found = []
    for field in model._meta.concrete_fields:
        if isinstance(field, ForeignKey) and field.related_model._meta.app_label == "messaging":
            further = roads(field.related_model, most=most - 1)
            found += [field.name if road == "pk" else f"{field.name}__{road}" for road in further]
    return tuple(found)


def _model(name: str) -> type[Model] | None:
    try:
        return apps.get_model(name)
    except LookupError:  # a kind of thing that there is no more
        return None
