"""A history to the figures of a leak-proof back-test of one detector. Touches no store; nothing is promoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import factor_study, training
from app.examples import History
from app.screening import Screening
from app.suspecting import suspects
from detectors import detector_class, evaluation, quality_evaluation
from domain.scores import Detector, TrainingAids
from domain.vectors import FeatureVectors, Training
from reports.factors import Ranked


def evaluated(history: History, told: Callable[[str], None], *, is_random: bool = False) -> dict[str, Any]:
    """Back-test a failure detector on the split of the config; raises TrainingError where that cannot be.

    is_random: on rows dealt at random instead, which is optimistic and says so.
    """
    detector = history.detector
    made, _ = training.training_of(history)
    split = evaluation.OPTIMISTIC if is_random else history.split
    aids = training.aids_of(history, Screening(detector), told)
    given = training.is_test(history, made) if split == "given" else None
    folds = evaluation.outer_folds(made, split, detector.n_folds, detector.seed, given)
    kind = detector_class(detector.kind)

    def train(rows: Training, with_aids: TrainingAids) -> Detector:
        return kind.train(rows, detector.options, with_aids)

    def anew(fit: NDArray[np.int64]) -> tuple[Training, NDArray[np.int64]]:
        found, _ = training.training_of(history, made.take(fit))
        return found, _places(made.vectors, found.vectors)

    has_modes = history.features.inputs.modes is not None
    outcome = evaluation.out_of_fold(made, train, aids, folds, anew if has_modes else None)
    return {
        "detector": detector.name,
        "kind": detector.kind,
        "outcome": detector.outcome,
        **evaluation.report(made, outcome, aids, split, training.unit_seconds(history.asset_class)),
        **training.lost_events(history),
        "currency": detector.cost.currency if detector.cost else None,
    }


def evaluated_quality(history: History, told: Callable[[str], None], *, is_random: bool = False) -> dict[str, Any]:
    """Back-test a quality detector on the split of the config; raises TrainingError where that cannot be.

    Beside the honest figures stand those of lots dealt at random, named `optimistic`, unless lots are cases of their
    own. is_random: only those.
    """
    detector = history.detector
    made, _ = training.training_of(history)
    split = evaluation.OPTIMISTIC if is_random else history.split
    aids = training.aids_of(history, Screening(detector), told)
    given = training.is_test(history, made) if split == "given" else None
    kind = detector_class(detector.kind)

    def backtested(split: str, aids: TrainingAids) -> dict[str, Any]:
        def train(rows: Training, over: Mapping[str, Any]) -> Detector:
            return kind.train(rows, {**detector.options, **over}, aids)

        folds = evaluation.outer_folds(made, split, detector.n_folds, detector.seed, given, detector.tested)
        return quality_evaluation.backtested(made, train, aids, list(folds), split)

    honest = backtested(split, aids)
    champion = kind.train(made, detector.options, aids).report
    found = {
        "detector": detector.name,
        "kind": detector.kind,
        "outcome": detector.outcome,
        **honest,
        "learner": champion["learner"],
        "suspects": suspects(history, champion["suspects"]),
        "factors": [_factor(history, each) for each in factor_study.ranked(history, made)],
        "optimistic": None,
    }
    if split not in ("stratified", evaluation.OPTIMISTIC):
        random = backtested(evaluation.OPTIMISTIC, replace(aids, split="stratified"))
        found["optimistic"] = {key: random[key] for key in ("rmse", "r2", "roc_auc", "balanced_error_rate")}
    return found


def _factor(history: History, found: Ranked) -> dict[str, Any]:
    lead = found.members[0]
    return {
        "name": lead,
        "rank": found.rank,
        "importance": found.importance,
        "rank_interval": [found.rank_low, found.rank_high],
        "direction": found.direction,
        "group": list(found.members) if len(found.members) > 1 else None,
        "controllable": history.lot_columns.is_controllable(lead),
    }


def _places(rows: FeatureVectors, among: FeatureVectors) -> NDArray[np.int64]:
    """Return where each row is among others, -1 for one that is not."""
    place = {key: i for i, key in enumerate(_keys(among))}
    return np.array([place.get(key, -1) for key in _keys(rows)], dtype=np.int64)


def _keys(rows: FeatureVectors) -> Iterator[tuple[str, str, int]]:
    return zip(rows.asset.tolist(), rows.subject.tolist(), rows.end.tolist(), strict=True)
