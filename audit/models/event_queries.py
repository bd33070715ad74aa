from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from auditlog.models import LogEntryManager
from django.db import models

if TYPE_CHECKING:
    pass


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        from audit.models.event import AppendOnly

        raise AppendOnly("Audit events are written by audit.recorder, and never changed or deleted.")

    create = update = delete = bulk_create = bulk_update = get_or_create = update_or_create = _refuse  # type: ignore[assignment]
    _raw_delete = _refuse


class AuditEventManager(LogEntryManager.from_queryset(AuditEventQuerySet)):  # type: ignore[misc]
    """django-auditlog sees what changes and calls here; our recorder writes it down."""

    def log_create(self, instance: models.Model, force_log: bool = False, **found: Any) -> None:
        from audit import tracking

        tracking.record_change(instance, found["action"], found.get("changes"))

    def log_m2m_changes(
        self,
        changed_queryset: models.QuerySet[Any],
        instance: models.Model,
        operation: str,
        field_name: str,
        **_: Any,
    ) -> None:
        from audit import tracking

        keys = [str(pk) for pk in changed_queryset.values_list("pk", flat=True)]
        if keys:
            tracking.record_change(instance, self.model.Action.UPDATE, {field_name: {operation: keys}})
