"""What a detector chooses features on: the rows of the fold that it trains on, and no others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import detector_class
from detectors.folds import folds_of
from domain.scores import Aim, SelectFeatures, TrainingAids, TrainingError
from domain.vectors import FeatureName, Training
from tests.detectors import planted

Floats = NDArray[np.float64]
N_FOLDS = 4
RIDGE = {"learners": ["ridge"]}  # without the mean, which noise leaves as the best
KINDS = {"failure_lightgbm": planted.failures, "quality_tournament": planted.lots}


def _aids(select: SelectFeatures) -> TrainingAids:
    return TrainingAids(select, 0.0, 1, Aim(recall=0.9), N_FOLDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_selection_sees_the_training_rows_of_each_fold_and_then_all(kind: str) -> None:
    training: Training = KINDS[kind]()
    seen: list[tuple[Floats, Floats, list[str]]] = []

    def spy(
        values: Floats, outcome: Floats, names: tuple[FeatureName, ...], group: NDArray[np.object_]
    ) -> NDArray[np.int64]:
        seen.append((values.copy(), outcome.copy(), list(group)))
        return planted.every_column(values, outcome, names, group)

    detector_class(kind).train(training, {}, _aids(spy))
    folds = [train for train, test in folds_of(training, N_FOLDS) if len(test)]
    assert len(seen) == len(folds) + 1
    for rows, (values, outcome, group) in zip([*folds, np.arange(len(training.vectors))], seen, strict=True):
        np.testing.assert_array_equal(values, training.vectors.values[rows])
        np.testing.assert_array_equal(outcome, training.outcome[rows])
        assert group == list(training.group[rows])


def _noise(n: int = 160, n_features: int = 600) -> Training:
    random = np.random.default_rng(4)
    found = planted.vectors(random.normal(size=(n, n_features)), planted.tag_names(n_features))
    return planted.training(found, random.normal(size=n), is_ordered=True)


def _strongest(values: Floats, outcome: Floats) -> NDArray[np.int64]:
    centred = values - values.mean(axis=0)
    together = np.abs(centred.T @ (outcome - outcome.mean()))
    return np.argsort(-together / np.sqrt((centred**2).sum(axis=0)))[:8]


def _ratio(select: SelectFeatures) -> float:
    report = detector_class("quality_tournament").train(_noise(), RIDGE, _aids(select)).report
    return float(report["rmse"] / report["mean_rmse"])


def test_chosen_inside_the_folds_noise_predicts_nothing_and_chosen_outside_it_seems_to() -> None:
    """The second half is what a leak looks like, so that the first half can fail."""
    whole = _strongest(_noise().vectors.values, _noise().outcome)
    inside: Callable[..., NDArray[np.int64]] = lambda values, outcome, *_: _strongest(values, outcome)  # noqa: E731
    assert _ratio(inside) > 1.0
    assert _ratio(lambda *_: whole) < 0.9


def test_where_screening_keeps_nothing_training_says_so() -> None:
    with pytest.raises(TrainingError, match="no feature has to do with the result"):
        detector_class("quality_tournament").train(_noise(), RIDGE, _aids(lambda *_: np.empty(0, dtype=np.int64)))
