"""Histograms where numpy's bin edges are hard to meet."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted
from features.kernels.histogram import GROUP, MOST_BINS
from tests.features.kernels import windows

BINS = (1, 2, 3, 7, 10, 29, 100, 1000)
WANTED = [Wanted("binned_entropy", {"max_bins": bins}, column) for column, bins in enumerate(BINS)]


def _check(x: windows.Floats) -> windows.Floats:
    found = windows.ours(GROUP, WANTED, x)
    assert not windows.disagreements(WANTED, x, found, windows.theirs(WANTED, x))
    return found


@pytest.mark.parametrize("n", [3, 11, 60, 1001])
def test_values_on_the_edges_fall_into_numpys_bins(n: int) -> None:
    r = np.random.default_rng(n)
    edges = [
        np.resize(np.linspace(low, high, bins + 1), n)
        for low, high, bins in ((0, 1, 10), (-0.3, 0.7, 10), (0.1, 2.2, 7), (-1e9, 1e9 / 3, 29), (1e-9, 3e-9, 100))
    ]
    beside = [np.nextafter(row, r.choice([-np.inf, np.inf], n)) for row in edges]
    _check(np.stack(edges + beside))


def test_a_range_with_fewer_numbers_than_bins_has_no_entropy() -> None:
    steps = np.arange(60) % 12
    found = _check(np.stack([1.0 + 2.3e-16 * steps, 1e16 + 2.0 * steps, 5e-324 * steps, 1e-310 * steps, 0.0 * steps]))
    assert np.isnan(found[:3, -1]).all()
    assert np.isfinite(found[:3, :2]).all()
    assert np.isfinite(found[3:]).all()


def test_a_constant_too_large_to_be_widened_has_no_entropy() -> None:
    assert np.isnan(_check(np.full((1, 60), 1e17))).all()


def test_a_range_beyond_the_greatest_number_has_no_entropy() -> None:
    assert np.isnan(_check(np.resize([1.7e308, -1.7e308, 0.0], 60)[None])).all()


def test_other_numbers_of_bins_are_declined() -> None:
    takes = GROUP.calculators["binned_entropy"]
    assert takes({"max_bins": MOST_BINS})
    for bins in (0, -1, 10.0, "auto", True, MOST_BINS + 1):
        assert not takes({"max_bins": bins})
