"""Relevant columns by FRESH, and those that are found again in halves of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.selection import MAX_ROWS, Screened, fresh, stable

Floats = NDArray[np.float64]


def _groups(n: int, size: int) -> NDArray[np.object_]:
    return np.array([f"g{i // size:03d}" for i in range(n)], dtype=object)


def _stable(values: Floats, outcome: Floats, size: int = 20, seed: int = 1, share: float = 0.6) -> Screened:
    return stable(values, outcome, _groups(len(values), size), 40, share, seed)


@pytest.mark.parametrize("is_binary", [True, False])
def test_pure_noise_selects_almost_nothing(is_binary: bool) -> None:
    random = np.random.default_rng(11)
    values, outcome = random.normal(size=(400, 80)), random.normal(size=400)
    outcome = (outcome > 0.5).astype(float) if is_binary else outcome
    assert len(fresh(values, outcome).columns) <= 2
    assert len(_stable(values, outcome).columns) == 0


@pytest.mark.parametrize("is_binary", [True, False])
def test_a_planted_column_comes_first(is_binary: bool) -> None:
    random = np.random.default_rng(12)
    values = random.normal(size=(400, 40))
    strong = values[:, 17] + 0.3 * random.normal(size=400)
    values[:, 5] = strong + 2.0 * random.normal(size=400)
    outcome = (strong > 0.5).astype(float) if is_binary else strong
    found = fresh(values, outcome)
    assert found.columns[0] == 17
    assert 5 in found.columns
    assert len(found.columns) <= 5
    assert (np.diff(found.p_values) >= 0).all()
    assert np.isnan(found.stability).all()
    again = _stable(values, outcome)
    assert again.columns[:2].tolist() == [17, 5]
    assert again.stability[0] == 1.0
    assert (again.n_tested, again.n_halves) == (40, 40)


def test_columns_that_are_constant_or_hold_missing_values_are_not_taken() -> None:
    random = np.random.default_rng(13)
    values = random.normal(size=(200, 3))
    outcome = values[:, 0] + values[:, 1]
    values[3, 0] = np.nan
    values[:, 2] = 4.0
    assert fresh(values, outcome).columns.tolist() == [1]
    assert _stable(values, outcome).columns.tolist() == [1]


def test_few_columns_are_kept_together_where_any_is_relevant() -> None:
    random = np.random.default_rng(14)
    values = random.normal(size=(400, 5))
    outcome = (values[:, 2] > 1).astype(float)
    values[:, 4] = 4.0
    assert fresh(values, outcome).columns.tolist() == [2]
    found = fresh(values, outcome, few=4)
    assert found.columns[0] == 2
    assert sorted(found.columns.tolist()) == [0, 1, 2, 3]
    assert (np.diff(found.p_values) >= 0).all()
    assert fresh(values, outcome, few=3).columns.tolist() == [2]
    assert not len(fresh(values, random.permutation(outcome), few=4).columns)


def test_no_usable_column_selects_nothing() -> None:
    values = np.full((50, 2), 3.0)
    assert len(fresh(values, np.arange(50.0)).columns) == 0
    assert len(_stable(values, np.arange(50.0)).columns) == 0


def test_an_outcome_of_two_values_other_than_0_and_1_is_one_of_two_values() -> None:
    random = np.random.default_rng(15)
    values = random.normal(size=(300, 4))
    outcome = np.where(values[:, 2] > 0, 0.7, 0.2)
    assert fresh(values, outcome).columns.tolist() == [2]


def test_more_rows_than_the_limit_are_spread_evenly() -> None:
    random = np.random.default_rng(14)
    n = 2 * MAX_ROWS + 1
    values = random.normal(size=(n, 6))
    assert fresh(values, values[:, 4] * 2.0).columns[0] == 4
    assert _stable(values, values[:, 4] * 2.0).columns[0] == 4


def test_equal_seeds_give_equal_halves_and_others_do_not() -> None:
    random = np.random.default_rng(16)
    values = random.normal(size=(300, 30))
    outcome = (values[:, :6].sum(axis=1) + 3.0 * random.normal(size=300) > 0).astype(float)
    one, same, other = (_stable(values, outcome, seed=seed, share=0.51) for seed in (1, 1, 2))
    assert one.columns.tobytes() == same.columns.tobytes()
    assert one.stability.tobytes() == same.stability.tobytes()
    assert (one.columns.tolist(), one.stability.tolist()) != (other.columns.tolist(), other.stability.tolist())


def test_what_one_group_alone_shows_is_relevant_but_not_stable() -> None:
    """Column 0 tells one group from the rest, and that group has half of the ones; column 1 tells in all groups."""
    random = np.random.default_rng(17)
    n, size = 600, 60
    values = random.normal(size=(n, 12))
    outcome = (random.random(n) < 0.08).astype(float)
    outcome[:size] = random.random(size) < 0.9
    values[:size, 0] += 5.0
    values[:, 1] += 1.5 * outcome
    group = _groups(n, size)
    assert {0, 1} <= set(fresh(values, outcome).columns.tolist())
    found = stable(values, outcome, group, 40, 0.6, 1)
    assert found.columns.tolist() == [1]


def test_few_groups_are_cut_into_stretches_of_rows() -> None:
    random = np.random.default_rng(18)
    values = random.normal(size=(300, 5))
    found = stable(values, values[:, 3], np.array(["line"] * 300, dtype=object), 20, 0.6, 1)
    assert found.columns.tolist() == [3]
    assert found.n_halves == 20


def test_halves_with_one_outcome_are_left_out() -> None:
    random = np.random.default_rng(19)
    values = random.normal(size=(400, 5))
    outcome = np.zeros(400)
    outcome[:20] = 1.0  # all in the first of 20 groups: one half of each pair has none
    values[:20, 2] += 6.0
    found = _stable(values, outcome)
    assert found.n_halves == 20
    assert found.columns.tolist() == [2]
    assert len(stable(values, np.zeros(400), _groups(400, 20), 20, 0.6, 1).columns) == 0


def test_nothing_is_kept_between_calls() -> None:
    random = np.random.default_rng(20)
    values, outcome = random.normal(size=(200, 8)), random.normal(size=200)
    before = _stable(values, values[:, 1])
    _stable(values, outcome)
    _stable(values[:, ::-1], values[:, 5])
    assert _stable(values, values[:, 1]).columns.tolist() == before.columns.tolist() == [1]
