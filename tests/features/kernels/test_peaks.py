"""Distances beyond tsfresh's efficient set."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted, peaks
from tests.features.kernels import windows


def count(x: windows.Floats, *spans: int) -> windows.Floats:
    wanted = [Wanted("number_peaks", {"n": span}, column) for column, span in enumerate(spans)]
    found, expected = windows.ours(peaks.GROUP, wanted, x), windows.theirs(wanted, x)
    assert found.tobytes() == expected.tobytes()
    return found


@pytest.mark.parametrize("n", [3, 4, 5, 60, 61, 257])
def test_any_distance_to_past_the_window(n: int) -> None:
    for _, x in windows.kinds(n, seed=1):
        count(x, n, 1, 2, (n - 1) // 2, n // 2, n - 1, 2 * n, 7)


def test_a_plateau_is_no_peak_and_a_window_ends_before_its_first_and_last_sample() -> None:
    plateau, ends, middle = [0.0, 2, 2, 0, 0], [3.0, 1, 0, 1, 3], [0.0, 1, 3, 1, 0]
    assert count(np.array([plateau, ends, middle]), 1, 2, 3).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize("span", [0, -1, 2.0])
def test_a_distance_that_is_no_number_of_samples_is_left_to_tsfresh(span: object) -> None:
    assert not peaks.GROUP.calculators["number_peaks"]({"n": span})
