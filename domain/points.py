"""Points: tag values as a struct of arrays, the unit that flows from collectors to the store and the features.

Invariant: a value is a finite number or NaN; NaN means null and always carries quality BAD.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """How far a point can be trusted; OPC's three classes."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Flag(IntFlag):
    """What was noted about a point on its way in."""

    NONE = 0
    NULL = 1  # the source gave no value
    NON_FINITE = 2  # the source gave NaN or an infinity
    SERVER_TIME = 4  # no time given: the time of receipt stands in
    TEXT = 8  # the source gave a text in place of a number; it is kept in `text`
    RETAINED = 16  # the broker gave it again on subscribing: old news
    HISTORICAL = 32  # the source says that it kept it back and sends it late
    PRECISION = 64  # an integer too large to be exact as a float
    RANGE = 128  # outside the tag's physical limits


class Point(NamedTuple):
    """One row of `Points`, for decoders and tests; `value` None is null."""

    tag_id: str
    at: int
    value: float | None
    text: str | None = None
    quality: int = Quality.GOOD
    flags: int = Flag.NONE
    received_at: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Values of tags; every array has shape (n,).

    tag_id: object (str). at, received_at: int64 ns UTC. value: float64, NaN = null.
    text: object (str or None), a view of stride 0 where no row has one.
    quality: uint8 (`Quality`). flags: uint32 (`Flag`).
    """

    tag_id: NDArray[np.object_]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    text: NDArray[np.object_]
    quality: NDArray[np.uint8]
    flags: NDArray[np.uint32]
    received_at: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {f.name: len(getattr(self, f.name)) for f in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of unequal length: {lengths}")

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[Any] | slice) -> Points:
        """Return the rows chosen by a mask, an index array or a slice."""
        return Points(*(getattr(self, f.name)[rows] for f in fields(self)))

    def rows(self) -> list[Point]:
        """Return the points as tuples, null as None."""
        values = [None if np.isnan(v) else v for v in self.value.tolist()]
        columns = (self.quality.tolist(), self.flags.tolist(), self.received_at.tolist())
        return [
            Point(*row)
            for row in zip(self.tag_id.tolist(), self.at.tolist(), values, self.text.tolist(), *columns, strict=True)
        ]

    @staticmethod
    def from_rows(rows: Sequence[Point]) -> Points:
        """Build points from rows. A null or non-finite value becomes null and BAD."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * 7
        return Points.of(*columns)

    @staticmethod
    def of(
        tag_id: Iterable[str],
        at: Iterable[int],
        value: Iterable[float | None],
        text: Iterable[str | None] | None = None,
        quality: Iterable[int] | None = None,
        flags: Iterable[int] | None = None,
        received_at: Iterable[int] | None = None,
    ) -> Points:
        """Build points from columns of equal length. A null or non-finite value becomes null and BAD."""
        ats = np.asarray(at, dtype=np.int64)
        n = len(ats)
        values = np.array(value, dtype=np.float64)
        flagged = np.zeros(n, np.uint32) if flags is None else np.array(flags, dtype=np.uint32)
        graded = np.zeros(n, np.uint8) if quality is None else np.array(quality, dtype=np.uint8)
        infinite = np.isinf(values)
        values[infinite] = np.nan
        flagged[infinite] |= np.uint32(Flag.NON_FINITE)
        graded[np.isnan(values)] = np.uint8(Quality.BAD)
        return Points(
            _objects(tag_id, n),
            ats,
            values,
            _objects([None] * n if text is None else text, n),
            graded,
            flagged,
            np.zeros(n, np.int64) if received_at is None else np.asarray(received_at, dtype=np.int64),
        )

    @staticmethod
    def concat(parts: Sequence[Points]) -> Points:
        """Join parts in order; a single part is returned as it is."""
        if not parts:
            return Points.from_rows(())
        if len(parts) == 1:
            return parts[0]
        return Points(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Points)))


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """The hourly figures of one tag, by hour; every array has shape (n,).

    at: int64 ns UTC, the start of the hour. low, mean, high: float64, of the points that hold a number. n: int64,
    how many those are.
    """

    at: NDArray[np.int64]
    low: NDArray[np.float64]
    mean: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)


def run_starts(tag_id: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return where each run of equal tag ids begins; points of one tag usually follow each other."""
    if tag_id.strides == (0,):
        return np.zeros(min(1, len(tag_id)), np.int64)
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(tag_id)), bool), tag_id[1:] != tag_id[:-1])))


def _objects(items: Iterable[str | None], n: int) -> NDArray[np.object_]:
    found = list(items)
    if len(found) != n:  # or numpy would repeat a single one
        raise ValueError(f"columns of unequal length: {len(found)} and {n}")
    array = np.empty(n, dtype=object)
    array[:] = found
    return array
