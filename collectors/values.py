"""Numbers and instants, strictly: raw values in, floats and ns out, or the reason why not. Nothing is guessed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from collectors.grading import is_historian_text
from domain.instants import duration_ns, to_ns
from domain.points import Flag, Quality
from domain.records import Reason

NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
CYCLE: Final = re.compile(r"[0-9]{1,12}")
LEAP_SECOND: Final = ":59:60"
MIDNIGHT: Final = re.compile(r"(?<![\d:+-])24:00(?!:\d\d)|(?<![\d:+-])24:00:00(?:[.,]0+)?(?!\d)", re.ASCII)
NON_FINITE: Final = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity"})
MAX_DIGITS: Final = 400
EXACT_INTEGER: Final = 2**53
UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
LATEST_YEAR: Final = 2116
FIRST_NS, LAST_NS = 978_307_200_000_000_000, 2**62  # 2001 to 2116: where an epoch number has one plausible unit only
TURN: Final = re.compile(
    r"([\d-]{8,10}[T ])24:00(:00(?:\.0+)?)?(Z|[+-].*)?|([\d-]{8,10}[T ]\d\d:\d\d:)60(?:\.\d+)?(Z|[+-].*)?", re.ASCII
)
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
EARLIEST_NS: Final = to_ns(EARLIEST)


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


def from_json(raw: Any, *, has_text_numbers: bool, decimal: str = ".", is_boolean: bool = False) -> Reading:
    """Read a JSON value of a tag; raises BadValueError with `type`, `number_format` or `number_size`.

    is_boolean: the tag takes true and false, kept as 1 and 0. A historian's word for "no value" is null, and kept.
    """
    if raw is None or raw == "":
        return NULL
    if isinstance(raw, bool):
        if is_boolean:
            return _good(float(raw))
        raise BadValueError(Reason.TYPE, f"{str(raw).lower()} where a number is expected")
    if isinstance(raw, int):
        return _integer(raw)
    if isinstance(raw, float):
        return Reading(None, None, Quality.BAD, Flag.NON_FINITE) if not math.isfinite(raw) else _good(raw)
    if isinstance(raw, str):
        if is_historian_text(raw):
            return Reading(None, raw, Quality.BAD, Flag.NULL | Flag.TEXT)
        if not has_text_numbers:
            raise BadValueError(Reason.TYPE, f"text {raw[:40]!r} where a number is expected")
        return from_text(raw, decimal)
    raise BadValueError(Reason.TYPE, f"a JSON {type(raw).__name__} where a number is expected")


def from_text(raw: str, decimal: str = ".", null_texts: tuple[str, ...] = ("",)) -> Reading:
    """Read a number spelled as text; raises BadValueError with `number_format` or `number_size`.

    null_texts and a historian's words for "no value" are null, and kept.
    """
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
    if is_historian_text(raw):
        return Reading(None, raw, Quality.BAD, Flag.NULL | Flag.TEXT)
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
            at = _iso(raw) if unit == "iso" else _by_form(raw, unit)
        except (ValueError, OverflowError) as error:
            raise BadValueError(Reason.TIME_FORMAT, f"{raw[:40]!r} is not a time in the form {unit!r}") from error
    if at.tzinfo is None:
        if not zone:
            raise BadValueError(Reason.TIME_NAIVE, f"{at.isoformat()} has no zone, and the config names none")
        at = in_zone(at, ZoneInfo(zone))
    return _plausible(to_ns(at))


def stamp(stated: Any, unit: str, received_at: int, max_future_s: float) -> tuple[int, Flag]:
    """Return the ns UTC that a message states, or of its receipt where it states none; raises BadValueError."""
    if stated is None:
        return received_at, Flag.SERVER_TIME
    at = instant(stated, unit)
    ahead_s = (at - received_at) / 1e9
    if ahead_s > max_future_s:
        raise BadValueError(Reason.FUTURE, f"{ahead_s:.0f} s ahead of the clock")
    return at, Flag.NONE


def _iso(raw: str) -> datetime:
    """Read an ISO time. 24:00 is the next day's start; a leap second, 23:59:60 UTC, is the second after it."""
    turn = TURN.fullmatch(raw) if "24:00" in raw or ":60" in raw else None
    if turn is None:
        return datetime.fromisoformat(raw)
    if turn[1]:
        return datetime.fromisoformat(f"{turn[1]}00:00{turn[2] or ''}{turn[3] or ''}") + timedelta(days=1)
    at = datetime.fromisoformat(f"{turn[4]}59{turn[5] or ''}") + timedelta(seconds=1)
    in_utc = at.astimezone(UTC) if at.tzinfo else at
    if (in_utc.hour, in_utc.minute) != (0, 0):
        raise ValueError("a 60th second that is no leap second")
    return at


def _by_form(raw: str, form: str) -> datetime:
    """Read a time in a strptime form, with 24:00 and a leap second as `_iso` takes them."""
    usual, later = raw, timedelta(0)
    if LEAP_SECOND in raw:
        usual, later = raw.replace(LEAP_SECOND, ":59:59", 1), timedelta(seconds=1)
    elif midnight := MIDNIGHT.search(raw):
        usual, later = f"{raw[: midnight.start()]}00{raw[midnight.start() + 2 :]}", timedelta(days=1)
    return datetime.strptime(usual, form) + later  # noqa: DTZ007


def in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    """Give a wall-clock time its zone; raises BadValueError where it does not exist there, or happens twice."""
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
    ns = int(raw) if abs(raw) >= 2**62 else int(raw * scale)
    if not to_ns(EARLIEST) <= ns < LAST_NS:
        fits = [unit for unit, other in UNITS.items() if other != scale and FIRST_NS <= raw * other < LAST_NS]
        if fits:
            raise BadValueError(Reason.TIME_UNIT, f"{raw} looks like {fits[0]} since 1970, not the unit of the config")
    return _plausible(ns)


def _plausible(ns: int) -> int:
    if ns < EARLIEST_NS:
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
        return Reading(float(raw), None, Quality.UNCERTAIN, Flag.PRECISION)
    except OverflowError as error:
        raise BadValueError(Reason.NUMBER_SIZE, "an integer too large for a float") from error


def _good(value: float) -> Reading:
    return Reading(value, None, Quality.GOOD, Flag.NONE)
