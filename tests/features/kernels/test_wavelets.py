"""Wavelet coefficients of any width at any sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.kernels import Wanted
from features.kernels.wavelets import GROUP
from tests.features.kernels import windows


def _wanted(widths: tuple[float, ...], coefficients: tuple[int, ...]) -> list[Wanted]:
    params = [{"widths": widths, "coeff": k, "w": w} for k in coefficients for w in widths[::-1]]
    return [Wanted("cwt_coefficients", each, column) for column, each in enumerate(params)]


@pytest.mark.parametrize("n", [3, 4, 17, 60, 333, 1000])
def test_any_width_at_any_sample(n: int) -> None:
    wanted = _wanted((0.125, 0.3, 1, 2.5, 47, 300), (n, n - 1, 0, n // 2, 1))
    x = np.concatenate([x for _, x in windows.kinds(n)])
    found = windows.ours(GROUP, wanted, x)
    assert not windows.disagreements(wanted, x, found, windows.theirs(wanted, x))
    assert np.isnan(found[:, :6]).all()


def test_nothing_but_samples_beyond_the_window() -> None:
    assert np.isnan(windows.ours(GROUP, _wanted((2, 5), (3, 60)), np.ones((2, 3)))).all()


@pytest.mark.parametrize(
    "params",
    [
        {"widths": (2, 5), "coeff": -1, "w": 2},
        {"widths": (2, 5), "coeff": 0, "w": 3},
        {"widths": (2, 0), "coeff": 0, "w": 2},
        {"widths": (2, 0.05), "coeff": 0, "w": 2},
    ],
)
def test_what_tsfresh_refuses_or_reads_otherwise_is_declined(params: dict[str, Any]) -> None:
    assert not GROUP.calculators["cwt_coefficients"](params)
