"""The ranking of factors: order, groups, direction, rank interval; what is no factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from domain.vectors import FeatureName
from reports.factors import ALIKE, AROUND, drift, groups, ranking
from reports.study import block_length, correlation, level_column, resampled
from tests.reports.study_lots import fit, lots


def test_what_moves_the_result_ranks_first_and_twins_are_told_together() -> None:
    found = ranking(lots(), fit)
    assert [set(f.members) for f in found.factors[:2]] == [{"a", "twin"}, {"b"}]
    assert (found.factors[0].direction, found.factors[1].direction) == (1, -1)
    assert found.rmse < found.mean_rmse


def test_a_rank_lies_in_its_interval_and_what_moves_nothing_is_less_sure_than_the_first() -> None:
    found = ranking(lots(), fit).factors
    assert all(f.rank_low <= f.rank <= f.rank_high for f in found)
    assert found[0].rank_high == 1
    assert found[-1].rank_high == len(found)


def test_lab_history_and_what_never_varies_are_no_factors() -> None:
    given = lots()
    n = len(given.outcome)
    values = np.column_stack([given.values, given.outcome, np.full(n, 7.0)])
    more = (FeatureName("lab", "silica", "last"), FeatureName("process", "still", "value"))
    found = ranking(replace(given, values=values, names=(*given.names, *more)), fit)
    assert {m for f in found.factors for m in f.members} == {"a", "b", "c", "d", "twin"}


def test_features_of_one_tag_are_one_factor_told_by_its_mean() -> None:
    names = (FeatureName("tag", "x", "standard_deviation"), FeatureName("tag", "x", "mean"))
    assert level_column(names, [0, 1]) == 1


def test_a_chain_of_alike_neighbours_is_not_one_group() -> None:
    random = np.random.default_rng(1)
    n, k = 2000, 8
    x = np.empty((n, k))
    x[:, 0] = random.normal(size=n)
    for i in range(1, k):
        x[:, i] = 0.8 * x[:, i - 1] + 0.6 * random.normal(size=n)
    names = tuple(FeatureName("process", f"f{i}", "value") for i in range(k))
    given = replace(lots(n), values=x, names=names)
    alike = np.abs(correlation(x))
    for team in groups(given):
        own = [int(f[1:]) for f in team]
        assert alike[np.ix_(own, own)].min() >= ALIKE - 1e-9
        assert len(team) <= 2


def test_too_few_lots_are_said() -> None:
    with pytest.raises(ValueError, match="no fold has 30 lots"):
        ranking(lots(36), fit)


def test_blocks_are_as_long_as_the_series_is_alike() -> None:
    random = np.random.default_rng(2)
    assert block_length(random.normal(size=1000)) <= 3
    assert block_length(np.repeat(random.normal(size=50), 20)) >= 10
    rows = resampled(100, 10, random)
    assert len(rows) == 100
    assert (np.diff(rows.reshape(10, 10), axis=1) % 100 == 1).all()


def test_no_factor_that_varies_is_said() -> None:
    given = lots()
    with pytest.raises(ValueError, match="no factor varies"):
        ranking(replace(given, values=np.full(given.values.shape, np.nan)), fit)


def test_drift_is_the_mean_of_the_lots_around_and_of_all_where_they_are_few() -> None:
    random = np.random.default_rng(5)
    outcome = random.normal(size=4 * AROUND)
    outcome[2 * AROUND :] += 50.0
    found = drift(outcome)
    assert found[0] == pytest.approx(outcome[:AROUND].mean())
    assert found[-1] == pytest.approx(outcome[-AROUND:].mean())
    middle = 2 * AROUND
    assert found[middle] == pytest.approx(outcome[middle - AROUND // 2 : middle + AROUND // 2].mean())
    assert drift(outcome[:7]) == pytest.approx(np.full(7, outcome[:7].mean()))


def test_a_factor_that_wanders_as_the_result_drifts_does_not_outrank_a_cause() -> None:
    ranks = []
    for seed in range(6):
        given = lots(900, seed)
        wander = np.cumsum(np.random.default_rng(seed + 50).normal(size=(900, 2)), axis=0)
        values = given.values.copy()
        values[:, 2:4] = wander  # c and d have no effect; the result drifts as c does
        outcome = given.outcome + 6.0 * (wander[:, 0] - wander[:, 0].mean()) / wander[:, 0].std()
        found = ranking(replace(given, values=values, outcome=outcome), fit).factors
        ranks.append(next(f.rank for f in found if "b" in f.members))
    assert max(ranks) <= 3
    assert ranks.count(2) >= 4


def test_a_fold_is_ranked_by_what_was_known_when_its_tested_lots_began() -> None:
    given = lots(400)
    later = np.arange(400) >= 200
    outcome = np.where(later, given.values[:, 3] * 4, given.outcome)  # d matters later only
    folds = [(np.arange(200), np.arange(200, 300)), (np.arange(390), np.arange(390, 400))]
    found = ranking(replace(given, outcome=outcome, folds=folds), fit).factors
    d = next(f for f in found if f.members == ("d",))
    assert d.fold_ranks[0] > 2
    assert d.fold_ranks[1] == 1


def test_the_error_told_is_that_of_a_forecast_of_the_folds_tested_lots() -> None:
    given = lots(400)
    level = np.where(np.arange(400) >= 300, 40.0, 0.0)  # nothing that was known tells this
    folds = [(np.arange(300), np.arange(300, 400))]
    found = ranking(replace(given, outcome=given.outcome + level, folds=folds), fit)
    assert found.n_held_out == 100
    assert found.rmse > 35
    assert found.mean_rmse > 35
