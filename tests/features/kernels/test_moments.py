"""Moments: free parameters and windows where a decision hangs on the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted, moments
from tests.features.kernels import windows


@pytest.mark.parametrize("calculator", ["large_standard_deviation", "symmetry_looking", "ratio_beyond_r_sigma"])
def test_any_r_is_taken(calculator: str) -> None:
    rs = (2.5, 0.31, -1.0, 0, float("nan"), 7)
    wanted = [Wanted(calculator, {"r": r}, column) for column, r in enumerate(rs)]
    assert all(moments.GROUP.calculators[calculator](w.params) for w in wanted)
    for _, x in windows.kinds(61):
        assert windows.disagreements(wanted, x, windows.ours(moments.GROUP, wanted, x), windows.theirs(wanted, x)) == []


@pytest.mark.parametrize("params", [{}, {"r": "1"}, {"r": 1.0, "q": 0.5}, {"r": np.float32(0.3)}])
def test_what_is_no_number_is_left_to_tsfresh(params: dict[str, object]) -> None:
    assert not moments.GROUP.calculators["ratio_beyond_r_sigma"](params)


def test_spreads_around_the_rounding_that_pandas_takes_for_zero() -> None:
    wanted = [Wanted("skewness", {}, 0), Wanted("kurtosis", {}, 1)]
    steps = 10.0 ** np.arange(-18, -6)[:, None]
    for n in (3, 4, 5, 60):
        lopsided = 1.0 + steps * (np.arange(n) % 4 == 0)
        x = np.concatenate([lopsided, -1e6 * lopsided, steps * np.linspace(-1, 1, n) + 0.1])
        assert windows.disagreements(wanted, x, windows.ours(moments.GROUP, wanted, x), windows.theirs(wanted, x)) == []


def test_a_mean_of_zero_has_no_variation_coefficient() -> None:
    wanted = [Wanted("variation_coefficient", {}, 0)]
    assert np.isnan(windows.ours(moments.GROUP, wanted, np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))).all()
