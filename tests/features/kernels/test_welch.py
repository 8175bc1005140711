"""Welch's density at any frequency and its entropy in any number of bins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT, get_window

from features.kernels import Wanted
from features.kernels.welch import GROUP, taper
from tests.features.kernels import windows


def _densities(coefficients: list[int]) -> list[Wanted]:
    return [Wanted("spkt_welch_density", {"coeff": k}, column) for column, k in enumerate(coefficients)]


@pytest.mark.parametrize("n", [3, 8, 60, 257, 511, 1000, 1151, 1300])
def test_any_frequency_and_any_bins(n: int) -> None:
    wanted = _densities([0, 1, 17, 128, 129])
    wanted += [Wanted("fourier_entropy", {"bins": b}, 5 + i) for i, b in enumerate((1, 2, 7, 64, 1000))]
    x = np.concatenate([x for kind, x in windows.kinds(n) if kind != "nearly constant"])
    assert not windows.disagreements(wanted, x, windows.ours(GROUP, wanted, x), windows.theirs(wanted, x))


def test_tsfresh_gives_what_exists_first_and_then_nan_whatever_was_asked() -> None:
    wanted = _densities([30, 2, 5, 99, 0])
    x = np.random.default_rng(0).normal(0, 1, (2, 8))  # five frequencies
    found = windows.ours(GROUP, wanted, x)
    assert not windows.disagreements(wanted, x, found, windows.theirs(wanted, x))
    assert (found[:, :2] == windows.ours(GROUP, _densities([2, 0]), x)).all()
    assert np.isnan(found[:, 2:]).all()


def test_a_constant_window_has_no_entropy_unless_its_mean_is_rounded() -> None:
    wanted = [Wanted("fourier_entropy", {"bins": b}, i) for i, b in enumerate((2, 10, 100))]
    x = np.repeat([[0.0], [5.0], [0.1], [1e6 + 0.1], [-3.7]], 61, axis=1)
    found = windows.ours(GROUP, wanted, x)
    assert not windows.disagreements(wanted, x, found, windows.theirs(wanted, x))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).any()


def test_the_taper_is_scipys_bit_for_bit() -> None:
    for size in range(3, 257):
        scaled = ShortTimeFFT(get_window("hann", size), size - size // 2, fs=1.0, scale_to="psd").win
        assert taper(size).tobytes() == scaled.tobytes()


def test_what_tsfresh_refuses_or_reads_otherwise_is_declined() -> None:
    assert not GROUP.calculators["spkt_welch_density"]({"coeff": -1})
    assert not GROUP.calculators["spkt_welch_density"]({"coeff": 2.0})
    assert not GROUP.calculators["fourier_entropy"]({"bins": 0})
