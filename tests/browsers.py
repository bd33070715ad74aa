"""A real browser for the tests: one that is installed, else one that can be fetched.

`python -m tests.browsers` prints where it is; with `--install` it fetches one first if there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FETCHED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium_headless_shell-*/chrome-*/*headless*shell",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)


def find() -> str | None:
    """An installed Chromium or Chrome, or one that Playwright has fetched. `PORTAL_BROWSER` names one."""
    if named := os.environ.get("PORTAL_BROWSER"):
        return named if os.access(named, os.X_OK) else None
    for name in NAMES:
        if path := shutil.which(name):
            return path
    for path in APPLICATIONS:
        if os.access(path, os.X_OK):
            return path
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or _playwright_cache())
    for pattern in FETCHED:
        for found in sorted(folder.glob(pattern), reverse=True):
            if os.access(found, os.X_OK):
                return str(found)
    return None


def _playwright_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ms-playwright"
    return Path.home() / ".cache" / "ms-playwright"


def install() -> str | None:
    """Fetch one as Playwright does; where that cannot be, and we are root on Debian, install the package."""
    tell("No Chromium or Chrome here: fetching one ...")
    run(sys.executable, "-m", "playwright", "install", "chromium-headless-shell")
    if found := find():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        tell("That did not work: installing Debian's package ...")
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=quietly)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", env=quietly)
    return find()


def run(*command: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(
        command,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    found = find() or (install() if "--install" in arguments else None)
    if found is None:
        tell(
            "No Chromium or Chrome, and none could be fetched: install one, or name one with PORTAL_BROWSER."
        )
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
