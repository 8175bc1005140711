"""Extremely randomised trees: which rows of a long history are taken, and margins that contributions sum to."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import learner_extra_trees
from detectors.learner_extra_trees import ExtraTrees
from detectors.learners import Examples
from domain.vectors import FeatureName

N = 1_000
NAMES = tuple(FeatureName("tag", f"t{i}", "mean") for i in range(3))


def examples(share: float) -> Examples:
    """Return rows whose first value is their number; a share fails, evenly."""
    values = np.random.default_rng(1).normal(size=(N, 3))
    values[:, 0] = np.arange(N)
    label = (
        (np.arange(N) % round(1 / share) == 0).astype(np.float64) if share <= 0.5 else 1.0 - (np.arange(N) % 10 == 0)
    )
    return Examples(values, label, NAMES, 1)


@pytest.mark.parametrize(("share", "failing"), [(0.05, 50), (0.5, 150), (0.9, 200)])
def test_a_long_history_is_thinned_evenly_and_failures_last(
    monkeypatch: pytest.MonkeyPatch, share: float, failing: int
) -> None:
    monkeypatch.setattr(learner_extra_trees, "MOST_ROWS", 300)
    taken = ExtraTrees.prepare(examples(share))
    assert (len(taken.label), taken.label.sum()) == (300, failing)
    rows = taken.values[:, 0]
    assert (np.diff(rows) > 0).all()
    assert np.diff(rows[taken.label == 0]).max() <= 2 * np.ceil(N / 100)


def test_a_short_history_is_taken_whole() -> None:
    assert len(ExtraTrees.prepare(examples(0.05)).label) == N


def test_contributions_sum_to_the_margin() -> None:
    given = examples(0.5)
    model = ExtraTrees.fit(ExtraTrees.prepare(given), {"min_samples_leaf": 5})
    base, amounts = model.contributions(given.values)
    margin = model.margin(given.values)
    assert np.ptp(margin) > 0.1
    assert base + amounts.sum(axis=1) == pytest.approx(margin, abs=1e-12)
