"""Quantiles beyond tsfresh's efficient set."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from features.kernels import Wanted, corridors
from tests.features.kernels import windows

EDGES = (0, 0.05, 0.1, 1 / 3, 0.5, 0.7, 0.95, 1.0, -0.1, 1.2, float("nan"))


def wanted(asked: list[dict[str, Any]]) -> list[Wanted]:
    return [Wanted("change_quantiles", params, column) for column, params in enumerate(asked)]


@pytest.mark.parametrize("n", [3, 10, 61])
def test_any_quantiles_valid_or_not(n: int) -> None:
    ways = [(True, "mean"), (False, "var")]
    asked = wanted(
        [
            {"ql": low, "qh": high, "isabs": isabs, "f_agg": f_agg}
            for (low, high), (isabs, f_agg) in itertools.product(itertools.product(EDGES, EDGES), ways)
        ]
    )
    for kind, x in windows.kinds(n, seed=1):
        found, expected = windows.ours(corridors.GROUP, asked, x[:2]), windows.theirs(asked, x[:2])
        assert not windows.disagreements(asked, x[:2], found, expected), kind


def test_the_same_value_asked_for_twice_is_given_twice_and_none_valid_gives_zeros() -> None:
    x = np.random.default_rng(2).normal(size=(3, 60))
    params = {"ql": 0.1, "qh": 0.9, "isabs": True, "f_agg": "var"}
    found = windows.ours(corridors.GROUP, wanted([params, params]), x)
    assert (found[:, 0] > 0).all()
    assert (found[:, 0] == found[:, 1]).all()
    assert (windows.ours(corridors.GROUP, wanted([params | {"ql": 0.9}]), x) == 0.0).all()


@pytest.mark.parametrize("other", [{"f_agg": "median"}, {"ql": None}])
def test_another_statistic_or_no_number_is_left_to_tsfresh(other: dict[str, Any]) -> None:
    params = {"ql": 0, "qh": 1, "isabs": True, "f_agg": "mean"}
    assert corridors.GROUP.calculators["change_quantiles"](params)
    assert not corridors.GROUP.calculators["change_quantiles"](params | other)
