"""A detector's history to the factor study of its lots, kept in the ledger for reports and the console.

Invariant: a study is made at training or by a command, never by who looks at it; the newest one stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.examples import History
from app.rooms import Rooms
from app.strata import strata_of
from detectors import detector_class, factor_learner
from detectors.folds import Fold, folds_of, in_time
from domain.lots import MOST_LEVELS
from domain.scores import TrainingError
from domain.vectors import FeatureVectors, Training
from reports.factor_study import note_of, study
from reports.factors import FEWEST_TRAIN, Ranked, ranking
from reports.study import Lots

FEWEST_BAD: Final = 20  # bad lots from which defects are counted; with fewer the result itself says more
Tell = Callable[[str], None]
Texts = NDArray[np.object_]


def studied(history: History, training: Training, tell: Tell = lambda _step: None) -> dict[str, Any]:
    """Return the study of a history's lots; raises TrainingError where there are too few.

    training: the rows that a model of the history may learn from. `lot_columns` names the factors that are columns of
    lots themselves, which rules can watch as they do tags; what is calculated from them is none.
    """
    detector = history.detector
    lots = lots_of(history, training)
    cost = None if detector.cost is None else (detector.cost.stop, detector.cost.check)
    try:
        found = study(lots, factor_learner.fit, seed=detector.seed, cost=cost, tell=tell)
    except ValueError as error:
        raise TrainingError(f"no factor study of {detector.name}: {error}") from error
    columns = {name for own in history.lots.values() for x in own for name in x.values}
    return {**found, "lot_columns": sorted(columns & lots.columns().keys())}


def ranked(history: History, training: Training) -> tuple[Ranked, ...]:
    """Return the factors of a history's lots by rank, empty where there are too few lots to tell."""
    try:
        return ranking(lots_of(history, training), factor_learner.fit, history.detector.seed).factors
    except ValueError:
        return ()


def lots_of(history: History, training: Training) -> Lots:
    """Return the lots of a training as a study takes them, in time order."""
    vectors, columns, judged = training.vectors, history.lot_columns, history.judged
    sources = {n.source for n in vectors.names if n.origin != "lab"}
    is_told = history.detector.task == "classification" or detector_class(history.detector.kind).role == "failure"
    is_bad = training.outcome == 1 if is_told else judged.is_bad(training.outcome)
    is_two_valued = bool(np.isin(training.outcome, (0.0, 1.0)).all())
    worse, counts = None, False
    if is_two_valued or (judged.has_limits and FEWEST_BAD <= is_bad.sum() <= len(is_bad) - FEWEST_BAD):
        worse, counts = is_bad.astype(np.float64), True
    elif judged.bad_below is None and judged.bad_above is not None:
        worse = training.outcome
    elif judged.bad_above is None and judged.bad_below is not None:
        worse = -training.outcome
    return Lots(
        vectors.values.astype(np.float64),
        vectors.names,
        training.outcome,
        _folds(history, training),
        _strata(history, vectors),
        frozenset(s for s in sources if columns.is_controllable(s)),
        worse,
        counts,
    )


def _folds(history: History, training: Training) -> tuple[Fold, ...]:
    """Return the folds of the detector's back-test; in time where those leave nothing to learn from, as of a single
    line.
    """
    detector = history.detector
    split = {"given": "stratified", "batch": "unit"}.get(history.split, history.split)
    found = tuple(folds_of(training, detector.n_folds, split, detector.seed, detector.tested))
    if any(len(train) >= FEWEST_TRAIN and len(test) for train, test in found):
        return found
    order = np.argsort(training.vectors.end, kind="stable")
    cut = in_time(
        training.vectors.end[order], detector.n_folds, training.embargo_ns, detector.tested, training.known_at[order]
    )
    return tuple((order[train], order[test]) for train, test in cut)


def _strata(history: History, vectors: FeatureVectors) -> dict[str, Texts]:
    """Return the declared strata, and texts of lots that hold few different ones: a reversal there would mislead."""
    found = strata_of(history, vectors)
    texts = {(line, x.lot): x.texts for line, lots in history.lots.items() for x in lots}
    own = [texts.get(key, {}) for key in zip(vectors.asset.tolist(), vectors.subject.tolist(), strict=True)]
    for name in sorted({name for x in own for name in x} - found.keys()):
        level = np.array([x.get(name, "") for x in own], dtype=object)
        if len(set(level.tolist())) <= MOST_LEVELS:
            found[name] = level
    return {name: level for name, level in found.items() if len(set(level.tolist())) > 1}


def keep(rooms: Rooms, detector: str, found: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Keep a study as the newest of its detector; returns its record, with the units of the plant's tags."""
    chosen = next(d for d in rooms.settings.root.detectors if d.name == detector)
    plant = rooms.settings.plant
    tags = [x for a in plant.of_class(chosen.asset_class) for x in plant.tags[a.path].values()]
    units = {x.name: x.unit for x in tags if x.unit}
    about: dict[str, Any] = {
        "detector": detector,
        "outcome": chosen.outcome,
        "unit": units.get(chosen.outcome, ""),
        "units": units,
        "made_at": now.isoformat(),
    }
    record: dict[str, Any] = {**about, **found}
    rooms.ledger.save_note(note_of(detector), json.dumps(record))
    return record


def kept(rooms: Rooms, detector: str) -> Mapping[str, Any] | None:
    """Return the newest study of a detector, None where there is none."""
    noted = rooms.ledger.note(note_of(detector))
    found: Mapping[str, Any] | None = None if noted is None else json.loads(noted)
    return found
