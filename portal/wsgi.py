from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()

from portal.checks import refuse_an_unsafe_start  # noqa: E402  (the apps must be there first)

refuse_an_unsafe_start()
