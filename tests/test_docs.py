"""What the docs say is there is there, and what is there is said."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from django.urls import get_resolver

from accounts.policy import addresses
from audit.models import AuditEvent
from audit.words import DONE
from portal.demo_cast import CAST

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=lambda page: str(page.relative_to(ROOT)))
ROOMS = ("audit", "accounts", "messaging", "portal", "tests", "script", "docs", "bench", ".ci")

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(rf"(?:{'|'.join(map(re.escape, ROOMS))})/[\w./-]*")


def named(leaf: Path | str) -> str:
    return str(leaf.relative_to(ROOT) if isinstance(leaf, Path) else leaf)


# Not called `page`: that is a browser's, and the tests would be counted among those that need one.
every_leaf = pytest.mark.parametrize("leaf", PAGES, ids=named)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def table_under(name: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = re.split(rf"^#+ {re.escape(heading)}$", text(name), flags=re.MULTILINE)[1]
    rows = []
    for line in below.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    bare = (re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in bare}


@every_leaf
def test_every_link_leads_somewhere(leaf):
    astray = []
    for target in LINK.findall(prose(leaf)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (leaf.parent / path).resolve() if path else leaf
        if not found.exists() or (anchor and anchor not in anchors(found)):
            astray.append(target)
    assert astray == []


@every_leaf
def test_every_file_that_is_named_exists(leaf):
    spans = chain.from_iterable(span.split() for span in CODE.findall(prose(leaf)))
    files = {span.rstrip(".,:;") for span in spans if FILE.fullmatch(span)}
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []


@every_leaf
def test_every_test_that_is_named_exists(leaf):
    spans = CODE.findall(prose(leaf))
    missing = []
    for span in spans:
        if match := re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)", span):
            name, test = match.groups()
            if not (ROOT / name).exists() or f"def {test}(" not in text(name):
                missing.append(span)
        elif re.fullmatch(r"test_[a-z0-9]+(_[a-z0-9]+){2,}", span) and span not in every_test():
            missing.append(span)
    assert missing == []


@cache
def every_test() -> frozenset[str]:
    sources = (path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py"))
    return frozenset(re.findall(r"def (test_\w+)", "\n".join(sources)))


READERS = {"required", "whole_number", "networks", "yes_or_no", "os.environ.get", "os.getenv"}


def variables_read(name: str) -> set[str]:
    """Environment variables that a module reads: names given to a reader, or to `os.environ`."""
    found = set()
    for node in ast.walk(ast.parse(text(name))):
        if isinstance(node, ast.Call):
            reader = ast.unparse(node.func)
            given = list(node.args[:1]) if reader in READERS else []
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Dict):
                given += node.func.value.values  # {"app": "DATABASE_URL", …}.get(role)
        elif isinstance(node, ast.Subscript):
            given = [node.slice] if ast.unparse(node.value) == "os.environ" else []
        else:
            continue
        names = [item.value for item in given if isinstance(item, ast.Constant)]
        found |= {item for item in names if isinstance(item, str) and re.fullmatch(r"[A-Z][A-Z_]+", item)}
    return found


def test_every_setting_is_in_the_operators_table_and_nothing_else():
    table = {cells[0].strip("`") for cells in table_under("docs/operations.md", "Settings")}
    assert table == variables_read("portal/settings.py")


def test_the_variables_of_the_web_server_are_named_beside_it():
    said = set(CODE.findall(text("docs/operations.md")))
    assert variables_read("portal/serving.py") <= said


def url_names() -> set[str]:
    return {pattern.name for _route, pattern in addresses() if pattern.name}


def test_every_address_is_in_the_table_of_addresses_and_nothing_else():
    rows = table_under("docs/architecture.md", "Addresses")
    said = {name for cells in rows for name in CODE.findall(cells[0])}
    assert get_resolver().url_patterns
    assert said - {"demo-mail"} == url_names() - {"demo-mail"}  # it is there in the demo only


def test_every_column_of_the_trail_is_explained_and_nothing_else():
    said = {name for cells in table_under("docs/audit.md", "Columns") for name in CODE.findall(cells[0])}
    assert said == {field.name for field in AuditEvent._meta.concrete_fields}


def test_every_sort_of_event_is_explained():
    rows = table_under("docs/audit.md", "What is recorded, and when")
    said = set()
    for cells in rows:
        kind, *subtypes = CODE.findall(cells[1])
        said |= {(kind, subtype) for subtype in subtypes}
    assert set(DONE) <= said
    assert {("access", "read"), ("access", "list"), ("refusal", "denied"), ("change", "delete")} <= said


def test_every_message_that_the_operator_may_meet_is_in_the_code():
    sources = [path.read_text() for room in ("audit", "portal") for path in ROOT.glob(f"{room}/**/*.py")]
    # Strings that go on in the next line of the source are one string to whoever reads them.
    joined = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    plain = re.sub(r"\{[^{}]*\}", "…", joined)
    unknown = []
    for cells in table_under("docs/operations.md", "One-line messages"):
        for message in CODE.findall(cells[0]):
            parts = [part.strip() for part in message.split("…") if part.strip(" .:()`'")]
            unknown += [part for part in parts if part not in plain]
    assert unknown == []


@pytest.mark.parametrize(
    "leaf", ["README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/performance.md"]
)
def test_every_command_can_be_run(leaf):
    shown = "\n".join(FENCE.findall(text(leaf))) + "\n".join(CODE.findall(text(leaf)))
    commands = set(re.findall(r"(?<![\w/])((?:script|\.ci)/\w+|manage\.py)\b", shown))
    assert commands
    assert [name for name in sorted(commands) if not os.access(ROOT / name, os.X_OK)] == []


@every_leaf
def test_every_management_command_exists(leaf):
    from django.core.management import get_commands

    named_here = set(re.findall(r"manage\.py (\w+)", leaf.read_text(encoding="utf-8")))
    assert named_here <= set(get_commands())


def test_the_readme_introduces_the_cast_as_it_is():
    rows = [[cell.strip("`") for cell in cells] for cells in table_under("README.md", "The people")]
    introduced = [
        [
            f"{member.name}, {member.part}",
            member.email,
            member.password,
            f"./manage.py demo_code {member.key}",
        ]
        for member in CAST
    ]
    assert rows == introduced


def test_every_decision_is_listed_and_says_how_to_undo_it():
    decisions = sorted(ROOT.glob("docs/adr/0*.md"))
    listed = re.findall(r"\(([^)]+\.md)\)", text("docs/adr/README.md"))
    assert listed == [page.name for page in decisions]
    for page in decisions:
        said = page.read_text(encoding="utf-8")
        number = int(page.name[:4])
        assert said.startswith(f"# {number}. ")
        for part in ("Context", "Decision", "Consequences", "To undo"):
            assert f"**{part}.**" in said, f"{page.name} does not say: {part}"


NUMBER = re.compile(r"\b(?:(?:HSR|HPR|ONC|NST|ASV|DEA|KS|A11|LNG)-\d\d|(?:SC|PX|PT|OP|NT|AU|EN|AL)\d{1,2})\b")


def test_every_safeguard_that_a_test_names_is_explained_and_shown():
    """The numbers in docstrings lead to docs/safeguards.md, and each row there to a test or a plain "none"."""
    docstrings = "\n".join(
        ast.get_docstring(node) or ""
        for path in ROOT.glob("tests/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    )
    rows = re.findall(r"^\| ([A-Z]+\d*-?\d+) \|.*\| ([^|]+) \|$", text("docs/safeguards.md"), re.MULTILINE)
    explained = [number for number, _shown in rows]
    assert len(explained) == len(set(explained))
    assert set(NUMBER.findall(docstrings)) <= set(explained)
    assert [number for number, shown in rows if shown != "none" and "::test_" not in shown] == []
