#!/usr/bin/env python3
"""Run a management command, with the checkout's own environment and the clinic that `script/server` keeps."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# These change the shape of the database, so they speak to it as its owner; everything else uses the app's role.
OWNER_COMMANDS = {"migrate", "provision", "sqlmigrate", "showmigrations"}


def main() -> None:
    python = HERE / ".venv" / "bin" / "python"
    if importlib.util.find_spec("django") is None and python.exists():
        os.execv(python, [str(python), *sys.argv])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    state = Path(os.environ.get("PORTAL_STATE") or HERE / ".portal")
    if "PORTAL_MODE" not in os.environ and (state / "environment").exists():
        # Only `script/server` writes that file, so here is a demo clinic; a real deployment has none.
        os.environ["PORTAL_MODE"] = "demo"
    if sys.argv[1:2] and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("PORTAL_DB_ROLE", "owner")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here: run script/setup first.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refusal:
        hint = "" if os.environ.get("PORTAL_MODE") else " (For the demo clinic, run script/server first.)"
        sys.exit(f"{refusal}{hint}")


if __name__ == "__main__":
    main()
