"""Instants: aware UTC datetimes outside, int64 nanoseconds since 1970 in arrays; converted here and nowhere else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_ns(at: datetime) -> int:
    """Return nanoseconds since 1970 UTC; raises ValueError for a naive instant."""
    if at.tzinfo is None:
        raise ValueError(f"naive instant: {at.isoformat()}")
    return (at - EPOCH) // _MICROSECOND * 1000


def from_ns(ns: int) -> datetime:
    """Return the aware UTC instant of `ns`, cut to whole microseconds."""
    return EPOCH + timedelta(microseconds=int(ns) // 1000)


def duration_ns(duration: timedelta) -> int:
    """Return a duration in nanoseconds."""
    return duration // _MICROSECOND * 1000


_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration such as "30s", "15min", "6h" or "2d"; raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'{text!r} is not a duration such as "30s", "15min", "6h" or "2d"')
    return timedelta(seconds=float(match[1]) * _UNIT_S[match[2]])


def hour_of(at: datetime) -> datetime:
    """Return the start of the UTC hour that holds `at`."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
