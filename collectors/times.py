"""Columns of times to ns UTC: the usual fixed shapes all at once, every other cell by `values.instant`.

Invariant: the result is what `values.instant` gives cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from collectors import values
from collectors.values import BadValueError
from domain.instants import EPOCH, to_ns
from domain.records import Reason

SECOND: Final = 1_000_000_000
HOUR: Final = 3600 * SECOND
MOST_SHAPES: Final = 32
NO_OFFSET: Final = -(2**62)
EARLIEST_YEAR: Final = 1990
WALL_EPOCH: Final = EPOCH.replace(tzinfo=None)
WIDTHS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
ISO: Final = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")
Ints = NDArray[np.int64]
Shape = Sequence[tuple[str, int]]  # a field and its width in digits, or a sign and 0


def read(cells: Sequence[Any], unit: str, zone: str) -> tuple[Ints, dict[int, BadValueError]]:
    """Read distinct cells as ns UTC; returns them, and the fault of each cell that is no usable time."""
    at = np.zeros(len(cells), dtype=np.int64)
    is_read = np.zeros(len(cells), dtype=bool)
    if cells and set(map(type, cells)) == {str} and "".join(cells).isascii():
        lengths = np.fromiter(map(len, cells), np.int64, len(cells))
        for length in np.unique(lengths).tolist()[:MOST_SHAPES]:
            rows = np.flatnonzero(lengths == length)
            texts = [cells[i] for i in rows.tolist()]
            ns, is_good = _epochs(texts, unit) if unit in values.UNITS else _shaped(texts, unit, zone)
            is_good &= (ns >= values.EARLIEST_NS) & (ns < values.LAST_NS)
            at[rows[is_good]] = ns[is_good]
            is_read[rows[is_good]] = True
    faults: dict[int, BadValueError] = {}
    for i in np.flatnonzero(~is_read).tolist():
        try:
            at[i] = values.instant(cells[i], unit, zone)
        except BadValueError as bad:
            faults[i] = bad
    return at, faults


def _epochs(texts: Sequence[str], unit: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Read whole numbers of one length; what has other signs, or too many digits, is left."""
    scale, length = values.UNITS[unit], len(texts[0])
    if not 1 <= length <= 18:
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    digits = _digits(texts, length)
    number = _number(digits, 0, length)
    is_good = (digits <= 9).all(axis=1) & (number < values.LAST_NS // scale)
    return np.where(is_good, number, 0) * scale, is_good


def _shaped(texts: Sequence[str], unit: str, zone: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Read texts of one length that have the shape of the first."""
    shape = _iso_shape(texts[0]) if unit == "iso" else _strptime_shape(unit, len(texts[0]))
    if shape is None or sum(width or 1 for _, width in shape) != len(texts[0]):
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    digits = _digits(texts, len(texts[0]))
    is_good = np.ones(len(texts), dtype=bool)
    fields: dict[str, Ints] = {}
    place = 0
    for part, width in shape:
        if width:
            is_good &= (digits[:, place : place + width] <= 9).all(axis=1)
            fields[part] = _number(digits, place, width) * (10 ** (6 - width) if part == "f" else 1)
        else:
            is_good &= digits[:, place] == np.uint8((ord(part) - ord("0")) % 256)
        place += width or 1
    ns = _civil(fields, is_good)
    if "offset_h" in fields:
        is_good &= (fields["offset_h"] < 24) & (fields["offset_m"] < 60)
        sign = -1 if ("-", 0) in shape[5:] else 1
        return ns - sign * (fields["offset_h"] * 60 + fields["offset_m"]) * 60 * SECOND, is_good
    return (ns, is_good) if unit == "iso" and texts[0].endswith("Z") else _local(ns, is_good, zone)


def _digits(texts: Sequence[str], length: int) -> NDArray[np.uint8]:
    raw = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(texts), length)
    return raw - np.uint8(ord("0"))  # other characters wrap round to more than 9


def _number(digits: NDArray[np.uint8], place: int, width: int) -> Ints:
    found = np.zeros(len(digits), dtype=np.int64)
    for i in range(place, place + width):
        found = found * 10 + digits[:, i]
    return found


def _iso_shape(text: str) -> Shape | None:
    match = ISO.fullmatch(text)
    if match is None:
        return None
    separator, seconds, fraction, offset = match.groups()
    shape: list[tuple[str, int]] = [("Y", 4), ("-", 0), ("m", 2), ("-", 0), ("d", 2)]
    if separator:
        shape += [(separator, 0), ("H", 2), (":", 0), ("M", 2)]
    if seconds:
        shape += [(":", 0), ("S", 2)]
    if fraction:
        shape += [(".", 0), ("f", len(fraction) - 1)]
    if offset == "Z":
        shape += [("Z", 0)]
    elif offset:
        shape += [(offset[0], 0), ("offset_h", 2), (":", 0), ("offset_m", 2)]
    return shape


def _strptime_shape(form: str, length: int) -> Shape | None:
    """Return the shape of a form of padded numbers whose fraction, if any, comes last."""
    shape: list[tuple[str, int]] = []
    for directive, literal in re.findall(r"%(.)|([^%])", form):
        if (directive and directive not in WIDTHS) or (literal.isspace() and literal != " "):
            return None
        shape.append((directive, WIDTHS[directive]) if directive else (literal, 0))
    names = [part for part, width in shape if width]
    if len(set(names)) != len(names) or not {"Y", "m", "d"} <= set(names) or not form.isascii():
        return None
    if "f" in names and shape[-1][0] == "f":
        n_digits = length - sum(width or 1 for _, width in shape[:-1])
        shape[-1] = ("f", n_digits)
        return shape if 1 <= n_digits <= 6 else None
    return None if "f" in names else shape


def _civil(fields: dict[str, Ints], is_good: NDArray[np.bool_]) -> Ints:
    """Return ns of the fields read as UTC; clears `is_good` where they are no date or time."""
    year = np.where((fields["Y"] >= EARLIEST_YEAR) & (fields["Y"] <= values.LATEST_YEAR), fields["Y"], 0)
    is_good &= year > 0
    is_good &= (fields["m"] >= 1) & (fields["m"] <= 12)
    month = np.where(is_good, (year - 1970) * 12 + fields["m"] - 1, 0).astype("datetime64[M]")
    first = month.astype("datetime64[D]").astype(np.int64)
    n_days = (month + 1).astype("datetime64[D]").astype(np.int64) - first
    is_good &= (fields["d"] >= 1) & (fields["d"] <= n_days)
    zero = np.zeros(len(is_good), dtype=np.int64)
    hour, minute, second, micro = (fields.get(name, zero) for name in ("H", "M", "S", "f"))
    is_good &= (hour <= 23) & (minute <= 59) & (second <= 59)
    seconds = (first + fields["d"] - 1) * 86400 + hour * 3600 + minute * 60 + second
    return np.where(is_good, seconds, 0) * SECOND + micro * 1000


def _local(ns: Ints, is_good: NDArray[np.bool_], zone: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Turn wall-clock ns of a zone into UTC, by whole hours that lie clear of any clock change."""
    if not zone:
        return ns, np.zeros(len(ns), dtype=bool)
    hours, places = np.unique(ns // HOUR, return_inverse=True)
    offsets = np.array([_offset(int(hour), zone) for hour in hours.tolist()], dtype=np.int64)
    offset = offsets[places]
    return ns - offset, is_good & (offset != NO_OFFSET)


def _offset(hour: int, zone: str) -> int:
    """Return the ns by which a zone's clock is ahead of UTC through a wall-clock hour, NO_OFFSET where it changes."""
    start = WALL_EPOCH + timedelta(hours=hour)
    try:
        found = {
            to_ns(at.replace(tzinfo=UTC)) - to_ns(values.in_zone(at, ZoneInfo(zone)))
            for at in (start, start + timedelta(minutes=30), start + timedelta(minutes=59, seconds=59))
        }
    except BadValueError:
        return NO_OFFSET
    return found.pop() if len(found) == 1 else NO_OFFSET


def ahead_of_clock(at: datetime, max_future_s: float) -> BadValueError:
    """Return the fault of a time that lies too far ahead."""
    return BadValueError(Reason.FUTURE, f"{at.isoformat()} lies more than {max_future_s} s ahead of the clock")
