"""Live errors against the back-test and persistence, and results that do not come."""

from __future__ import annotations

import numpy as np
import pytest

from reports.live_error import MIN_LOTS, live_error, overdue_since

HOUR = 3_600 * 10**9


def _errors(scale: float, n: int = 150, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, size=n)


def test_a_model_that_errs_as_in_its_back_test_is_well() -> None:
    found = live_error(_errors(1.0), _errors(1.3, seed=1), 1.0)
    assert found is not None
    assert (found.is_worse, found.is_useless) == (False, False)
    assert found.rmse == pytest.approx(1.0, abs=0.15)


def test_a_model_that_errs_more_is_worse_and_one_that_persistence_beats_is_useless() -> None:
    found = live_error(_errors(2.0), _errors(1.0, seed=1), 1.0)
    assert found is not None
    assert (found.is_worse, found.is_useless) == (True, True)


@pytest.mark.parametrize("off", [-3.0, 0.0, 3.0])
def test_a_shift_of_the_process_is_told_as_the_mean_of_the_errors(off: float) -> None:
    found = live_error(_errors(1.0) + off, _errors(1.0, seed=1), 1.0)
    assert found is not None
    assert found.off == (pytest.approx(off, abs=0.3) if off else 0.0)
    assert found.is_worse == bool(off)


def test_without_a_back_test_persistence_alone_is_the_measure() -> None:
    found = live_error(_errors(2.0), np.full(150, np.nan), None)
    assert found is not None
    assert (found.is_worse, found.is_useless, found.persistence) == (False, False, None)


def test_too_few_lots_say_nothing() -> None:
    assert live_error(_errors(9.0, MIN_LOTS - 1), _errors(1.0, MIN_LOTS - 1), 1.0) is None


def test_a_good_model_is_blamed_in_few_of_many_looks() -> None:
    looks = [live_error(_errors(1.0, seed=i), _errors(1.3, seed=1000 + i), 1.0) for i in range(300)]
    assert np.mean([x is not None and (x.is_worse or x.is_useless) for x in looks]) <= 0.01


def test_a_result_is_overdue_after_half_as_long_again_as_the_longest_gap() -> None:
    times = np.cumsum([2] * 10 + [8] + [2] * 10).astype(np.int64) * HOUR
    last = int(times[-1])
    assert overdue_since(times, 3, last + 11 * HOUR) is None
    assert overdue_since(times, 3, last + 13 * HOUR) == 13 * HOUR
    assert overdue_since(times, 0, last + 100 * HOUR) is None
    assert overdue_since(times[:10], 3, last + 100 * HOUR) is None
