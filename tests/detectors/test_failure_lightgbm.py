"""Failure by gradient-boosted trees on a planted precursor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from detectors.failure_lightgbm import FailureLightGBM
from domain.scores import TrainingError
from tests.detectors import planted


@pytest.fixture(scope="module")
def model() -> FailureLightGBM:
    return FailureLightGBM.train(planted.failures(), {}, planted.aids())


def test_a_planted_precursor_is_told_from_normal_running(model: FailureLightGBM) -> None:
    fresh = planted.failures(seed=77)
    value = model.score(fresh.vectors.select(model.names)).value
    assert roc_auc_score(fresh.outcome, value) > 0.98
    assert (value[fresh.outcome == 0] > model.threshold).mean() < 0.05


def test_every_planted_failure_is_caught_out_of_fold(model: FailureLightGBM) -> None:
    report = model.report
    assert (report["n_events"], report["events_caught"], report["event_recall"]) == (12, 12, 1.0)
    assert report["folds"] == 4
    assert all(3 <= lead <= 15 for lead in report["lead_times"])
    assert report["false_alarms"] <= 3


def test_without_a_precursor_the_figures_do_not_pretend_one() -> None:
    made = planted.failures(drift=0.0)
    report = FailureLightGBM.train(made, {}, planted.aids(target_recall=0.9)).report
    assert report["event_recall"] < 0.9 or report["false_alarms"] > 10


def test_contributions_add_up_to_the_log_odds(model: FailureLightGBM) -> None:
    found = model.score(planted.failures(seed=8).vectors.select(model.names))
    np.testing.assert_allclose(found.base + found.contributions.sum(axis=1), found.raw, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.value, 1 / (1 + np.exp(-found.raw)), rtol=1e-12)


def test_the_planted_features_carry_the_contributions(model: FailureLightGBM) -> None:
    fresh = planted.failures(seed=9)
    found = model.score(fresh.vectors.select(model.names))
    mean = np.abs(found.contributions[fresh.outcome == 1]).mean(axis=0)
    first_two = {model.names[i].source for i in np.argsort(-mean)[:2]}
    assert first_two == {"t0", "t1"}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(model: FailureLightGBM) -> None:
    again = FailureLightGBM.train(planted.failures(), {}, planted.aids())
    assert again.dump() == model.dump()
    other = FailureLightGBM.train(planted.failures(), {}, planted.aids(seed=2))
    assert other.dump() != model.dump()


def test_fewer_than_five_failures_are_refused_with_the_number() -> None:
    with pytest.raises(TrainingError, match="4 failures"):
        FailureLightGBM.train(planted.failures(n_groups=4), {}, planted.aids())


def test_failures_are_counted_not_the_assets_that_failed() -> None:
    made = planted.failures(n_groups=3, per_group=3)
    report = FailureLightGBM.train(made, {}, planted.aids(n_folds=3)).report
    assert report["n_events"] == 9


def test_windows_that_are_all_before_a_failure_are_refused() -> None:
    made = planted.failures(life=10)
    with pytest.raises(TrainingError, match="horizon"):
        FailureLightGBM.train(made, {}, planted.aids())


def test_a_selection_that_finds_nothing_is_refused_in_words() -> None:
    made = planted.aids()
    nothing = replace(made, select=lambda *_: np.empty(0, dtype=np.int64))
    with pytest.raises(TrainingError, match="no feature"):
        FailureLightGBM.train(planted.failures(), {}, nothing)


def test_only_columns_that_some_tree_takes_are_asked_for() -> None:
    made = planted.aids()
    chosen = replace(made, select=lambda *_: np.array([7, 0, 1]))
    found = FailureLightGBM.train(planted.failures(), {}, chosen)
    assert [n.source for n in found.names] == ["t0", "t1", "t7"]


def test_a_truncated_tree_is_refused_by_the_missing_part(model: FailureLightGBM) -> None:
    parts = model.dump()
    del parts["1/lightgbm.txt"]
    with pytest.raises(ValueError, match=r"lightgbm\.txt"):
        FailureLightGBM.load(parts)


def test_it_clears_below_where_it_raises(model: FailureLightGBM) -> None:
    assert 0 < model.clear_threshold < model.threshold < 1
