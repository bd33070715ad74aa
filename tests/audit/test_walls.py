"""What may touch the seal, read from the imports."""

from __future__ import annotations

import ast
from pathlib import Path

from django.conf import settings

HOME = Path(settings.BASE_DIR)
APPS = ("audit", "accounts", "messaging", "portal")


def imported(path: Path) -> set[str]:
    """Everything a module imports, as dotted names, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = {str(path.relative_to(HOME)): imported(path) for app in APPS for path in (HOME / app).rglob("*.py")}


def importers_of(*names: str) -> set[str]:
    return {
        module
        for module, found in MODULES.items()
        if any(one == name or one.startswith(f"{name}.") for one in found for name in names)
    }


def test_one_module_knows_how_to_encrypt() -> None:
    assert importers_of("cryptography") == {"audit/cipher.py"}
    assert importers_of("audit.cipher") == {
        "audit/blind_index.py",
        "audit/files.py",
        "audit/keys.py",
        "audit/seals.py",
    }


def test_one_module_gives_receipts() -> None:
    assert importers_of("audit.receipts._issue") == {"audit/recorder.py"}


def test_one_module_opens_secrets() -> None:
    assert importers_of("audit.seals.open_secret") == {"accounts/models/factor.py"}


def test_one_insert_writes_the_trail() -> None:
    assert importers_of("audit.trail") == {
        "audit/recorder.py",
        "audit/seals.py",
        "audit/tracking.py",
        "audit/verbs.py",
        "portal/grants.py",
    }


def test_the_trail_knows_none_of_the_apps_it_watches() -> None:
    known = importers_of("accounts", "messaging", "portal")
    assert not {module for module in known if module.startswith("audit/")}


def test_no_template_and_no_page_opens_a_seal() -> None:
    openers = importers_of("audit.seals.unseal", "audit.seals.unseal_all")
    assert not {module for module in openers if "/views" in module or "/api/" in module or "tasks" in module}
