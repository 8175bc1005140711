"""The places of the records that wait in the log, oldest first, each in some fifty bytes; and their items by hour.

A store may be away for hours, and each record of that time is remembered here.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Final

from store.segments import Place

HOUR_NS: Final = 3_600_000_000_000
_PACKED: Final = struct.Struct("<IQIQQIqH")  # as in Place; last the number of the source


class Waiting:
    """A queue of places. `counts` holds the waiting items per (source, start of the hour in ns)."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self._packed: deque[bytes] = deque()
        self._sources: list[str] = []
        self._numbers: dict[str, int] = {}
        self.counts: Counter[tuple[str, int]] = Counter()
        self.extend(places)

    def extend(self, places: Iterable[Place]) -> None:
        """Add places at the end."""
        for place in places:
            number = self._numbers.get(place.source)
            if number is None:
                number = self._numbers[place.source] = len(self._sources)
                self._sources.append(place.source)
            fields = (place.segment, place.offset, place.length, place.sequence, place.total, place.n_items, place.at)
            self._packed.append(_PACKED.pack(*fields, number))
            self.counts[place.source, hour_of(place)] += place.n_items

    def popleft(self) -> Place:
        """Take the oldest out."""
        place = self._unpacked(self._packed.popleft())
        key = place.source, hour_of(place)
        self.counts[key] -= place.n_items
        if not self.counts[key]:
            del self.counts[key]
        return place

    @property
    def oldest(self) -> Place:
        """The first place; raises IndexError for none."""
        return self._unpacked(self._packed[0])

    @property
    def newest(self) -> Place:
        """The last place; raises IndexError for none."""
        return self._unpacked(self._packed[-1])

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Place]:
        return map(self._unpacked, self._packed)

    def _unpacked(self, packed: bytes) -> Place:
        segment, offset, length, sequence, total, n_items, at, number = _PACKED.unpack(packed)
        return Place(segment, offset, length, sequence, total, n_items, at, self._sources[number])


def hour_of(place: Place) -> int:
    """Return the start of the hour in which a record was received, ns."""
    return place.at - place.at % HOUR_NS
