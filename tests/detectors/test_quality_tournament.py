"""Quality by ridge regression on a planted linear result."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.quality_ridge import MIN_LOTS, QualityRidge, fit
from domain.scores import TrainingError
from tests.detectors import planted


def test_a_planted_linear_result_is_predicted_far_better_than_by_the_mean_or_persistence() -> None:
    report = QualityRidge.train(planted.lots(), {}, planted.aids()).report
    assert report["rmse"] < 0.4 * report["mean_rmse"]
    assert report["rmse"] < 0.4 * report["persistence_rmse"]
    assert report["rmse"] < 0.4 * report["lab_rmse"]


def test_the_planted_factors_come_first_with_their_directions() -> None:
    factors = QualityRidge.train(planted.lots(), {}, planted.aids()).report["factors"]
    assert [(f["name"], f["rank"], f["direction"]) for f in factors[:2]] == [("t4", 1, 1), ("t7", 2, -1)]
    assert factors[0]["importance"] > factors[1]["importance"] > 5 * max(f["importance"] for f in factors[2:])
    assert (factors[0]["rank_low"], factors[0]["rank_high"]) == (1, 1)
    assert [f["rank"] for f in factors] == list(range(1, 13))


def test_lab_history_is_no_factor_of_the_process() -> None:
    factors = QualityRidge.train(planted.lots(), {}, planted.aids()).report["factors"]
    assert {f["name"] for f in factors} == {f"t{i}" for i in range(12)}


def test_noise_alone_has_no_strong_factor_and_is_no_better_than_the_mean() -> None:
    made = planted.lots()
    noise = np.random.default_rng(2).normal(size=len(made.outcome))
    report = QualityRidge.train(planted.training(made.vectors, noise, is_ordered=True), {}, planted.aids()).report
    assert report["rmse"] > 0.9 * report["mean_rmse"]


def test_a_missing_value_counts_as_the_training_mean() -> None:
    made = planted.lots()
    model = QualityRidge.train(made, {}, planted.aids())
    filled = made.vectors.select(model.names).take(slice(0, 1))
    holes = planted.vectors(np.full((1, len(model.names)), np.nan), model.names)
    found = model.score(holes)
    assert found.value[0] == found.base
    assert not found.contributions.any()
    assert np.isfinite(model.score(filled).value).all()


def test_the_interval_holds_about_nine_tenths_of_fresh_lots() -> None:
    model = QualityRidge.train(planted.lots(n=400), {}, planted.aids())
    fresh = planted.lots(n=600, seed=99)
    found = model.score(fresh.vectors.select(model.names))
    inside = (found.low <= fresh.outcome) & (fresh.outcome <= found.high)
    assert 0.85 <= inside.mean() <= 0.95


def test_a_ridge_without_noise_finds_the_slopes() -> None:
    random = np.random.default_rng(8)
    values = random.normal(size=(500, 3)) * [1.0, 10.0, 0.1]
    linear = fit(values, 7.0 + values @ [2.0, -0.5, 30.0])
    np.testing.assert_allclose(linear.slope, [2.0, -0.5, 30.0], rtol=0.02)
    np.testing.assert_allclose(linear.predict(values), 7.0 + values @ [2.0, -0.5, 30.0], atol=0.2)


def test_a_constant_column_has_no_slope_and_does_no_harm() -> None:
    values = np.column_stack([np.arange(100.0), np.full(100, 3.0)])
    linear = fit(values, np.arange(100.0))
    assert linear.slope[1] == 0.0
    assert np.isfinite(linear.predict(values)).all()


def test_fewer_lots_than_needed_are_refused_with_the_number() -> None:
    made = planted.lots().take(np.arange(MIN_LOTS - 1))
    with pytest.raises(TrainingError, match=str(MIN_LOTS - 1)):
        QualityRidge.train(made, {}, planted.aids())


def test_the_fewest_lots_in_the_most_folds_still_make_a_model() -> None:
    made = planted.lots(n=MIN_LOTS + 10)
    report = QualityRidge.train(made, {}, planted.aids(n_folds=20)).report
    assert report["folds"] > 10
    assert {f["name"] for f in report["factors"][:2]} == {"t4", "t7"}
