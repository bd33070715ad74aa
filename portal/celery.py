from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

app = Celery("portal")
app.config_from_object(settings.CELERY)
# "Current" is said to one thread only. The web's other threads would nudge a broker on localhost that is not there.
app.set_default()
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_log_lines(**kwargs: Any) -> None:
    """Celery would put handlers of its own in place, which write arguments and tracebacks."""


@worker_init.connect
@beat_init.connect
def start_safely(**kwargs: Any) -> None:
    from portal.checks import refuse_an_unsafe_start

    try:
        refuse_an_unsafe_start()
    except ImproperlyConfigured as refusal:
        sys.exit(str(refusal))  # Any other exception is logged by Celery, which then goes on.
