"""Lags of stations that are planted come back; where nothing is planted, none is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.lags import FEWEST, estimated, later_r2, passage_means

MINUTE = 60 * 10**9
N_STEPS = 60


def _line(
    seed: int, lags: tuple[int, ...], n_lots: int = 400, strength: float = 1.0
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Tags a minute apart that wander, lots of ten minutes, a result of R2 0.5 for a strength of 1."""
    random = np.random.default_rng(seed)
    n = n_lots * 10 + N_STEPS
    times = np.arange(n, dtype=np.int64) * MINUTE
    start = times[N_STEPS::10][:n_lots]
    means = []
    for _ in lags:
        noise = random.normal(size=n + 30)
        values = np.convolve(noise, np.ones(4) / 2, mode="valid")[:n]
        values[random.random(n) < 0.05] = np.nan
        means.append(passage_means(times, values, start, start + 10 * MINUTE, MINUTE, N_STEPS))
    signal = np.zeros(n_lots)
    for m, k, sign in zip(means, lags, (1.0, -1.0, 0.8), strict=False):
        signal += sign * np.nan_to_num(m[:, k] / np.nanstd(m[:, k]))
    return means, strength * signal + random.normal(size=n_lots) * np.std(signal)


def test_a_mean_is_over_the_lots_own_minutes_and_over_those_before() -> None:
    times = np.arange(10, dtype=np.int64)
    values = np.arange(10, dtype=np.float64)
    values[4] = np.nan
    found = passage_means(times, values, np.array([4, 2]), np.array([7, 3]), 1, 3)
    assert found[0].tolist() == [5.5, 4.0, 2.5, 2.0]
    assert found[1].tolist() == [2.0, 1.0, 0.0, pytest.approx(np.nan, nan_ok=True)]


@pytest.mark.parametrize("seed", range(4))
def test_three_planted_lags_are_found_within_one_step_and_later_lots_agree(seed: int) -> None:
    lags = (7, 25, 41)
    means, outcome = _line(seed, lags)
    found = estimated([m[:240] for m in means], outcome[:240], seed)
    assert all(abs(f.steps - lag) <= 1 and f.low - 1 <= lag <= f.high + 1 for f, lag in zip(found, lags, strict=True))
    assert all(f.is_found and f.high - f.low < 15 for f in found)
    aligned = later_r2(means, [f.steps for f in found], outcome, 240)
    assert aligned > 0.2 > later_r2(means, [0, 0, 0], outcome, 240) + 0.1


def test_of_results_that_have_nothing_to_do_with_the_tags_no_lag_is_found() -> None:
    n_found = 0
    for seed in range(20):
        means, outcome = _line(seed, (5, 20, 40), n_lots=120, strength=0.0)
        n_found += any(f.is_found for f in estimated(means, outcome, seed))
    assert n_found <= 3  # one of twenty is what chance allows


def test_a_tag_that_stands_still_has_no_lag() -> None:
    means, outcome = _line(1, (7,))
    still = np.full_like(means[0], 3.0)
    moving, standing = estimated([means[0], still], outcome, 1)
    assert moving.is_found
    assert not standing.is_found
    assert standing.share == 0.0


def test_too_few_lots_are_refused_with_the_number() -> None:
    means, outcome = _line(1, (7,), n_lots=FEWEST - 1)
    with pytest.raises(ValueError, match=str(FEWEST - 1)):
        estimated(means, outcome, 1)
