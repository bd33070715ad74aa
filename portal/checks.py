"""What a portal with real patients may not be started with. `check --deploy` says it, and so does the web server.

Settings that are missing already stop the process in `portal/settings.py`; here is what is set, and unsafe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
LEAST_SECRET_KEY = 50

Finding = Iterator[CheckMessage]
_RULES: list[Callable[[], Finding]] = []


def rule(check: Callable[[], Finding]) -> Callable[[], Finding]:
    _RULES.append(check)
    return check


@register(Tags.security, deploy=True)
def safe_to_open(**kwargs: Any) -> list[CheckMessage]:
    return [finding for check in _RULES for finding in check()]


def refuse_an_unsafe_start() -> None:
    """For the web server and the worker: in production they do not come up with a setting that is unsafe."""
    if settings.PRODUCTION and (findings := safe_to_open()):
        raise ImproperlyConfigured(" ".join(str(finding.msg) for finding in findings))


@rule
def mode() -> Finding:
    if not settings.PRODUCTION:
        yield Error(f"PORTAL_MODE is {settings.PORTAL_MODE}: its passwords are public.", id="portal.E001")


@rule
def debug() -> Finding:
    if settings.DEBUG:
        yield Error("DEBUG is on: error pages would show what is in memory.", id="portal.E002")


@rule
def secret_key() -> Finding:
    key = settings.SECRET_KEY
    if len(key) < LEAST_SECRET_KEY or len(set(key)) < 10 or key.startswith("django-insecure"):
        yield Error(
            f"SECRET_KEY is too easy: at least {LEAST_SECRET_KEY} random characters.",
            hint="python -c 'import secrets; print(secrets.token_urlsafe(64))'",
            id="portal.E003",
        )


@rule
def sealing_keys() -> Finding:
    kind, _, rest = settings.SEALING_KEYS.partition(":")
    if kind != "file":
        return
    path = Path(rest)
    try:
        found = path.stat()
    except OSError as failure:
        yield Error(f"SEALING_KEYS: {path} cannot be read ({type(failure).__name__}).", id="portal.E004")
        return
    if stat.S_IMODE(found.st_mode) & 0o077:
        yield Error(f"SEALING_KEYS: {path} is open to others: give it mode 0600.", id="portal.E005")
    if Path(settings.BASE_DIR) in path.resolve().parents:
        yield Error(
            f"SEALING_KEYS: {path} lies in the program's own folder: keep keys elsewhere.", id="portal.E006"
        )


@rule
def hosts() -> Finding:
    if any(host == "*" or host in (".", "") for host in settings.ALLOWED_HOSTS):
        yield Error(
            "ALLOWED_HOSTS admits every name: links in e-mails could be made to lead elsewhere.",
            id="portal.E007",
        )


@rule
def database_line() -> Finding:
    for alias in settings.DATABASES:
        database = settings.DATABASES[alias]
        if is_here(database["HOST"]):
            continue
        if database["OPTIONS"].get("sslmode") not in ENCRYPTED:
            yield Error(
                "DATABASE_URL: the line to the database is not encrypted: add sslmode=verify-full.",
                id="portal.E008",
            )


@rule
def broker_line() -> Finding:
    address = urlsplit(settings.BROKER_URL)
    if address.scheme not in ("rediss", "redis+socket"):
        yield Error(
            "BROKER_URL: the line to the broker is not encrypted: use rediss:// or a socket.",
            id="portal.E009",
        )
    elif parse_qs(address.query).get("ssl_cert_reqs", [""])[0].upper().removeprefix("CERT_") == "NONE":
        yield Error(
            "BROKER_URL: the broker's certificate is not looked at (ssl_cert_reqs=none).", id="portal.E010"
        )


@rule
def mail_line() -> Finding:
    if not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        yield Error(
            "EMAIL_URL: the line to the mail server is not encrypted: smtp+tls:// or smtps://.",
            id="portal.E011",
        )


@rule
def browser_line() -> Finding:
    needed = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY")
    if missing := [name for name in needed if not getattr(settings, name)]:
        yield Error(f"Browsers could be spoken to in the clear: {', '.join(missing)}.", id="portal.E012")
    if settings.SECURE_HSTS_SECONDS < 31_536_000:
        yield Error("SECURE_HSTS_SECONDS is less than a year.", id="portal.E013")


@rule
def files_folder() -> Finding:
    folder = settings.STORAGES["files"]["OPTIONS"].get("location", "")
    if not settings.FILES_URL.startswith("file:"):
        return
    path = Path(folder)
    inside = {path, *path.parents}
    if Path(settings.STATIC_ROOT) in inside or Path(settings.BASE_DIR) in inside:
        yield Error(
            f"FILES_URL: {path} lies among the program or its static files: keep files elsewhere.",
            id="portal.E030",
        )
    if not path.exists():
        return  # The first file makes it, open to nobody else.
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        yield Error(f"FILES_URL: {path} is no folder that we can write to.", id="portal.E031")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Error(f"FILES_URL: {path} is open to others: give it mode 0700.", id="portal.E032")


@rule
def scanner_line() -> Finding:
    if settings.SCANNER_URL and not is_here(urlsplit(settings.SCANNER_URL).hostname or ""):
        yield Error(
            "SCANNER_URL: files would go to the scanner unencrypted: use a socket, or a tunnel on this machine.",
            id="portal.E033",
        )


@register(Tags.database)
def the_app_role_is_kept_small(**kwargs: Any) -> list[CheckMessage]:
    """Asked of the database itself, by `check --database default` and at the start of the web server."""
    if "default" not in (kwargs.get("databases") or []) or settings.PORTAL_DB_ROLE != "app":
        return []
    return list(role_findings())


def role_findings() -> Finding:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolcreaterole OR rolbypassrls, "
            "EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user) "
            "FROM pg_roles WHERE rolname = current_user"
        )
        powerful, owns = cursor.fetchone()
        cursor.execute(
            "SELECT has_table_privilege('audit_auditevent', 'UPDATE, DELETE, TRUNCATE') "
            "FROM pg_class WHERE relname = 'audit_auditevent'"
        )
        rewrites = cursor.fetchone()
    if powerful or owns:
        yield Error(
            "DATABASE_URL: this role owns tables, or has powers over others: the app's may not.",
            id="portal.E014",
        )
    if rewrites and rewrites[0]:
        yield Error("DATABASE_URL: this role may rewrite the audit trail: run provision.", id="portal.E015")


def is_here(host: str) -> bool:
    """A socket, or this machine: nothing leaves it."""
    return not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
