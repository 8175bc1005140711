"""Exact bounds of a recall, against values from the literature and against their own definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from detectors import promise


def test_five_of_five_prove_063_at_90_percent() -> None:
    assert promise.floor_of(5, 5, 0.9) == pytest.approx(0.1 ** (1 / 5))


@pytest.mark.parametrize(("caught", "n"), [(1, 5), (29, 30), (0, 4), (38, 40)])
def test_at_the_floor_so_many_catches_have_the_chance_that_is_left(caught: int, n: int) -> None:
    floor = promise.floor_of(caught, n, 0.9)
    assert floor == 0.0 if caught == 0 else binom.sf(caught - 1, n, floor) == pytest.approx(0.1)


def test_the_interval_is_clopper_and_pearsons() -> None:
    low, high = promise.interval_of(8, 10, 0.95)
    assert (low, high) == (pytest.approx(0.4439, abs=1e-4), pytest.approx(0.9748, abs=1e-4))
    assert promise.interval_of(0, 0, 0.9) == (0.0, 1.0)


def test_the_least_number_of_catches_is_the_least_that_proves_the_floor() -> None:
    for n in range(1, 80):
        k = promise.least_caught(n, 0.9, 0.9)
        proven = [promise.floor_of(i, n, 0.9) >= 0.9 for i in range(n + 1)]
        assert k == (proven.index(True) if any(proven) else None)


def test_the_events_needed_prove_the_floor_and_one_less_does_not() -> None:
    assert promise.events_needed(0.95, 0.9) == 45
    assert promise.floor_of(44, 44, 0.9) < 0.95 <= promise.floor_of(45, 45, 0.9)


def test_more_caught_than_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="6 caught of 5"):
        promise.floor_of(6, 5, 0.9)


def test_a_threshold_by_the_order_statistic_keeps_the_floor_as_often_as_it_says() -> None:
    random = np.random.default_rng(8)
    n, floor, kept = 40, 0.85, 0
    k = promise.least_caught(n, floor, 0.9)
    assert k is not None
    for _ in range(2000):
        best = np.sort(random.normal(size=n))
        limit = best[n - k]  # the highest limit that catches k of them
        kept += 1 - _normal(limit) >= floor
    assert kept / 2000 + 0.02 >= 0.9
    assert kept / 2000 < 0.99


def _normal(x: float) -> float:
    from scipy.stats import norm

    return float(norm.cdf(x))
