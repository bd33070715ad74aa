"""The portal's own settings with the pace of a bench: a few accounts do in a minute what a clinic does in a day."""

from django.core.exceptions import ImproperlyConfigured

from portal.settings import *  # noqa: F403
from portal.settings import DATABASES, DEMO, TRY_LIMITS

if not DEMO or not str(DATABASES["default"]["NAME"]).startswith("bench_"):
    raise ImproperlyConfigured("The bench measures a throwaway database of its own: run script/bench.")

TRY_LIMITS = {name: (1_000_000, within) for name, (_most, within) in TRY_LIMITS.items()}
