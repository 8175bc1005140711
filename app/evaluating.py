"""A history to the figures of a leak-proof back-test of one detector. Touches no store; nothing is promoted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app import training
from app.examples import History
from app.screening import Screening
from detectors import detector_class, evaluation
from domain.scores import Detector, TrainingAids
from domain.vectors import Training


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

    outcome = evaluation.out_of_fold(made, train, aids, folds)
    return {
        "detector": detector.name,
        "kind": detector.kind,
        "outcome": detector.outcome,
        **evaluation.report(made, outcome, aids, split, training.unit_seconds(history.asset_class)),
        "currency": detector.cost.currency if detector.cost else None,
    }
