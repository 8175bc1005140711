"""Ridge lines through any number of widths, where only the last bits of numpy's convolutions or its sort decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from features import reference
from features.kernels import Wanted, ridges
from features.kernels.ridges import GROUP, NAME
from tests.features.kernels import windows
from tests.features.kernels.windows import Floats


def _wanted(*widths: int) -> list[Wanted]:
    return [Wanted(NAME, {"n": n}, i) for i, n in enumerate(widths)]


@pytest.mark.parametrize("n", [3, 20, 21, 60, 137])
def test_any_number_of_widths(n: int) -> None:
    wanted = _wanted(2, 9, 1, 37)
    for kind, x in windows.kinds(n, seed=1):
        assert windows.ours(GROUP, wanted, x).tolist() == windows.theirs(wanted, x).tolist(), kind


def _binary(n: int) -> Floats:
    return (np.random.default_rng(5).random((40, n)) < 0.3).astype(np.float64)


def _pulses(n: int) -> Floats:
    return 5.0 * np.repeat(np.random.default_rng(6).integers(0, 3, (40, n // 5)), 5, axis=1).astype(np.float64)


@pytest.mark.parametrize(("pattern", "n"), [(_binary, 30), (_binary, 60), (_pulses, 60), (_pulses, 150)])
def test_symmetric_patterns_whose_maxima_are_tied_but_for_rounding(pattern: Callable[[int], Floats], n: int) -> None:
    wanted, x = _wanted(1, 5, 12), pattern(n)
    assert windows.ours(GROUP, wanted, x).tolist() == windows.theirs(wanted, x).tolist()


def test_tsfresh_is_asked_only_where_its_sort_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def values(calculator: str, params: Any, series: Floats) -> list[float]:
        asked.append(calculator)
        return real(calculator, params, series)

    real = reference.values
    monkeypatch.setattr(reference, "values", values)
    r = np.random.default_rng(7)
    everyday = np.concatenate([r.normal(50, 2, (200, 60)), np.round(r.normal(20, 0.2, (200, 60)), 1), _pulses(60)])
    windows.ours(GROUP, _wanted(1, 5), everyday)
    assert not asked
    hard = (r.random((100, 60)) < 0.3).astype(np.float64)
    found = windows.ours(GROUP, _wanted(30), hard)
    assert 0 < len(asked) < 50
    assert found.tolist() == windows.theirs(_wanted(30), hard).tolist()


def test_a_long_window_is_convolved_as_scipy_would() -> None:
    x = np.random.default_rng(8).normal(0, 1, (1, 6000))
    wanted = _wanted(1)
    assert windows.ours(GROUP, wanted, x).tolist() == windows.theirs(wanted, x).tolist()
    assert ridges._convolution(6000, 6000) is not np.convolve
    assert ridges._convolution(1000, 1000) is np.convolve


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_widths_that_are_none_are_left_to_tsfresh(n: float) -> None:
    assert not GROUP.calculators[NAME]({"n": n})
