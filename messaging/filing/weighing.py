"""How much a paper becomes for whoever opens it: counted piece by piece, and never held.

Part of the program that makes files safe (`washing.py`), so it imports nothing of the portal either.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# 48-megapixel phones are common, and a page at 600 dots an inch has 35 million.
MOST_PIXELS = 50_000_000
MOST_UNPACKED = 300_000_000
# Up to here anything may grow. Above, only what does not grow more than scans of real pages do.
FREE_UNPACKED = 100_000_000
MOST_TIMES = 100
# What is no picture: the words and lines of pages, typefaces, lists of objects. All of it together.
MOST_WORDS = 100_000_000
FREE_WORDS = 20_000_000
MOST_STREAMS = 50_000
MOST_FILTERS = 3
WIDEST_ROW = 1_000_000
MOST_INLINE = 20_000
PIECE = 1_000_000

NAMES = {
    "/A85": "/ASCII85Decode", "/AHx": "/ASCIIHexDecode", "/CCF": "/CCITTFaxDecode", "/DCT": "/DCTDecode",
    "/Fl": "/FlateDecode", "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode",
}  # fmt: skip
SPELLED_OUT = ("/ASCII85Decode", "/ASCIIHexDecode")
PICTURES = ("/DCTDecode", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_INLINE = re.compile(rb"\bBI\b(.{0,1000}?)\bID\s", re.DOTALL)


class TooLarge(Exception):
    """It grows too large inside."""


class Scale:
    """What was unpacked so far, of a file of that many bytes. Raises `TooLarge` as soon as it is too much."""

    def __init__(self, size: int) -> None:
        self.most = min(MOST_UNPACKED, max(FREE_UNPACKED, MOST_TIMES * size))
        self.most_words = min(MOST_WORDS, max(FREE_WORDS, MOST_TIMES * size))
        self.unpacked = self.words = 0

    def put(self, piece: bytes) -> bytes:
        self.unpacked += len(piece)
        if self.unpacked > self.most:
            raise TooLarge
        return piece


def look_before_opening(content: bytes) -> None:
    """Count what stands packed in the file, lists of objects too: opening it would unpack these at once."""
    scale, whole = Scale(len(content)), memoryview(content)
    for number, begins in enumerate(_STREAM.finditer(content)):
        if number > MOST_STREAMS:
            raise TooLarge
        for _ in _inflate(_in_pieces(whole[begins.end() :]), scale):
            pass


def weigh(paper: Any, *, size: int) -> None:
    """Count every stream of an opened paper, through all its filters. Raises `TooLarge`."""
    import pikepdf

    scale = Scale(size)
    for thing in paper.objects:
        if not isinstance(thing, pikepdf.Stream):
            continue
        filters = _names(thing.get("/Filter"))
        told = _list(thing.get("/DecodeParms") or thing.get("/DP"))
        wide, high = _number(thing.get("/Width")), _number(thing.get("/Height"))
        _fits(wide, high)
        for one in told:
            if isinstance(one, pikepdf.Dictionary):
                columns = _number(one.get("/Columns"))
                if columns > WIDEST_ROW:
                    raise TooLarge
                _fits(columns, max(_number(one.get("/Rows")), high))
        is_picture = wide > 0 or str(thing.get("/Subtype", "")) == "/Image"
        raw = bytes(thing.read_raw_bytes())
        if is_picture:
            for _ in unpack(raw, filters, scale):
                pass
            continue
        _weigh_words(unpack(raw, filters, scale), scale)


def _weigh_words(pieces: Iterable[bytes], scale: Scale) -> None:
    """What is no picture may have pictures written into it."""
    held = bytearray()
    for piece in pieces:
        scale.words += len(piece)
        if scale.words > scale.most_words:
            raise TooLarge
        held += piece
    if b"BI" not in held:
        return
    content = memoryview(bytes(held))
    for number, found in enumerate(_INLINE.finditer(content)):
        if number > MOST_INLINE:
            raise TooLarge
        said = found[1]
        sides = [re.search(rb"/(?:%s)\s*(\d{1,12})" % names, said) for names in (b"W|Width", b"H|Height")]
        _fits(*(int(side[1]) if side else 0 for side in sides))
        after = re.search(rb"/(?:F|Filter)\s*(\[[^\]]*\]|/\w+)", said)
        names = re.findall(r"/\w+", after[1].decode("latin-1")) if after else []
        for _ in unpack(content[found.end() :], [NAMES.get(name, name) for name in names], scale):
            pass


def unpack(raw: bytes | memoryview, filters: list[str], scale: Scale) -> Iterator[bytes]:
    """What comes out of the last filter, in pieces. A picture's own coding is left as it is, and its size read."""
    if len(filters) > MOST_FILTERS:
        raise TooLarge
    pieces: Iterator[bytes] = _in_pieces(raw)
    for place, name in enumerate(filters):
        if name in SPELLED_OUT:
            if any(before not in SPELLED_OUT for before in filters[:place]):
                raise TooLarge  # Nobody writes out what is already packed, except to hide it.
            pieces = iter((_written_out(b"".join(pieces), name),))
        elif name in _PACKED:
            pieces = _PACKED[name](pieces, scale)
        elif name in PICTURES:
            held = b"".join(pieces)
            _fits(*_SIZES[name](held))
            pieces = iter((held,))
    return pieces


def _fits(wide: int, high: int) -> None:
    if wide * high > MOST_PIXELS:
        raise TooLarge


# --- what a paper says


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return 0


def _list(value: Any) -> list[Any]:
    import pikepdf

    if value is None:
        return []
    return list(value) if isinstance(value, pikepdf.Array) else [value]


def _names(value: Any) -> list[str]:
    return [NAMES.get(str(name), str(name)) for name in _list(value)]


# --- what is packed


def _in_pieces(raw: bytes | memoryview) -> Iterator[bytes]:
    yield bytes(raw[:64])  # Most of what only looks packed is known by its first bytes.
    for at in range(64, len(raw), 65_536):
        yield bytes(raw[at : at + 65_536])


def _written_out(raw: bytes, name: str) -> bytes:
    try:
        if name == "/ASCIIHexDecode":
            digits = re.sub(rb"[^0-9A-Fa-f]", b"", raw.split(b">", 1)[0])
            return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        return base64.a85decode(raw.split(b"~>", 1)[0].lstrip(b"<~"), ignorechars=b" \t\n\r\v\f\0")
    except ValueError:
        return b""


def _inflate(pieces: Iterator[bytes], scale: Scale) -> Iterator[bytes]:
    machine = zlib.decompressobj()
    try:
        for rest in pieces:
            while rest and not machine.eof:  # After its end a machine gives back the same rest for ever.
                yield scale.put(machine.decompress(rest, PIECE))
                rest = machine.unconsumed_tail
            if machine.eof:
                return
    except zlib.error:
        return  # What is broken shows as nothing; it does not grow.


def _run(pieces: Iterator[bytes], scale: Scale) -> Iterator[bytes]:
    raw, at = b"".join(pieces), 0
    made = bytearray()
    while at < len(raw) and raw[at] != 128:
        length = raw[at]
        if length < 128:
            made += raw[at + 1 : at + 2 + length]
            at += length + 2
        else:
            made += raw[at + 1 : at + 2] * (257 - length)
            at += 2
        if len(made) > PIECE:
            yield scale.put(bytes(made))
            made.clear()
    yield scale.put(bytes(made))


def _lzw(pieces: Iterator[bytes], scale: Scale) -> Iterator[bytes]:
    raw = b"".join(pieces)
    start = [bytes((n,)) for n in range(256)] + [b"", b""]
    table, width, held, bits, before = start.copy(), 9, 0, 0, b""
    made = bytearray()
    for byte in raw:
        held, bits = (held << 8 | byte) & 0xFFFFFF, bits + 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits & (1 << width) - 1
        if code == 257:
            break
        if code == 256:
            table, width, before = start.copy(), 9, b""
            continue
        if code < len(table):
            entry = table[code]
        elif before:
            entry = before + before[:1]
        else:
            break
        made += entry
        if len(made) > PIECE:
            yield scale.put(bytes(made))
            made.clear()
        if before and len(table) < 4_096:
            table.append(before + entry[:1])
        before = entry
        # One code earlier than needed, as nearly everybody writes it.
        width = 12 if len(table) > 2_046 else 11 if len(table) > 1_022 else 10 if len(table) > 510 else 9
    yield scale.put(bytes(made))


_PACKED: dict[str, Callable[[Iterator[bytes], Scale], Iterator[bytes]]] = {
    "/FlateDecode": _inflate,
    "/LZWDecode": _lzw,
    "/RunLengthDecode": _run,
}


# --- how large a picture says it is, in its own words


def _pair(data: bytes, at: int, *, of: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + of], "big"), int.from_bytes(data[at + of : at + 2 * of], "big")


def _jpeg(data: bytes) -> tuple[int, int]:
    at, largest = data.find(b"\xff\xd8") + 2, (0, 0)
    while 2 <= at < len(data) - 9:
        at = data.find(b"\xff", at)
        if at < 0:
            break
        mark = data[at + 1]
        if mark == 0xDA:
            break
        if mark in (0x00, 0x01, 0xFF) or 0xD0 <= mark <= 0xD8:
            at += 1 if mark == 0xFF else 2
            continue
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            largest = max(largest, _pair(data, at + 5, of=2), key=lambda size: size[0] * size[1])
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return largest


def _jpeg_2000(data: bytes) -> tuple[int, int]:
    at = data.find(b"\xff\x4f\xff\x51")
    return _pair(data, at + 8, of=4) if at >= 0 else (0, 0)


def _jbig2(data: bytes) -> tuple[int, int]:
    """The largest page or region of its segments. A page without an end is as high as the picture around it."""
    at, largest = 0, (0, 0)
    while at + 11 <= len(data):
        number, flags, count = int.from_bytes(data[at : at + 4], "big"), data[at + 4], data[at + 5] >> 5
        at += 6
        if count == 7:
            count = int.from_bytes(data[at - 1 : at + 3], "big") & 0x1FFFFFFF
            at += 3 + (count + 8) // 8
        at += count * (1 if number <= 256 else 2 if number <= 65_536 else 4)
        at += 4 if flags & 0x40 else 1
        length, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        kind = flags & 0x3F
        if kind == 48 or kind in range(4, 8) or kind in range(20, 24) or kind in range(36, 44):
            wide, high = _pair(data, at, of=4)
            if high != 0xFFFFFFFF:
                largest = max(largest, (wide, high), key=lambda size: size[0] * size[1])
        if length == 0xFFFFFFFF:
            break
        at += length
    return largest


_SIZES: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "/DCTDecode": _jpeg,
    "/JPXDecode": _jpeg_2000,
    "/JBIG2Decode": _jbig2,
    "/CCITTFaxDecode": lambda data: (0, 0),  # By its columns and rows, which stand beside it.
}
