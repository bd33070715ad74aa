"""The portal with neither seal nor audit: what the security tax is measured against.

It exists in the bench alone. Its texts are plain, so it refuses any database but the throwaway one that the bench
loaded for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model

DATABASE = "bench_bare"
ROOMS = ("audit", "accounts", "messaging", "portal", "bench")
TAIL = bytes(16)  # As long as a sealed text, so that rows are as wide.


class BareConfig(AppConfig):
    name = "bench.bare"
    label = "bench_bare"

    def ready(self) -> None:
        if settings.DATABASES["default"]["NAME"] != DATABASE:
            raise RuntimeError("Without seal and audit there is no database but the bench's own.")
        strip()


def strip() -> None:
    from auditlog.registry import auditlog

    from audit import recorder, seals, trail
    from audit.fields import VERSION, Sealed

    head = bytes((VERSION,)) + bytes(28)

    def seal(text: str, *, into: Model, field: str) -> Sealed:
        return Sealed(head + text.encode() + TAIL)

    def opened(record: Model, field: str, *, receipt: Any = None) -> str:
        stored = getattr(record, field)
        return stored[29:-16].decode() if stored else ""

    def opened_all(pairs: Sequence[tuple[Model, str]], *, receipt: Any = None) -> list[str]:
        return [opened(record, field) for record, field in pairs]

    def nothing(*args: Any, **kwargs: Any) -> object:
        return _NO_RECEIPT

    _everywhere(seals.seal, seal)
    for door in (seals.unseal, seals.open_directory, seals.open_secret):
        _everywhere(door, opened)
    for doors in (seals.unseal_all, seals.open_directory_all):
        _everywhere(doors, opened_all)
    for note in (recorder.record, recorder.record_read, recorder.record_refusal, trail.write):
        _everywhere(note, nothing)
    for model in list(auditlog.get_models()):
        auditlog.unregister(model)


_NO_RECEIPT = object()


def _everywhere(original: Any, stand_in: Any) -> None:
    """Modules have taken these names in when they were imported."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in ROOMS:
            continue
        for attribute, value in list(vars(module).items()):
            if value is original:
                setattr(module, attribute, stand_in)
