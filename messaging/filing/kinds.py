"""What a file is, by its first bytes. Its name and what the browser calls it are not asked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

MOST_FILES = 5
MOST_BYTES = 10_000_000
MOST_TOGETHER = 25_000_000


class Kind(models.TextChoices):
    """What a kept file can be. Everything that comes in becomes one of these."""

    JPEG = "jpeg", _("Photo")
    PNG = "png", _("Picture")
    PDF = "pdf", _("PDF")


ENDINGS = {Kind.JPEG: "jpg", Kind.PNG: "png", Kind.PDF: "pdf"}
MEDIA_TYPES = {Kind.JPEG: "image/jpeg", Kind.PNG: "image/png", Kind.PDF: "application/pdf"}
HEAD_BYTES = 32
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def kind_of(head: bytes) -> str:
    """What to read these first bytes as: jpeg, png, gif, webp, heif, pdf, or "" for what we do not take."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "heif"
    if head.startswith(b"%PDF-"):
        return "pdf"
    return ""
