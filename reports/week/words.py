"""Figures of a week to texts in a person's language and the plant's zone; "–" where a figure is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from domain.numerals import NONE, numeral
from domain.text import Translate, mark, spoken
from reports.figures import signed

KINDS: Final[Mapping[str, str]] = {"failure": mark("failure"), "stop": mark("stop")}
ROLES: Final[Mapping[str, str]] = {
    "failure": mark("failure risk"),
    "quality": mark("predicted quality"),
    "anomaly": mark("unusualness"),
}
PRIORITIES: Final[Mapping[str, str]] = {"high": mark("high"), "medium": mark("medium"), "low": mark("low")}
STATES: Final[Mapping[str, str]] = {  # of an open alert
    "active, unacknowledged": mark("active, unacknowledged"),
    "active, acknowledged": mark("active, acknowledged"),
    "returned, unacknowledged": mark("returned, unacknowledged"),
    "latched, unacknowledged": mark("latched, unacknowledged"),
    "latched, acknowledged": mark("latched, acknowledged"),
}
HELD: Final[Mapping[str, str]] = {"shelved": mark("shelved"), "out of service": mark("out of service")}
GOALS: Final[Mapping[str, str]] = {
    "per_10_min": mark("alarms in 10 min, on average"),
    "most_in_10_min": mark("most in 10 min"),
    "flood_share": mark("share of the time in floods"),
    "top_share": mark("share of the ten most frequent"),
    "n_chattering": mark("chattering: 3 in a minute"),
    "n_fleeting": mark("fleeting: gone within a minute"),
    "most_stale": mark("standing for more than a day, on the worst day"),
    "n_unauthorised": mark("held back without a name or a reason"),
}
WEEKDAYS: Final = (mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"))


def count(n: float) -> str:
    """Return a count."""
    return f"{n:,.0f}"


def lasting(seconds: float, t: Translate) -> str:
    """Return a span in its largest fitting unit."""
    if seconds < 5_400:
        return t("{n} min", n=f"{seconds / 60:.0f}")
    if seconds < 172_800:
        return t("{n} h", n=f"{seconds / 3_600:.1f}")
    return t("{n} days", n=f"{seconds / 86_400:.1f}")


def local(at: datetime, zone: str) -> str:
    """Return an instant in the plant's zone; the report says once which that is."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def phrased(stored: str, zone: str, t: Translate) -> str:
    """Say a stored phrase, its instant `since` in the plant's zone."""
    return spoken(t, stored, since=lambda at: local(datetime.fromisoformat(at), zone))


def day(at: datetime, zone: str, t: Translate) -> str:
    """Return a day's name and date."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{t(WEEKDAYS[there.weekday()])} {there:%m-%d}"


def both(week: str, t: Translate) -> tuple[str, str]:
    """Return what the two periods are called. week: the name of a whole week, "" for other periods."""
    return (t("this week"), t("the week before")) if week else (t("this time"), t("the time before"))


def head(week: str, t: Translate) -> tuple[str, str, str, str]:
    """Return the head of a table of compared figures; week: see `both`."""
    return ("", *both(week, t), t("change"))


def compared(
    name: str, week: float | None, before: float | None, told: Callable[[float], str]
) -> tuple[str, str, str, str]:
    """Return a row: a figure's name, the figure, that of the week before, and the change, of shares in points."""
    change = "" if week is None or before is None or week == before else signed(week - before, told)
    return name, NONE if week is None else told(week), NONE if before is None else told(before), change


def with_unit(unit: str) -> Callable[[float], str]:
    """Return how a level is written."""
    return lambda level: numeral(level, unit)


def named(names: Sequence[str], most: int, t: Translate) -> str:
    """Return some names, and how many more there are."""
    more = t(" and {n} more", n=len(names) - most) if len(names) > most else ""
    return ", ".join(names[:most]) + more
