"""A photo and a paper for the demo, drawn here: nobody's belly, and a diary of readings that nobody took."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFilter
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from audit.files import Transit
from messaging.filing.uploads import SealedUpload

READINGS = ("168/98", "165/96", "163/97", "159/94", "160/93", "155/92", "151/90")


def sent_file(name: str) -> SealedUpload:
    """The file of that name, as a browser would bring it."""
    content = {"rash.jpg": photo, "blood pressure diary.pdf": diary}[name]()
    transit = Transit()
    transit.write(content)
    return SealedUpload(name, transit.finish(), problem="", size=len(content), charset=None)


def photo() -> bytes:
    """Small red dots on skin. It carries a place, as a phone's photo does; what is kept of it does not."""
    dice = random.Random(7)  # noqa: S311  (spots)
    image = Image.new("RGB", (1_200, 900), (222, 178, 152))
    drawing = ImageDraw.Draw(image)
    for _ in range(90):
        x, y, r = dice.randrange(150, 1_050), dice.randrange(120, 780), dice.randrange(6, 18)
        drawing.ellipse((x - r, y - r, x + r, y + r), fill=(196, 92, 84))
    image = image.filter(ImageFilter.GaussianBlur(4))
    exif = Image.Exif()
    exif[0x010F] = "Demo Phone"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (40.0, 42.0, 46.0), "W", (74.0, 0.0, 21.0)
    image.save(out := io.BytesIO(), "JPEG", quality=90, exif=exif)
    return out.getvalue()


def diary() -> bytes:
    """One page with a week of blood pressure."""
    out = io.BytesIO()
    page = Canvas(out, pagesize=letter)
    page.setTitle("Blood pressure diary")
    page.setFont("Helvetica-Bold", 18)
    page.drawString(72, 700, "Blood pressure, every morning")
    page.setFont("Helvetica", 13)
    for day, reading in enumerate(READINGS, start=1):
        page.drawString(72, 700 - 28 * day, f"Day {day}")
        page.drawString(200, 700 - 28 * day, reading)
    page.showPage()
    page.save()
    return out.getvalue()
