"""An append-only log of records in segment files: bytes in, durable and in order; the same bytes out, or an exact count
of what is damaged.

Record: magic, CRC-32 of all that follows, then sequence, running total of items, items, time received, lengths, source,
payload.
Invariants: `append` returns only after fsync; sequences and totals never step back, not even over damage; a torn or
damaged stretch is skipped to the next good record, and the totals on both sides say how many items it held.
`tail` names the newest committed record, so that a log cut short at its end is noticed as well. It is written after
the record is durable and is not synced itself: losing it can hide a loss at the tail, never invent one.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

MAGIC: Final = b"\xf0FWJ"
_HEAD: Final = struct.Struct("<4sI")
_BODY: Final = struct.Struct("<QQIqBI")  # sequence, total, items, received at, length of source, length of payload
_TAIL: Final = struct.Struct("<QQI")
HEADER: Final = _HEAD.size + _BODY.size
SEGMENT_BYTES: Final = 32 << 20
MAX_RAW: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """What is appended: `n_items` items of one source, received at `at` (ns)."""

    source: str
    at: int
    n_items: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the log; `total` counts all items up to and with it."""

    segment: int
    offset: int
    length: int
    sequence: int
    total: int
    n_items: int
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch that cannot be read: `n_items` items after the running total `after`; `raw` is at most a megabyte."""

    file: str
    offset: int
    raw: bytes
    after: int = 0
    n_items: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """What a log holds: good records in order, and damage."""

    places: tuple[Place, ...]
    damage: tuple[Damage, ...]
    next_sequence: int
    total: int


class Segments:
    """The log in `folder`. One writer; `scan` and `read` may be used by other processes meanwhile."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder, self._segment_bytes = folder, segment_bytes
        self._file: BinaryIO | None = None
        self._tail: BinaryIO | None = None
        self._segment = 0
        self._size = 0
        self._sequence = 1
        self._total = 0

    def open(self, next_sequence: int, total: int) -> None:
        """Open for writing: numbers go on from here, in a new segment, so that nothing is written behind damage."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sequence, self._total = next_sequence, total
        self._segment = max(self.numbers(), default=0)
        self._roll()
        self._tail = (self._folder / "tail").open("r+b" if (self._folder / "tail").exists() else "w+b", buffering=0)

    def close(self) -> None:
        """Close the files."""
        for file in (self._file, self._tail):
            if file is not None:
                file.close()
        self._file = self._tail = None

    @property
    def number(self) -> int:
        """Number of the segment being written."""
        return self._segment

    @property
    def written(self) -> int:
        """Bytes in the segment being written."""
        return self._size

    def append(self, entries: Sequence[Entry]) -> list[Place]:
        """Write records and sync them; raises OSError, with nothing of them left in the log."""
        if self._file is None or self._tail is None:
            raise RuntimeError("the log is not open")
        if self._size >= self._segment_bytes:
            self._roll()
        places, blocks = [], []
        sequence, total, offset = self._sequence, self._total, self._size
        for entry in entries:
            total += entry.n_items
            block = _record(entry, sequence, total)
            places.append(
                Place(self._segment, offset, len(block), sequence, total, entry.n_items, entry.at, entry.source)
            )
            blocks.append(block)
            sequence, offset = sequence + 1, offset + len(block)
        try:
            _write_all(self._file, b"".join(blocks))
            os.fdatasync(self._file.fileno())
        except OSError:
            self._take_back(len(entries))
            raise
        self._sequence, self._total, self._size = sequence, total, offset
        with suppress(OSError):
            os.pwrite(self._tail.fileno(), _tail(sequence - 1, total), 0)
        return places

    def read(self, place: Place) -> bytes | None:
        """Return a record's payload; None where it has been damaged since."""
        try:
            with (self._folder / _name(place.segment)).open("rb") as file:
                block = os.pread(file.fileno(), place.length, place.offset)
        except OSError:
            return None
        found = _parse(block, 0, place.segment)
        return (
            None if found is None or found != replace(place, offset=0) else block[HEADER + len(place.source.encode()) :]
        )

    def numbers(self) -> list[int]:
        """Return the numbers of the segment files, oldest first."""
        return sorted(int(file.stem) for file in self._folder.glob("*.seg") if file.stem.isdigit())

    def size(self) -> int:
        """Bytes on disk."""
        sizes = 0
        for file in self._folder.glob("*.seg"):
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes

    def drop_before(self, segment: int) -> None:
        """Delete the segments whose records are all settled."""
        for number in self.numbers():
            if number < segment:
                (self._folder / _name(number)).unlink(missing_ok=True)

    def clear(self) -> None:
        """Give the room of the segment being written back; all its records are settled."""
        if self._file is not None:
            os.ftruncate(self._file.fileno(), 0)
            self._size = 0

    def scan(self, settled_sequence: int, settled_total: int) -> Scan:
        """Return the records after the settled one, and exactly how many items were lost between them."""
        places: list[Place] = []
        damage: list[Damage] = []
        sequence, total = settled_sequence, settled_total
        newest = self._read_tail()  # before the records: a writer goes on meanwhile
        gap: Damage | None = None
        for number in self.numbers():
            for found in _records(self._folder / _name(number), number):
                if isinstance(found, Damage):
                    gap = gap or found
                    continue
                if found.sequence > sequence:
                    lost = found.total - found.n_items - total
                    if lost > 0:
                        damage.append(replace(gap or _nowhere(found), after=total, n_items=lost))
                    places.append(found)
                    sequence, total = found.sequence, found.total
                gap = None
        if newest is not None and newest[1] > total:
            here = gap or Damage(_name(max(self.numbers(), default=0)), 0, b"")
            damage.append(replace(here, after=total, n_items=newest[1] - total))
            sequence, total = max(sequence, newest[0]), newest[1]
        return Scan(tuple(places), tuple(damage), sequence + 1, total)

    def _read_tail(self) -> tuple[int, int] | None:
        with suppress(OSError, struct.error):
            raw = (self._folder / "tail").read_bytes()
            sequence, total, crc = _TAIL.unpack(raw[: _TAIL.size])
            if crc == zlib.crc32(raw[: _TAIL.size - 4]):
                return int(sequence), int(total)
        return None

    def _roll(self) -> None:
        self._segment += 1
        file = (self._folder / _name(self._segment)).open("ab", buffering=0)
        if self._file is not None:
            self._file.close()
        self._file, self._size = file, 0
        _sync_folder(self._folder)

    def _take_back(self, n_entries: int) -> None:
        """Cut a half-written record off; where even that fails go on in a new segment: a torn record is skipped."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file.fileno(), self._size)
        except OSError:
            self._size = self._segment_bytes
            self._sequence += n_entries  # should they be whole after all, the next must not carry their numbers


def _record(entry: Entry, sequence: int, total: int) -> bytes:
    source = entry.source.encode()
    body = _BODY.pack(sequence, total, entry.n_items, entry.at, len(source), len(entry.payload))
    crc = zlib.crc32(entry.payload, zlib.crc32(source, zlib.crc32(body)))
    return b"".join((_HEAD.pack(MAGIC, crc), body, source, entry.payload))


def _parse(block: bytes, offset: int, segment: int) -> Place | None:
    """Return the good record at an offset, None where there is none."""
    if len(block) - offset < HEADER:
        return None
    magic, crc = _HEAD.unpack_from(block, offset)
    if magic != MAGIC:
        return None
    body = offset + _HEAD.size
    sequence, total, n_items, at, n_source, n_payload = _BODY.unpack_from(block, body)
    end = offset + HEADER + n_source + n_payload
    if end > len(block) or zlib.crc32(memoryview(block)[body:end]) != crc:
        return None
    source = block[offset + HEADER : offset + HEADER + n_source].decode()
    return Place(segment, offset, end - offset, sequence, total, n_items, at, source)


def _records(file: Path, segment: int) -> Iterator[Place | Damage]:
    """Yield the records of a segment in order, and each stretch between them that holds none."""
    try:
        block = file.read_bytes()
    except FileNotFoundError:
        return  # settled and deleted meanwhile
    offset = 0
    while offset < len(block):
        found = _parse(block, offset, segment)
        start = offset
        while found is None:
            offset = block.find(MAGIC, offset + 1)
            if offset < 0:
                yield Damage(file.name, start, block[start : start + MAX_RAW])
                return
            found = _parse(block, offset, segment)
        if offset > start:
            yield Damage(file.name, start, block[start : min(offset, start + MAX_RAW)])
        yield found
        offset += found.length


def _nowhere(found: Place) -> Damage:
    """Return damage of which nothing is left, just before a good record."""
    return Damage(_name(found.segment), found.offset, b"")


def _tail(sequence: int, total: int) -> bytes:
    raw = struct.pack("<QQ", sequence, total)
    return raw + struct.pack("<I", zlib.crc32(raw))


def _name(segment: int) -> str:
    return f"{segment:012d}.seg"


def _write_all(file: BinaryIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
