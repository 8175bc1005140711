"""The change point of a run-up: found where it was planted, and not where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.onset import change_of, health_index, onset_of


def run_up(seed: int, n: int, change: int, slope: float = 0.15, n_tags: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    worn = np.maximum(np.arange(n) - change, 0) * slope
    return random.normal(size=(n, n_tags)) + worn[:, None] * np.array([1.0, -0.8, 0.0, 0.5])[:n_tags]


def test_planted_changes_are_found_near_their_place() -> None:
    errors = []
    for seed in range(20):
        found = onset_of(run_up(seed, 200, 140), np.arange(200.0))
        assert found is not None
        errors.append(found - 140)
    assert abs(float(np.median(errors))) <= 5
    assert float(np.max(np.abs(errors))) <= 25


def test_where_nothing_changes_nothing_is_found_but_by_chance() -> None:
    found = [onset_of(run_up(seed, 200, 10_000), np.arange(200.0)) for seed in range(60)]
    assert sum(x is not None for x in found) <= 3


def test_a_position_is_that_of_the_row_and_gaps_do_not_hide_the_change() -> None:
    values = run_up(1, 240, 180)
    values[::7, 0] = np.nan
    places = 1000.0 + 3.0 * np.arange(240)
    found = onset_of(values, places)
    assert found is not None
    assert found in places
    assert abs((found - 1000) / 3 - 180) <= 25


def test_long_run_ups_are_averaged_and_keep_their_place() -> None:
    found = onset_of(run_up(2, 20_000, 15_000, slope=0.001), np.arange(20_000.0))
    assert found is not None
    assert abs(found - 15_000) <= 1_500


def test_a_fall_is_a_change_as_a_rise_is() -> None:
    index = health_index(-run_up(3, 120, 80))
    assert index is not None
    assert index[-1] > index[0]


@pytest.mark.parametrize("values", [np.ones((50, 3)), np.empty((0, 2)), np.full((50, 2), np.nan), run_up(0, 12, 6)])
def test_what_tells_nothing_gives_nothing(values: np.ndarray) -> None:
    assert onset_of(values, np.arange(float(len(values)))) is None


def test_the_place_is_where_the_line_begins_to_leave() -> None:
    exact = np.array([0.0] * 30 + [1.0 * k for k in range(1, 21)])
    assert change_of(exact) == 30
    assert change_of(np.zeros(50)) is None
