"""Lags and summaries beyond tsfresh's efficient set, and windows on which rounding decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features import reference
from features.kernels import Block, Wanted, correlation
from tests.features.kernels import windows


def differing(x: windows.Floats, asked: list[tuple[str, dict[str, Any]]]) -> list[str]:
    wanted = [Wanted(calculator, params, column) for column, (calculator, params) in enumerate(asked)]
    return windows.disagreements(wanted, x, windows.ours(correlation.GROUP, wanted, x), windows.theirs(wanted, x))


@pytest.mark.parametrize("n", [3, 4, 5, 11, 60, 137])
def test_any_lag_and_any_number_of_lags_to_past_the_window(n: int) -> None:
    lags = (0, 1, 4, n // 2 - 1, n // 2, n - 1, n, n + 7)
    raw = [("autocorrelation", {"lag": lag}) for lag in lags]
    aggs = ("mean", "median", "var", "std")
    summaries = [("agg_autocorrelation", {"f_agg": f_agg, "maxlag": lag}) for lag in lags for f_agg in aggs]
    for kind, x in windows.kinds(n, seed=1):
        assert not differing(x, raw + summaries), kind


@pytest.mark.parametrize("n", [4, 5, 11, 60, 137])
def test_partial_autocorrelations_of_any_lag(n: int) -> None:
    asked = [("partial_autocorrelation", {"lag": lag}) for lag in (0, 1, 4, 7, n // 2 - 1, n // 2, n)]
    for kind in ("random", "sine", "walk", "constant", "quantised"):
        assert not differing(dict(windows.kinds(n, seed=1))[kind], asked), kind


def test_beyond_the_length_from_which_tsfresh_takes_the_fourier_transform() -> None:
    asked = [("agg_autocorrelation", {"f_agg": f_agg, "maxlag": 40}) for f_agg in ("mean", "median", "var")]
    for n in (1250, 1251):
        for kind, x in windows.kinds(n):
            assert not differing(x, asked), kind


def test_the_variance_at_which_correlations_are_given_up() -> None:
    wave = np.sin(np.arange(60.0))
    x = np.array([5 + wave * np.sqrt(level / wave.var()) for level in (0.9e-10, 1.1e-10, 0.9e-8, 1.1e-8)])
    raw, summary = ("autocorrelation", {"lag": 3}), ("agg_autocorrelation", {"f_agg": "var", "maxlag": 9})
    assert not differing(x, [raw, summary])
    wanted = [Wanted(*raw, 0), Wanted(*summary, 1)]
    found = windows.ours(correlation.GROUP, wanted, x)
    assert np.isnan(found[:, 0]).tolist() == [True, True, True, False]
    assert (found[:, 1] == 0.0).tolist() == [True, False, False, False]


def test_a_lag_alone_has_the_bits_it_has_among_all_where_tsfresh_itself_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.stack([np.tile([1.0, 2.0, 4.0], 200), np.random.default_rng(3).normal(size=600)])
    asked: list[int] = []

    def values(calculator: str, params: list[dict[str, Any]], series: windows.Floats) -> list[float]:
        asked.extend(p["lag"] for p in params)
        return true_values(calculator, params, series)

    true_values = reference.values
    monkeypatch.setattr(reference, "values", values)
    wanted = [Wanted("partial_autocorrelation", {"lag": lag}, lag) for lag in range(10)]
    together = windows.ours(correlation.GROUP, wanted, x)
    first = min(asked)
    assert asked == list(range(first, 10))  # of the first window only
    for w in wanted:
        out = np.zeros_like(together)
        correlation.GROUP.prepare([w], 600)(Block(x), out)
        assert out[:, w.column].tobytes() == together[:, w.column].tobytes()


def test_a_constant_window_needs_no_tsfresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "values", lambda *_: pytest.fail("asked"))
    wanted = [Wanted("partial_autocorrelation", {"lag": lag}, lag) for lag in range(10)]
    windows.ours(correlation.GROUP, wanted, np.repeat([[0.0], [0.1], [21.6]], 60, axis=1))


@pytest.mark.parametrize("params", [{"f_agg": "max", "maxlag": 5}, {"f_agg": "mean", "maxlag": -1}])
def test_another_summary_is_left_to_tsfresh(params: dict[str, Any]) -> None:
    assert not correlation.GROUP.calculators["agg_autocorrelation"](params)
