"""Good and bad lots as they were called, against what the back-test promised and against persistence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import quality_watch as plants
from domain.text import catalogue, spoken
from reports.live_class import DAY_NS, Counts, Promise, SaidLots, broken, figures, live_class, told

PLANT = plants.Plant(0.3, 10, 2.0)
NOTHING = SaidLots(np.empty(0, dtype=np.int64), *(np.empty(0, dtype=bool),) * 2, *(np.empty(0),) * 2)


def test_figures_count_each_lot_once() -> None:
    said = SaidLots(
        np.arange(5) * DAY_NS,
        np.array([True, True, False, False, False]),
        np.array([True, False, True, False, False]),
        np.array([0.9, 0.4, 0.8, 0.1, 0.1]),
        np.array([np.nan, 1.0, 1.0, 0.5, 0.5]),
    )
    found = figures(said)
    assert (found.n_lots, found.counts) == (5, Counts(2, 1, 3, 1))
    assert (found.counts.recall, found.counts.false_calls) == (0.5, pytest.approx(1 / 3))
    assert found.counts.balanced_error == pytest.approx((0.5 + 1 / 3) / 2)
    assert found.brier == pytest.approx(np.mean([0.6**2, 0.8**2, 0.1**2, 0.1**2]))
    assert found.persistence_brier == pytest.approx(np.mean([0.0, 1.0, 0.25, 0.25]))


def test_where_nothing_came_nothing_is_said() -> None:
    found = live_class(NOTHING, Counts(9, 9, 9, 0))
    assert (found.figures.brier, found.figures.counts.recall, found.figures.counts.balanced_error) == (None,) * 3
    assert found.broken == ()


def test_models_that_keep_their_promise_are_left_alone_over_years_of_daily_looks() -> None:
    years = [any(x for _, x in plants.looks(*plants.watched(PLANT, 365, seed), 3)) for seed in range(40)]
    assert np.mean(years) <= 0.1


def test_a_model_whose_labels_flip_is_told_within_75_bad_lots() -> None:
    def after(seed: int) -> float:
        said, promised = plants.watched(PLANT, 90, seed)
        return plants.told_after(plants.flipped(said, 60), promised, 60)

    assert np.quantile([after(seed) for seed in range(40)], 0.9) <= 75


def test_a_model_that_knows_nothing_any_more_is_told() -> None:
    said, promised = plants.watched(PLANT, 200, 5)
    found = broken(plants.blinded(said, 60, 5), promised)
    assert {x.promise for x in found} >= {Promise.RECALL}
    assert all(50 * DAY_NS <= x.since <= 100 * DAY_NS for x in found)


@pytest.mark.parametrize(("n_missed", "is_told"), [(1, False), (5, False), (9, False), (40, True)])
def test_a_few_bad_lots_that_are_missed_are_chance(n_missed: int, is_told: bool) -> None:
    n = 100 + n_missed
    is_bad = np.arange(n) >= 100
    nothing = np.full(n, 0.3)  # probabilities that tell no less than persistence
    said = SaidLots(np.arange(n) * DAY_NS, is_bad, np.zeros(n, dtype=bool), nothing, nothing)
    assert bool(broken(said, Counts(50, 35, 200, 20))) is is_told


def test_without_a_back_test_probabilities_are_still_held_against_persistence() -> None:
    said, _ = plants.watched(PLANT, 100, 7)
    assert broken(said, None) == ()
    assert [x.promise for x in broken(plants.flipped(said, 60), None)] == [Promise.TELLS]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_broken_is_told_with_its_counts(language: str) -> None:
    said, promised = plants.watched(PLANT, 120, 8)
    found = {x.promise: x for x in broken(plants.flipped(said, 60), promised)}
    assert set(found) == set(Promise)
    for one in found.values():
        text = spoken(catalogue(language), told(one), since=lambda at: at[:10])
        assert "1970-03" in text
        assert str(one.n) in text
    recall = found[Promise.RECALL]
    assert recall.live == pytest.approx(recall.n_wrong / recall.n)
    assert recall.live > recall.promised == pytest.approx(1 - promised.n_caught / promised.n_bad)
    assert json.loads(told(recall))[1]["k"] == recall.n_wrong
