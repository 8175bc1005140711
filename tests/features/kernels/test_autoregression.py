"""Autoregressive models of any order, and windows whose columns depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

from features import reference
from features.kernels import Wanted, autoregression
from tests.features.kernels import windows


def _asked(*orders: int) -> list[Wanted]:
    asked = [{"coeff": coefficient, "k": k} for k in orders for coefficient in range(k + 2)]
    return [Wanted(autoregression.NAME, params, column) for column, params in enumerate(asked)]


@pytest.mark.parametrize("n", [3, 7, 31, 60, 300])
def test_any_orders_together(n: int) -> None:
    wanted = _asked(1, 15, 3, 30)
    for kind, x in windows.kinds(n):
        found, expected = windows.ours(autoregression.GROUP, wanted, x), windows.theirs(wanted, x)
        assert not windows.disagreements(wanted, x, found, expected), kind


@pytest.mark.parametrize("n", [24, 60, 300])
@pytest.mark.parametrize("k", [1, 10])
def test_windows_in_doubt_are_solved_as_statsmodels_does_bit_for_bit(n: int, k: int) -> None:
    asked = [{"coeff": coefficient, "k": k} for coefficient in range(k + 1)]
    t = np.arange(n)
    steps = np.where(t < 3, 5.0, 7.25)
    for x in np.stack([np.full(n, 21.6), 0.1 * t, np.tile([1.0, 2.0, 4.0], n)[:n], steps, np.sin(t / 9)]):
        expected = reference.values(autoregression.NAME, asked, x)
        assert autoregression._as_statsmodels(x, k).tolist() == expected


def test_no_ordinary_window_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(autoregression, "_as_statsmodels", lambda x, lags: asked.append(lags) or np.zeros(lags + 1))
    r = np.random.default_rng(2)
    noise, t = r.normal(0, 1, (50, 60)), np.arange(60)
    for x in (
        noise,
        50 + 2 * noise,
        np.cumsum(noise, axis=1),
        np.round(20 + noise, 1),
        5 * np.sin(t / 9) + 0.5 * noise,
    ):
        windows.ours(autoregression.GROUP, _asked(10), x)
    assert not asked


def test_what_it_cannot_compute_is_declined() -> None:
    takes = autoregression.GROUP.calculators[autoregression.NAME]
    assert takes({"coeff": 11, "k": 10})
    for bad in ({"coeff": 0, "k": 0}, {"coeff": -1, "k": 3}, {"coeff": 1, "k": [1, 3]}):
        assert not takes(bad)
