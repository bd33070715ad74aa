"""A process with a setting missing or malformed does not start, and says which one."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

SETTINGS = Path(__file__).parents[2] / "portal" / "settings.py"

PRODUCTION = {
    "PORTAL_MODE": "production",
    "SECRET_KEY": "7Vq0c8s1Yk3Zr5Tn9Wb2Xm4Lp6Jd8Hf0Gs1Ea3Qu5Io7Pz9Vy2Ct4Bn6Rk8",
    "SEALING_KEYS": "file:/etc/portal/sealing-keys",
    "ALLOWED_HOSTS": "portal.riverside.example",
    "CLINIC_NAME": "Riverside Clinic",
    "CLINIC_PHONE": "+1 555 010 0140",
    "DATABASE_URL": "postgresql://portal_app:pw@db.riverside.example/portal?sslmode=verify-full",
    "DATABASE_OWNER_URL": "postgresql://portal_owner:pw@db.riverside.example/portal?sslmode=verify-full",
    "BROKER_URL": "rediss://:pw@broker.riverside.example:6379/0",
    "EMAIL_URL": "smtp+tls://portal:p%40ss@mail.riverside.example:587",
    "EMAIL_FROM": "portal@riverside.example",
    "FILES_URL": "file:///var/lib/portal/files",
}


@pytest.fixture
def read(monkeypatch):
    """Read the settings file as a fresh process would, with exactly these variables."""

    def read(**changes: str | None) -> dict:
        for name in (
            *PRODUCTION,
            "DEBUG",
            "PORTAL_DB_ROLE",
            "TRUSTED_PROXIES",
            "CLINIC_TIME_ZONE",
            "PORTAL_URL",
        ):
            monkeypatch.delenv(name, raising=False)
        for name, value in (PRODUCTION | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return read


def test_a_complete_production_starts(read):
    settings = read()
    assert settings["DEBUG"] is False
    assert settings["SESSION_COOKIE_NAME"] == "__Host-session"
    assert settings["DATABASES"]["default"]["OPTIONS"]["sslmode"] == "verify-full"
    assert settings["DATABASES"]["default"]["USER"] == "portal_app"
    assert settings["EMAIL_HOST_PASSWORD"] == "p@ss"
    assert settings["EMAIL_USE_TLS"] is True


def test_production_is_what_nothing_said_means(read):
    assert read(PORTAL_MODE=None)["PRODUCTION"] is True


@pytest.mark.parametrize(
    "name", [name for name in PRODUCTION if name not in ("PORTAL_MODE", "DATABASE_OWNER_URL")]
)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named(read, name, value):
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} "):
        read(**{name: value})


def test_the_owner_needs_an_address_of_its_own(read):
    assert read(PORTAL_DB_ROLE="owner")["DATABASES"]["default"]["USER"] == "portal_owner"
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_OWNER_URL "):
        read(PORTAL_DB_ROLE="owner", DATABASE_OWNER_URL=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_MODE", "developement"),
        ("PORTAL_DB_ROLE", "superuser"),
        ("DEBUG", "perhaps"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_PROXIES", "-1"),
        ("COUNTRY_HEADER", "CF-IPCountry"),
        ("CLINIC_NETWORKS", "198.51.100.7/24"),
        ("CLINIC_NETWORKS", "the ground floor"),
        ("CLINIC_TIME_ZONE", "Mars/Olympus"),
        ("CLINIC_TIME_ZONE", "../etc/passwd"),
        ("DATABASE_URL", "mysql://db/portal"),
        ("DATABASE_URL", "postgresql://portal_app@db/portal?colour=blue"),
        ("DATABASE_URL", "postgresql://portal_app@db"),
        ("EMAIL_URL", "pigeon://roof"),
        ("EMAIL_URL", "smtp+tls://"),
        ("EMAIL_URL", "smtp://mail:many"),
        ("FILES_URL", "/var/lib/portal/files"),
        ("FILES_QUOTA_MB", "none"),
    ],
)
def test_what_is_malformed_is_named(read, name, value):
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} "):
        read(**{name: value})


def test_a_refusal_never_repeats_a_password(read):
    with pytest.raises(ImproperlyConfigured) as refusal:
        read(DATABASE_URL="postgresql://portal_app:open-sesame@db/portal?colour=blue")
    assert "open-sesame" not in str(refusal.value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read(EMAIL_URL="smtpx://portal:open-sesame@mail")
    assert "open-sesame" not in str(refusal.value)


def test_a_forwarded_header_is_believed_behind_a_proxy_of_ours_only(read):
    assert "SECURE_PROXY_SSL_HEADER" not in read()
    assert read(TRUSTED_PROXIES="1")["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


def test_the_demo_makes_its_own_secrets_once(read, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTAL_STATE", str(tmp_path / "state"))
    only = dict.fromkeys(PRODUCTION) | {
        "PORTAL_MODE": "demo",
        "DATABASE_URL": "postgresql://portal_app@/portal",
        "BROKER_URL": "redis+socket:///tmp/broker.sock",
    }
    first, second = read(**only), read(**only)
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) > 50
    key_file = Path(first["SEALING_KEYS"].removeprefix("file:"))
    assert key_file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_every_setting_of_the_environment_stands_in_the_operations_guide():
    import re

    guide = SETTINGS.parents[1] / "docs" / "operations.md"
    if not guide.exists():
        pytest.skip("the guide is not written yet")
    text = SETTINGS.read_text()
    names = set(re.findall(r'(?:required|whole_number|yes_or_no|environ\.get)\(\s*"([A-Z_]+)"', text))
    assert {name for name in names if f"`{name}`" not in guide.read_text()} == set()
