"""Which browser the tests use, and what is said without one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from portal.local import state
from tests import browsers


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without any browser."""
    monkeypatch.delenv("PORTAL_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "fetched"))
    monkeypatch.setattr(browsers, "APPLICATIONS", ())
    return tmp_path


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_an_installed_browser_comes_before_a_fetched_one(machine):
    fetched = program(machine / "fetched" / "chromium-1255" / "chrome-linux64" / "chrome")
    assert browsers.find() == fetched
    installed = program(machine / "programs" / "google-chrome")
    assert browsers.find() == installed


def test_a_named_browser_comes_first(machine, monkeypatch):
    program(machine / "programs" / "chromium")
    named = program(machine / "mine")
    monkeypatch.setenv("PORTAL_BROWSER", named)
    assert browsers.find() == named


def test_a_machine_without_one_says_what_to_do(machine, capsys):
    assert browsers.main([]) == 1
    assert "PORTAL_BROWSER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("required", "code", "words"), [("", 0, "could NOT be run"), ("1", 4, "would be left out")]
)
def test_browser_tests_are_left_out_loudly_or_not_at_all(required, code, words):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**plain, "PORTAL_BROWSER": "/nowhere", "PORTAL_BROWSER_REQUIRED": required}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/browser"],
        cwd=state.ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code
    assert words in done.stdout + done.stderr
