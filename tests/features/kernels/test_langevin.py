"""Drifts of any degree and number of groups, of windows too short for them, and of numbers that pandas cannot label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.kernels import Wanted
from features.kernels.langevin import COEFFICIENTS, FIXED_POINT, GROUP
from tests.features.kernels import windows

FITS = [(3, 30), (1, 30), (2, 10), (3, 3), (5, 30), (3, 200), (2, 2)]


def _wanted(fits: list[tuple[int, int]]) -> list[Wanted]:
    asked: list[tuple[str, dict[str, Any]]] = []
    for m, r in fits:
        asked += [(COEFFICIENTS, {"coeff": coeff, "m": m, "r": r}) for coeff in (0, m, m + 1)]
        asked.append((FIXED_POINT, {"m": m, "r": r}))
    return [Wanted(calculator, params, column) for column, (calculator, params) in enumerate(asked)]


@pytest.mark.parametrize("n", [3, 5, 33, 60])
def test_any_degree_and_number_of_groups(n: int) -> None:
    wanted = _wanted(FITS)
    for kind, x in windows.kinds(n, seed=1):
        found, expected = windows.ours(GROUP, wanted, x), windows.theirs(wanted, x)
        assert not windows.disagreements(wanted, x, found, expected), kind


@pytest.mark.parametrize("offset", [0.0, 50.0, -1e4, 1e7])
def test_far_from_zero_where_the_fit_is_ill_conditioned(offset: float) -> None:
    wanted = _wanted([(3, 30)])
    x = np.random.default_rng(2).normal(offset, 2, (10, 60))
    assert not windows.disagreements(wanted, x, windows.ours(GROUP, wanted, x), windows.theirs(wanted, x))


def test_values_that_pandas_hardly_tells_apart_or_cannot_label() -> None:
    wanted = _wanted([(3, 5), (1, 1)])
    steps = np.random.default_rng(3).permutation(60).astype(np.float64)
    x = np.stack([1e6 + steps * np.spacing(1e6), steps * 1e-310 + 1e-309, 1.0 + steps * 1e-12, steps * 1e110, steps])
    assert not windows.disagreements(wanted, x, windows.ours(GROUP, wanted, x), windows.theirs(wanted, x))


@pytest.mark.parametrize("params", [{"m": 0, "r": 30}, {"m": 3, "r": 0}, {"m": 1.5, "r": 30}, {"m": 3, "r": [0, 1]}])
def test_what_is_no_fit_is_left_to_tsfresh(params: dict[str, Any]) -> None:
    assert not GROUP.calculators[FIXED_POINT](params)
    assert not GROUP.calculators[COEFFICIENTS]({**params, "coeff": 0})


def test_coefficients_before_the_first_are_left_to_tsfresh() -> None:
    assert not GROUP.calculators[COEFFICIENTS]({"m": 3, "r": 30, "coeff": -1})
