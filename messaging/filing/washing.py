"""Make one file safe: a program of its own, run by `messaging.filing.intake`, that knows nothing and can open nothing.

Parsers of pictures and papers have holes. Whatever happens in here, it happens to a process without keys, without a
database, without an environment, that can open no file and no connection, with little memory and little time. It
reads a file from its input, and writes a line that says how it went, then the new file.

This module is run by its path, so it imports nothing of the portal but what stands beside it for the same.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 1_100_000_000
CPU_SECONDS = 8
WALL_SECONDS = 12
# 48-megapixel phones are common. What is more than this is refused from its header, before anything is unpacked.
MOST_PIXELS = 50_000_000
MOST_SIDE = 16_384
# A screen and a printer show no more; a clinician can still zoom.
LONGEST_SIDE = 4_096
JPEG_QUALITY = 88
MOST_PNG_PIXELS = 5_000_000
MOST_PAGES = 300
MOST_OBJECTS = 200_000
DEEPEST = 60


class Refused(Exception):
    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def lock_in(kind: str) -> None:
    """From here on: no other memory, time, file, process or connection than what is there now."""
    limits = [
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),  # A core file would be the patient's file, in the clear.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ]
    # The decoder of HEIC is a thread, which counts as a process. Whatever it became could open nothing either.
    if hasattr(resource, "RLIMIT_NPROC") and kind != "heif":
        limits.append((resource.RLIMIT_NPROC, 0))
    for which, most in limits:
        resource.setrlimit(which, (most, most))
    signal.alarm(WALL_SECONDS)


# --- pictures


def wash_picture(content: bytes, kind: str) -> tuple[bytes, dict[str, Any]]:
    """The picture alone, drawn anew: upright, in the colours every screen has, without what else was in the file."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # Ours is stricter, and looks at the header first.
    try:
        picture = Image.open(io.BytesIO(content), formats=[kind.upper()])
    except Exception as bad:
        raise Refused("unreadable") from bad
    wide, high = picture.size
    if wide * high > MOST_PIXELS or max(wide, high) > MOST_SIDE:
        raise Refused("too_many_pixels")
    if kind == "jpeg":
        # The decoder leaves out what would be scaled away: a quarter of the memory for the largest.
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    try:
        picture.load()
    except MemoryError as bad:
        raise Refused("too_many_pixels") from bad
    except Exception as bad:  # Cut off, or broken on the way.
        raise Refused("unreadable") from bad
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    flat = _plain_colours(upright)
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    flat = _everyones_colours(flat, profile)
    # A new picture from the bare pixels: nothing that hung on the old one comes along.
    bare = Image.frombytes(flat.mode, flat.size, flat.tobytes())
    out = io.BytesIO()
    # Drawings and pictures of screens keep their sharp edges; photographs would only become large.
    if kind in ("png", "gif") and bare.size[0] * bare.size[1] <= MOST_PNG_PIXELS:
        bare.save(out, "PNG", compress_level=6)
        return out.getvalue(), {"kind": "png"}
    if bare.mode == "RGBA":
        on_white = Image.new("RGB", bare.size, "white")
        on_white.paste(bare, mask=bare.getchannel("A"))
        bare = on_white
    bare.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue(), {"kind": "jpeg"}


def _plain_colours(picture: Any) -> Any:
    """RGB, or RGBA where something shows through. More than eight bits a colour are brought down to eight."""
    if picture.mode in ("RGB", "RGBA", "L"):
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        # 16 bits of grey: Pillow's own conversion would cut them off instead of scaling them down.
        low, high = picture.getextrema()
        scale = 255 / (high - low) if high > low else 1
        return picture.convert("F").point(lambda value: (value - low) * scale).convert("L")
    see_through = picture.mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if see_through else "RGB")


def _everyones_colours(picture: Any, profile: bytes | None) -> Any:
    """A phone's wide colours as sRGB. Skin that is shown in wrong colours misleads whoever looks at it."""
    if not profile or picture.mode not in ("RGB", "RGBA"):
        return picture
    from PIL import ImageCms

    try:
        return ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture


# --- papers

# Everything that runs, opens, sends or carries something else. What a paper shows is not among it.
NEVER = frozenset(
    {
        "/AA", "/OpenAction", "/JavaScript", "/JS", "/XFA", "/EmbeddedFiles", "/EF", "/AF", "/Launch", "/Collection",
        "/RichMedia", "/RichMediaContent", "/RichMediaSettings", "/Movie", "/Sound", "/Rendition", "/Requirements",
        "/PieceInfo", "/Metadata", "/LastModified",
    }
)  # fmt: skip
HARMLESS_ACTIONS = frozenset({"/GoTo", "/Named", "/URI"})
HARMLESS_SCHEMES = ("https://", "http://", "mailto:", "tel:")
NEVER_ON_A_PAGE = frozenset({"/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"})


def wash_paper(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """The pages, written out anew: without scripts, attachments, actions, and words about who made it and where."""
    import pikepdf

    from messaging.filing.weighing import TooLarge, look_before_opening, weigh

    try:
        look_before_opening(content)
        paper = pikepdf.open(io.BytesIO(content), suppress_warnings=True)
    except pikepdf.PasswordError as bad:
        raise Refused("has_password") from bad
    except (MemoryError, TooLarge) as bad:
        raise Refused("too_large_inside") from bad
    except Exception as bad:
        raise Refused("unreadable") from bad
    try:
        pages = len(paper.pages)
        if pages > MOST_PAGES:
            raise Refused("too_many_pages")
        if pages == 0 or len(paper.objects) > MOST_OBJECTS:
            raise Refused("unreadable")
        weigh(paper, size=len(content))
        taken_out = _take_out(paper)
        if "/Info" in paper.trailer:
            del paper.trailer["/Info"]
        out = io.BytesIO()
        paper.save(
            out,
            encryption=False,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
        _look_again(out)
    except Refused:
        raise
    except (MemoryError, TooLarge) as bad:
        raise Refused("too_large_inside") from bad
    except Exception as bad:
        raise Refused("unreadable") from bad
    return out.getvalue(), {"kind": "pdf", "pages": pages, "taken_out": taken_out}


def _take_out(paper: Any) -> int:
    """Take out of every object what a paper does not need to be read. Says how much that was."""
    import pikepdf

    taken = 0
    trailer_root = paper.Root
    for thing in [trailer_root, *paper.objects]:
        for dictionary in _dictionaries(thing):
            for key in [key for key in dictionary.keys() if key in NEVER]:  # noqa: SIM118  (not a dict)
                if key == "/OpenAction" and isinstance(dictionary[key], pikepdf.Array):
                    continue  # At which page it opens.
                if key not in ("/Metadata", "/PieceInfo", "/LastModified"):
                    taken += 1
                del dictionary[key]
            for key in ("/A", "/Next", "/PA"):
                if key in dictionary and not _is_harmless(dictionary[key]):
                    taken += 1
                    del dictionary[key]
            notes = dictionary.get("/Annots")
            if isinstance(notes, pikepdf.Array):
                kept = [
                    note
                    for note in notes
                    if isinstance(note, pikepdf.Dictionary)
                    and str(note.get("/Subtype", "")) not in NEVER_ON_A_PAGE
                ]
                if len(kept) != len(notes):
                    taken += len(notes) - len(kept)
                    dictionary["/Annots"] = pikepdf.Array(kept)
    return taken


def _is_harmless(action: Any) -> bool:
    import pikepdf

    if not isinstance(action, pikepdf.Dictionary):
        return True  # An array is a chain, whose members are looked at by themselves; others say nothing.
    kind = action.get("/S")
    if kind is None:
        return True  # Not an action: /A and /Next mean other things elsewhere.
    if str(kind) not in HARMLESS_ACTIONS:
        return False
    if str(kind) == "/URI":
        return str(action.get("/URI", "")).strip().lower().startswith(HARMLESS_SCHEMES)
    return True


def _dictionaries(thing: Any, depth: int = 0) -> Iterator[Any]:
    """This object and everything written directly inside it. What it only points to has its own turn."""
    import pikepdf

    if depth > DEEPEST:
        raise Refused("unreadable")
    if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        yield thing
        for key in list(thing.keys()):
            inner = thing.get(key)
            if isinstance(inner, pikepdf.Object) and not inner.is_indirect:
                yield from _dictionaries(inner, depth + 1)
    elif isinstance(thing, pikepdf.Array):
        for inner in thing:
            if isinstance(inner, pikepdf.Object) and not inner.is_indirect:
                yield from _dictionaries(inner, depth + 1)


def _look_again(out: io.BytesIO) -> None:
    """What was written is opened once more: if anything is left to take out, it is not kept at all."""
    import pikepdf

    with pikepdf.open(io.BytesIO(out.getvalue()), suppress_warnings=True) as again:
        if _take_out(again):
            raise Refused("unreadable")


# --- the program


def load(kind: str) -> None:
    """Bring in what is needed while files can still be opened. The libraries load parts of themselves on first use."""
    if kind == "pdf":
        # Last, so that nothing of ours stands in for a part of Python. What is read from there has no doors either.
        sys.path.append(str(Path(__file__).parents[2]))
        import pikepdf

        blank = pikepdf.new()
        blank.add_blank_page()
        blank.save(out := io.BytesIO())
        wash_paper(out.getvalue())
        return
    import pi_heif
    from PIL import Image, ImageCms, MpoImagePlugin, TiffImagePlugin

    _ = (MpoImagePlugin, TiffImagePlugin)
    if kind == "heif":
        pi_heif.options.DECODE_THREADS = 1
        pi_heif.options.THUMBNAILS = False
        pi_heif.options.DEPTH_IMAGES = False
        pi_heif.options.AUX_IMAGES = False
        pi_heif.register_heif_opener()
    tagged = Image.Exif()
    tagged[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for form in ("JPEG", "PNG", "WEBP", "GIF"):
        Image.new("RGB", (8, 8)).save(out := io.BytesIO(), form, exif=tagged, icc_profile=profile)
        wash_picture(out.getvalue(), form.lower())


def main(kind: str) -> None:
    load(kind)
    lock_in(kind)
    content = sys.stdin.buffer.read()
    try:
        washed, facts = wash_paper(content) if kind == "pdf" else wash_picture(content, kind)
    except Refused as refused:
        answer({"refused": refused.code}, b"")
    except MemoryError:
        answer({"refused": "too_large_inside"}, b"")
    answer(facts, washed)


def answer(facts: dict[str, Any], washed: bytes) -> NoReturn:
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
    sys.stdout.buffer.write(washed)
    sys.stdout.buffer.flush()
    # Without the libraries' own farewells, which may stumble over what they have just read.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
