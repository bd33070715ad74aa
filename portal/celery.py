from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings  # noqa: E402  (the line above must come first)

app = Celery("portal")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks()
