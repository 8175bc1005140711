"""Shifts of a plant: the hours at which they begin, or events of kind `shift`, in; the present shift and the last, out.

Invariant: shifts follow each other without a gap, also over a change of the clock: a shift ends where the next begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.records import Event

UNPLANNED: Final = timedelta(hours=8)  # looked back where nobody says when shifts begin


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift, half-open. name: of an event, "" for one of the config; end None: not known yet."""

    name: str
    start: datetime
    end: datetime | None


def parse_start(text: str) -> time:
    """Read an hour such as "06:00"; raises ValueError."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(text) == 5 and hours.isdecimal() and minutes.isdecimal()):
        raise ValueError(f'{text!r} is not an hour such as "06:00"')
    return time(int(hours), int(minutes))


def planned(starts: Sequence[str], zone: ZoneInfo, now: datetime) -> tuple[Shift, Shift] | None:
    """Return the last shift and the present one by the hours, in the plant's zone, at which shifts begin; None for
    no hours.
    """
    today = now.astimezone(zone).date()
    days = [today + timedelta(days=i) for i in (-2, -1, 0, 1, 2)]
    begins = sorted(
        datetime.combine(day, parse_start(text), zone).astimezone(UTC) for day in days for text in set(starts)
    )
    past = [at for at in begins if at <= now]
    if len(past) < 2:
        return None
    following = next((at for at in begins if at > now), None)
    return Shift("", past[-2], past[-1]), Shift("", past[-1], following)


def reported(events: Sequence[Event], now: datetime) -> tuple[Shift, Shift] | None:
    """Return the last shift and the present one by events of kind `shift`; None where fewer than two have begun."""
    begun = sorted({e.start: e for e in events if e.start <= now}.values(), key=lambda e: e.start)
    if len(begun) < 2:
        return None
    last, present = begun[-2:]
    return Shift(last.code, last.start, present.start), Shift(present.code, present.start, present.end)


def unplanned(now: datetime) -> tuple[Shift, Shift]:
    """Return two spans of eight hours, where nobody says when shifts begin."""
    return Shift("", now - 2 * UNPLANNED, now - UNPLANNED), Shift("", now - UNPLANNED, None)
