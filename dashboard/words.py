"""How things are said on the console: verdicts, states, ages and instants, in a person's language and the plant's
zone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.alerting import AlertState, Priority
from domain.health import Reading
from domain.instants import from_ns
from domain.scores import Scale, Score, Verdict
from domain.text import Translate, mark, spoken

VERDICTS: Final = {
    Verdict.OK: mark("OK"),
    Verdict.ALARM: mark("ALARM"),
    Verdict.NO_DATA: mark("NO DATA"),
    Verdict.NOT_ASSESSED: mark("NOT ASSESSED"),
    Verdict.ENGINE_ERROR: mark("ENGINE ERROR"),
}
STATES: Final = {
    AlertState.PENDING: mark("pending"),
    AlertState.ACTIVE_UNACKED: mark("active, unacknowledged"),
    AlertState.ACTIVE_ACKED: mark("active, acknowledged"),
    AlertState.RETURNED_UNACKED: mark("returned, unacknowledged"),
    AlertState.CLOSED: mark("closed"),
}
PRIORITIES: Final = {
    Priority.HIGH: mark("high"),
    Priority.MEDIUM: mark("medium"),
    Priority.LOW: mark("low"),
}
ROLES: Final = {
    "failure": mark("failure risk"),
    "quality": mark("predicted quality"),
    "anomaly": mark("unusualness"),
}
MEASURES: Final = {
    "sum": mark("items unaccounted for"),
    "disk": mark("disk used"),
    "journal": mark("journal used"),
    "lag": mark("longest wait in the journal"),
    "receiver": mark("nothing can be received since"),
    "dead_letters": mark("share of dead letters"),
    "missing": mark("messages that publishers numbered and that never came"),
    "files": mark("files of the watched folder that need a look"),
    "models": mark("detectors whose champion cannot be used"),
    "training": mark("detectors that could not be trained again"),
    "overdue": mark("detectors that should have been trained again"),
    "drift": mark("detectors whose inputs have drifted"),
    "jobs": mark("runs that were missed or took too long"),
    "rate": mark("minutes in which a topic sent far more than usual"),
    "unit": mark("items in a unit that cannot be converted"),
    "ambiguous_tag": mark("items of a name that differs by case or Unicode form only"),
    "cardinality": mark("items beyond the bound of unknown names"),
    "time_unit": mark("items whose time is in another unit"),
    "future": mark("items whose time lies in the future"),
}
SERVICE_STATES: Final = {
    "loading history": mark("loading history"),
    "learning": mark("learning: models are being trained"),
    "replay ended": mark("the replay has ended"),
}


def age(t: Translate, span: timedelta | None) -> str:
    """Return a data age in its largest fitting unit."""
    if span is None:
        return t("no data yet")
    seconds = max(0.0, span.total_seconds())
    if seconds < 90:
        return t("{n} s ago", n=round(seconds))
    if seconds < 5400:
        return t("{n} min ago", n=round(seconds / 60))
    if seconds < 172_800:
        return t("{n} h ago", n=round(seconds / 3600))
    return t("{n} days ago", n=round(seconds / 86_400))


def measure(reading: Reading) -> str:
    """Return a measure of the software as people read it."""
    if reading.name in ("disk", "journal", "dead_letters"):
        return f"{reading.value * 100:.1f} %"
    return f"{reading.value:.0f} s" if reading.name in ("lag", "receiver") else f"{reading.value:.0f}"


def instant(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant in the plant's zone, with the zone."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def local_times(ns: NDArray[np.int64], zone: ZoneInfo) -> list[str]:
    """Return instants as local ISO texts for a time axis; the axis names the zone."""
    return [from_ns(int(x)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for x in ns]


def score(value: Score, unit: str = "") -> str:
    """Return a score as people read it on its scale."""
    if value.value is None:
        return "–"
    if value.scale is Scale.PHYSICAL:
        return f"{value.value:.2f} {unit}".strip()
    return f"{value.value * 100:.1f} %"


def reason(t: Translate, stored: str, zone: ZoneInfo) -> str:
    """Say a stored reason, its instants in the plant's zone."""
    return spoken(t, stored, since=lambda at: instant(datetime.fromisoformat(at), zone))
