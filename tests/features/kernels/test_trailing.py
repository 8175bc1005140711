"""Samples, means and slopes of a window's end, against numpy on the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from domain.plant import Axis
from domain.vectors import SAMPLE, FeatureName
from features.extract import extract, feature_set
from features.windows import Grid, cut
from tests.features.grids import grid

NAN = float("nan")


def _series(n: int = 30) -> Grid:
    return grid(list(range(1, n + 1)), np.random.default_rng(2).normal(size=n).cumsum().tolist())


@pytest.mark.parametrize("window", [4, 12, 30])
def test_means_and_slopes_are_of_the_last_rows_or_of_all_where_there_are_fewer(window: int) -> None:
    whole = _series()
    features = feature_set("s", Axis.CYCLE, window, 1, 0.1, "trailing", whole.tags, ())
    windows = cut(whole, features, 1, 1, int(whole.times[8]), 2**62)
    found = extract(whole, windows, features.names)
    for column, name in enumerate(features.names):
        if not name.calculator.startswith("trailing"):
            continue
        rows = dict(name.params)["rows"]
        for i, w in enumerate(windows):
            x = whole.values[w.first : w.stop, 0][-rows:]
            expected = x.mean() if name.calculator == "trailing_mean" else np.polyfit(np.arange(len(x)), x, 1)[0]
            assert found.values[i, column] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_samples_are_the_newest_values_and_nothing_where_the_window_is_shorter() -> None:
    names = tuple(FeatureName("tag", "a", SAMPLE, (("lag", i),)) for i in range(5))
    whole = grid([1, 2, 3, 4], [1.0, NAN, 3.0, 4.0])
    features = feature_set("s", Axis.CYCLE, 4, 1, 0.1, "level", ("a",), ())
    found = extract(whole, cut(whole, features, 1, 1, 3, 4), names)
    np.testing.assert_array_equal(found.values, [[4.0, 3.0, 1.0, NAN, NAN]])


def test_a_set_holds_the_samples_that_it_asks_for_once() -> None:
    names = feature_set("s", Axis.CYCLE, 4, 1, 0.1, "trailing", ("a", "b"), (), samples=3).names
    samples = [dict(n.params)["lag"] for n in names if n.calculator == SAMPLE and n.source == "a"]
    assert samples == [0, 1, 2]
    assert len(set(names)) == len(names)
