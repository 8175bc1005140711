"""Boosted trees: what fine bins tell apart, and which settings are tried."""

from __future__ import annotations

import numpy as np

from detectors.learner_lightgbm import SHARP, Boosted
from detectors.learners import Examples
from domain.vectors import FeatureName

NAME = FeatureName("tag", "t", "mean")
N, N_FAILING = 3_000, 25


def _n_mistaken(bins: int) -> int:
    """Return how many rows that do not fail are told like those that do, at the end of a column."""
    values = np.random.default_rng(1).normal(size=(N, 1))
    label = np.zeros(N)
    label[np.argsort(values[:, 0])[-N_FAILING:]] = 1.0
    margin = Boosted.fit(Boosted.prepare(Examples(values, label, (NAME,), 1, bins)), SHARP).margin(values)
    return int((margin[label == 0] >= margin[label == 1].min()).sum())


def test_where_few_rows_fail_at_the_end_of_a_column_fine_bins_mistake_fewer_others() -> None:
    rows_of_a_bin = 3
    assert _n_mistaken(1_023) < rows_of_a_bin < _n_mistaken(255)


def test_the_usual_setting_is_tried_first_then_the_sharp_one_then_random_ones() -> None:
    settings = Boosted.settings(5, 1)
    assert len(settings) == 5
    assert settings[:2] == ({}, SHARP)
    assert settings == Boosted.settings(5, 1)
    assert len({str(s) for s in settings}) == 5
    assert Boosted.settings(1, 1) == ({},)
