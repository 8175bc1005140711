"""Order: free parameters, signed zeros, and what is left to tsfresh."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted, order
from tests.features.kernels import windows


@pytest.mark.parametrize("n", [3, 5, 60, 137])
def test_any_share_and_any_count_is_taken(n: int) -> None:
    asked = [("quantile", {"q": q}) for q in (1, 0, 0.5, 0.037, 0.9999, 1 / 3)]
    asked += [("mean_n_absolute_max", {"number_of_maxima": k}) for k in (1, 2, 13, n - 1, n, n + 1, 0, -3)]
    wanted = [Wanted(calculator, params, column) for column, (calculator, params) in enumerate(asked)]
    assert all(order.GROUP.calculators[w.calculator](w.params) for w in wanted)
    for _, x in windows.kinds(n):
        assert windows.disagreements(wanted, x, windows.ours(order.GROUP, wanted, x), windows.theirs(wanted, x)) == []


@pytest.mark.parametrize(
    ("calculator", "params"),
    [
        ("quantile", {"q": 1.5}),
        ("quantile", {"q": float("nan")}),
        ("quantile", {"q": np.float32(0.1)}),
        ("mean_n_absolute_max", {"number_of_maxima": 2.0}),
        ("mean_n_absolute_max", {}),
        ("median", {"q": 0.5}),
    ],
)
def test_what_numpy_would_refuse_or_round_is_left_to_tsfresh(calculator: str, params: dict[str, object]) -> None:
    assert not order.GROUP.calculators[calculator](params)


def test_zeros_of_both_signs_are_one_value() -> None:
    wanted = windows.everything(order.GROUP)
    x = np.array([[-0.0, 0.0, 0.0, -1.0, -0.0], [0.0, -0.0, -0.0, 2.0, 0.0], [0.0, -0.0, 0.0, -0.0, -0.0]])
    assert windows.disagreements(wanted, x, windows.ours(order.GROUP, wanted, x), windows.theirs(wanted, x)) == []
