"""A stream opens whole, in order, in its own place, with its own key, and not otherwise."""

from __future__ import annotations

import io

import pytest

from audit import cipher
from audit.cipher import CHUNK_BYTES, TAG_BYTES, DoesNotOpen, StreamLock, open_stream

HEAD = 8
SEALED = CHUNK_BYTES + TAG_BYTES
KEY = cipher.new_key()


def locked(text: bytes, *, key: bytes = KEY, place: bytes = b"here", piece: int = 50_000) -> bytes:
    lock = StreamLock(key, place)
    parts = [lock.begin()]
    parts += [lock.more(text[at : at + piece]) for at in range(0, len(text), piece)]
    return b"".join([*parts, lock.end()])


def opened(stream: bytes, *, key: bytes = KEY, place: bytes = b"here") -> bytes:
    return b"".join(open_stream(key, io.BytesIO(stream).read, place))


@pytest.mark.parametrize(
    "length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]
)
@pytest.mark.parametrize("piece", [1_000_000, 777_77])
def test_what_is_locked_opens_again(length, piece):
    text = bytes(range(256)) * (length // 256 + 1)
    text = text[:length]
    stream = locked(text, piece=piece)
    assert opened(stream) == text
    assert len(stream) == HEAD + length + TAG_BYTES * max(1, -(-length // CHUNK_BYTES))


def chunks(stream: bytes) -> list[bytes]:
    return [stream[at : at + SEALED] for at in range(HEAD, len(stream), SEALED)]


def test_what_is_cut_moved_left_out_added_or_changed_does_not_open():
    text = bytes(3 * CHUNK_BYTES + 100)
    stream, other = locked(text), locked(text)
    head, parts = stream[:HEAD], chunks(stream)
    assert len(parts) == 4
    wrong = {
        "cut at the end of a chunk": head + b"".join(parts[:3]),
        "cut inside one": stream[:-50],
        "nothing but its beginning": head,
        "empty": b"",
        "without its first chunk": head + b"".join(parts[1:]),
        "without one in the middle": head + parts[0] + b"".join(parts[2:]),
        "in another order": head + parts[1] + parts[0] + b"".join(parts[2:]),
        "one chunk twice": head + parts[0] + b"".join(parts),
        "with something after it": stream + b"x",
        "with a chunk of another stream": head + chunks(other)[0] + b"".join(parts[1:]),
        "with the end of another": head + b"".join(parts[:3]) + chunks(other)[3],
        "with the beginning of another": other[:HEAD] + b"".join(parts),
        "of another version": b"\x02" + stream[1:],
        "one bit changed": stream[:70_000] + bytes([stream[70_000] ^ 1]) + stream[70_001:],
    }
    for how, bytes_ in wrong.items():
        with pytest.raises(DoesNotOpen):
            opened(bytes_)
            pytest.fail(how)
    for elsewhere in ({"place": b"there"}, {"key": cipher.new_key()}):
        with pytest.raises(DoesNotOpen):
            opened(stream, **elsewhere)
    assert opened(stream) == text


def test_what_was_given_out_before_a_broken_chunk_is_genuine():
    text = bytes(2 * CHUNK_BYTES)
    stream = locked(text)
    broken = stream[:-1] + bytes([stream[-1] ^ 1])
    flow = open_stream(KEY, io.BytesIO(broken).read, b"here")
    assert next(flow) == bytes(CHUNK_BYTES)
    with pytest.raises(DoesNotOpen):
        next(flow)


def test_a_stream_that_has_ended_takes_no_more():
    lock = StreamLock(KEY, b"here")
    lock.end()
    with pytest.raises(ValueError, match="ended"):
        lock.end()


def test_the_same_text_is_never_locked_to_the_same_bytes():
    assert locked(b"the same") != locked(b"the same")
