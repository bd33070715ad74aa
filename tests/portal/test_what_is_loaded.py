"""A web process holds what every request needs. What few need is loaded by the first that does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Each brings megabytes into every worker, for a passkey, a photo or a paper that most workers never see.
ON_DEMAND = {"webauthn", "PIL", "pi_heif", "pikepdf", "lxml", "reportlab", "boto3"}
START = """
import json, sys
from accounts.policy import addresses
import portal.wsgi
assert list(addresses())
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_web_process_starts_without_what_few_requests_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import portal.wsgi{START}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "django" in loaded
    assert not loaded & ON_DEMAND
