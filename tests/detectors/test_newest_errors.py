"""Intervals that follow the newest errors, and know none that was told later."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.newest_errors import FEWEST, NEWEST, newest_widths, width_of


def _drifting(n: int, seed: int = 1) -> np.ndarray:
    """Return absolute errors whose spread grows threefold over the second half."""
    scale = np.where(np.arange(n) < n // 2, 1.0, np.linspace(1, 3, n))
    return np.abs(np.random.default_rng(seed).normal(size=n) * scale)


def test_a_fixed_width_lets_go_of_a_process_that_moves_and_the_newest_errors_hold_it() -> None:
    sizes, at = _drifting(6000), np.arange(6000, dtype=np.int64)
    fixed = width_of(sizes[:1000])
    later = slice(3000, None)
    assert np.mean(sizes[later] <= fixed) < 0.75
    width = newest_widths(sizes, at + 24, at, fixed)
    assert 0.87 < np.mean(sizes[later] <= width[later]) < 0.93


def test_of_errors_alike_the_width_holds_its_share() -> None:
    held = []
    for seed in range(200):
        sizes = np.abs(np.random.default_rng(seed).normal(size=60))
        held.append(sizes[-1] <= width_of(sizes[:-1]))
    assert 0.85 < np.mean(held) < 0.96


def test_few_known_errors_leave_the_back_test_s_width() -> None:
    at = np.arange(FEWEST + 2, dtype=np.int64)
    found = newest_widths(np.ones(len(at)), at, at, 7.0)
    assert found.tolist() == [7.0] * FEWEST + [1.0, 1.0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_no_error_known_at_or_after_an_instant_counts(seed: int, now: int) -> None:
    random = np.random.default_rng(seed)
    sizes, known_at = random.exponential(size=NEWEST * 2), random.integers(0, 400, NEWEST * 2)
    at = np.array([now])
    before = known_at < now
    all_told = newest_widths(sizes, known_at, at, 5.0)
    assert all_told.tolist() == newest_widths(sizes[before], known_at[before], at, 5.0).tolist()
