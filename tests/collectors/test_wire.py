"""PUBLISH packets cut out of a stream of bytes, however the bytes come."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.wire import Publish, Stream, WireError

PINGRESP = b"\xd0\x00"
CONNACK = b"\x20\x02\x00\x00"


class Pieces:
    """A socket that gives the bytes in the pieces it was told; an empty list is a wait, None the end."""

    def __init__(self, pieces: Sequence[bytes | None]) -> None:
        self.pieces = list(pieces)

    def recv(self, n: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        piece = self.pieces.pop(0)
        if piece is None:
            return b""
        if len(piece) > n:
            self.pieces.insert(0, piece[n:])
        return piece[:n]


def length(n: int) -> bytes:
    out = b""
    while True:
        n, low = divmod(n, 128)
        out += bytes([low | 0x80 if n else low])
        if not n:
            return out


def packet(p: Publish) -> bytes:
    head = 0x30 | p.qos << 1 | p.is_retained | p.is_again << 3
    body = len(p.topic).to_bytes(2, "big") + p.topic + (p.message_id.to_bytes(2, "big") if p.qos else b"") + p.payload
    return bytes([head]) + length(len(body)) + body


def drained(stream: Stream, most: int = 1000) -> tuple[list[Publish], bytes]:
    """Return all PUBLISH packets, and what a library reading the others a few bytes at a time has seen."""
    found: list[Publish] = []
    others = b""
    while True:
        found += stream.publishes(most)
        if stream.has_other:
            head = stream.recv(2)
            others += head
            if head[1]:
                others += stream.recv(head[1])
        elif not stream.has_any and not stream.fill():
            return found, others


ONE = Publish(b"a/b", b'{"x": 1}', 1, 7, is_retained=False, is_again=False)


def test_packets_of_one_read() -> None:
    many = [ONE._replace(message_id=i, payload=b"x" * i) for i in range(1, 300)]
    assert drained(Stream(Pieces([b"".join(map(packet, many))]))) == (many, b"")


def test_no_more_than_asked() -> None:
    stream = Stream(Pieces([packet(ONE) * 5]))
    stream.fill()
    assert len(stream.publishes(2)) == 2
    assert stream.has_any
    assert len(stream.publishes(9)) == 3
    assert not stream.has_any


def test_other_packets_are_left_whole_and_in_their_place() -> None:
    stream = Stream(Pieces([CONNACK + packet(ONE) + PINGRESP[:1], PINGRESP[1:] + packet(ONE)]))
    assert drained(stream) == ([ONE, ONE], CONNACK + PINGRESP)


def test_large_payload_in_many_pieces() -> None:
    large = ONE._replace(payload=b"y" * 3_000_000)
    block = packet(large) + packet(ONE)
    assert drained(Stream(Pieces([block[i : i + 1000] for i in range(0, len(block), 1000)]))) == ([large, ONE], b"")


def test_broker_that_closes() -> None:
    stream = Stream(Pieces([packet(ONE), None]))
    assert stream.fill()
    with pytest.raises(WireError, match="closed"):
        stream.fill()
    assert stream.publishes(1) == [ONE]


@pytest.mark.parametrize(
    "block",
    [
        b"\x32\x05\x00\x09abc",  # a topic longer than its packet
        b"\x36\x05\x00\x01abc",  # QoS 3
        b"\x30\x01\x00",  # half a topic length
        b"\x30\x00",
        b"\x32\x03\x00\x01a",  # no message id
        b"\x30\xff\xff\xff\xff\x01",
    ],
)
def test_what_is_not_mqtt_is_refused(block: bytes) -> None:
    stream = Stream(Pieces([block]))
    stream.fill()
    with pytest.raises(WireError):
        stream.publishes(1)


publishes = st.builds(
    lambda topic, payload, qos, number, retained, again: Publish(
        topic, payload, qos, number if qos else 0, retained, again
    ),
    st.binary(max_size=20),
    st.binary(max_size=200),
    st.integers(0, 2),
    st.integers(1, 65535),
    st.booleans(),
    st.booleans(),
)


@given(
    st.lists(publishes | st.sampled_from([PINGRESP, CONNACK]), max_size=8), st.lists(st.integers(1, 60), max_size=30)
)
def test_any_stream_in_any_pieces(items: list[Publish | bytes], cuts: list[int]) -> None:
    block = b"".join(x if isinstance(x, bytes) and not isinstance(x, Publish) else packet(x) for x in items)
    pieces, at = [], 0
    for cut in [*cuts, len(block)]:
        pieces.append(block[at : at + cut])
        at += cut
    found, others = drained(Stream(Pieces([p for p in pieces if p])))
    assert found == [x for x in items if isinstance(x, Publish)]
    assert others == b"".join(x for x in items if isinstance(x, bytes))


@given(st.binary(max_size=100))
def test_any_bytes_are_packets_or_refused(block: bytes) -> None:
    stream, n_given = Stream(Pieces([block] if block else [])), 0
    try:
        while stream.fill():
            n_given += sum(len(packet(p)) for p in stream.publishes(10))
    except WireError:
        pass
    assert n_given <= len(block)
