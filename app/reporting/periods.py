"""The periods that a report is of: what the command line says in, half-open spans in ns and in words out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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


@dataclass(frozen=True, slots=True)
class Weeks:
    """A period and the one that it stands beside. name: of a whole week, such as 2026-W47, "" for other periods.

    is_over: whether the period that was asked for has ended; one that has not ends now, and the other is cut alike.
    """

    week: Period
    before: Period
    name: str
    is_over: bool


def weeks(
    name: str | None,
    since: int | None,
    until: int | None,
    against: tuple[int | None, int | None],
    zone: ZoneInfo,
    now: datetime,
) -> Weeks:
    """Return the week of that name, or [since, until), or by default the last whole week of the plant's zone, each
    with the one before it. Raises PeriodError.
    """
    if name is not None or (since is None and until is None):
        if (since, until, *against) != (None,) * 4:
            raise PeriodError("--week, or --from and --to: not both")
        monday = _last_monday(now, zone) if name is None else _monday(name)
        starts = [_midnight(monday + timedelta(weeks=i), zone) for i in (-1, 0, 1)]
        before, week = Period(starts[0], starts[1]), Period(starts[1], starts[2])
        name = f"{monday:%G-W%V}"
    else:
        before, week = two_periods(since, until, *against, to_ns(now))
        name = ""
    if week.start >= to_ns(now):
        raise PeriodError(f"{name or from_ns(week.start).isoformat()} has not begun yet")
    if week.end <= to_ns(now) + 1:
        return Weeks(week, before, name, is_over=True)
    cut = to_ns(now) - week.start
    return Weeks(Period(week.start, to_ns(now)), Period(before.start, min(before.end, before.start + cut)), name, False)


def days(period: Period, zone: ZoneInfo) -> list[Period]:
    """Return a period in parts that each end at a midnight of the plant's zone, or with the period."""
    found, start = [], period.start
    while start < period.end:
        day = from_ns(start).astimezone(zone).date()
        end = min(_midnight(day + timedelta(days=1), zone), period.end)
        found.append(Period(start, end))
        start = end
    return found


def _last_monday(now: datetime, zone: ZoneInfo) -> date:
    today = now.astimezone(zone).date()
    return today - timedelta(days=today.weekday() + 7)


def _monday(name: str) -> date:
    year, dash, week = name.partition("-W")
    try:
        if not (dash and year.isdecimal() and len(week) == 2 and week.isdecimal()):
            raise ValueError
        return date.fromisocalendar(int(year), int(week), 1)
    except ValueError:
        raise PeriodError(f"{name!r} is no week such as 2026-W47") from None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_ns(datetime.combine(day, time(), zone))


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
