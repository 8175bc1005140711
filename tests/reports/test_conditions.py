"""Conditions: rules that later lots confirm, rules of chance that they do not, lift by tenth, money."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.conditions import bad_lots, deciles, rules
from reports.study import Lots
from tests.reports.study_lots import lots


def _pair(seed: int) -> Lots:
    given = lots(800, seed)
    x = given.values
    random = np.random.default_rng(seed)
    chance = np.where((x[:, 1] > 0.5) & (x[:, 2] < -0.2), 0.7, 0.05)
    worse = (random.random(800) < chance).astype(np.float64)
    return replace(given, outcome=worse, worse=worse, counts_defects=True)


def test_a_planted_pair_is_found_and_confirmed_on_later_lots() -> None:
    given = _pair(0)
    found = rules(given, ["a", "b", "c", "d"], bad_lots(given), (100.0, 5.0))
    best = found.rules[0]
    assert best.is_confirmed
    assert {(c.factor, c.sign) for c in best.tests} == {("b", 1), ("c", -1)}
    assert best.lift_later is not None
    assert best.lift_later > 2
    assert best.net == pytest.approx(100.0 * best.share_later * best.n_later - 5.0 * best.n_later)
    assert found.n_tried > 100


def test_rules_of_chance_are_hardly_ever_confirmed() -> None:
    confirmed = 0
    for seed in range(30):
        given = lots(400, seed)
        is_bad = np.random.default_rng(seed).random(400) < 0.15
        found = rules(given, ["a", "b", "c", "d"], is_bad)
        confirmed += any(r.is_confirmed for r in found.rules)
    assert confirmed <= 5


def test_without_a_limit_the_worst_tenth_is_looked_at() -> None:
    given = replace(lots(200), worse=None)
    assert bad_lots(given).sum() == 20


def test_tenths_begin_with_the_worst_predictions() -> None:
    predicted = np.arange(100.0)
    is_bad = predicted >= 90
    found = deciles(predicted, predicted, is_bad)
    assert (found[0].lift, found[-1].lift) == (10.0, 0.0)
    assert deciles(predicted, predicted, is_bad, is_low_worse=True)[-1].lift == 10.0


def test_no_bad_lot_gives_no_rule() -> None:
    assert rules(lots(), ["a"], np.zeros(300, dtype=bool)).rules == ()
