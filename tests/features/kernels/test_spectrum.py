"""Fourier coefficients and moments beyond tsfresh's efficient set, and where rounding decides."""

from __future__ import annotations

import numpy as np
import pytest

from features import reference
from features.kernels import Wanted
from features.kernels.spectrum import GROUP, MOMENTS, PARTS
from tests.features.kernels import windows

ALL_MOMENTS = [Wanted("fft_aggregated", {"aggtype": kind}, column) for column, kind in enumerate(MOMENTS)]


@pytest.mark.parametrize("n", [3, 60, 401, 1000])
def test_any_coefficient_in_any_order(n: int) -> None:
    params = [{"coeff": k, "attr": part} for k in (300, 0, n // 2, n // 2 + 1, 1) for part in PARTS[::-1]]
    wanted = [Wanted("fft_coefficient", each, column) for column, each in enumerate(params)]
    x = np.random.default_rng(n).normal(5, 1, (3, n))
    assert not windows.disagreements(wanted, x, windows.ours(GROUP, wanted, x), windows.theirs(wanted, x))


def test_angles_of_windows_without_an_imaginary_part_have_tsfreshs_very_signs() -> None:
    params = [{"coeff": k, "attr": part} for k in range(5) for part in PARTS]
    wanted = [Wanted("fft_coefficient", each, column) for column, each in enumerate(params)]
    x = np.array([[-1.0, 1.0] * 4, [0.0] * 8, [-0.0] * 8, [-3.0] * 8, [0.0, -1.0] + [0.0] * 6, [-0.1, 0.1] * 4])
    assert windows.ours(GROUP, wanted, x).tobytes() == windows.theirs(wanted, x).tobytes()


@pytest.mark.parametrize("n", [60, 600, 1000])
def test_moments_of_pure_tones_are_left_to_tsfresh(n: int) -> None:
    k = np.arange(2, n // 2, n // 20)[:, None]
    x = np.sin(2 * np.pi * k * np.arange(n) / n)
    assert windows.ours(GROUP, ALL_MOMENTS, x).tobytes() == windows.theirs(ALL_MOMENTS, x).tobytes()


def test_only_what_is_in_doubt_is_left_to_tsfresh(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    def values(_calculator: str, params: list[dict[str, str]], series: windows.Floats) -> list[float]:
        left.append(float(series[1]))
        return [-1.0] * len(params)

    monkeypatch.setattr(reference, "values", values)
    x = np.random.default_rng(3).normal(50, 3, (200, 60))
    x[7] = np.cos(np.pi * np.arange(60))
    found = windows.ours(GROUP, ALL_MOMENTS, x)
    assert left == [-1.0]
    assert (found[7] == -1.0).all()


def test_a_variance_of_a_half_is_wide_enough_for_a_skew() -> None:
    x = np.fft.irfft(np.array([[1.0, 2.0, 1.0], [1.0, 1.2 + 1.6j, 1.0], [1.0, 2.0001, 1.0]]), axis=1)
    found, expected = windows.ours(GROUP, ALL_MOMENTS, x), windows.theirs(ALL_MOMENTS, x)
    assert not windows.disagreements(ALL_MOMENTS, x, found, expected)
    assert found[0, 1] == 0.5
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[2, 2:]).all()


def test_a_window_of_zeros_has_no_moments() -> None:
    assert np.isnan(windows.ours(GROUP, ALL_MOMENTS, np.zeros((1, 60)))).all()


def test_what_tsfresh_refuses_or_reads_otherwise_is_declined() -> None:
    takes = GROUP.calculators["fft_coefficient"]
    assert takes({"coeff": 10**30, "attr": "abs"})
    for coeff, attr in ((-1, "abs"), (1.0, "abs"), (True, "abs"), (1, "phase")):
        assert not takes({"coeff": coeff, "attr": attr})
    assert not GROUP.calculators["fft_aggregated"]({"aggtype": "mean"})
