"""What a portal with real patients may not be started with (HSR-09: no line in the clear)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import checks
from portal.local import state
from tests.portal.test_settings import PRODUCTION


@pytest.fixture
def production(settings, tmp_path, monkeypatch):
    """Settings that are safe, to be spoilt one at a time."""
    key_file = tmp_path / "sealing-keys"
    key_file.write_text("k1 …\n")
    key_file.chmod(0o600)
    settings.PRODUCTION, settings.PORTAL_MODE, settings.DEBUG = True, "production", False
    settings.SECRET_KEY = "7Vq0c8s1Yk3Zr5Tn9Wb2Xm4Lp6Jd8Hf0Gs1Ea3Qu5Io7Pz9Vy2Ct4Bn6Rk8"
    settings.SEALING_KEYS = f"file:{key_file}"
    settings.ALLOWED_HOSTS = ["portal.riverside.example"]
    set_database(monkeypatch, "db.riverside.example", sslmode="verify-full")
    settings.BROKER_URL = "rediss://broker.riverside.example:6379/0"
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = True, False
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 63_072_000
    return settings


def set_database(monkeypatch, host: str, **options: str) -> None:
    from django.conf import settings

    monkeypatch.setitem(settings.DATABASES["default"], "HOST", host)
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)


def found() -> set[str]:
    return {str(finding.id) for finding in checks.safe_to_open()}


def test_safe_settings_pass_and_start(production):
    assert found() == set()
    checks.refuse_an_unsafe_start()


@pytest.mark.parametrize(
    ("name", "value", "finding"),
    [
        ("PORTAL_MODE", "demo", "portal.E001"),
        ("DEBUG", True, "portal.E002"),
        ("SECRET_KEY", "short", "portal.E003"),
        ("SECRET_KEY", "a" * 80, "portal.E003"),
        ("SECRET_KEY", "django-insecure-7Vq0c8s1Yk3Zr5Tn9Wb2Xm4Lp6Jd8Hf0Gs1Ea3Qu5Io7Pz9", "portal.E003"),
        ("SEALING_KEYS", "file:/nowhere/at/all", "portal.E004"),
        ("ALLOWED_HOSTS", ["*"], "portal.E007"),
        ("ALLOWED_HOSTS", ["portal.example", "."], "portal.E007"),
        ("BROKER_URL", "redis://broker.example:6379/0", "portal.E009"),
        ("BROKER_URL", "rediss://broker.example:6379/0?ssl_cert_reqs=none", "portal.E010"),
        ("EMAIL_USE_TLS", False, "portal.E011"),
        ("SESSION_COOKIE_SECURE", False, "portal.E012"),
        ("CSRF_COOKIE_SECURE", False, "portal.E012"),
        ("SECURE_SSL_REDIRECT", False, "portal.E012"),
        ("SECURE_HSTS_SECONDS", 3600, "portal.E013"),
    ],
)
def test_an_unsafe_setting_is_found_and_stops_the_start(production, name, value, finding):
    setattr(production, name, value)
    if name == "PORTAL_MODE":
        production.PRODUCTION = False
        assert found() == {finding}
        return
    assert found() == {finding}
    with pytest.raises(ImproperlyConfigured):
        checks.refuse_an_unsafe_start()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "redis+socket:///run/portal/broker.sock"),
        ("SEALING_KEYS", "inline:k1 …"),
    ],
)
def test_what_never_leaves_the_machine_needs_no_encryption(production, name, value):
    setattr(production, name, value)
    assert found() == set()


@pytest.mark.parametrize("options", [{}, {"sslmode": "prefer"}, {"sslmode": "disable"}])
def test_a_database_elsewhere_needs_an_encrypted_line(production, monkeypatch, options):
    set_database(monkeypatch, "db.example", **options)
    assert found() == {"portal.E008"}


@pytest.mark.parametrize(
    ("host", "options"),
    [("/var/run/postgresql", {}), ("127.0.0.1", {}), ("db.example", {"sslmode": "require"})],
)
def test_a_database_here_or_behind_encryption_is_fine(production, monkeypatch, host, options):
    set_database(monkeypatch, host, **options)
    assert found() == set()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_open_to_others_is_found(production, mode):
    Path(production.SEALING_KEYS.removeprefix("file:")).chmod(mode)
    assert found() == {"portal.E005"}


def test_keys_kept_beside_the_program_are_found(production):
    beside = Path(production.BASE_DIR) / ".portal" / "sealing-keys"
    production.SEALING_KEYS = f"file:{beside}"
    assert "portal.E006" in found()


def test_the_demo_starts_with_its_own_settings(production):
    production.PRODUCTION, production.DEBUG = False, True
    checks.refuse_an_unsafe_start()


@pytest.mark.django_db
def test_the_app_role_passes_its_own_check(app_role, settings):
    settings.PORTAL_DB_ROLE = "app"
    assert checks.the_app_role_is_kept_small(databases=["default"]) == []


@pytest.mark.django_db
def test_the_owner_in_the_place_of_the_app_is_found(settings):
    settings.PORTAL_DB_ROLE = "app"
    findings = {finding.id for finding in checks.the_app_role_is_kept_small(databases=["default"])}
    assert findings == {"portal.E014", "portal.E015"}


@pytest.mark.parametrize(
    "program",
    [
        ("gunicorn", "-c", "python:portal.serving", "portal.wsgi"),
        ("celery", "-A", "portal.celery", "worker", "--pool=threads"),
        ("celery", "-A", "portal.celery", "beat", "--schedule={folder}/beat", "--pidfile="),
    ],
    ids=["web", "worker", "beat"],
)
def test_no_program_of_production_starts_unsafely(tmp_path, program):
    key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    key_file = tmp_path / "sealing-keys"
    key_file.write_text(f"k1 {key}\ndigest {key}\n")
    key_file.chmod(0o600)
    environment = {
        **PRODUCTION,
        "PATH": os.environ["PATH"],
        "PORTAL_BIND": "127.0.0.1:0",
        "SEALING_KEYS": f"file:{key_file}",
        "DEBUG": "yes",
    }
    command = [str(Path(sys.executable).parent / program[0]), *program[1:]]
    done = subprocess.run(
        [part.format(folder=tmp_path) for part in command],
        cwd=state.ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "DEBUG is on" in done.stdout + done.stderr
