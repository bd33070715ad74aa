from __future__ import annotations

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)


class Utf8Request(WSGIRequest):
    """A request in UTF-8, whatever its header says.

    Django would read it in any alphabet that Python knows: some bring half characters past `CleanInput`, and some
    fail before the first middleware, without an answer of ours.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):
            self.content_type, self.content_params = "", {}


class Handler(WSGIHandler):
    request_class = Utf8Request


application = Handler()

from portal.checks import refuse_an_unsafe_start  # noqa: E402  (the apps must be there first)

refuse_an_unsafe_start()

# All the code behind the addresses, before somebody waits for the first page of this process.
from django.urls import get_resolver  # noqa: E402

get_resolver().url_patterns  # noqa: B018

# And the readers of danger: they take a second to come to mind, and nobody in need waits for it.
from messaging.red_flags import look  # noqa: E402

look("")
