"""How gunicorn serves the portal: `gunicorn -c python:portal.serving portal.wsgi`."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from portal.logs import LOGGING

bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("PORTAL_WORKERS", "2"))
threads = int(os.environ.get("PORTAL_THREADS", "4"))
timeout = 30
graceful_timeout = 10
keepalive = 5
# It would open one in the home of whoever runs this.
control_socket_disable = True
# Who called is worked out from TRUSTED_PROXIES, in one place; here no header is believed.
forwarded_allow_ips = ""
limit_request_line = 4094
limit_request_fields = 60
# A request line is the portal's own business (portal.middleware.RequestLine): this one would hold what was typed.
accesslog = None
logconfig_dict = LOGGING

M_ARENA_MAX = -8


def post_fork(server: Any, worker: Any) -> None:
    """One heap for all threads: glibc gives each its own, and what one frees the others cannot use."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not everywhere: musl, macOS
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
