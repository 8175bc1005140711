"""Columns of numbers to readings: value, text, quality and flags of each row, or why a cell cannot be taken.

Invariant: the result is what `values.from_text` (or `from_json`, for cells that a file types) gives cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collectors import values
from collectors.settings import FormatSettings
from collectors.tables import Numbers
from collectors.values import BadValueError
from domain.plant import Tag
from domain.points import Flag, Quality


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Rows of one number column; all arrays (n,), and the rows that cannot be taken with their faults.

    value: float64, NaN = null. text: object (str or None). quality: uint8. flags: uint32.
    """

    value: NDArray[np.float64]
    text: NDArray[np.object_]
    quality: NDArray[np.uint8]
    flags: NDArray[np.uint32]
    faults: Sequence[tuple[int, BadValueError]]

    def take(self, rows: NDArray[np.int64]) -> Readings:
        """Return the rows chosen by an index array; faults of others are left out, and row numbers stay."""
        wanted = set(rows.tolist())
        kept = [f for f in self.faults if f[0] in wanted]
        return Readings(self.value[rows], self.text[rows], self.quality[rows], self.flags[rows], kept)


class NumberReader:
    """Reads the number columns of one file; each distinct odd cell is read once."""

    def __init__(self, form: FormatSettings) -> None:
        self._form = form
        self._read: dict[tuple[type, Any], values.Reading | BadValueError] = {}

    def column(self, column: Numbers) -> Readings:
        """Return the readings of a column."""
        n = len(column.value)
        value = np.array(column.value, dtype=np.float64)
        text = np.full(n, None, dtype=object) if len(column.odd_rows) else no_texts(n)
        quality, flags = np.zeros(n, np.uint8), np.zeros(n, np.uint32)
        is_null = np.isnan(value)
        quality[is_null], flags[is_null] = Quality.BAD, Flag.NULL
        faults = []
        for row, raw in zip(column.odd_rows.tolist(), column.odd, strict=True):
            found = self.cell(raw)
            if isinstance(found, BadValueError):
                faults.append((row, found))
                continue
            value[row] = np.nan if found.value is None else found.value
            text[row], quality[row], flags[row] = found.text, found.quality, found.flags
        return Readings(value, text, quality, flags, faults)

    def cell(self, raw: Any) -> values.Reading | BadValueError:
        """Return the reading of one raw cell, or why it cannot be taken."""
        key = (type(raw), raw)
        found = self._read.get(key)
        if found is None:
            try:
                found = self._reading(raw)
            except BadValueError as bad:
                found = bad
            if len(self._read) < MOST_KEPT and not (isinstance(raw, str) and len(raw) > values.MAX_DIGITS):
                self._read[key] = found
        return found

    def _reading(self, raw: Any) -> values.Reading:
        if isinstance(raw, str):
            return values.from_text(raw, self._form.decimal, self._form.null_texts)
        return values.from_json(raw, has_text_numbers=False)


MOST_KEPT = 100_000


def no_texts(n: int) -> NDArray[np.object_]:
    """Return a column of n rows without text that takes no room; it cannot be written to."""
    return np.broadcast_to(np.array(None, dtype=object), (n,))


def mark_impossible(readings: Readings, tag: Tag | None, rows: slice | NDArray[Any] = slice(None)) -> None:
    """Flag the values of `rows` that lie outside what is physically possible for a tag, and grade them bad."""
    if tag is None or (tag.least is None and tag.most is None):
        return
    value = readings.value[rows]
    least, most = (-np.inf if tag.least is None else tag.least), (np.inf if tag.most is None else tag.most)
    is_out = (value < least) | (value > most)
    readings.flags[rows] |= np.where(is_out, np.uint32(Flag.RANGE), np.uint32(0))
    readings.quality[rows] = np.where(is_out, np.uint8(Quality.BAD), readings.quality[rows])
