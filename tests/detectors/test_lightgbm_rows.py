"""A single row is told to the bit what a batch is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from detectors.learner_lightgbm import Boosted
from detectors.learners import Examples
from domain.vectors import FeatureName

N, K = 400, 12
NAMES = tuple(FeatureName("tag", f"t{i}", "mean") for i in range(K))


def _values() -> np.ndarray:
    random = np.random.default_rng(1)
    values = random.normal(size=(N, K))
    values[random.random(values.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.1] = 0.0
    values[0, :3] = np.inf, -np.inf, 1e300
    return values


@pytest.fixture(scope="module")
def boosted() -> Boosted:
    values = _values()
    label = (np.nan_to_num(values[:, 0], posinf=0.0, neginf=0.0) > 0.5).astype(np.float64)
    return Boosted.fit(Boosted.prepare(Examples(values, label, NAMES, 1)), {"rounds": 40})


def test_a_row_alone_has_the_margin_that_it_has_in_a_batch(boosted: Boosted) -> None:
    values = _values()
    alone = np.concatenate([boosted.margin(values[i : i + 1]) for i in range(N)])
    assert len(np.unique(alone)) > N // 2
    np.testing.assert_array_equal(alone, boosted.booster.predict(values, raw_score=True))
    np.testing.assert_array_equal(alone, boosted.margin(values))


def test_a_row_alone_has_the_contributions_that_it_has_in_a_batch(boosted: Boosted) -> None:
    values = _values()
    base, every = boosted.contributions(values)
    for i in range(N):
        own_base, own = boosted.contributions(values[i : i + 1])
        assert own_base == base
        np.testing.assert_array_equal(own, every[i : i + 1])


def test_a_row_in_fortran_order_or_of_a_slice_is_read_as_it_stands(boosted: Boosted) -> None:
    values = _values()
    wide = np.asfortranarray(np.hstack([values, values]))
    np.testing.assert_array_equal(boosted.margin(wide[5:6, ::2]), boosted.margin(np.vstack([wide[5:6, ::2]] * 2))[:1])


def test_threads_may_share_it(boosted: Boosted) -> None:
    values = _values()
    every, (_, parts) = boosted.margin(values), boosted.contributions(values)

    def is_equal(i: int) -> bool:
        row = values[i : i + 1]
        return bool(boosted.margin(row)[0] == every[i]) and np.array_equal(boosted.contributions(row)[1][0], parts[i])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(is_equal, list(range(N)) * 3))


def test_another_number_of_columns_is_refused(boosted: Boosted) -> None:
    with pytest.raises(ValueError, match="a row of 12 columns is needed"):
        boosted.margin(np.zeros((1, K + 1)))
