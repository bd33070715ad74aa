"""Files to send, good and evil, all made here."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

HEIC = (
    (Path(__file__).parent / "place.heic").read_bytes()
    if (Path(__file__).parent / "place.heic").exists()
    else b""
)
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
# Where the picture was taken, as it stands in the file: 48° 51' 30" N.
MAKER = "Canary Camera 4711"


def picture(size: tuple[int, int] = (64, 48), mode: str = "RGB", colour: Any = "teal") -> Image.Image:
    return Image.new(mode, size, colour)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def photo(*, orientation: int = 1, size: tuple[int, int] = (64, 48)) -> bytes:
    """A JPEG with a place, a maker and an orientation in it."""
    exif = Image.Exif()
    exif[0x010F] = MAKER
    exif[0x0112] = orientation
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (48.0, 51.0, 30.0)
    gps[3], gps[4] = "E", (2.0, 17.0, 40.0)
    return saved(picture(size), "JPEG", exif=exif, comment=b"secret comment 4711")


def noise(size: tuple[int, int], *, quality: int = 95) -> bytes:
    return saved(Image.effect_noise(size, 80).convert("RGB"), "JPEG", quality=quality)


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    return saved(picture(size), "PNG")


def animation() -> bytes:
    frames = [picture(colour=colour) for colour in ("red", "lime", "blue")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def paper(pages: int = 1, **root: Any) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(200, 200))
    for key, value in root.items():
        document.Root[f"/{key}"] = value
    document.docinfo["/Author"] = MAKER
    return written(document)


def written(document: pikepdf.Pdf, **options: Any) -> bytes:
    out = io.BytesIO()
    document.save(out, **options)
    return out.getvalue()


def paper_with_script() -> bytes:
    return paper(
        OpenAction=pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('evil 4711')"))
    )


def paper_with_everything() -> bytes:
    """Scripts, a program to launch, an attachment, a form of its own, and links of both sorts."""
    name, words = pikepdf.Name, pikepdf.String
    document = pikepdf.new()
    document.add_blank_page(page_size=(200, 200))
    page = document.pages[0]
    script = pikepdf.Dictionary(S=name.JavaScript, JS=words("app.alert('evil 4711')"))
    launch = document.make_indirect(pikepdf.Dictionary(S=name.Launch, F=words("evil-4711.exe")))
    box = pikepdf.Array([0, 0, 10, 10])
    page.obj["/AA"] = pikepdf.Dictionary(O=script)
    page.obj["/Annots"] = pikepdf.Array(
        [
            pikepdf.Dictionary(Type=name.Annot, Subtype=name.Link, Rect=box, A=launch),
            pikepdf.Dictionary(
                Type=name.Annot,
                Subtype=name.Link,
                Rect=box,
                A=pikepdf.Dictionary(S=name.URI, URI=words("javascript:evil4711()")),
            ),
            pikepdf.Dictionary(
                Type=name.Annot,
                Subtype=name.Link,
                Rect=box,
                A=pikepdf.Dictionary(S=name.URI, URI=words("https://clinic.example/")),
            ),
            document.make_indirect(
                pikepdf.Dictionary(
                    Type=name.Annot, Subtype=name.FileAttachment, Rect=box, Contents=words("evil 4711")
                )
            ),
        ]
    )
    document.attachments["evil-4711.exe"] = pikepdf.AttachedFileSpec(document, b"MZ evil 4711")
    document.Root["/Names"]["/JavaScript"] = pikepdf.Dictionary(Names=pikepdf.Array([words("x"), script]))
    document.Root["/AcroForm"] = pikepdf.Dictionary(Fields=pikepdf.Array([]), XFA=words("evil 4711"))
    return written(document)


def paper_with_password() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    return written(document, encryption=pikepdf.Encryption(owner="one", user="two"))


def paper_with_bomb(*, packed_twice: bool = False) -> bytes:
    """A hundred kilobytes that unpack to a gigabyte."""
    document = pikepdf.new()
    document.add_blank_page()
    squeeze = zlib.compressobj(9)
    million = bytes(1_000_000)
    packed = b"".join(squeeze.compress(million) for _ in range(1_000)) + squeeze.flush()
    filters: Any = pikepdf.Name.FlateDecode
    if packed_twice:
        packed, filters = (
            zlib.compress(packed, 9),
            pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.FlateDecode]),
        )
    stream = document.make_stream(b"")
    stream.write(packed, filter=filters)
    document.pages[0].obj["/Contents"] = stream
    out = io.BytesIO()
    document.save(out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return out.getvalue()


def paper_with_eicar() -> bytes:
    """As plain text on the page, where it stays: a viewer shows it, and a scanner finds it."""
    document = pikepdf.new()
    document.add_blank_page()
    document.pages[0].obj["/Contents"] = document.make_stream(b"% " + EICAR + b"\n")
    out = io.BytesIO()
    document.save(out, compress_streams=False)
    return out.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pixel_bomb(wide: int = 30_000, high: int = 30_000) -> bytes:
    """A small PNG whose header promises nine hundred million pixels."""
    squeeze = zlib.compressobj(9)
    rows = b"".join(squeeze.compress(bytes(1 + wide // 8)) for _ in range(high)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", wide, high, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A PNG whose comment unpacks to two hundred megabytes."""
    squeezed = zlib.compress(bytes(200_000_000), 9)
    plain = png()
    at = plain.index(b"IDAT") - 4
    return plain[:at] + _chunk(b"zTXt", b"Comment\0\0" + squeezed) + plain[at:]


def gifar() -> bytes:
    """A picture and an archive in one file."""
    return animation() + archive()


def archive(content: bytes = b"evil 4711") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("evil.html", content)
    return out.getvalue()


def photo_with_archive() -> bytes:
    return photo() + archive()


def paper_with_page_of_ours() -> bytes:
    """A PDF that a careless browser would take for a page."""
    return paper() + b"\n<html><script>evil4711()</script></html>"


def page_before_paper() -> bytes:
    return b"<html><script>evil4711()</script>" + paper()


REFUSED = {
    "a page": b"<!doctype html><script>alert(1)</script>",
    "a drawing with scripts": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a program": b"MZ" + bytes(200),
    "an archive": archive(),
    "a page before a paper": page_before_paper(),
    "nothing like its beginning": b"\xff\xd8\xff" + b"evil" * 500,
    "a photo cut off in its header": photo()[:60],
    "a picture cut off": png((300, 300))[:120],
    "an unfinished heif": b"\x00\x00\x00\x18ftypheic" + bytes(100),
    "a webp in name only": b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(64),
    "a paper in name only": b"%PDF-1.7\n" + bytes(300),
    "a paper with a password": paper_with_password(),
}
