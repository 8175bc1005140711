"""The learner of factor studies: straight and bent effects, its parts, a penalty that stretches of lots agree to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import factor_learner

Floats = NDArray[np.float64]


def _wandering(n: int, columns: int, random: np.random.Generator) -> Floats:
    steps = random.normal(size=(n + 200, columns))
    found = np.zeros_like(steps)
    for i in range(1, len(steps)):
        found[i] = 0.98 * found[i - 1] + np.sqrt(1 - 0.98**2) * steps[i]
    return found[200:]


def test_a_straight_and_a_bent_effect_are_both_learned() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(800, 4))
    y = x[:, 0] + 2 * np.abs(x[:, 1]) + 0.3 * random.normal(size=800)
    model = factor_learner.fit(x[:600], y[:600])
    assert np.mean((model(x[600:]) - y[600:]) ** 2) < 0.5 * y[600:].var()
    size = np.abs(model.parts(x[600:])).mean(axis=0)
    assert min(size[:2]) > 4 * max(size[2:])


def test_parts_and_a_base_sum_to_the_prediction_with_holes_too() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 5))
    x[random.random(x.shape) < 0.1] = np.nan
    model = factor_learner.fit(x, random.normal(size=300) + np.nan_to_num(x[:, 0]))
    rest = model(x) - model.parts(x).sum(axis=1)
    assert np.ptp(rest) == pytest.approx(0.0, abs=1e-9)


def test_columns_that_wander_beside_a_result_that_wanders_are_hardly_believed() -> None:
    """Neither has to do with the other; a penalty chosen lot by lot would believe them."""
    told = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        x, y = _wandering(600, 12, random), _wandering(600, 1, random)[:, 0]
        told.append(factor_learner.fit(x, y).linear.predict(x).var() / y.var())
    assert np.median(told) < 0.15


def test_a_fit_is_the_same_when_made_again() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(120, 3)), random.normal(size=120)
    assert (factor_learner.fit(x, y)(x) == factor_learner.fit(x, y)(x)).all()


def test_fewer_lots_than_blocks_and_columns_that_do_not_vary_are_borne() -> None:
    x = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 5.0]])
    assert np.isfinite(factor_learner.fit(x, np.array([1.0, 2.0, 3.0]))(x)).all()
