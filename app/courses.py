"""Events of an asset to its course: what is warned of and when, and when its windows say nothing; history and live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from app.reviewed import Reviewed
from app.windowing import STOPPING
from detectors.settings import DetectorSettings
from detectors.symptoms import ENDLESS, Course, Ints, is_symptom, merged, touching
from domain.instants import from_ns, to_ns
from domain.plant import AssetClass, Axis
from domain.records import Event, EventKind
from domain.rulings import Worth
from domain.text import mark, phrase
from features.windows import Grid

RELEARNING: Final = mark("re-learning after maintenance until {until}")
RECOVERING: Final = mark("recovering after a stop until {until}")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A span [start, end) ns in which windows say nothing, for a reason to tell; "" where the asset stands still."""

    start: int
    end: int
    message: str = ""


def course(
    grid: Grid,
    events: Sequence[Event],
    asset_class: AssetClass,
    detector: DetectorSettings,
    onsets: Mapping[int, float],
    reviewed: Sequence[Reviewed] = (),
) -> Course:
    """Return an asset's course. onsets: by the start (ns) of a failure, where on the axis it begins to show.

    reviewed: a warning that a person found true although no failure followed stands for one that was prevented, from
    the warning on; the failure is put where planned work began, or where the warning was just in time. What follows a
    warning of which nobody can tell is left out.
    """
    told = [e for e in events if is_symptom(e, detector.symptom, detector.outcome)]
    told.sort(key=lambda e: (e.start, e.code), reverse=True)
    first = {asset_class.position(grid.times, to_ns(e.start)): e for e in told}
    quiet = [*quiet_spans(grid, events, asset_class), *(_during(e) for e in told)]
    codes = {p: (e.code, onsets.get(to_ns(e.start), -np.inf)) for p, e in first.items()}
    silenced = [_reviewed(grid, each, asset_class, codes) for each in reviewed]
    quiet += [span for span in silenced if span is not None]
    at = sorted(codes)
    return Course(
        np.array(at, dtype=np.float64),
        np.array([codes[p][0] for p in at], dtype=object),
        np.array([codes[p][1] for p in at], dtype=np.float64),
        merged([(q.start, q.end) for q in quiet]),
        asset_class.position(grid.times, int(grid.times[-1])) if len(grid.times) else 0.0,
    )


def _reviewed(
    grid: Grid, said: Reviewed, asset_class: AssetClass, codes: dict[float, tuple[str, float]]
) -> Quiet | None:
    """Add a prevented failure to the codes, and return the span that says nothing."""
    since = to_ns(said.said_at)
    begins = asset_class.position(grid.times, since)
    if any(begins <= at <= begins + asset_class.horizon for at in codes):
        return None  # a failure followed, and tells by itself
    if said.worth is Worth.UNCLEAR:
        return Quiet(since, after(grid, asset_class, since, asset_class.horizon))
    acted_at = since if said.acted_at is None else to_ns(said.acted_at)
    acted = asset_class.position(grid.times, acted_at)
    place = min(max(acted, begins + asset_class.lead), begins + asset_class.horizon)
    codes[place] = said.cause, begins
    return Quiet(acted_at, after(grid, asset_class, acted_at, max(0, int(place - acted))))


def quiet_spans(grid: Grid, events: Sequence[Event], asset_class: AssetClass) -> list[Quiet]:
    """Return the spans in which an asset's windows say nothing: stops with their recovery, and re-learning.

    An open stop goes on; maintenance without an end is taken for an instant, since the asset runs.
    """
    found = []
    for e in events:
        if e.kind in STOPPING:
            found.append(_during(e))
            if e.end is not None and asset_class.recovery:
                end = after(grid, asset_class, to_ns(e.end), asset_class.recovery)
                found.append(Quiet(to_ns(e.end), end, RECOVERING))
        elif e.kind is EventKind.MAINTENANCE and asset_class.relearn:
            end = after(grid, asset_class, to_ns(e.end or e.start), asset_class.relearn)
            found.append(Quiet(to_ns(e.start), end, RELEARNING))
    return found


def in_open_stops(events: Sequence[Event], detector: DetectorSettings) -> tuple[list[Event], int]:
    """Return the symptoms that began after a stop that has no end, and the number of all symptoms."""
    told = [e for e in events if is_symptom(e, detector.symptom, detector.outcome)]
    opened = min((e.start for e in events if e.kind in STOPPING and e.end is None), default=None)
    return [e for e in told if opened is not None and e.start > opened], len(told)


def _during(event: Event) -> Quiet:
    """Return an event's span; open, a stop goes on, and what lets the asset run is taken for an instant."""
    if event.end is not None:
        return Quiet(to_ns(event.start), to_ns(event.end))
    return Quiet(to_ns(event.start), ENDLESS if event.kind in STOPPING else to_ns(event.start))


def after(grid: Grid, asset_class: AssetClass, at: int, span: int) -> int:
    """Return the end (ns) of a span of the axis after an instant; on the cycle axis one that is not over is nominal.

    A grid that begins later than `at` must hold the cycles of `span` before the windows that are asked about.
    """
    if asset_class.axis is Axis.TIME:
        return at + span
    row = int(np.searchsorted(grid.times, at, side="left")) + span
    if row < len(grid.times):
        return int(grid.times[row])
    newest = max(at, int(grid.times[-1])) if len(grid.times) else at
    return newest + to_ns(from_ns(0) + asset_class.wall(row - len(grid.times) + 1))


def quiet_reasons(
    spans: Sequence[Quiet], start: Ints, end: Ints, asset_class: AssetClass, window: int
) -> list[str | None]:
    """Return why each window [start, end) ns says nothing as a stored phrase, "" where its asset stood still; None
    where it says something. `until` is when the first window after it ends, at the nominal pace of the axis.
    """
    is_quiet = touching(start, end, merged([(s.start, s.end) for s in spans]))
    found: list[str | None] = [None] * len(start)
    for i in np.flatnonzero(is_quiet).tolist():
        found[i] = _reason(spans, start[i : i + 1], end[i : i + 1], asset_class, window)
    return found


def _reason(spans: Sequence[Quiet], start: Ints, end: Ints, asset_class: AssetClass, window: int) -> str:
    touched = [s for s in spans if touching(start, end, merged([(s.start, s.end)]))[0]]
    last = max(touched, key=lambda s: s.end)
    if not all(s.message for s in touched):
        return ""
    until: datetime = from_ns(last.end) + asset_class.wall(window)
    return phrase(last.message, until=until.isoformat())
