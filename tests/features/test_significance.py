"""P-values against tsfresh's own, and over a part of the rows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from features.selection import discovered
from features.significance import ordered, p_values

Floats = NDArray[np.float64]


def _columns(n: int, seed: int) -> Floats:
    """Real, whole, binary, coarse, mostly one value; some of them relevant."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 30))
    x[:, 6:12] = np.round(x[:, 6:12])
    x[:, 12:18] = x[:, 12:18] > 0.3
    x[:, 18:24] = np.round(x[:, 18:24], 1)
    x[:, 24:27] = np.where(x[:, 24:27] > 1.5, x[:, 24:27], 0.0)
    return np.asarray(x[:, np.ptp(x, axis=0) > 0])


def _outcome(kind: str, x: Floats, seed: int) -> Floats:
    base = x[:, 0] + x[:, 7] + 2 * x[:, 13] + 0.5 * np.random.default_rng(seed + 99).normal(size=len(x))
    if kind == "few ones":
        return (np.argsort(np.argsort(base)) >= len(x) - 5).astype(float)
    return {"two": (base > np.median(base)).astype(float), "real": base, "coarse": np.round(base)}[kind]


def _tsfresh(x: Floats, y: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    from tsfresh.feature_selection.relevance import calculate_relevance_table

    is_two = len(np.unique(y)) == 2
    frame = pd.DataFrame(x, columns=[str(i) for i in range(x.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        label = pd.Series(y.astype(int) if is_two else y)
        table = calculate_relevance_table(frame, label, ml_task="classification" if is_two else "regression", n_jobs=0)
    table = table.reindex(frame.columns)
    return table.p_value.to_numpy(dtype=float), table.relevant.to_numpy(dtype=bool)


@pytest.mark.parametrize("kind", ["two", "few ones", "real", "coarse"])
@pytest.mark.parametrize("n", [14, 60, 400])
def test_p_values_and_discoveries_are_tsfreshs_own(n: int, kind: str) -> None:
    for seed in range(3):
        x = _columns(n, seed)
        y = _outcome(kind, x, seed)
        expected, relevant = _tsfresh(x, y)
        found = p_values(ordered(x), y, np.ones(n, dtype=bool))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0)
        assert discovered(found).tolist() == relevant.tolist()


@pytest.mark.parametrize("kind", ["two", "real", "coarse"])
def test_a_part_of_the_rows_gives_what_these_rows_give_alone(kind: str) -> None:
    x = _columns(200, 5)
    y = _outcome(kind, x, 5)
    is_in = np.random.default_rng(1).random(200) < 0.4
    part = p_values(ordered(x), y, is_in)
    alone = p_values(ordered(x[is_in]), y[is_in], np.ones(int(is_in.sum()), dtype=bool))
    np.testing.assert_array_equal(part, alone)


def test_one_value_of_column_or_outcome_has_no_p_value() -> None:
    x = np.column_stack([np.full(50, 2.0), np.arange(50.0)])
    everything = np.ones(50, dtype=bool)
    for y in (np.arange(50.0), np.arange(50) % 2 * 1.0):
        assert np.isnan(p_values(ordered(x), y, everything)).tolist() == [True, False]
    assert np.isnan(p_values(ordered(x), np.zeros(50), everything)).all()
    assert not discovered(np.array([np.nan, np.nan])).any()
