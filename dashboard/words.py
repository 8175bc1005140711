"""How things are said on the console: verdicts, states, ages and instants, in a person's language and the plant's
zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.alerting import AlertState, Change, Priority
from domain.audit import Action
from domain.health import Reading
from domain.instants import from_ns
from domain.records import EventKind
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
    AlertState.LATCHED_UNACKED: mark("latched, unacknowledged"),
    AlertState.LATCHED: mark("latched, acknowledged"),
    AlertState.SHELVED: mark("shelved"),
    AlertState.SUPPRESSED: mark("suppressed by design"),
    AlertState.OUT_OF_SERVICE: mark("out of service"),
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
    "rules_file": mark("faults of rules.toml"),
    "rules_failed": mark("rules that fail"),
    "models": mark("detectors whose champion cannot be used"),
    "training": mark("detectors that could not be trained again"),
    "overdue": mark("detectors that should have been trained again"),
    "drift": mark("detectors whose inputs have drifted"),
    "live_error": mark("detectors of lots that err more than they should"),
    "results": mark("detectors whose results are overdue"),
    "misses": mark("assets that could not be assessed three times in a row"),
    "jobs": mark("runs that were missed or took too long"),
    "rate": mark("minutes in which a topic sent far more than usual"),
    "unit": mark("items in a unit that cannot be converted"),
    "ambiguous_tag": mark("items of a name that differs by case or Unicode form only"),
    "cardinality": mark("items beyond the bound of unknown names"),
    "time_unit": mark("items whose time is in another unit"),
    "future": mark("items whose time lies in the future"),
}
DEEDS: Final[Mapping[str, str]] = {
    Action.LOGGED_IN: mark("logged in"),
    Action.LOG_IN_FAILED: mark("log-in failed"),
    Action.LOG_IN_LIMITED: mark("log-in limited"),
    Action.LOGGED_OUT: mark("logged out"),
    Action.REFUSED: mark("refused"),
    Action.USER_ADDED: mark("user added"),
    Action.USER_ROLE: mark("user's role changed"),
    Action.USER_DISABLED: mark("user disabled"),
    Action.USER_ENABLED: mark("user enabled"),
    Action.PASSWORD_RESET: mark("password reset"),
    Action.PASSWORD_CHANGED: mark("password changed"),
    Action.ACKNOWLEDGED: mark("alert acknowledged"),
    Action.RESET: mark("alert reset"),
    Action.SHELVED: mark("alert shelved"),
    Action.OUT_OF_SERVICE: mark("alert taken out of service"),
    Action.IN_SERVICE: mark("alert back in service"),
    Action.UNSHELVED: mark("alert unshelved"),
    Action.COMMENTED: mark("alert commented"),
    Action.REVIEWED: mark("alert reviewed"),
    Action.RULE_CHANGED: mark("rule changed"),
    Action.EVENT_RECORDED: mark("event recorded"),
    Action.TRAINED: mark("model trained"),
    Action.EXPORTED: mark("exported"),
    Action.READ_AGAIN: mark("dead letters read again"),
    Action.CONFIG_CHANGED: mark("config changed"),
    Action.BACKED_UP: mark("backup made"),
    Action.RESTORED: mark("backup restored"),
}
HAPPENED: Final[Mapping[str, str]] = {
    **DEEDS,
    Change.RAISED: mark("raised"),
    Change.RE_RAISED: mark("raised again"),
    Change.RETURNED: mark("returned to normal"),
    Change.RAISED_HELD: mark("raised, held back"),
    Change.HELD: mark("held back"),
    Change.RELEASED: mark("released"),
    Change.ANNOUNCED: mark("announced again"),
    Change.RESET: mark("reset"),
    Change.COMMENTED: mark("comment"),
    Change.ACKNOWLEDGED: mark("acknowledged"),
    EventKind.FAILURE: mark("failure"),
    EventKind.STOP: mark("stop"),
    EventKind.MAINTENANCE: mark("maintenance"),
    EventKind.ALARM: mark("alarm"),
    f"{EventKind.FAILURE} ended": mark("end of the failure"),
    f"{EventKind.STOP} ended": mark("end of the stop"),
    f"{EventKind.MAINTENANCE} ended": mark("end of the maintenance"),
    f"{EventKind.ALARM} ended": mark("end of the alarm"),
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
        return share(reading.value, 1)
    return f"{reading.value:.0f} s" if reading.name in ("lag", "receiver") else f"{reading.value:.0f}"


def instant(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant in the plant's zone, with the zone."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def local_times(ns: NDArray[np.int64], zone: ZoneInfo) -> list[str]:
    """Return instants as local ISO texts for a time axis; the axis names the zone."""
    return [from_ns(int(x)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for x in ns]


def share(fraction: float, digits: int = 0) -> str:
    """Return a fraction in percent."""
    return f"{fraction * 100:.{digits}f} %"


def score(value: Score, unit: str = "") -> str:
    """Return a score as people read it on its scale."""
    if value.value is None:
        return "–"
    if value.scale is Scale.PHYSICAL:
        return f"{value.value:.2f} {unit}".strip()
    return share(value.value, 1)


def reason(t: Translate, stored: str, zone: ZoneInfo) -> str:
    """Say a stored reason, its instants in the plant's zone."""

    def said(at: str) -> str:
        return instant(datetime.fromisoformat(at), zone)

    return spoken(t, stored, since=said, until=said)
