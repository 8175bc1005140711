"""Bytes from a broker to PUBLISH packets, many at a time; all other packets are left for the MQTT library to read.

The library reads each packet by three system calls and some fifteen microseconds of its own; a plant's backlog is all
PUBLISH. `Stream` stands in for the library's socket: it reads ahead, cuts out the PUBLISH packets itself, and hands the
bytes of any other packet on, whole. MQTT 3.1.1, sections 2.2 and 3.3.
"""

from __future__ import annotations

import ssl
from typing import Any, Final, NamedTuple

PUBLISH: Final = 3
READ_BYTES: Final = 1 << 18
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class WireError(Exception):
    """What came is not MQTT."""


class Publish(NamedTuple):
    """One PUBLISH packet; message_id 0 for QoS 0."""

    topic: bytes
    payload: bytes
    qos: int
    message_id: int
    is_retained: bool
    is_again: bool


class Stream:
    """A connected, non-blocking socket that reads ahead. The library may use it as it uses any socket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._block = b""  # read and not yet given away, from _at on
        self._at = 0
        self._parts: list[bytes] = []  # of a packet that is not whole: joined once it is
        self._held = 0
        self._needed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, n: int) -> bytes:
        """Give up to `n` bytes, as a socket does."""
        if self._at == len(self._block) and not self._parts:
            return bytes(self._socket.recv(n))
        self._join()
        found = self._block[self._at : self._at + n]
        self._at += len(found)
        return found

    def fill(self) -> bool:
        """Read what has come; returns whether anything had. Raises WireError where the broker has closed."""
        try:
            found = self._socket.recv(READ_BYTES)
        except WOULD_BLOCK:
            return False
        if not found:
            raise WireError("the broker closed the connection")
        self._parts.append(found)
        self._held += len(found)
        if len(self._block) - self._at + self._held >= self._needed:
            self._join()
        return True

    def publishes(self, most: int) -> list[Publish]:
        """Return up to `most` whole PUBLISH packets, up to the first packet that is another or not whole."""
        found: list[Publish] = []
        block, at = self._block, self._at
        end = len(block)
        self._needed = 0
        while len(found) < most and at < end and block[at] >> 4 == PUBLISH:
            start, length = _length(block, at + 1)
            stop = start + length
            if not start or stop > end:
                self._needed = stop - at if start else 0
                break
            body = start + 2
            topic_end = body + (block[start] << 8 | block[start + 1]) if length > 1 else stop + 1
            qos = block[at] >> 1 & 3
            payload = topic_end + 2 if qos else topic_end
            if payload > stop or qos == 3:
                raise WireError("a PUBLISH packet that contradicts itself")
            number = block[topic_end] << 8 | block[topic_end + 1] if qos else 0
            found.append(
                Publish(
                    block[body:topic_end], block[payload:stop], qos, number, bool(block[at] & 1), bool(block[at] & 8)
                )
            )
            at = stop
        self._at = at
        return found

    @property
    def has_other(self) -> bool:
        """Whether the next packet is whole and not a PUBLISH: the library's turn."""
        at, end = self._at, len(self._block)
        if at >= end or self._block[at] >> 4 == PUBLISH:
            return False
        start, length = _length(self._block, at + 1)
        return bool(start) and start + length <= end

    @property
    def has_any(self) -> bool:
        """Whether a whole packet has been read ahead."""
        at, end = self._at, len(self._block)
        start, length = _length(self._block, at + 1)
        return at < end and bool(start) and start + length <= end

    def _join(self) -> None:
        self._block = b"".join((self._block[self._at :], *self._parts))
        self._at, self._held = 0, 0
        self._parts.clear()


def _length(block: bytes, at: int) -> tuple[int, int]:
    """Return (where the packet's body begins, its length); (0, 0) where the length has not come yet."""
    length, shift = 0, 0
    for place in range(at, min(at + 4, len(block))):
        byte = block[place]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return place + 1, length
        shift += 7
    if len(block) - at >= 4:
        raise WireError("a packet length of more than four bytes")
    return 0, 0
