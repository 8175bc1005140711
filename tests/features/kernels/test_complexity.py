"""Symbols, phrases and orders for any parameters, and on data where rounding or ties decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features import reference
from features.kernels import Wanted, complexity
from tests.features.kernels import windows

PHRASES, ORDERS, PATTERNS = complexity.GROUPS


@pytest.mark.parametrize("n", [3, 8, 60, 257])
def test_phrases_of_any_number_of_symbols_are_tsfreshs(n: int) -> None:
    wanted = [Wanted(complexity.PHRASES, {"bins": bins}, i) for i, bins in enumerate((1, 2, 7, 100, 1024))]
    for kind, x in windows.kinds(n, seed=1):
        assert not windows.disagreements(wanted, x, windows.ours(PHRASES, wanted, x), windows.theirs(wanted, x)), kind


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6, -1e6])
def test_symbols_are_tsfreshs_where_edges_hardly_differ_and_where_values_lie_on_them(offset: float) -> None:
    wanted = [Wanted(complexity.PHRASES, {"bins": bins}, i) for i, bins in enumerate((3, 10, 100))]
    r = np.random.default_rng(3)
    steps = r.integers(0, 11, (4, 60)) / 10
    widths = np.array([1.0, 40 * np.spacing(offset), 3 * np.spacing(offset), 1e-310])
    x = offset + steps * widths[:, None]
    assert not windows.disagreements(wanted, x, windows.ours(PHRASES, wanted, x), windows.theirs(wanted, x))


@pytest.mark.parametrize("n", [3, 7, 8, 60, 257])
def test_orders_of_any_length_and_stride_are_tsfreshs(n: int) -> None:
    asked = [(1, 2), (2, 3), (3, 5), (1, 8), (7, 4), (10_000, 3)]
    wanted = [Wanted(complexity.ORDERS, {"tau": tau, "dimension": d}, i) for i, (tau, d) in enumerate(asked)]
    for kind, x in windows.kinds(n, seed=1):
        assert not windows.disagreements(wanted, x, windows.ours(ORDERS, wanted, x), windows.theirs(wanted, x)), kind


def test_the_formula_for_ties_is_tsfreshs_where_nothing_is_tied() -> None:
    x = np.random.default_rng(4).normal(0, 1, (20, 60))
    for tau, dimension in [(1, 3), (2, 4), (1, 7)]:
        params = {"tau": tau, "dimension": dimension}
        expected = [reference.values(complexity.ORDERS, [params], row)[0] for row in x]
        np.testing.assert_allclose(
            [windows.OF_TIES[complexity.ORDERS](row, **params) for row in x], expected, rtol=1e-12
        )


def test_equal_samples_are_in_the_order_of_time() -> None:
    x = np.tile([1.0, 1.0, 0.0], 20)[None]  # orders of three: 1 2 0, 2 0 1 and 0 1 2
    wanted = [Wanted(complexity.ORDERS, {"tau": 1, "dimension": 3}, 0)]
    shares = np.array([20, 19, 19]) / 58
    np.testing.assert_allclose(windows.ours(ORDERS, wanted, x)[0, 0], -np.sum(shares * np.log(shares)), rtol=1e-12)


@pytest.mark.parametrize(
    ("calculator", "params"),
    [
        (complexity.PHRASES, {"bins": 0}),
        (complexity.PHRASES, {"bins": 2.5}),
        (complexity.PHRASES, {"bins": 5000}),
        (complexity.ORDERS, {"tau": 0, "dimension": 3}),
        (complexity.ORDERS, {"tau": 1, "dimension": 1}),
        (complexity.ORDERS, {"tau": 1, "dimension": 9}),
        (complexity.PATTERNS, {"query": [1.0, 2.0, 3.0], "threshold": 0.0}),
    ],
)
def test_what_it_cannot_compute_is_left_to_tsfresh(calculator: str, params: dict[str, Any]) -> None:
    group = next(group for group in complexity.GROUPS if calculator in group.calculators)
    assert not group.calculators[calculator](params)
