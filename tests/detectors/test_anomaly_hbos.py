"""Histograms against PyOD, percentiles against fresh normal rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyod.models.hbos import HBOS

from detectors.anomaly_hbos import MIN_ROWS, AnomalyHBOS, density_scores, wilson
from domain.scores import TrainingError
from tests.detectors import planted


def test_the_parts_add_up_to_pyods_score_also_outside_the_bins() -> None:
    random = np.random.default_rng(1)
    values = np.column_stack([random.normal(size=800), random.exponential(size=800), random.integers(0, 5, 800)])
    fitted = HBOS(n_bins=20).fit(values)
    edges = fitted.bin_edges_
    width = edges[1] - edges[0]
    asked = np.vstack(
        [
            values,
            edges[[0, 5, -1]],
            edges[0] - 0.4 * width,
            edges[0] - 0.6 * width,
            edges[-1] + 0.4 * width,
            edges[-1] + 0.6 * width,
            edges[0] - 1e6,
            edges[-1] + 1e6,
        ]
    )
    found = density_scores(asked, fitted.hist_, edges, fitted.alpha, fitted.tol)
    assert found.shape == asked.shape
    np.testing.assert_allclose(found.sum(axis=1), fitted.decision_function(asked), rtol=0, atol=1e-9)


def test_a_column_that_varies_by_rounding_only_is_no_reason_to_fail() -> None:
    made = planted.normal()
    values = made.vectors.values.copy()
    values[:, 0] = 21.61 + 3.6e-15 * (np.arange(len(values)) % 2)
    model = AnomalyHBOS.train(replace(made, vectors=replace(made.vectors, values=values)), {}, planted.aids())
    assert np.isfinite(model.score(made.vectors.select(model.names)).value).all()


def test_one_fresh_normal_row_in_a_hundred_is_above_the_99th_percentile() -> None:
    model = AnomalyHBOS.train(planted.normal(n_groups=20, rows=200), {}, planted.aids())
    fresh = planted.normal(n_groups=1, rows=10_000, seed=31).vectors.select(model.names)
    value = model.score(fresh).value
    assert 0.006 <= (value > 0.99).mean() <= 0.015
    assert 0.45 <= (value > 0.5).mean() <= 0.55


def test_the_percentiles_come_from_rows_that_were_held_out() -> None:
    made = planted.normal()
    report = AnomalyHBOS.train(made, {}, planted.aids()).report
    assert report.items() >= {"n_rows": 480, "n_held_out": 480, "n_groups": 8}.items()


def test_a_value_far_from_all_normal_ones_raises_the_score_by_its_own_part() -> None:
    model = AnomalyHBOS.train(planted.normal(), {}, planted.aids())
    usual = planted.normal(seed=8).vectors
    odd = usual.values.copy()
    odd[:, 5] = 1e3
    before, after = model.score(usual), model.score(planted.vectors(odd, usual.names))
    others = np.arange(12) != 5
    np.testing.assert_array_equal(after.contributions[:, others], before.contributions[:, others])
    assert (after.contributions[:, 5] == after.contributions[:, 5].max()).all()
    assert np.median(after.value) > np.median(before.value) + 0.1


def test_a_row_far_from_all_normal_ones_is_the_oddest() -> None:
    model = AnomalyHBOS.train(planted.normal(), {}, planted.aids())
    found = model.score(planted.vectors(np.full((1, 12), -1e6), planted.tag_names(12)))
    assert found.value[0] == 1.0
    assert found.value[0] > model.threshold > model.clear_threshold


def test_windows_before_a_failure_are_not_learned_as_normal() -> None:
    made = planted.failures(n_groups=12, life=90)
    model = AnomalyHBOS.train(made, {}, planted.aids())
    assert model.report["n_rows"] == int((made.to_event > 2 * made.horizon).sum())
    value = model.score(made.vectors.select(model.names)).value
    assert np.median(value[made.to_event <= 5]) > 0.95
    assert np.median(value[made.to_event > 30]) < 0.6


def test_columns_that_do_not_vary_are_left_out() -> None:
    made = planted.normal()
    made.vectors.values[:, 3] = 1.0
    assert planted.tag_names(12)[3] not in AnomalyHBOS.train(made, {}, planted.aids()).names


def test_a_missing_value_counts_as_the_median() -> None:
    made = planted.normal()
    model = AnomalyHBOS.train(made, {}, planted.aids())
    row = made.vectors.values[:1].copy()
    holes = row.copy()
    holes[0, 2] = np.nan
    row[0, 2] = np.median(made.vectors.values[:, 2])
    names = made.vectors.names
    assert model.score(planted.vectors(holes, names)).raw == model.score(planted.vectors(row, names)).raw


def test_too_few_normal_rows_are_refused_with_the_number() -> None:
    made = planted.normal().take(np.arange(MIN_ROWS - 1))
    with pytest.raises(TrainingError, match=str(MIN_ROWS - 1)):
        AnomalyHBOS.train(made, {}, planted.aids())


def test_history_of_one_asset_only_is_refused_in_words_where_assets_are_held_out() -> None:
    with pytest.raises(TrainingError):
        AnomalyHBOS.train(planted.normal(n_groups=1, rows=400), {}, planted.aids())


def test_the_wilson_interval_holds_the_share_and_narrows_with_rows() -> None:
    share = np.array([0.0, 0.2, 0.99, 1.0])
    low, high = wilson(share, 100)
    assert (low <= share).all()
    assert (high >= share).all()
    np.testing.assert_allclose((low[1], high[1]), (0.1424, 0.2733), atol=2e-3)
    wide = high - low
    low, high = wilson(share, 10_000)
    assert (high - low < wide / 5).all()
