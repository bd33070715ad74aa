"""Files to send, good and evil, all made here."""

from __future__ import annotations

import base64
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


def squeezed(size: int, *, seed: bytes = b"\0") -> bytes:
    """So many bytes, packed a thousand to one."""
    squeeze, million = zlib.compressobj(9), seed * 1_000_000
    return b"".join(squeeze.compress(million) for _ in range(size // 1_000_000)) + squeeze.flush()


def paper_with_stream(packed: bytes, filters: Any, *, at: str = "/Contents", **said: Any) -> bytes:
    """One page, whose words or picture are just this."""
    document = pikepdf.new()
    document.add_blank_page()
    stream = document.make_stream(b"")
    names = [pikepdf.Name(name) for name in filters]
    stream.write(packed, filter=pikepdf.Array(names) if len(names) > 1 else names[0] if names else None)
    for key, value in said.items():
        stream[f"/{key}"] = value
    if at == "/Contents":
        document.pages[0].obj["/Contents"] = stream
    else:
        stream["/Type"], stream["/Subtype"] = pikepdf.Name.XObject, pikepdf.Name.Image
        document.pages[0].obj["/Resources"] = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=stream))
    out = io.BytesIO()
    document.save(out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return out.getvalue()


def paper_with_bomb(*, packed_twice: bool = False) -> bytes:
    """Half a megabyte that unpacks to a thousand times as much."""
    packed = squeezed(500_000_000)
    if packed_twice:
        return paper_with_stream(zlib.compress(packed, 9), ["/FlateDecode", "/FlateDecode"])
    return paper_with_stream(packed, ["/FlateDecode"])


def paper_with_picture(wide: int, high: int, packed: bytes = b"", filters: Any = (), **said: Any) -> bytes:
    said |= {"Width": wide, "Height": high, "BitsPerComponent": 8, "ColorSpace": pikepdf.Name.DeviceGray}
    return paper_with_stream(packed or squeezed(1_000_000), filters or ["/FlateDecode"], at="Im0", **said)


def jpeg_header(wide: int, high: int) -> bytes:
    """As much of a JPEG as says how large it is."""
    frame = struct.pack(">BHHBBBB", 8, high, wide, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc2" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda" + bytes(40)


def jpeg_2000_header(wide: int, high: int) -> bytes:
    return b"\xff\x4f\xff\x51" + struct.pack(">HHII", 41, 0, wide, high) + bytes(40)


def jbig2_page(wide: int, high: int) -> bytes:
    return struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">II", wide, high) + bytes(11)


def lzw(codes: int) -> bytes:
    """Zeros in LZW: every code is one byte longer than the one before, until the table is full."""
    said, table, width = "", 258, 9
    said += f"{256:09b}{0:09b}"
    for _ in range(codes):
        code = min(table, 4_095)
        said += f"{code:0{width}b}"
        table = min(table + 1, 4_096)
        width = 12 if table > 2_046 else 11 if table > 1_022 else 10 if table > 510 else 9
    said += "0" * (-len(said) % 8)
    return int(said, 2).to_bytes(len(said) // 8, "big")


def paper_with_objects_packed(size: int) -> bytes:
    """A list of objects that has to be unpacked to open the paper at all."""
    packed = squeezed(size, seed=b" ")
    parts, places = [b"%PDF-1.5\n"], []

    def put(body: bytes) -> None:
        places.append(sum(map(len, parts)))
        parts.append(body)

    put(b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
    put(b"2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n")
    put(b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 6 0 R>>\nendobj\n")
    put(b"4 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d/Filter/FlateDecode>>stream\n%s\nendstream\nendobj\n"
        % (len(packed), packed))  # fmt: skip
    where = sum(map(len, parts))
    rows = b"".join(struct.pack(">BIB", 1, at, 0) for at in places)
    rows = (
        struct.pack(">BIB", 0, 0, 0) + rows + struct.pack(">BIB", 1, where, 0) + struct.pack(">BIB", 2, 4, 0)
    )
    parts.append(b"5 0 obj\n<</Type/XRef/Size 7/W[1 4 1]/Root 1 0 R/Length %d>>stream\n%s\nendstream\nendobj\n"
                 % (len(rows), rows))  # fmt: skip
    return b"".join(parts) + b"startxref\n%d\n%%%%EOF\n" % where


def paper_with_deep_tree(depth: int = 50_000) -> bytes:
    """A page under so many branches."""
    parts = [b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"]
    for number in range(2, depth + 2):
        parts.append(b"%d 0 obj\n<</Type/Pages/Count 1/Kids[%d 0 R]>>\nendobj\n" % (number, number + 1))
    parts.append(b"%d 0 obj\n<</Type/Page/MediaBox[0 0 9 9]>>\nendobj\n" % (depth + 2))
    return b"".join(parts) + b"trailer<</Root 1 0 R>>\n%%EOF\n"


def paper_with_many_kids(kids: int = 300_000) -> bytes:
    """The same page again and again."""
    tree = b"<</Type/Pages/Count %d/Kids[%s]>>" % (kids, b"3 0 R " * kids)
    return _one_page(b"<</Type/Catalog/Pages 2 0 R>>", tree)


def paper_with_nested_lists(depth: int = 400_000) -> bytes:
    root = b"<</Type/Catalog/Pages 2 0 R/X " + b"[" * depth + b"]" * depth + b">>"
    return _one_page(root, b"<</Type/Pages/Count 1/Kids[3 0 R]>>")


def _one_page(root: bytes, tree: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    things = b"".join(b"%d 0 obj\n%s\nendobj\n" % pair for pair in enumerate((root, tree, page), start=1))
    return b"%PDF-1.4\n" + things + b"trailer<</Root 1 0 R>>\n%%EOF\n"


GROWING = {
    "300 MB": lambda: paper_with_stream(squeezed(300_000_000), ["/FlateDecode"]),
    "by its short name": lambda: paper_with_stream(squeezed(300_000_000), ["/Fl"]),
    "twice, by short names": lambda: paper_with_stream(zlib.compress(squeezed(400_000_000), 9), ["/Fl", "/Fl"]),
    "written out": lambda: paper_with_stream(
        base64.a85encode(squeezed(300_000_000)) + b"~>", ["/ASCII85Decode", "/FlateDecode"]
    ),
    "written out in hex": lambda: paper_with_stream(
        squeezed(300_000_000).hex().encode() + b">", ["/ASCIIHexDecode", "/FlateDecode"]
    ),
    "written out in between": lambda: paper_with_stream(
        zlib.compress(base64.a85encode(squeezed(300_000_000)) + b"~>"),
        ["/FlateDecode", "/ASCII85Decode", "/FlateDecode"],
    ),
    "run by run": lambda: paper_with_stream(
        zlib.compress(b"\x81\0" * 2_500_000, 9), ["/FlateDecode", "/RunLengthDecode"]
    ),
    "lzw": lambda: paper_with_stream(lzw(60_000), ["/LZWDecode"]),
    "lzw inside": lambda: paper_with_stream(zlib.compress(lzw(60_000), 9), ["/FlateDecode", "/LZWDecode"]),
    "four filters": lambda: paper_with_stream(bytes(9), ["/FlateDecode"] * 4),
    "many at once": lambda: paper_with_many_streams(40, 10_000_000),
    "a wide picture": lambda: paper_with_picture(30_000, 30_000),
    "a picture wider than it says": lambda: paper_with_picture(10, 10, jpeg_header(60_000, 60_000), ["/DCTDecode"]),
    "the same, packed": lambda: paper_with_picture(
        10, 10, zlib.compress(jpeg_header(60_000, 60_000)), ["/FlateDecode", "/DCTDecode"]
    ),
    "a jpeg 2000": lambda: paper_with_picture(10, 10, jpeg_2000_header(60_000, 60_000), ["/JPXDecode"]),
    "a jbig2": lambda: paper_with_picture(10, 10, jbig2_page(60_000, 60_000), ["/JBIG2Decode"]),
    "a fax": lambda: paper_with_picture(
        10, 10, bytes(100), ["/CCITTFaxDecode"], DecodeParms=pikepdf.Dictionary(Columns=60_000, Rows=60_000)
    ),
    "long rows": lambda: paper_with_stream(
        zlib.compress(bytes(99)), ["/FlateDecode"], DecodeParms=pikepdf.Dictionary(Predictor=12, Columns=2_000_000_000)
    ),
    "a picture among the words": lambda: paper_with_stream(
        b"q BI /W 9 /H 9 /BPC 8 /CS /G /F /Fl ID " + squeezed(300_000_000) + b" EI Q", []
    ),
    "a wide picture among the words": lambda: paper_with_stream(b"BI /W 90000 /H 90000 /BPC 1 ID x EI", []),
    "objects": lambda: paper_with_objects_packed(400_000_000),
    "words": lambda: paper_with_stream(squeezed(60_000_000), ["/FlateDecode"]),
    "a word again and again": lambda: b"%PDF-1.4\n" + b"stream\n" * 60_000,
}  # fmt: skip


def paper_with_many_streams(streams: int, size: int, **said: Any) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    packed = squeezed(size)
    pictures = pikepdf.Dictionary()
    for number in range(streams):
        stream = document.make_stream(b"")
        stream.write(packed, filter=pikepdf.Name.FlateDecode)
        stream["/Subtype"] = pikepdf.Name.Image
        for key, value in said.items():
            stream[f"/{key}"] = value
        pictures[f"/Im{number}"] = stream
    document.pages[0].obj["/Resources"] = pikepdf.Dictionary(XObject=pictures)
    return written(document, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


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


def paper_of_scans(pages: int = 3) -> bytes:
    """White pages at 300 dots an inch, in colour, packed without loss: twenty-six million bytes each."""
    return paper_with_many_streams(pages, 26_000_000, Width=2_480, Height=3_494)


def wide_animation() -> bytes:
    """A GIF of one small frame on a screen that is said to be huge."""
    return animation()[:6] + struct.pack("<HH", 60_000, 60_000) + animation()[10:]


def wide_heic() -> bytes:
    at = HEIC.index(b"ispe") + 8
    return HEIC[:at] + struct.pack(">II", 30_000, 30_000) + HEIC[at + 8 :]


REFUSED = {
    "a line before a paper": b"\n" + paper(),
    "an archive before a paper": archive() + paper(),
    "a tiff": saved(picture(), "TIFF"),
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
