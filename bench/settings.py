"""The portal's own settings, the floor's pages beside it, and, for the tax, a portal without seal and audit."""

from __future__ import annotations

import os

from bench.alone import *  # noqa: F403
from bench.alone import INSTALLED_APPS

BARE = os.environ.get("BENCH_BARE") == "1"

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions", "bench.floor"]
if BARE:
    INSTALLED_APPS.append("bench.bare.BareConfig")
ROOT_URLCONF = "bench.urls"
# The floor signs its people in as Django does out of the box.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
FLOOR_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "bench.counting.FloorAddresses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
