"""Settings: one file for every mode, and every reader refuses loudly, naming the variable.

`PORTAL_MODE` is `production` unless it says `demo` or `test`. Production has no default for anything secret; the
demo and the tests keep theirs in the checkout's state folder (`portal/local/state.py`).
"""

from __future__ import annotations

import os
from datetime import timedelta
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environs import Env, EnvError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from portal.containment import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY
from portal.containment import PERMISSIONS_POLICY as PERMISSIONS_POLICY
from portal.local import state
from portal.logs import LOGGING as LOGGING
from portal.schedule import SCHEDULE
from portal.stores import file_store
from portal.try_limits import TRY_LIMITS as TRY_LIMITS

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

PORTAL_MODE: str = os.environ.get("PORTAL_MODE", "production")
if PORTAL_MODE not in ("production", "demo", "test"):
    raise ImproperlyConfigured(f"PORTAL_MODE is {PORTAL_MODE!r}: it is production, demo or test.")
PRODUCTION = PORTAL_MODE == "production"
DEMO = PORTAL_MODE == "demo"
TESTING = PORTAL_MODE == "test"

if DEMO:
    for _name, _value in state.environment().items():
        os.environ.setdefault(_name, _value)


def required(name: str, *, why: str) -> str:
    """The variable's text. Missing or empty: the process does not start."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {why}")
    return value


def whole_number(name: str, *, default: int, least: int = 0) -> int:
    try:
        value = env.int(name, default)
    except EnvError as bad:
        raise ImproperlyConfigured(f"{name} is not a whole number.") from bad
    if value < least:
        raise ImproperlyConfigured(f"{name} is {value}: it is at least {least}.")
    return int(value)


def yes_or_no(name: str, *, default: bool) -> bool:
    try:
        return bool(env.bool(name, default))
    except EnvError as bad:
        raise ImproperlyConfigured(f"{name} is neither true nor false.") from bad


def database(name: str, url: str) -> dict[str, Any]:
    """A `postgresql://` address, with every option libpq knows, as Django wants it."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured(f"{name} is not a postgresql:// address.")
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError as bad:  # Its words may quote the password.
        raise ImproperlyConfigured(f"{name} is not an address that PostgreSQL's client understands.") from bad
    if not parts.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "CONN_HEALTH_CHECKS": True,  # A restarted database costs one reconnect, not an error page.
        "OPTIONS": {"connect_timeout": 5, **parts},
    }


def mail_server(url: str) -> dict[str, Any]:
    """`smtp+tls://name:password@host:587` (STARTTLS), `smtps://…:465` (TLS at once), `smtp://…:25` (neither)."""
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    try:
        port = parts.port or ports[parts.scheme]
    except (KeyError, ValueError) as bad:
        raise ImproperlyConfigured("EMAIL_URL is none of smtp+tls://, smtps:// or smtp://.") from bad
    if not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL names no host.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in os.environ.get(name, "").split(",") if part.strip())
    except ValueError as bad:
        raise ImproperlyConfigured(f"{name} is not a list of networks: 192.0.2.0/24, 2001:db8::/48.") from bad


def clinic_zone() -> str:
    name = os.environ.get("CLINIC_TIME_ZONE", "America/New_York")
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as bad:
        raise ImproperlyConfigured(f"CLINIC_TIME_ZONE is {name!r}: no such time zone.") from bad


# --- secrets and keys

DEBUG = yes_or_no("DEBUG", default=False)
if PRODUCTION:
    SECRET_KEY = required("SECRET_KEY", why="a long random text that signs forms and links.")
    # `file:/path` to a key file (0600), or `inline:` and the same text. Each line is an id, a space and 32 bytes
    # in base64: the first key seals, later ones only open, and the one called `digest` makes look-up digests.
    SEALING_KEYS = required("SEALING_KEYS", why="file:/path/to/the/key/file that seals health data.")
else:
    SECRET_KEY = os.environ.get("SECRET_KEY") or state.secret_key()
    SEALING_KEYS = os.environ.get("SEALING_KEYS") or state.sealing_keys()

# --- the clinic

CLINIC_NAME = os.environ.get("CLINIC_NAME", "" if PRODUCTION else "Riverside Clinic")
CLINIC_PHONE = os.environ.get("CLINIC_PHONE", "" if PRODUCTION else "+1 555 010 0140")
CLINIC_TIME_ZONE = clinic_zone()
CLINIC_JURISDICTION = os.environ.get("CLINIC_JURISDICTION", "US")
if not CLINIC_NAME:
    raise ImproperlyConfigured("CLINIC_NAME is not set: pages and e-mails say whose portal this is.")
if not CLINIC_PHONE:
    raise ImproperlyConfigured("CLINIC_PHONE is not set: every page that cannot help says whom to call.")

# --- where we are reached

ALLOWED_HOSTS = [host.strip() for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set: the host names of this portal, with commas between."
    )
if not PRODUCTION:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]", "testserver"]
# How many proxies of ours stand in front. Addresses and https are taken from their headers, and from no others.
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", default=0)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Which header of theirs says the country somebody calls from. A client's own word is never taken for it.
COUNTRY_HEADER = os.environ.get("COUNTRY_HEADER", "").strip()
if COUNTRY_HEADER and not TRUSTED_PROXIES:
    raise ImproperlyConfigured("COUNTRY_HEADER needs TRUSTED_PROXIES: no other header is believed.")
CLINIC_NETWORKS = networks("CLINIC_NETWORKS")
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS] if PRODUCTION else []
PORTAL_URL = os.environ.get("PORTAL_URL") or (
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else "http://127.0.0.1:8000"
)

# --- servers

# The app's role may not change the shape of the database nor the audit trail; the owner migrates.
PORTAL_DB_ROLE = os.environ.get("PORTAL_DB_ROLE", "owner" if TESTING else "app")
_database_variable = {"app": "DATABASE_URL", "owner": "DATABASE_OWNER_URL"}.get(PORTAL_DB_ROLE)
if _database_variable is None:
    raise ImproperlyConfigured(f"PORTAL_DB_ROLE is {PORTAL_DB_ROLE!r}: it is app or owner.")
DATABASES = {
    "default": database(
        _database_variable,
        required(_database_variable, why=f"postgresql:// address of the {PORTAL_DB_ROLE} role."),
    )
}
_app = database("DATABASE_URL", os.environ["DATABASE_URL"]) if os.environ.get("DATABASE_URL") else {}
DATABASE_APP_USER: str = _app.get("USER") or "portal_app"
DATABASE_APP_PASSWORD: str = _app.get("PASSWORD", "")
if TESTING:
    DATABASES["default"]["TEST"] = {"NAME": os.environ.get("PORTAL_TEST_DATABASE", "test_portal")}
elif PORTAL_DB_ROLE == "app":
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": whole_number("DATABASE_POOL", default=8, least=1),
        "timeout": 4,
        # Left to itself the pool waits twice as long after every failure, and so stays away long after a database
        # is back. Giving up early makes the next request try at once.
        "reconnect_timeout": 1,
    }
    # The server keeps the plan of a statement that `audit.prepared` asks again and again. 0: it may not, because a
    # pooler stands between that gives each transaction another connection.
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = (
        whole_number("DATABASE_PREPARE_AFTER", default=2) or None
    )
if PORTAL_DB_ROLE != "app" or DATABASES["default"]["OPTIONS"]["prepare_threshold"]:
    # In a large clinic the server would compile what it takes for long: half a second, for a page of milliseconds.
    # Left out where a pooler stands between, which may refuse options.
    _options = DATABASES["default"]["OPTIONS"]
    _options["options"] = f"{_options.get('options', '')} -c jit=off".strip()

BROKER_URL = os.environ.get("BROKER_URL", "memory://" if TESTING else "")
if not BROKER_URL and (PRODUCTION or DEMO) and PORTAL_DB_ROLE == "app":
    raise ImproperlyConfigured(
        "BROKER_URL is not set: redis://, rediss:// or redis+socket:// of the task broker."
    )

DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get(
    "EMAIL_FROM", "" if PRODUCTION else "portal@riverside.example"
)
EMAIL_TIMEOUT = 10
DEMO_MAIL_FOLDER = state.state_folder() / "mail" if DEMO else None
if os.environ.get("EMAIL_URL"):
    globals().update(mail_server(os.environ["EMAIL_URL"]))
elif DEMO:
    EMAIL_BACKEND = "portal.demo_mail.Mailbox"
elif PRODUCTION:
    raise ImproperlyConfigured("EMAIL_URL is not set: smtp+tls://name:password@host:587 of the mail server.")
if not DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured("EMAIL_FROM is not set: the address that notifications come from.")

# --- the application

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "audit",  # Before auditlog: our refusing `auditlogflush` stands in front of its emptying one.
    "auditlog",
    "django_otp",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "accounts",
    "messaging",
    "portal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "audit.middleware.RequestContextMiddleware",
    "portal.middleware.RequestLine",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "portal.middleware.NoStore",
    "django.middleware.locale.LocaleMiddleware",
    "portal.middleware.CleanInput",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.SessionMiddleware",
    "accounts.middleware.PolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False  # A redirect would lose what was posted, and would tell which addresses exist.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "APP_DIRS": True,
        "OPTIONS": {"environment": "portal.jinja.environment"},
    },
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]
APP_VERSION = "0.1.0"
DJANGO_OTP_VERSION = version("django-otp")

LANGUAGE_CODE = "en"
# A language is offered once its catalogue is whole (`script/messages --check`): half a page in each helps nobody.
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 20
# Whatever address takes files says so (`takes_files`) and gets the handler that seals them as they stream in.
FILE_UPLOAD_HANDLERS = ["messaging.filing.uploads.NoFiles"]
# How much one patient's record may hold in files.
FILES_QUOTA = whole_number("FILES_QUOTA_MB", default=500, least=1) * 1_000_000
# `clamd:///run/clamav/clamd.ctl` or `clamd://127.0.0.1:3310`. Without a scanner, files are marked as not checked.
SCANNER_URL = os.environ.get("SCANNER_URL", "")

# --- people and sessions

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS: list[
    str
] = []  # Sign-in is two steps of our own; nothing may take a shortcut past them.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.Length"},
    {"NAME": "accounts.passwords.NotGuessedFirst"},
]
# What was finished is opened again by a reply within this time; later a new conversation follows it.
REOPEN_WITHIN = timedelta(days=whole_number("REOPEN_DAYS", default=45))
# Whether patients read the names of staff, or what they are: "Nurse".
SHOW_STAFF_NAMES = yes_or_no("SHOW_STAFF_NAMES", default=True)
SESSION_IDLE_STAFF = timedelta(minutes=15)
SESSION_IDLE_PATIENT = timedelta(minutes=30)
SESSION_ABSOLUTE = timedelta(hours=12)
SESSION_HALF = timedelta(minutes=10)  # From the password to the second step.
STEP_UP_AGE = timedelta(minutes=5)
INVITATION_AGE = timedelta(hours=whole_number("INVITATION_HOURS", default=72, least=1))
# Privacy officers and administrators of accounts sign in with a passkey and nothing less. The demo and the tests
# have no passkeys to hand out; in production this cannot be turned off.
PASSKEYS_REQUIRED = yes_or_no("PASSKEYS_REQUIRED", default=PRODUCTION)
if PRODUCTION and not PASSKEYS_REQUIRED:
    raise ImproperlyConfigured("PASSKEYS_REQUIRED is false: that is for the demo and the tests.")
LOGIN_URL = "sign-in"
OTP_TOTP_ISSUER = CLINIC_NAME

# --- the browser's side of the wall

SECURE = PRODUCTION  # The demo speaks plain http on this machine only.
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 63_072_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# Says that somebody has signed in here before, and opens nothing.
DEVICE_COOKIE_NAME = "__Host-device" if SECURE else "device"
DEVICE_COOKIE_AGE = 365 * 24 * 60 * 60
PASSKEY_COOKIE_NAME = "__Host-passkey" if SECURE else "passkey"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
# --- static files

STATIC_URL = "static/"
STATIC_ROOT = Path(
    os.environ.get("STATIC_ROOT") or (BASE_DIR / "static" if PRODUCTION else state.state_folder() / "static")
)
FILES_URL = os.environ.get("FILES_URL", "" if PRODUCTION else (state.state_folder() / "files").as_uri())
if not FILES_URL:
    raise ImproperlyConfigured(
        "FILES_URL is not set: file:///folder, or s3://bucket, for what people attach."
    )
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "files": file_store(FILES_URL),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = TESTING
# Each client of a test builds the whole stack: it looks a file up when one is asked for, and does not list them all.
WHITENOISE_AUTOREFRESH = TESTING

# --- the audit trail

AUDITLOG_LOGENTRY_MODEL = "audit.AuditEvent"
AUDITLOG_DISABLE_REMOTE_ADDR = True  # Our own middleware knows the true address; theirs believes the client.
AUDITLOG_INCLUDE_ALL_MODELS = (
    False  # audit.tracking registers every model of ours, and a test holds it to that.
)

# --- the API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.PortalSessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.ApprovedByPolicy"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "accounts.api.answer_refusal",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "FORMAT_SUFFIX_KWARG": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Clinic portal",
    "DESCRIPTION": "Messages and refills, through the same doors as the pages.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- tasks

CELERY = {
    "broker_url": BROKER_URL,
    "broker_connection_retry_on_startup": True,
    "broker_connection_timeout": 2,
    "broker_transport_options": {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2},
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_publish_retry": False,  # The nudge may be lost; the sweep delivers. A page must not wait for a broker.
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "timezone": "UTC",
    "enable_utc": True,
    "beat_schedule": SCHEDULE,
}
