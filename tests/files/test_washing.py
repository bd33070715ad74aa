"""What comes in is not what is kept: read by its content, made anew without what it carried, or refused."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import time
import tracemalloc
import zlib

import pikepdf
import pytest
from PIL import Image

from audit.files import Transit
from messaging.filing.intake import WASHING, wash
from messaging.filing.uploads import SealedUpload
from messaging.filing.weighing import TooLarge, look_before_opening, weigh
from messaging.refusals import FileRefused
from tests.files import samples


def uploaded(content: bytes, name: str = "file") -> SealedUpload:
    transit = Transit()
    transit.write(content)
    return SealedUpload(name, transit.finish(), problem="", size=len(content), charset=None)


def washed(content: bytes) -> tuple[str, bytes]:
    clean = wash(uploaded(content))
    return str(clean.kind), b"".join(clean.content.chunks())


def why(content: bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        wash(uploaded(content))
    return refused.value.because


def test_a_phones_photo_loses_its_place_and_becomes_a_jpeg():
    assert samples.MAKER.encode() in samples.HEIC
    before = Image.Exif()
    kind, content = washed(samples.HEIC)
    after = Image.open(io.BytesIO(content))
    assert (kind, after.format, after.size) == ("jpeg", "JPEG", (96, 64))
    assert dict(after.getexif()) == dict(before) == {}
    assert b"4711" not in content and b"Exif" not in content
    # It is the same picture: red in its corner, teal elsewhere.
    assert after.getpixel((5, 5))[0] > 200 and after.getpixel((80, 50))[0] < 20


def test_a_photo_is_turned_upright_and_keeps_nothing_but_its_pixels():
    kind, content = washed(samples.photo(orientation=6))
    after = Image.open(io.BytesIO(content))
    assert (kind, after.size, dict(after.getexif())) == ("jpeg", (48, 64), {})
    assert b"4711" not in content


def test_an_animation_becomes_its_first_frame_and_a_hidden_archive_is_gone():
    kind, content = washed(samples.gifar())
    after = Image.open(io.BytesIO(content))
    assert (kind, getattr(after, "n_frames", 1)) == ("png", 1)
    assert after.convert("RGB").getpixel((3, 3)) == (255, 0, 0)
    assert b"evil" not in content
    assert b"evil" not in washed(samples.photo_with_archive())[1]


def test_large_pictures_are_made_smaller_and_odd_ones_plain():
    assert Image.open(io.BytesIO(washed(samples.saved(samples.picture((5_000, 40)), "JPEG"))[1])).size == (
        4_096,
        33,
    )
    for mode, colour in (("P", 3), ("LA", (9, 200)), ("I;16", 30_000), ("1", 1), ("RGBA", (9, 9, 9, 9))):
        kind, content = washed(samples.saved(samples.picture((30, 20), mode, colour), "PNG"))
        assert (kind, Image.open(io.BytesIO(content)).size) == ("png", (30, 20)), mode
    assert washed(samples.saved(samples.picture(mode="CMYK", colour=(0, 99, 99, 0)), "JPEG"))[0] == "jpeg"
    assert washed(samples.saved(samples.picture(), "WEBP"))[0] == "jpeg"


def test_a_paper_keeps_its_pages_and_loses_what_runs():
    clean = wash(uploaded(samples.paper_with_everything()))
    content = b"".join(clean.content.chunks())
    assert clean.taken_out
    assert b"4711" not in content
    with pikepdf.open(io.BytesIO(content)) as paper:
        assert len(paper.pages) == 1
        assert not paper.is_encrypted and not paper.attachments
        assert "/OpenAction" not in paper.Root and "/AA" not in paper.pages[0].obj
        links = [note.get("/A") for note in paper.pages[0].obj["/Annots"]]
        assert [str(link.URI) for link in links if link is not None] == ["https://clinic.example/"]
    script = washed(samples.paper_with_script())[1]
    assert b"4711" not in script and b"JavaScript" not in script


def test_a_plain_paper_is_not_said_to_have_lost_anything():
    clean = wash(uploaded(samples.paper(3)))
    assert not clean.taken_out
    assert samples.MAKER.encode() not in b"".join(clean.content.chunks())


def test_what_is_two_things_at_once_is_one_of_them_afterwards():
    """Made anew: what stood behind the end, between the parts or in a comment has no place in it."""
    page = b"<html><script>evil4711()</script></html>"
    for content, begins in (
        (samples.paper_with_page_of_ours(), b"%PDF-"),
        (samples.paper() + samples.archive(), b"%PDF-"),
        (samples.paper().replace(b"\n", b"\n%" + page + b"\n", 1), b"%PDF-"),
        (samples.paper() + b"\n" * 2_000 + page, b"%PDF-"),
        (samples.photo_with_archive(), b"\xff\xd8"),
        (samples.photo() + page, b"\xff\xd8"),
        (samples.saved(samples.picture(), "JPEG", comment=page), b"\xff\xd8"),
        (samples.png() + samples.archive(page), b"\x89PNG"),
    ):
        assert b"evil" in content
        kept = washed(content)[1]
        assert kept.startswith(begins) and b"evil" not in kept and b"PK\x03\x04" not in kept


@pytest.mark.parametrize("name", samples.GROWING)
def test_a_paper_is_weighed_through_whatever_it_is_packed_in(name):
    """Here without the program around it, which is slow to start: in little time, and never held as a whole."""
    paper, began = samples.GROWING[name](), time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            look_before_opening(paper)
            with pikepdf.open(io.BytesIO(paper), suppress_warnings=True) as opened:
                weigh(opened, size=len(paper))
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5


def test_papers_built_to_lose_ones_way_in_are_refused_in_time():
    for paper in (
        samples.paper_with_deep_tree(),
        samples.paper_with_many_kids(),
        samples.paper_with_nested_lists(),
    ):
        began = time.monotonic()
        assert why(paper) in ("unreadable", "too_many_pages")
        assert time.monotonic() - began < 10


def test_a_paper_that_only_looks_like_much_is_taken():
    assert washed(samples.paper_of_scans())[0] == "pdf"
    for filters, packed in (
        (["/LZWDecode"], samples.lzw(500)),
        (["/ASCII85Decode", "/FlateDecode"], base64.a85encode(zlib.compress(b"0 0 m")) + b"~>"),
        (["/RunLengthDecode"], b"\x00q\x80"),
        (["/FlateDecode"], b"not packed at all"),
    ):
        assert washed(samples.paper_with_stream(packed, filters))[0] == "pdf", filters
    picture = samples.photo(size=(640, 480))
    assert washed(samples.paper_with_picture(640, 480, picture, ["/DCTDecode"]))[0] == "pdf"


@pytest.mark.parametrize("name", samples.REFUSED)
def test_what_is_refused(name):
    assert why(samples.REFUSED[name]) in ("wrong_kind", "unreadable", "has_password")


@pytest.mark.parametrize(
    ("bomb", "because"),
    [
        (samples.pixel_bomb, "too_many_pixels"),
        (samples.wide_animation, "too_many_pixels"),
        (samples.wide_heic, "too_many_pixels"),
        (samples.text_bomb, "unreadable"),
        (samples.paper_with_bomb, "too_large_inside"),
        (samples.GROWING["300 MB"], "too_large_inside"),
        (samples.GROWING["objects"], "too_large_inside"),
        (lambda: samples.paper_with_bomb(packed_twice=True), "too_large_inside"),
        (lambda: samples.paper(301), "too_many_pages"),
    ],
    ids=[
        "pixels",
        "a wide screen",
        "a wide heic",
        "words",
        "paper",
        "300 MB",
        "objects",
        "paper, twice",
        "pages",
    ],
)
def test_bombs_are_refused_in_time(bomb, because):
    content, began = bomb(), time.monotonic()
    assert len(content) < 1_000_000
    assert why(content) == because
    assert time.monotonic() - began < 10  # 5 on a machine that does nothing else


def test_the_program_that_reads_files_can_open_nothing_and_knows_nothing(monkeypatch):
    """The same limits, and then what somebody would try who has taken it over."""
    monkeypatch.setenv("SECRET_CANARY", "4711")
    attempt = f"""
import runpy, os, socket, sys
washing = runpy.run_path({str(WASHING)!r}, run_name="washing")
washing["load"]("jpeg")
washing["lock_in"]("jpeg")
def tries(act):
    try:
        act()
        return "did"
    except (OSError, MemoryError):
        return "no"
print(tries(lambda: open("/etc/hostname")), tries(socket.socket), tries(lambda: bytearray(2_000_000_000)),
      "SECRET_CANARY" in os.environ)
"""
    said = subprocess.run(
        [sys.executable, "-I", "-c", attempt], env={}, capture_output=True, check=True
    ).stdout
    assert said.split() == [b"no", b"no", b"no", b"False"]


def test_a_reader_that_dies_or_hangs_takes_nobody_with_it(monkeypatch, tmp_path):
    from messaging.filing import intake

    bad = tmp_path / "bad.py"
    monkeypatch.setattr(intake, "WASHING", bad)
    monkeypatch.setattr(intake, "WALL_SECONDS", 1)
    for program in ("import os; os.abort()", "import time; time.sleep(60)", "print('not an answer')", "1/0"):
        bad.write_text(program)
        began = time.monotonic()
        assert why(samples.photo()) == "unreadable"
        assert time.monotonic() - began < 8, program
    assert intake._places.acquire(timeout=0) and intake._places.acquire(timeout=0)
    intake._places.release(2)


def test_nothing_lies_on_the_disk_as_it_is(tmp_path, monkeypatch):
    """While it comes in and while it is washed, a file has no name, and its bytes there are sealed."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = b"\xff\xd8\xff canary 4711" * 40_000
    upload = uploaded(content)
    assert upload.transit is not None
    on_disk = os.pread(upload.transit._file.fileno(), 2_000_000, 0)
    assert len(on_disk) > len(content)
    assert b"canary" not in on_disk
    assert list(tmp_path.iterdir()) == []
    assert b"".join(upload.chunks()) == content
