"""The words of the product and what they are in other languages: `script/messages` runs this.

Babel reads Python and Jinja2 alike and needs nothing of the system. It is a tool of the workshop: the portal itself
reads the compiled catalogues, which are kept beside their sources.
"""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("accounts", "audit", "messaging", "portal")
LOCALES = ROOT / "portal" / "locale"
METHODS = [("**/migrations/**", "ignore"), ("**.py", "python"), ("**/jinja2/**.html", "jinja2")]
OPTIONS = {"**/jinja2/**.html": {"newstyle_gettext": "true", "silent": "false"}}
PLAIN, PLURAL, IN_CONTEXT, BOTH = None, (1, 2), ((1, "c"), 2), ((1, "c"), 2, 3)
# What a word for people is wrapped in. A name of somebody's own (`as when`) is told here, or its words are not found.
KEYWORDS = {
    "_": PLAIN,
    "gettext": PLAIN,
    "gettext_lazy": PLAIN,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "pgettext": IN_CONTEXT,
    "pgettext_lazy": IN_CONTEXT,
    "when": IN_CONTEXT,
    "npgettext": BOTH,
    "npgettext_lazy": BOTH,
}
PLACE = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


def source(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / "django.po"


def compiled(language: str) -> Path:
    return source(language).with_suffix(".mo")


def languages() -> list[str]:
    return sorted(path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/django.po"))


def in_the_code() -> Catalog:
    """Every word for people, with the files it stands in."""
    found = Catalog(project="portal", version="1", msgid_bugs_address="see CONTRIBUTING.md", charset="utf-8")
    for layer in LAYERS:
        for name, _line, text, _notes, context in extract_from_dir(
            ROOT / layer, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True
        ):
            found.add(text, locations=[(f"{layer}/{name}", 0)], context=context)
    return found


def catalogue(language: str) -> Catalog:
    with source(language).open("rb") as file:
        return read_po(file, locale=language, domain="django")


def as_compiled(words: Catalog) -> bytes:
    made = BytesIO()
    write_mo(made, words)
    return made.getvalue()


def faults(language: str) -> list[str]:
    """What keeps this catalogue from being whole, one sentence each."""
    words, code = catalogue(language), in_the_code()
    wrong = [
        f"not in the catalogue: {_named(one)}" for one in code if one.id and words.get(*_key(one)) is None
    ]
    for one in words:
        if not one.id:
            continue
        if code.get(*_key(one)) is None:
            wrong.append(f"nowhere in the code: {_named(one)}")
        if one.fuzzy:
            wrong.append(f"fuzzy: {_named(one)}")
        wrong += _faults_of(one, forms=words.num_plurals)
    if _said_by(compiled(language).read_bytes()) != _said_by(as_compiled(words)):
        wrong.append(f"{compiled(language).relative_to(ROOT)} is not what its source says")
    return wrong


def _said_by(binary: bytes) -> dict[tuple[str, str | None], object]:
    """The words of a compiled catalogue. Its head also names the compiler, which may change."""
    return {(str(one.id), one.context): one.string for one in read_mo(BytesIO(binary)) if one.id}


def _faults_of(one: Message, *, forms: int) -> list[str]:
    said = list(one.string) if isinstance(one.string, tuple) else [one.string]
    if isinstance(one.id, tuple) and len(said) != forms:
        return [f"{len(said)} plural forms instead of {forms}: {_named(one)}"]
    asked = one.id if isinstance(one.id, tuple) else (one.id,)
    wrong = []
    for number, text in enumerate(said):
        if not text:
            wrong.append(f"not translated: {_named(one)}")
        elif sorted(PLACE.findall(text)) != sorted(PLACE.findall(asked[min(number, len(asked) - 1)])):
            wrong.append(f"other placeholders: {_named(one)}: {text!r}")
    return wrong


def update(language: str) -> None:
    """Bring the source to what the code says, new words empty and unused ones gone, and compile it."""
    old, new = catalogue(language), in_the_code()
    for one in new:
        before = old.get(*_key(one)) if one.id else None
        if before is not None:
            one.string = before.string
            one.user_comments = before.user_comments
    new.locale, new.header_comment = old.locale, old.header_comment
    # The day it was made says nothing that the history does not, and would differ each time.
    new.creation_date, new.revision_date = old.creation_date, old.revision_date
    new.last_translator, new.language_team = old.last_translator, old.language_team
    new.fuzzy = False
    with source(language).open("wb") as file:
        write_po(file, new, width=110, sort_by_file=True, include_lineno=False)
    compiled(language).write_bytes(as_compiled(catalogue(language)))


def _key(one: Message) -> tuple[str, str | None]:
    return one.id[0] if isinstance(one.id, tuple) else one.id, one.context


def _named(one: Message) -> str:
    places = ", ".join(sorted({path for path, _line in one.locations}))
    return f"{_key(one)[0]!r}" + (f" ({places})" if places else "")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("script/messages [--check]", file=sys.stderr)
        return 2
    if not arguments:
        for language in languages():
            update(language)
    wrong = [f"{language}: {fault}" for language in languages() for fault in faults(language)]
    print("\n".join(wrong) or "Every word is in every catalogue.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
