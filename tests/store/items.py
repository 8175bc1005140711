"""Small items of every kind, for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.points import Flag, Point, Points, Quality
from domain.records import Decoded, Event, EventKind, Lot, Reason, Rejected, Result

T0 = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NO_POINTS = Points.from_rows(())


def at(hours: float) -> datetime:
    """An instant some hours after T0."""
    return T0 + hours * HOUR


def points(*rows: tuple[str, int, float | None]) -> Points:
    """Points of (tag, ns, value)."""
    return Points.from_rows([Point(tag, ns, value) for tag, ns, value in rows])


def rejected(reason: Reason = Reason.JSON, payload: bytes = b"{") -> Rejected:
    """One rejected item."""
    return Rejected("mqtt", "forewarn/points/a", reason, "said so", payload)


def event(code: str = "F1", end: float | None = None, known: float = 0, note: str = "", start: float = 0) -> Event:
    """A failure of asset a."""
    return Event("a", EventKind.FAILURE, code, at(start), None if end is None else at(end), at(known), note)


def lot(name: str = "L1", known: float = 1, end: float | None = 1, **values: float) -> Lot:
    """A lot of line l."""
    return Lot("l", name, at(0), None if end is None else at(end), at(known), values)


def result(
    name: str = "L1", value: float | None = 1.0, hours: float = 2, lab: str = "", text: str | None = None
) -> Result:
    """A result `silica` of line l."""
    return Result("l", name, "silica", value, at(hours), lab, text)


FULL = Decoded(
    Points.from_rows(
        [
            Point("a/x", 5, 1.25, None, Quality.GOOD, Flag.NONE, 77),
            Point("a/y", 6, None, "off", Quality.BAD, Flag.TEXT | Flag.NULL, 77),
            Point("온도/z", 7, 1e-300, None, Quality.UNCERTAIN, Flag.SERVER_TIME, 77),
        ]
    ),
    (event(end=3, note='한글 "note"\n'), event("F2")),
    (lot(feed=1.5, pH=7.0), Lot("l", "L2", None, None, at(4), {})),
    (result(), result(value=None, text="below limit", lab="A")),
    (rejected(),),
)
