"""Lots, results and predictions of two periods in; the level of each result, how detectors of lots erred, and watched
factors outside their window, out. No telemetry is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app import live_classes, live_quality, outcomes
from app.reporting.judged import ended_at, judged_lots
from app.reporting.periods import Period
from app.results import possible_results
from app.rooms import Rooms
from detectors import detector_class
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots
from domain.instants import from_ns
from domain.lots import Judged
from reports.live_class import figures
from reports.week.figures import ErrorFigures, Factor, Live, LiveCalls, LotFigures, Quality

Named = tuple[str, str]  # asset class and result


def levels(rooms: Rooms, week: Period, before: Period, now: datetime) -> tuple[Quality, ...]:
    """Return the level of each result that a detector predicts or [[results]] names, of classes that have lots."""
    by_name: dict[Named, DetectorSettings | None] = {}
    for detector in rooms.settings.root.detectors:
        if is_of_lots(detector):
            by_name.setdefault((detector.asset_class, detector.outcome), detector)
    for each in rooms.settings.root.results:
        by_name.setdefault((each.asset_class, each.name), None)
    found = (_level(rooms, name, detector, week, before, now) for name, detector in by_name.items())
    return tuple(x for x in found if x.week.n_lots or x.before.n_lots)


def errors(rooms: Rooms, week: Period, before: Period) -> tuple[Live, ...]:
    """Return how detectors that predict a number erred, and what the health rule says of them now."""
    alarms = live_quality.noted(rooms).get(live_quality.WORSE, {})
    found = []
    for detector in rooms.settings.root.detectors:
        if not is_of_lots(detector) or _is_of_classes(rooms, detector):
            continue
        now, then = (_errors(rooms, detector, period) for period in (week, before))
        told = tuple(alarms.get(detector.name, ()))
        if now.n_lots or then.n_lots or told:
            unit = _unit(rooms, (detector.asset_class, detector.outcome))
            found.append(Live(detector.name, unit, now, then, told))
    return tuple(found)


def calls(rooms: Rooms, week: Period, before: Period) -> tuple[LiveCalls, ...]:
    """Return how detectors told good lots from bad ones, and what the health rule says of them now."""
    alarms = live_quality.noted(rooms).get(live_quality.WORSE, {})
    models = {m.model_id: m for m in rooms.ledger.scoring.models()}
    found = []
    for detector in rooms.settings.root.detectors:
        if not _is_of_classes(rooms, detector):
            continue
        now, then = (
            figures(live_classes.said_lots(rooms, detector, models, from_ns(p.start), from_ns(p.end)))
            for p in (week, before)
        )
        told = tuple(alarms.get(detector.name, ()))
        if now.n_lots or then.n_lots or told:
            found.append(LiveCalls(detector.name, now, then, told))
    return tuple(found)


def _is_of_classes(rooms: Rooms, detector: DetectorSettings) -> bool:
    champion = rooms.ledger.scoring.champion(detector.name)
    return live_classes.is_of_classes(detector, {} if champion is None else champion.details)


def factors(rooms: Rooms, week: Period, before: Period) -> tuple[Factor, ...]:
    """Return the watched factors: rules that `report factors --watch` or the Quality page made of a study's window."""
    changes = rooms.ledger.rule_changes.all()
    watched = {key.rule for change in changes if "study" in change.preview for key in change.changes}
    n = {period: _announced(rooms, period) for period in (week, before)}
    active = [a.key.rule for a in rooms.ledger.alerting.open().values() if a.is_active]
    return tuple(
        Factor(r.id, r.title, n[week].count(r.id), n[before].count(r.id), active.count(r.id))
        for r in rooms.settings.rules
        if r.id in watched
    )


def _announced(rooms: Rooms, period: Period) -> list[str]:
    rows = rooms.ledger.alerting.transitions_between(from_ns(period.start), from_ns(period.end))
    return [key.rule for key, _, row in rows if row.change.is_announced]


def _level(
    rooms: Rooms, name: Named, detector: DetectorSettings | None, week: Period, before: Period, now: datetime
) -> Quality:
    asset_class, result = name
    lines = [a.path for a in rooms.settings.plant.of_class(asset_class)]
    since = from_ns(min(week.start, before.start) - 1)
    lots = {line: rooms.ledger.records.lots(line, now, since) for line in lines}
    results = {line: possible_results(rooms, line, result, now) for line in lines}
    judged = rooms.settings.judged(asset_class, result)
    is_failure = detector is not None and detector_class(detector.kind).role == "failure"
    symptom = detector.symptom if detector is not None and is_failure else None
    told = judged_lots(lots, results, judged, symptom)
    known = [(ended_at(lot), number) for _, lot, number in told]
    ends = [ended_at(lot) for own in lots.values() for lot in own]
    parts = [np.array([x for at, x in known if p.start <= at < p.end]) for p in (week, before)]
    both = np.concatenate(parts)
    is_share = bool(symptom is not None or (len(both) and np.isin(both, (0.0, 1.0)).all()))
    figures = [
        _figures(part, sum(p.start <= at < p.end for at in ends), judged, is_share=is_share)
        for part, p in zip(parts, (week, before), strict=True)
    ]
    return Quality(asset_class, result, _unit(rooms, name), "" if detector is None else detector.name, *figures)


def _figures(numbers: NDArray[np.float64], n_lots: int, judged: Judged, *, is_share: bool) -> LotFigures:
    bad = judged.is_bad(numbers) if judged.has_limits else numbers if is_share else None
    share = None if bad is None or not len(numbers) else float(np.mean(bad))
    mean = None if is_share or not len(numbers) else float(np.mean(numbers))
    return LotFigures(n_lots, len(numbers), share, mean)


def _errors(rooms: Rooms, detector: DetectorSettings, period: Period) -> ErrorFigures:
    found = outcomes.quality(rooms, detector, from_ns(period.start), from_ns(period.end))
    return ErrorFigures(found.n_lots, found.rmse, found.persistence_rmse)


def _unit(rooms: Rooms, name: Named) -> str:
    lines: Sequence[str] = [a.path for a in rooms.settings.plant.of_class(name[0])]
    tags = (rooms.settings.plant.tag(f"{line}/{name[1]}") for line in lines)
    return next((tag.unit for tag in tags if tag is not None), "")
