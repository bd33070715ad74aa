"""What the worker does by the clock. A tick that comes late is not run twice: the next one does its work."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

_MINUTE, _HOUR = 60.0, 3600.0


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


SCHEDULE = {
    # What no nudge reached: a lost one, a failure whose time has come, the work of a worker that died.
    "sweep": _every(20.0, "accounts.tasks.sweep_notifications"),
    "unread": _every(15 * _MINUTE, "messaging.tasks.watch_unread"),
    "check-files": _every(30.0, "messaging.tasks.sweep_files"),
    "tidy-files": {"task": "messaging.tasks.tidy_files", "schedule": crontab(hour=8, minute=30)},
    "drafts": _every(_HOUR, "messaging.tasks.tidy_drafts"),
    "covers": _every(_HOUR, "messaging.tasks.check_covers"),
    "birthdays": _every(_HOUR, "accounts.tasks.birthdays"),
    "tidy": _every(10 * _MINUTE, "accounts.tasks.tidy"),
}
