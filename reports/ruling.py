"""The rule of events: an alert's story and what happened to its asset in, what each of its sayings was worth out. Pure.

Invariant: hit and false are `domain.judging`'s; of what it calls false, planned work or a change of mode excuses what
it explains, and planned work that followed may have prevented the failure, so that a person is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.instants import from_ns, to_ns
from domain.judging import Saying, sayings
from domain.plant import Axis
from domain.records import Event, EventKind
from domain.rulings import Worth
from domain.text import mark, phrase
from reports.outcome import Watched, excursions, position

CAUGHT: Final = mark("{failure} followed at {at}, in time")
NOTHING: Final = mark("no failure followed within the horizon")
TOO_LATE: Final = mark("{failure} followed at {at}, sooner than the crew can act")
EXCUSES: Final = {
    EventKind.MAINTENANCE: mark("maintenance at {at} explains it"),
    EventKind.STOP: mark("a planned stop at {at} explains it"),
    EventKind.MODE: mark("a change of the operating mode at {at} explains it"),
}
PREVENTIONS: Final = {
    EventKind.MAINTENANCE: mark("maintenance at {at} may have prevented the failure: was the warning true?"),
    EventKind.STOP: mark("a stop at {at} may have prevented the failure: was the warning true?"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rule says of one saying. because: a stored phrase. acted_at: see `domain.rulings.Ruling`."""

    said_at: datetime
    worth: Worth
    because: str
    acted_at: datetime | None = None


def ruled(asset: Watched, events: Sequence[Event], codes: Sequence[str], window: int, until: datetime) -> list[Finding]:
    """Rule on the sayings of an alert whose future is known; where planned work followed, a person is asked at once.

    asset: its failures are what the alert's detector warns of, with `codes`; its transitions are the alert's. events:
    the asset's other stops, its maintenance and its modes. window: axis units that the detector looks back.
    """
    cls, found = asset.asset_class, []
    failures = [position(asset, at) for at in asset.failures]
    end = max([*failures, position(asset, until)])
    for raised, cleared in excursions(asset.transitions):
        span = position(asset, raised), position(asset, cleared)
        for saying in sayings(span, failures, cls.horizon, asset.lead, end):
            said_at = raised if saying.at == span[0] else instant(asset, saying.at)
            finding = _finding(asset, saying, said_at, failures, events, codes, window)
            if saying.is_known or finding.worth is Worth.UNCLEAR:
                found.append(finding)
    return found


def _finding(
    asset: Watched,
    saying: Saying,
    said_at: datetime,
    failures: Sequence[float],
    events: Sequence[Event],
    codes: Sequence[str],
    window: int,
) -> Finding:
    horizon = asset.asset_class.horizon
    if saying.catches is not None:
        why = phrase(CAUGHT, failure=codes[saying.catches], at=asset.failures[saying.catches].isoformat())
        return Finding(said_at, Worth.HIT, why)
    near = [i for i, at in enumerate(failures) if 0 <= at - saying.at <= horizon]
    if near:  # it stopped all the same, so that nothing was prevented
        why = phrase(TOO_LATE, failure=codes[near[0]], at=asset.failures[near[0]].isoformat())
        return Finding(said_at, Worth.FALSE, why)
    for event in events:
        if event.kind in EXCUSES and _explains(asset, event, saying.at, window):
            return Finding(said_at, Worth.EXCUSED, phrase(EXCUSES[event.kind], at=event.start.isoformat()))
    for event in events:
        if event.kind in PREVENTIONS and 0 < position(asset, event.start) - saying.at <= horizon:
            why = phrase(PREVENTIONS[event.kind], at=event.start.isoformat())
            return Finding(said_at, Worth.UNCLEAR, why, event.start)
    return Finding(said_at, Worth.FALSE, phrase(NOTHING))


def _explains(asset: Watched, event: Event, said: float, window: int) -> bool:
    """Whether the window of a saying holds planned work, or a change of mode; what began before the data holds none."""
    if event.kind is EventKind.MODE:
        last = position(asset, event.start)
        return _is_seen(asset, event.start) and said - window <= last <= said
    end = event.end or event.start
    return _is_seen(asset, end) and position(asset, event.start) <= said and said - window <= position(asset, end)


def _is_seen(asset: Watched, at: datetime) -> bool:
    return asset.asset_class.axis is Axis.TIME or bool(len(asset.times) and to_ns(at) >= asset.times[0])


def instant(asset: Watched, at: float) -> datetime:
    """Return the instant of a position on the asset's axis; of a cycle, when it was completed."""
    if asset.asset_class.axis is Axis.TIME:
        return from_ns(int(at))
    last = len(asset.times)
    return from_ns(int(asset.times[min(max(int(at), 1), last) - 1]))
