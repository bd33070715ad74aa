"""The only road from an id in a request to an event."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from audit.context import Agent
from audit.models import AuditEvent
from audit.recorder import record_refusal


def event_for(user: Agent, ref: UUID) -> AuditEvent:
    """Return the event if `user` reviews the trail. Otherwise 404, and remember who tried."""
    if event := AuditEvent.objects.visible_to(user).filter(pk=ref).first():
        return event
    hidden = AuditEvent.objects.filter(pk=ref).first()
    record_refusal(agent=user, target=hidden, reason="hidden" if hidden else "absent")
    raise Http404("No such event.")  # the same words whether hidden or absent
