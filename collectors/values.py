"""Numbers and instants, strictly: raw values in, floats and ns out, or the reason why not. Nothing is guessed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.instants import duration_ns, to_ns
from domain.points import Flag, Quality
from domain.records import Reason

NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
CYCLE: Final = re.compile(r"[0-9]{1,12}")
NON_FINITE: Final = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity"})
MAX_DIGITS: Final = 400
EXACT_INTEGER: Final = 2**53
UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
LATEST_YEAR: Final = 2116
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BadValueError(Exception):
    """A raw value that cannot be taken, with its reason code and words."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A raw value as it is kept; value None is null."""

    value: float | None
    text: str | None
    quality: int
    flags: int


NULL: Final = Reading(None, None, Quality.BAD, Flag.NULL)


def from_json(raw: Any, *, has_text_numbers: bool) -> Reading:
    """Read a JSON value of a tag; raises BadValueError with `type`, `number_format` or `number_size`."""
    if raw is None or raw == "":
        return NULL
    if isinstance(raw, bool):
        raise BadValueError(Reason.TYPE, f"{str(raw).lower()} where a number is expected")
    if isinstance(raw, int):
        return _integer(raw)
    if isinstance(raw, float):
        return Reading(None, None, Quality.BAD, Flag.NON_FINITE) if not math.isfinite(raw) else _good(raw)
    if isinstance(raw, str):
        if not has_text_numbers:
            raise BadValueError(Reason.TYPE, f"text {raw[:40]!r} where a number is expected")
        return from_text(raw)
    raise BadValueError(Reason.TYPE, f"a JSON {type(raw).__name__} where a number is expected")


def from_text(raw: str, decimal: str = ".", null_texts: tuple[str, ...] = ("",)) -> Reading:
    """Read a number spelled as text; raises BadValueError with `number_format` or `number_size`."""
    if raw in null_texts:
        return NULL if not raw else Reading(None, raw, Quality.BAD, Flag.NULL | Flag.TEXT)
    if decimal != "." and "." in raw:
        raise BadValueError(Reason.NUMBER_FORMAT, f"{raw[:40]!r} holds a point where the decimal mark is {decimal!r}")
    spelled = raw.replace(decimal, ".")
    if len(spelled) > MAX_DIGITS:
        raise BadValueError(Reason.NUMBER_SIZE, f"a number of {len(spelled)} characters")
    if NUMBER.fullmatch(spelled):
        value = float(spelled)
        return _good(value) if math.isfinite(value) else Reading(None, raw, Quality.BAD, Flag.NON_FINITE)
    if raw.lower() in NON_FINITE:
        return Reading(None, raw, Quality.BAD, Flag.NON_FINITE)
    raise BadValueError(Reason.NUMBER_FORMAT, f"{raw[:40]!r} is not a number with decimal mark {decimal!r}")


def instant(raw: Any, unit: str, zone: str = "") -> int:
    """Read an instant as ns UTC. unit: `iso`, `s`, `ms`, `us`, `ns` or a strptime format; zone for naive ones.

    Raises BadValueError with `time_naive`, `time_format` or `epoch`.
    """
    if isinstance(raw, datetime):
        at = raw
    elif unit in UNITS:
        return _epoch(raw, UNITS[unit])
    elif not isinstance(raw, str):
        raise BadValueError(Reason.TIME_FORMAT, f"{raw!r} is not a time in the form {unit!r}")
    else:
        try:
            at = datetime.fromisoformat(raw) if unit == "iso" else datetime.strptime(raw, unit)  # noqa: DTZ007
        except ValueError as error:
            raise BadValueError(Reason.TIME_FORMAT, f"{raw[:40]!r} is not a time in the form {unit!r}") from error
    if at.tzinfo is None:
        if not zone:
            raise BadValueError(Reason.TIME_NAIVE, f"{at.isoformat()} has no zone, and the config names none")
        at = _in_zone(at, ZoneInfo(zone))
    return _plausible(to_ns(at))


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    local = at.replace(tzinfo=zone)
    if not EARLIEST.year <= at.year <= LATEST_YEAR:
        return local.replace(tzinfo=UTC)  # refused as implausible; near year 1 or 9999 its UTC may not exist
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise BadValueError(Reason.TIME_FORMAT, f"{at.isoformat()} does not exist in {zone.key}")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise BadValueError(Reason.TIME_FORMAT, f"{at.isoformat()} happens twice in {zone.key}")
    return local


def _epoch(raw: Any, scale: int) -> int:
    if isinstance(raw, str) and len(raw) <= MAX_DIGITS and NUMBER.fullmatch(raw):
        raw = float(raw) if not raw.isdigit() else int(raw)
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    if not is_number or (isinstance(raw, float) and not math.isfinite(raw)):
        raise BadValueError(Reason.TIME_FORMAT, f"{str(raw)[:40]!r} is not an epoch time")
    return _plausible(int(raw) if abs(raw) >= 2**62 else int(raw * scale))


def _plausible(ns: int) -> int:
    if ns < to_ns(EARLIEST):
        raise BadValueError(Reason.EPOCH, "the time is before 1990: wrong unit, or a clock that was never set")
    if ns >= 2**62:
        raise BadValueError(Reason.EPOCH, "the time is after 2116: wrong unit")
    return ns


def cycle_instant(raw: Any, first: datetime, cycle: timedelta) -> int:
    """Read a cycle number (first cycle = 1) as the ns UTC of its nominal end."""
    if isinstance(raw, str) and CYCLE.fullmatch(raw):
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1:
        raise BadValueError(Reason.TIME_FORMAT, f"{raw!r} is not a cycle number")
    return _plausible(to_ns(first) + (raw - 1) * duration_ns(cycle))


def _integer(raw: int) -> Reading:
    if abs(raw) <= EXACT_INTEGER:
        return _good(float(raw))
    try:
        return Reading(float(raw), None, Quality.UNCERTAIN, Flag.NONE)
    except OverflowError as error:
        raise BadValueError(Reason.NUMBER_SIZE, "an integer too large for a float") from error


def _good(value: float) -> Reading:
    return Reading(value, None, Quality.GOOD, Flag.NONE)
