"""Lags beyond tsfresh's efficient set."""

from __future__ import annotations

import pytest

from features.kernels import Wanted, differences
from tests.features.kernels import windows


@pytest.mark.parametrize("n", [3, 4, 9, 60, 257])
def test_any_lag_from_none_to_past_the_window(n: int) -> None:
    lags = (0, 4, n // 2 - 1, n // 2, n - 1, n, 3 * n)
    asked = [(name, {"lag": lag}) for name in ("c3", "time_reversal_asymmetry_statistic") for lag in lags]
    wanted = [Wanted(name, params, column) for column, (name, params) in enumerate(asked)]
    for kind, x in windows.kinds(n, seed=1):
        found, expected = windows.ours(differences.GROUP, wanted, x), windows.theirs(wanted, x)
        assert not windows.disagreements(wanted, x, found, expected), kind


@pytest.mark.parametrize("lag", [-1, 1.0, None])
def test_a_lag_that_is_no_number_of_samples_is_left_to_tsfresh(lag: object) -> None:
    assert not differences.GROUP.calculators["c3"]({"lag": lag})
