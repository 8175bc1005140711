"""Relevant columns by FRESH."""

from __future__ import annotations

import numpy as np
import pytest

from domain.vectors import FeatureName
from features.selection import MAX_ROWS, select


def _names(n: int) -> tuple[FeatureName, ...]:
    return tuple(FeatureName("tag", f"t{i}", "mean") for i in range(n))


@pytest.mark.parametrize("is_binary", [True, False])
def test_pure_noise_selects_almost_nothing(is_binary: bool) -> None:
    random = np.random.default_rng(11)
    values, outcome = random.normal(size=(400, 80)), random.normal(size=400)
    outcome = (outcome > 0.5).astype(float) if is_binary else outcome
    assert len(select(values, outcome, _names(80))) <= 2


@pytest.mark.parametrize("is_binary", [True, False])
def test_a_planted_column_comes_first(is_binary: bool) -> None:
    random = np.random.default_rng(12)
    values = random.normal(size=(400, 40))
    strong = values[:, 17] + 0.3 * random.normal(size=400)
    values[:, 5] = strong + 2.0 * random.normal(size=400)
    outcome = (strong > 0.5).astype(float) if is_binary else strong
    found = select(values, outcome, _names(40)).tolist()
    assert found[0] == 17
    assert 5 in found
    assert len(found) <= 5


def test_columns_that_are_constant_or_hold_missing_values_are_not_taken() -> None:
    random = np.random.default_rng(13)
    values = random.normal(size=(200, 3))
    outcome = values[:, 0] + values[:, 1]
    values[3, 0] = np.nan
    values[:, 2] = 4.0
    assert select(values, outcome, _names(3)).tolist() == [1]


def test_no_usable_column_selects_nothing() -> None:
    values = np.full((50, 2), 3.0)
    assert len(select(values, np.arange(50.0), _names(2))) == 0


def test_more_rows_than_the_limit_are_spread_evenly() -> None:
    random = np.random.default_rng(14)
    n = 2 * MAX_ROWS + 1
    values = random.normal(size=(n, 6))
    assert select(values, values[:, 4] * 2.0, _names(6))[0] == 4
