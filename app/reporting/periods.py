"""The periods that a report is of: what the command line says in, half-open spans in ns and in words out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.instants import duration_ns, from_ns, to_ns

WEEK: Final = duration_ns(timedelta(weeks=1))


class PeriodError(ValueError):
    """The periods that were asked for make no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time (ns)."""

    start: int
    end: int

    def said(self, zone: ZoneInfo) -> str:
        """Return it in words, in the plant's zone."""
        start, end = (from_ns(at).astimezone(zone) for at in (self.start, self.end))
        return f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M} {end:%Z}"


def instant(text: str | None, zone: ZoneInfo) -> int | None:
    """Read an instant as ns, in the plant's time where it names no zone; raises PeriodError."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise PeriodError(f"{text!r} is no time such as 2026-03-02T05:00 or 2026-03-02T05:00+09:00") from error
    return to_ns(at if at.tzinfo else at.replace(tzinfo=zone))


def two_periods(
    since: int | None, until: int | None, against_since: int | None, against_until: int | None, newest: int
) -> tuple[Period, Period]:
    """Return the earlier and the later period; by default the week up to the newest, and the one before it.

    Where only the later one is told, the earlier is as long and ends where it begins. Raises PeriodError.
    """
    end = newest + 1 if until is None else until
    start = end - WEEK if since is None else since
    before_end = start if against_until is None else against_until
    before_start = before_end - (end - start) if against_since is None else against_since
    for first, last in ((start, end), (before_start, before_end)):
        if first >= last:
            raise PeriodError(f"a period from {from_ns(first).isoformat()} to {from_ns(last).isoformat()} is empty")
    if before_end > start and end > before_start:
        raise PeriodError("the two periods overlap: a lot cannot be of both")
    return Period(before_start, before_end), Period(start, end)
