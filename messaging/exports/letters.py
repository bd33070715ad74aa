"""The letters of a document: what can be printed, how wide it is, and how it is written on a page.

A long conversation has ten million letters. What is known of a letter is kept; of words that people wrote nothing is.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

FONTS = Path(__file__).parent / "fonts"
PLAIN, BOLD = "Hyperlegible", "Hyperlegible-Bold"


@lru_cache(maxsize=1)
def load_fonts() -> None:
    # Pages in letters for old mail programs: a quarter larger, and slow to make.
    rl_config.useA85 = 0
    for name, file in ((PLAIN, "hyperlegible-next-regular.ttf"), (BOLD, "hyperlegible-next-bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / file)))


class _Widths(dict[str, float]):
    """Of every letter, in thousandths of the size. A letter that the font has not is as wide as its box."""

    otherwise = 0.0

    def __missing__(self, letter: str) -> float:
        return self.otherwise


@lru_cache(maxsize=2)
def widths_of(font: str) -> _Widths:
    load_fonts()
    face = pdfmetrics.getFont(font).face
    widths = _Widths({chr(code): wide for code, wide in face.charWidths.items()})
    widths.otherwise = face.defaultWidth
    return widths


def width(text: str, font: str, size: float) -> float:
    return sum(map(widths_of(font).__getitem__, text)) * size / 1000


class Pen:
    """Writes lines on the pages of one document. The library's own looks at every letter again for every line."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._fonts = {name: _Glyphs(name, canvas) for name in (PLAIN, BOLD)}
        self._set = ""

    def new_page(self) -> None:
        """On a new page nothing is set."""
        self._set = ""

    def write(self, x: float, y: float, text: str, *, font: str, size: float, ink: float) -> None:
        glyphs = self._fonts[font]
        wanted = f"{ink:g} g {glyphs.name} {size:g} Tf "
        change, self._set = "" if wanted == self._set else wanted, wanted
        self._canvas.addLiteral(f"{change}BT 1 0 0 1 {x:.2f} {y:.2f} Tm ({glyphs.of(text)}) Tj T* ET")

    def rule(self, left: float, right: float, y: float, *, ink: float) -> None:
        self._canvas.setStrokeGray(ink)
        self._canvas.line(left, y, right, y)


class _Glyphs:
    """The letters of one font as its document numbers them: fewer than 256, so that one numbering has them all."""

    def __init__(self, font: str, canvas: Canvas) -> None:
        load_fonts()
        self._font, self._document = pdfmetrics.getFont(font), canvas._doc
        self._known: dict[int, str] = {}
        self._letters: set[str] = set()

    @cached_property
    def name(self) -> str:
        return str(self._font.getSubsetInternalName(0, self._document))

    def of(self, text: str) -> str:
        if not self._letters.issuperset(text):
            for letter in dict.fromkeys(text):
                [(_first, code)] = self._font.splitString(letter, self._document)
                self._known[ord(letter)] = _escaped(code)
            self._letters.update(text)
        return text.translate(self._known)


def _escaped(codes: bytes) -> str:
    """As a PDF has them between parentheses."""
    return "".join(chr(c) if 32 <= c < 127 and c not in b"()\\" else f"\\{c:03o}" for c in codes)


def _has(letter: str) -> bool:
    return letter in widths_of(PLAIN) or letter == "\n"


class _Shapes(dict[int, str]):
    """What is printed for each letter: itself, but nothing for what has no shape of its own.

    That are joiners, directions, and marks that choose a colour. Those of the font are known beforehand.
    """

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        if letter in _INSTEAD:
            return _INSTEAD[letter]
        kind = unicodedata.category(letter)
        if kind in ("Cf", "Cc", "Cs") or "\ufe00" <= letter <= "\ufe0f":
            return ""
        return " " if kind == "Zs" and not _has(letter) else letter


_INSTEAD = {"\n": "\n", "\t": "    ", "\u2028": "\n", "\u2029": "\n"}


@lru_cache(maxsize=1)
def _shapes() -> _Shapes:
    shapes = _Shapes()
    for letter in ["\n", *widths_of(PLAIN)]:
        shapes[ord(letter)] = shapes[ord(letter)]
    return shapes


@lru_cache(maxsize=1)
def _foreign() -> re.Pattern[str]:
    """Letters in a row that the font has not."""
    own = "".join(re.escape(letter) for letter in ["\n", *widths_of(PLAIN)])
    return re.compile(f"[^{own}]+")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_shapes())


def has_unprintable(text: str) -> bool:
    return _foreign().search(_plain(text)) is not None


def printable(text: str) -> str:
    """The text in the letters that the font has; what it has not is named in brackets, and never left out."""
    return _foreign().sub(lambda found: _named(found[0]), _plain(text))


def _named(letters: str) -> str:
    return "".join(f"[{kind}]" for kind, _run in groupby(letters, key=_kind))


def _kind(letter: str) -> str:
    """Its name, or the name of its script for letters."""
    name = unicodedata.name(letter, "")
    if not name:
        return f"U+{ord(letter):04X}"
    if unicodedata.category(letter)[0] in "LMN":
        return name.split(" ")[0].capitalize()
    return name.lower()
