"""A conversation as a PDF: laid out here, line by line, so that the same content makes the same bytes."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import LETTER
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from messaging.opened.transcripts import Line, Transcript

FONTS = Path(__file__).parent / "fonts"
PLAIN, BOLD = "Hyperlegible", "Hyperlegible-Bold"
WIDE, HIGH = LETTER
MARGIN, FOOT = 56, 64
ROOM = WIDE - 2 * MARGIN
INK, PALE = 0.0, 0.35


@dataclass(frozen=True, slots=True)
class Row:
    """One line on paper. `leads` keeps it on the page of the row below it."""

    text: str = ""
    font: str = PLAIN
    size: float = 10.5
    ink: float = INK
    above: float = 0
    leads: bool = False

    @property
    def height(self) -> float:
        return self.above + self.size * 1.4


def as_pdf(transcript: Transcript) -> bytes:
    """The whole conversation: who, what, when, the receipts, and on every page whose it is and who printed it."""
    _load_fonts()
    rows = list(_rows(transcript))
    if any(has_unprintable(line) for line in _texts(transcript)):
        words = _(
            "Some letters or signs cannot be printed here. They are named in [brackets]. The data file has them."
        )
        rows[_LEADING:_LEADING] = list(_wrapped(words, ink=PALE, size=9))
    pages = _pages(rows)
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=LETTER, invariant=1, lang=get_language() or settings.LANGUAGE_CODE)
    # Nothing of what was written: a list of files shows the title.
    canvas.setTitle(_("Conversation, %(clinic)s") % {"clinic": settings.CLINIC_NAME})
    canvas.setAuthor(str(settings.CLINIC_NAME))
    canvas.setSubject(str(transcript.ref))
    canvas.setCreator("")
    for number, page in enumerate(pages, start=1):
        _draw(canvas, page)
        _draw_foot(canvas, transcript, number, len(pages))
        canvas.showPage()
    canvas.save()
    return made.getvalue()


_LEADING = 1


def _texts(transcript: Transcript) -> Iterator[str]:
    yield transcript.subject
    yield transcript.patient.name
    for line in transcript.lines:
        if line.message:
            yield line.message.body
            yield line.message.author.name if line.message.author else ""


def _rows(transcript: Transcript) -> Iterator[Row]:
    yield Row(str(settings.CLINIC_NAME), font=BOLD, ink=PALE)
    yield from _wrapped(transcript.subject, font=BOLD, size=17, above=6)
    about = _("%(topic)s, for %(team)s") % {"topic": transcript.category, "team": transcript.team_name}
    yield from _wrapped(about, ink=PALE)
    patient = _("Patient: %(name)s, record number %(number)s") % {
        "name": transcript.patient.name,
        "number": transcript.patient.record_number,
    }
    yield from _wrapped(patient, above=4)
    for line in transcript.lines:
        yield from _of_line(line)
    yield Row(_("How to check this document"), font=BOLD, above=18, leads=True)
    words = _(
        "The fingerprint of this conversation is the same on paper, on the page and in the data file. "
        "The clinic has written down that it was saved."
    )
    yield from _wrapped(words, size=9)
    yield from _wrapped(_("Fingerprint (SHA-256): %(digest)s") % {"digest": transcript.fingerprint}, size=9)
    yield from _wrapped(_("Mark of the clinic: %(mark)s") % {"mark": transcript.mark}, size=9)


def _of_line(line: Line) -> Iterator[Row]:
    if line.closing is not None:
        words = _("%(name)s finished this conversation: %(outcome)s") % {
            "name": line.closing.by.name,
            "outcome": line.closing.outcome,
        }
        yield from _wrapped(f"{words}. {_moment(line.at)}", ink=PALE, above=12)
        return
    message = line.message
    assert message is not None  # noqa: S101  (a line is one or the other)
    if message.author is None:
        words = _("We have your message.")
        if message.reply_due_at:
            words = _("We have your message. We plan to reply by %(when)s.") % {
                "when": _moment(message.reply_due_at)
            }
        yield from _wrapped(words, ink=PALE, above=12)
        return
    if message.withdrawn_at is not None:
        words = _("%(name)s took a message back before anybody opened it, %(when)s") % {
            "name": message.author.name,
            "when": _moment(message.withdrawn_at),
        }
        yield from _wrapped(words, ink=PALE, above=12)
        return
    correction = _("Correction") if message.corrects else ""
    who = ", ".join(filter(None, (message.author.name, message.author.role_words, correction)))
    *first, last = _wrapped(who, font=BOLD, above=16)
    yield from first
    yield Row(last.text, BOLD, last.size, last.ink, last.above, leads=True)
    yield Row(_moment(line.at), ink=PALE, size=9, leads=True)
    yield from _wrapped(message.body, above=2)
    if message.files:
        names = ", ".join(file.name for file in message.files)
        yield from _wrapped(_("Files: %(names)s") % {"names": names}, ink=PALE, size=9, above=3)
    if line.receipt:
        receipt = _("Receipt %(ref)s, SHA-256 %(digest)s") % {"ref": message.ref, "digest": line.receipt}
        yield from _wrapped(receipt, ink=PALE, size=7, above=3)


def _moment(at: datetime) -> str:
    """With its year and zone: paper is read years later."""
    local = at.astimezone(ZoneInfo(settings.CLINIC_TIME_ZONE))
    words = date_format(local, _("F j, Y, g:i a"))
    return f"{words} {local.tzname()}"


# ------------------------------------------------------------------ lines and pages


def _wrapped(
    text: str, *, font: str = PLAIN, size: float = 10.5, ink: float = INK, above: float = 0
) -> Iterator[Row]:
    """The text in lines that fit, its own line ends kept."""
    gap = above
    for paragraph in printable(text).split("\n"):
        for line in _broken(paragraph, font, size):
            yield Row(line, font, size, ink, gap)
            gap = 0


def _broken(paragraph: str, font: str, size: float) -> Iterator[str]:
    line, used, space = "", 0.0, _width(" ", font, size)
    for word in paragraph.split(" "):
        wide = _width(word, font, size)
        if line and used + space + wide <= ROOM:
            line, used = f"{line} {word}", used + space + wide
            continue
        if line:
            yield line
        while wide > ROOM:
            fits = _fits(word, font, size)
            yield word[:fits]
            word = word[fits:]
            wide = _width(word, font, size)
        line, used = word, wide
    yield line


def _fits(word: str, font: str, size: float) -> int:
    used = 0.0
    for place, letter in enumerate(word):
        used += _width(letter, font, size)
        if used > ROOM:
            return max(1, place)
    return len(word)


def _pages(rows: list[Row]) -> list[list[tuple[float, Row]]]:
    """Each row with its height above the foot of its page."""
    pages: list[list[tuple[float, Row]]] = [[]]
    at = HIGH - MARGIN
    for number, row in enumerate(rows):
        needed, behind = row.height, number
        while rows[behind].leads and behind + 1 < len(rows):
            behind += 1
            needed += rows[behind].height
        if at - needed < FOOT and pages[-1]:
            pages.append([])
            at = HIGH - MARGIN + row.above
        at -= row.height
        pages[-1].append((at, row))
    return pages


def _draw(canvas: Canvas, page: list[tuple[float, Row]]) -> None:
    for at, row in page:
        if row.text:
            canvas.setFillGray(row.ink)
            canvas.setFont(row.font, row.size)
            canvas.drawString(MARGIN, at, row.text)


def _draw_foot(canvas: Canvas, transcript: Transcript, number: int, pages: int) -> None:
    canvas.setFillGray(PALE)
    canvas.setStrokeGray(PALE)
    canvas.line(MARGIN, FOOT - 8, WIDE - MARGIN, FOOT - 8)
    canvas.setFont(PLAIN, 8)
    whose = f"{transcript.patient.name}, {transcript.patient.record_number}"
    by = _("Saved by %(name)s on %(day)s") % {
        "name": transcript.asked_by.name,
        "day": date_format(transcript.asked_on, _("F j, Y")),
    }
    page = _("Page %(number)s of %(pages)s") % {"number": number, "pages": pages}
    for height, left, right in ((FOOT - 20, whose, page), (FOOT - 31, by, str(settings.CLINIC_NAME))):
        room = ROOM - _width(printable(right), PLAIN, 8) - 12
        canvas.drawString(MARGIN, height, _cut(printable(left), room))
        canvas.drawRightString(WIDE - MARGIN, height, printable(right))


def _cut(text: str, room: float) -> str:
    if _width(text, PLAIN, 8) <= room:
        return text
    while text and _width(text + "…", PLAIN, 8) > room:
        text = text[:-1]
    return text + "…"


# ------------------------------------------------------------------ letters


@lru_cache(maxsize=1)
def _load_fonts() -> None:
    for name, file in ((PLAIN, "hyperlegible-next-regular.ttf"), (BOLD, "hyperlegible-next-bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / file)))


@lru_cache(maxsize=2)
def _widths(font: str) -> tuple[dict[int, float], float]:
    _load_fonts()
    face = pdfmetrics.getFont(font).face
    return face.charWidths, face.defaultWidth


def _width(text: str, font: str, size: float) -> float:
    widths, otherwise = _widths(font)
    return sum(widths.get(ord(letter), otherwise) for letter in text) * size / 1000


def _has(letter: str) -> bool:
    return ord(letter) in _widths(PLAIN)[0] or letter == "\n"


def has_unprintable(text: str) -> bool:
    return any(not _has(letter) for letter in _plain(text))


def printable(text: str) -> str:
    """The text in the letters that the font has; what it has not is named in brackets, and never left out."""
    if text.isascii() and "\t" not in text:
        return text
    made = []
    for kind, letters in groupby(_plain(text), key=_kind):
        run = "".join(letters)
        made.append(run if not kind else f"[{kind}]")
    return "".join(made)


def _plain(text: str) -> str:
    """Without what has no shape of its own: joiners, directions, and marks that choose a colour."""
    whole = (
        unicodedata.normalize("NFC", text)
        .replace("\t", "    ")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n")
    )
    return "".join(
        " " if unicodedata.category(letter) == "Zs" and not _has(letter) else letter
        for letter in whole
        if unicodedata.category(letter) not in ("Cf", "Cc", "Cs") or letter == "\n"
        if not "\ufe00" <= letter <= "\ufe0f"
    )


def _kind(letter: str) -> str:
    """Nothing for what can be printed; else its name, or the name of its script for letters."""
    if _has(letter):
        return ""
    name = unicodedata.name(letter, "")
    if not name:
        return f"U+{ord(letter):04X}"
    if unicodedata.category(letter)[0] in "LMN":
        return name.split(" ")[0].capitalize()
    return name.lower()
