"""What alerts and predictions since an instant were worth: the ledger's rows in, the reports' figures out."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.results import possible_results
from app.rooms import Rooms
from detectors import detector_class
from detectors.settings import DetectorSettings
from detectors.symptoms import is_symptom
from domain.alerting import Transition
from domain.instants import to_ns
from domain.records import Result
from reports.outcome import FailureOutcome, LotKey, QualityOutcome, Watched, failure_outcome, quality_outcome


def failures(rooms: Rooms, since: datetime, until: datetime) -> FailureOutcome:
    """Judge the alerts of all rules that watch a failure detector."""
    settings = rooms.settings
    roles = {d.name: detector_class(d.kind).role for d in settings.root.detectors}
    rules = {r.id: r for r in settings.rules if roles.get(r.watch.removeprefix("score:")) == "failure"}
    watching = [settings.detector(r.watch.removeprefix("score:")) for r in rules.values()]
    assets = {a.path for r in rules.values() for a in settings.plant.of_class(r.asset_class)}
    alerts = [a for a in rooms.ledger.alerting.alerts(most=1_000_000) if a.key.rule in rules]
    owner = {a.id: a.key.asset for a in alerts}
    transitions: dict[str, list[Transition]] = defaultdict(list)
    for row in rooms.ledger.alerting.transitions(list(owner)):
        if since < row.at <= until:
            transitions[owner[row.alert_id]].append(row)
    failed: dict[str, list[datetime]] = defaultdict(list)
    for event in rooms.ledger.records.events(until):
        own = [
            d for d in watching if event.asset in assets and d.asset_class == settings.plant.class_of(event.asset).name
        ]
        if since < event.start <= until and any(is_symptom(event, d.symptom, d.outcome) for d in own):
            failed[event.asset].append(event.start)
    watched = []
    for path in sorted(assets):
        times = report_times(rooms, path, to_ns(since), to_ns(until) + 1)
        if len(times):
            plant = settings.plant
            watched.append(
                Watched(
                    plant.class_of(path),
                    plant.lead_of(path),
                    tuple(failed[path]),
                    times.tolist(),
                    tuple(transitions[path]),
                )
            )
    return failure_outcome(watched)


def quality(rooms: Rooms, detector: DetectorSettings, since: datetime, until: datetime) -> QualityOutcome:
    """Hold a quality detector's predictions against the results, beside persistence and the mean known at `since`."""
    scores = rooms.ledger.scoring.scores(detector.name, since=since, until=until)
    results: dict[LotKey, Result] = {}
    persistence: dict[LotKey, float] = {}
    known_values: list[float] = []
    for asset in rooms.settings.plant.of_class(detector.asset_class):
        found = possible_results(rooms, asset.path, detector.outcome, until)
        numbers = [(r.result_at, r.value) for r in found if r.value is not None]
        known_values += [v for at, v in numbers if at <= since]
        results |= {(asset.path, r.lot): r for r in found}
        times = np.array([to_ns(at) for at, _ in numbers])
        for score in scores:
            place = int(np.searchsorted(times, to_ns(score.at), side="right"))
            if score.asset == asset.path and place:
                persistence[(asset.path, score.subject)] = numbers[place - 1][1]
    mean = float(np.mean(known_values)) if known_values else float("nan")
    return quality_outcome(scores, results, persistence, mean)


def report_times(rooms: Rooms, asset: str, start: int, end: int) -> NDArray[np.int64]:
    """Return the instants (ns) in [start, end) at which an asset reported."""
    tags = [t.tag_id for t in rooms.settings.plant.tags[asset].values() if t.role == "process"]
    return np.unique(rooms.points.read(tags, start, end).at)
