"""`script/bench` runs from end to end, at a size that says nothing about speed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.drill
def test_the_bench_measures_every_page_beside_its_floor(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--threads", "120", "--events", "200", "--seconds", "0.2", "--clients", "1",
         "--requests", "20", "--json", str(figures)],
        cwd=ROOT,
        env={**os.environ, "PORTAL_STATE": str(tmp_path / "state"), "PORTAL_MODE": "demo"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert [page["key"] for page in found["pages"]] == ["inbox", "thread", "team", "send", "audit"]
    for page in found["pages"]:
        assert page["ratio"] > 0
        assert page["tax"] > 0
        assert page["contenders"]["product"]["before_view"] <= 1
        assert page["words"] in done.stdout
    assert found["own"]["open_1kb_us"] > 0
    assert len(found["memory"]["end_mb"]) == 2
    assert not (tmp_path / "state" / "bench").exists()


def test_the_product_does_not_know_the_bench() -> None:
    for room in ("audit", "accounts", "messaging", "portal"):
        for path in sorted((ROOT / room).rglob("*.py")):
            assert not re.search(r"^\s*(from|import) bench\b", path.read_text(), re.MULTILINE), path


def test_seal_and_audit_come_off_in_the_benchs_own_database_alone(tmp_path: Path) -> None:
    environment = {
        **os.environ, "PORTAL_STATE": str(tmp_path), "PORTAL_MODE": "demo", "BENCH_BARE": "1",
        "DJANGO_SETTINGS_MODULE": "bench.settings", "BROKER_URL": "memory://", "PORTAL_DB_ROLE": "app",
    }  # fmt: skip
    start = [sys.executable, "-c", "import django; django.setup()"]
    for database, words in (("portal", "throwaway database"), ("bench_portal", "the bench's own")):
        environment["DATABASE_URL"] = f"postgresql://portal_app@/{database}"
        done = subprocess.run(
            start, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert words in done.stderr
