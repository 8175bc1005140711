"""Predictions of good and bad lots and the results that came since in; how a model does, and whether it keeps what its
back-test promised, out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import numpy as np

from app.examples import that_count
from app.results import possible_results
from app.rooms import Rooms
from detectors import detector_class
from detectors.settings import DetectorSettings
from detectors.symptoms import is_bad_result, is_of_lots
from domain.instants import to_ns
from domain.records import Result
from domain.scores import Score
from reports.live_class import MOST_LOTS, N_RECENT, Counts, LiveClass, SaidLots, false_calls_of, live_class
from store.scoring import ModelRow

Row = tuple[int, bool, bool, float, float]  # as the columns of SaidLots


def is_of_classes(detector: DetectorSettings, details: Mapping[str, Any]) -> bool:
    """Return whether a detector of lots tells good from bad. details: of its champion, {} where there is none."""
    is_failure = detector_class(detector.kind).role == "failure"
    return is_of_lots(detector) and (
        is_failure or "classification" in (detector.task, details.get("report", {}).get("task"))
    )


def live(rooms: Rooms, detector: DetectorSettings, champion: ModelRow, now: datetime) -> LiveClass | None:
    """Judge a champion by the lots that it predicted before their result; None where there is none yet."""
    said = said_lots(rooms, detector, {champion.model_id: champion}, champion.trained_at, now, MOST_LOTS)
    return live_class(said, promised(champion.details)) if len(said.is_bad) else None


def promised(details: Mapping[str, Any]) -> Counts | None:
    """Return what a model did in its back-test, at its threshold; None where that is not known: of an older model, or
    one whose threshold a person has chosen since.
    """
    report = details.get("report", {})
    if "chosen_threshold" in report or report.get("n_good") is None:
        return None
    if "events_caught" in report:
        return Counts(report["n_events"], report["events_caught"], report["n_good"], report["false_alarms"])
    n_bad, n_good, recall = report["n_bad"], report["n_good"], report["recall"]
    if recall is None:
        return None
    false = false_calls_of(report["balanced_error_rate"], recall)
    return Counts(n_bad, round(recall * n_bad), n_good, round(false * n_good))


def said_lots(
    rooms: Rooms,
    detector: DetectorSettings,
    models: Mapping[str, ModelRow],
    since: datetime,
    until: datetime,
    newest: int | None = None,
) -> SaidLots:
    """Return what these models said in (since, until] of lots whose result was known by `until`, and only later than
    what was said. newest: results of a line that are read at most, None = all.
    """
    rows: list[Row] = []
    limits = {name: _limit(model.details.get("threshold")) for name, model in models.items()}
    for asset in rooms.settings.plant.of_class(detector.asset_class):
        results = possible_results(rooms, asset.path, detector.outcome, until, newest)
        if not results:
            continue
        first = min(r.result_at for r in results) - timedelta(days=60)
        scores = rooms.ledger.scoring.scores(detector.name, asset.path, max(since, first), until)
        rows += _rows([s for s in scores if s.model_id in limits], _labels(rooms, detector, results), limits)
    rows.sort()
    known_at, is_bad, is_called, probability, persistence = zip(*rows, strict=True) if rows else ((),) * 5
    return SaidLots(
        np.array(known_at, dtype=np.int64),
        np.array(is_bad, dtype=bool),
        np.array(is_called, dtype=bool),
        np.array(probability, dtype=np.float64),
        np.array(persistence, dtype=np.float64),
    )


def _limit(threshold: float | None) -> float:
    return 0.5 if threshold is None else float(threshold)


def _labels(rooms: Rooms, detector: DetectorSettings, results: Sequence[Result]) -> dict[str, tuple[int, bool]]:
    """Return by lot when its result was known, and whether it is bad, as the detector learned it."""
    judged = rooms.settings.judged(detector.asset_class, detector.outcome)
    is_failure = detector_class(detector.kind).role == "failure"
    found = {}
    for lot, result in that_count(results, judged, has_texts=is_failure).items():
        if is_failure:
            is_bad = is_bad_result(result, detector.symptom)
        elif detector.task == "classification":
            is_bad = bool(judged.is_bad(np.array([result.value]))[0])
        else:
            is_bad = result.value == 1
        found[lot] = to_ns(result.result_at), is_bad
    return found


def _rows(scores: Sequence[Score], labels: Mapping[str, tuple[int, bool]], limits: Mapping[str, float]) -> list[Row]:
    told = sorted(labels.values())
    times = [at for at, _ in told]
    n_bad = [0, *accumulate(bad for _, bad in told)]
    rows = []
    for score in scores:
        known_at, is_bad = labels.get(score.subject, (0, False))
        at = to_ns(score.at)
        if score.value is None or known_at <= at:
            continue
        place = bisect_right(times, at)
        n = min(place, N_RECENT)
        share = (n_bad[place] - n_bad[place - n]) / n if n else float("nan")
        rows.append((known_at, is_bad, score.value >= limits[score.model_id], score.value, share))
    return rows
