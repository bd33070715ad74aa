"""What has to run inside the portal's own process: `python -m bench.inside load|enter|own`. Answers in JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")


def load(options: argparse.Namespace) -> dict[str, Any]:
    from bench.loading import Loader, Size

    return Loader(Size(options.threads, options.messages, options.events)).load()


def enter(options: argparse.Namespace) -> dict[str, Any]:
    """Signed-in sessions, made in the database: for the portal, and as Django's own login makes them."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from accounts.models import Session, Strength, User

    store = import_module(settings.SESSION_ENGINE).SessionStore
    found: dict[str, Any] = {}
    for key in ("ana", "maya", "mira"):
        user = User.objects.by_email(f"{key}@riverside.example")
        assert user is not None  # noqa: S101  (the loader made her)
        ours, stock = [], []
        for _number in range(options.sessions):
            session = Session.objects.begin(by=user, browser="Firefox")
            session.strengthen(by=user, strength=Strength.FULL, factor="totp")
            ours.append(session.key)
            plain = store()
            plain[SESSION_KEY] = str(user.pk)
            plain[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
            plain[HASH_SESSION_KEY] = user.get_session_auth_hash()
            plain.create()
            stock.append(plain.session_key)
        found[key] = {"portal": ours, "floor": stock}
    return found


def own(options: argparse.Namespace) -> dict[str, Any]:
    from bench.own_time import figures

    return figures(rounds=options.rounds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.inside")
    kinds = parser.add_subparsers(required=True)
    loading = kinds.add_parser("load")
    for name in ("threads", "messages", "events"):
        loading.add_argument(f"--{name}", type=int, required=True)
    loading.set_defaults(run=load)
    entering = kinds.add_parser("enter")
    entering.add_argument("--sessions", type=int, required=True)
    entering.set_defaults(run=enter)
    owning = kinds.add_parser("own")
    owning.add_argument("--rounds", type=int, default=2000)
    owning.set_defaults(run=own)
    options = parser.parse_args()

    import django

    django.setup()
    json.dump(options.run(options), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
