"""`report drop`: the judged lots of two periods, their strata and process values to why their level changed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import training
from app.examples import History
from app.reporting.judged import ended_at, judged_lots
from app.reporting.periods import Period, instant, two_periods
from app.reporting.said import Said
from app.rooms import Rooms
from app.strata import strata_of
from detectors import detector_class, quality_learners, symptoms
from detectors.settings import DetectorSettings
from domain.records import Lot
from domain.scores import TrainingError
from domain.shifts import planned
from domain.text import Translate
from domain.vectors import FeatureName, FeatureVectors
from reports import drop_page
from reports.drop import Lots
from reports.moves import Predict
from reports.why import Fit, why

SHIFT = "shift"
MOST_LEVELS = 50  # texts that divide lots; a column with more names the lots themselves


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Lots that have a result, by their end. rows: n, without values; outcome: float64 (n,); strata: object (n,)."""

    rows: FeatureVectors
    outcome: NDArray[np.float64]
    strata: dict[str, NDArray[np.object_]]


def report(rooms: Rooms, args: argparse.Namespace, now: datetime, t: Translate) -> Said:
    """Return the report; raises TrainingError where there are no lots, PeriodError and ValueError for periods without
    any.
    """
    settings = rooms.settings
    detector = chosen(rooms, args.detector)
    history = training.gather(rooms, detector, now)
    lots = judged(rooms, history, is_mean=args.mean)
    if not len(lots.outcome):
        raise TrainingError(f"no lot of {detector.asset_class!r} has a result {detector.outcome!r}")
    zone = settings.zone
    since, until, against_since, against_until = (
        instant(x, zone) for x in (args.since, args.until, args.against_since, args.against_until)
    )
    before, after = two_periods(since, until, against_since, against_until, int(lots.rows.end.max()))
    values, names = _process(history, lots.rows)
    is_before, is_after = _within(lots.rows, before), _within(lots.rows, after)
    of = is_before | is_after
    earlier = ~of & (lots.rows.end < after.start)  # what changed goes on in later lots, and would be laid on any drift
    found = why(
        Lots(lots.outcome[of], is_after[of], {name: x[of] for name, x in lots.strata.items()}),
        values[of],
        names,
        _fit(values[earlier], lots.outcome[earlier]),
    )
    about = drop_page.About(detector.outcome, _unit(rooms, history), before.said(zone), after.said(zone))
    return Said(
        drop_page.as_json(found, about),
        drop_page.lines(found, about, t),
        lambda language: drop_page.page(found, about, t, language),
    )


def chosen(rooms: Rooms, name: str | None) -> DetectorSettings:
    """Return the detector of that name, or the first that predicts lots; raises TrainingError for none."""
    of_lots = [d for d in rooms.settings.root.detectors if symptoms.is_of_lots(d)]
    found = next((d for d in of_lots if name in (None, d.name)), None)
    if found is None:
        known = ", ".join(d.name for d in of_lots) or "none"
        raise TrainingError(f"no detector {name or ''!r} of lots in forewarn.toml; there are: {known}")
    return found


def judged(rooms: Rooms, history: History, *, is_mean: bool = False) -> Judged:
    """Return the lots of a history that have a result, bad or good where that is told and the mean is not asked for."""
    is_failure = detector_class(history.detector.kind).role == "failure"
    told = judged_lots(history.lots, history.results, history.judged, history.detector.symptom if is_failure else None)
    outcome = np.array([number for _, _, number in told], dtype=np.float64)
    if history.judged.has_limits and not is_mean:
        outcome = history.judged.is_bad(outcome).astype(np.float64)
    ends = np.array([ended_at(lot) for _, lot, _ in told], dtype=np.int64)
    keys = np.array([[line, lot.lot] for line, lot, _ in told], dtype=object).reshape(len(told), 2)
    rows = FeatureVectors((), np.empty((len(told), 0)), keys[:, 0], keys[:, 1], ends, ends, ends.astype(np.float64))
    return Judged(rows, outcome, _strata(rooms, history, rows, [lot for _, lot, _ in told]))


def _process(history: History, rows: FeatureVectors) -> tuple[NDArray[np.float64], tuple[FeatureName, ...]]:
    """Return the process values of lots, NaN where there are none, without what the lab had found before."""
    vectors = training.training_of(replace(history, learned_since=0))[0].vectors
    names = tuple(n for n in vectors.names if n.origin != "lab")
    vectors = vectors.select(names)
    place = {key: i for i, key in enumerate(zip(vectors.asset.tolist(), vectors.subject.tolist(), strict=True))}
    keys = zip(rows.asset.tolist(), rows.subject.tolist(), strict=True)
    at = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
    return np.where((at >= 0)[:, None], vectors.values[at], np.nan), names


def _strata(rooms: Rooms, history: History, rows: FeatureVectors, lots: list[Lot]) -> dict[str, NDArray[np.object_]]:
    """Return what the lots can be divided by: what the config names, their other texts, and the plant's shifts."""
    found = strata_of(history, rows)
    for name in sorted({name for lot in lots for name in lot.texts} - set(found)):
        texts = np.array([lot.texts.get(name, "") for lot in lots], dtype=object)
        if len(set(texts.tolist())) <= MOST_LEVELS:
            found[name] = texts
    starts, zone = rooms.settings.root.plant.shifts, rooms.settings.zone
    if starts and SHIFT not in found:
        found[SHIFT] = np.array([_shift(lot, starts, zone) for lot in lots], dtype=object)
    return found


def _shift(lot: Lot, starts: tuple[str, ...], zone: Any) -> str:
    """Return the hour at which the shift began in which a lot ended."""
    found = planned(starts, zone, lot.end or lot.known_at)
    return "" if found is None else f"{found[1].start.astimezone(zone):%H:%M}"


def _within(rows: FeatureVectors, period: Period) -> NDArray[np.bool_]:
    return np.asarray((rows.end >= period.start) & (rows.end < period.end))


def _unit(rooms: Rooms, history: History) -> str:
    tags = (rooms.settings.plant.tag(f"{line}/{history.detector.outcome}") for line in history.lots)
    return next((tag.unit for tag in tags if tag is not None), "")


def _fit(values: NDArray[np.float64], outcome: NDArray[np.float64]) -> Fit:
    """Return a learner that knows earlier lots as well, of neither period; lots without process data teach nothing."""

    def fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Predict:
        x, y = np.vstack([values, x]), np.concatenate([outcome, y])
        has_data = ~np.isnan(x).all(axis=1)
        return quality_learners.ridge(x[has_data], y[has_data], "regression", {}, 1).predict

    return fit
