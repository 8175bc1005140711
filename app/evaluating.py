"""A history to the figures of a leak-proof back-test of one detector. Touches no store; nothing is promoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import training
from app.examples import History
from app.screening import Screening
from detectors import detector_class, evaluation
from domain.scores import Detector, TrainingAids
from domain.vectors import FeatureVectors, Training


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
        "currency": detector.cost.currency if detector.cost else None,
    }


def _places(rows: FeatureVectors, among: FeatureVectors) -> NDArray[np.int64]:
    """Return where each row is among others, -1 for one that is not."""
    place = {key: i for i, key in enumerate(_keys(among))}
    return np.array([place.get(key, -1) for key in _keys(rows)], dtype=np.int64)


def _keys(rows: FeatureVectors) -> Iterator[tuple[str, str, int]]:
    return zip(rows.asset.tolist(), rows.subject.tolist(), rows.end.tolist(), strict=True)
