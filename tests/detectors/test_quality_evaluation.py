"""A back-test of quality: what its figures say of a model that says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from detectors.evaluation import outer_folds
from detectors.quality_evaluation import backtested
from detectors.quality_tournament import QualityTournament
from domain.scores import Detector
from domain.vectors import Training
from tests.detectors import planted


def test_a_model_that_tells_no_lot_from_another_has_an_area_of_one_half_while_the_share_of_bad_lots_drifts() -> None:
    random = np.random.default_rng(6)
    n = 600
    label = (random.random(n) < np.linspace(0.3, 0.05, n)).astype(np.float64)
    found = planted.vectors(random.normal(size=(n, 4)), planted.tag_names(4))
    made, aids = planted.training(found, label, is_ordered=True), planted.aids()

    def train(rows: Training, over: Mapping[str, Any]) -> Detector:
        return QualityTournament.train(rows, {"learners": ["mean"], **over}, aids)

    figures = backtested(made, train, aids, list(outer_folds(made, "time", 5, 1, None)), "time")
    assert figures["learners"] == ["mean"] * 5
    assert figures["roc_auc"] == 0.5
    assert figures["roc_auc_interval"] == [0.5, 0.5]
