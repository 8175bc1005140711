"""Unit root tests of events on a steady signal, of faint and of offset ones, and the windows left to statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from features import reference
from features.kernels import dickey_fuller
from tests.features.kernels import windows
from tests.features.kernels.windows import Floats


def _events(n: int) -> Floats:
    """Return windows of a steady signal with an event that begins, or has ended, close to either end."""
    r = np.random.default_rng((9, n))
    x = np.full((24, n), 0.0)
    x[::2] = 21.6
    for i, row in enumerate(x):
        length = 1 + i % (n // 2 - 1)
        event = r.exponential(4) * np.exp(-np.arange(length) / 8) if i % 3 else r.normal(0, 2, length)
        row[-length if i < 16 else 0 :][:length] += event
    return x


@pytest.mark.parametrize("n", [12, 24, 60, 300])
def test_events_on_a_steady_signal(n: int) -> None:
    wanted, x = windows.everything(dickey_fuller.GROUP), _events(n)
    found, expected = windows.ours(dickey_fuller.GROUP, wanted, x), windows.theirs(wanted, x)
    assert not windows.disagreements(wanted, x, found, expected)


@pytest.mark.parametrize(("offset", "size"), [(0, 1e-9), (0, 1e-6), (1, 1e-7), (1013, 0.1), (1e5, 10), (1e8, 1e4)])
def test_faint_and_offset_windows(offset: float, size: float) -> None:
    r = np.random.default_rng(4)
    wanted = windows.everything(dickey_fuller.GROUP)
    x = offset + size * np.concatenate([r.normal(0, 1, (6, 60)), np.cumsum(r.normal(0, 1, (6, 60)), axis=1)])
    found, expected = windows.ours(dickey_fuller.GROUP, wanted, x), windows.theirs(wanted, x)
    assert found == pytest.approx(expected, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("n", [24, 60, 300])
def test_a_statistic_in_doubt_is_computed_as_statsmodels_does_bit_for_bit(n: int) -> None:
    r = np.random.default_rng((5, n))
    t = np.arange(n)
    for x in (
        r.normal(0, 1e-9, n),
        np.where(t < 3, 5.0, 7.25),
        0.1 * t + r.normal(0, 1e-9, n),
        1e8 + r.normal(0, 1, n),
    ):
        statistic, lags = reference.values(dickey_fuller.NAME, [{"attr": "teststat"}, {"attr": "usedlag"}], x)
        assert dickey_fuller._as_statsmodels(x, int(lags)) == pytest.approx(statistic, rel=1e-15, nan_ok=True)


def test_no_ordinary_window_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(dickey_fuller, "_in_doubt", lambda x, most, lags: asked.append(lags) or np.zeros(3))
    r = np.random.default_rng(2)
    noise, t = r.normal(0, 1, (50, 60)), np.arange(60)
    wanted = windows.everything(dickey_fuller.GROUP)
    for x in (noise, 50 + 2 * noise, np.round(20 + noise, 1), 5 * np.sin(t / 9) + 0.5 * noise):
        windows.ours(dickey_fuller.GROUP, wanted, x)
    assert not asked


def test_what_it_cannot_compute_is_declined() -> None:
    takes = dickey_fuller.GROUP.calculators[dickey_fuller.NAME]
    assert takes({"attr": "teststat"})
    assert takes({"attr": "usedlag", "autolag": "AIC"})
    for bad in ({"attr": "icbest"}, {"attr": "pvalue", "autolag": "BIC"}, {"attr": "pvalue", "autolag": None}):
        assert not takes(bad)
