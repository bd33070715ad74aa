"""A conversation as a PDF: laid out here, line by line, so that the same content makes the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import LETTER
from reportlab.pdfgen.canvas import Canvas

from messaging.exports.letters import BOLD, PLAIN, Pen, has_unprintable, printable, width, widths_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from messaging.opened.transcripts import Line, Transcript

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
    rows = list(_rows(transcript))
    if any(has_unprintable(line) for line in _texts(transcript)):
        words = _(
            "Some letters or signs cannot be printed here. They are named in [brackets]. The data file has them."
        )
        rows[_LEADING:_LEADING] = list(_wrapped(words, ink=PALE, size=9))
    pages = _pages(rows)
    del rows
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=LETTER, invariant=1, lang=get_language() or settings.LANGUAGE_CODE)
    # Nothing of what was written: a list of files shows the title.
    canvas.setTitle(_("Conversation, %(clinic)s") % {"clinic": settings.CLINIC_NAME})
    canvas.setAuthor(str(settings.CLINIC_NAME))
    canvas.setSubject(str(transcript.ref))
    canvas.setCreator("")
    pen, foot = Pen(canvas), _Foot.of(transcript)
    for number in range(len(pages)):
        pen.new_page()
        # Each lets go of its lines: a thousand pages are held once, and not twice.
        page, pages[number] = pages[number], []
        for at, row in page:
            if row.text:
                pen.write(MARGIN, at, row.text, font=row.font, size=row.size, ink=row.ink)
        foot.draw(pen, number + 1, len(pages))
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
    line, used, space = "", 0.0, width(" ", font, size)
    for word in paragraph.split(" "):
        wide = width(word, font, size)
        if line and used + space + wide <= ROOM:
            line, used = f"{line} {word}", used + space + wide
            continue
        if line:
            yield line
        if wide > ROOM:
            *full, word = _cut_up(word, font, size)
            yield from full
            wide = width(word, font, size)
        line, used = word, wide
    yield line


def _cut_up(word: str, font: str, size: float) -> Iterator[str]:
    """What is longer than a line, in pieces that fit. Each letter is looked at once."""
    widths, start, used = widths_of(font), 0, 0.0
    for place, letter in enumerate(word):
        wide = widths[letter] * size / 1000
        if used + wide > ROOM:
            yield word[start:place]
            start, used = place, 0.0
        used += wide
    yield word[start:]


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


@dataclass(frozen=True, slots=True)
class _Foot:
    """What stands below every page."""

    whose: str
    by: str
    clinic: str

    @classmethod
    def of(cls, transcript: Transcript) -> _Foot:
        by = _("Saved by %(name)s on %(day)s") % {
            "name": transcript.asked_by.name,
            "day": date_format(transcript.asked_on, _("F j, Y")),
        }
        whose = f"{transcript.patient.name}, {transcript.patient.record_number}"
        return cls(printable(whose), printable(by), printable(str(settings.CLINIC_NAME)))

    def draw(self, pen: Pen, number: int, pages: int) -> None:
        pen.rule(MARGIN, WIDE - MARGIN, FOOT - 8, ink=PALE)
        page = printable(_("Page %(number)s of %(pages)s") % {"number": number, "pages": pages})
        for height, left, right in ((FOOT - 20, self.whose, page), (FOOT - 31, self.by, self.clinic)):
            wide = width(right, PLAIN, 8)
            pen.write(MARGIN, height, _cut(left, ROOM - wide - 12), font=PLAIN, size=8, ink=PALE)
            pen.write(WIDE - MARGIN - wide, height, right, font=PLAIN, size=8, ink=PALE)


def _cut(text: str, room: float) -> str:
    if width(text, PLAIN, 8) <= room:
        return text
    while text and width(text + "…", PLAIN, 8) > room:
        text = text[:-1]
    return text + "…"
