"""Recommended windows: where one is due, and each reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality_lots import helpful, reversal, unsupported
from reports.limits import Advice, advise, share_movable
from reports.study import Lots
from tests.reports.study_lots import lots

BESIDE = ("f00", "f01", "f02")


def _advice(given: Lots, factor: str = "f00") -> Advice:
    return advise(given, factor, BESIDE, given.all_strata())


@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_told_where_it_helps_everywhere_with_what_it_would_bring(seed: int) -> None:
    found = _advice(helpful(seed))
    assert found.is_given, found.reason
    assert found.high is not None
    assert found.high < 0.8
    least, change, most = found.change_low, found.change, found.change_high
    assert least is not None
    assert change is not None
    assert most is not None
    assert least < change < most < 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", [reversal, unsupported])
def test_no_advice_where_strata_disagree_or_history_has_a_hole(make: Callable[[int], Lots], seed: int) -> None:
    found = _advice(make(seed))
    assert not found.is_given


def test_no_advice_on_what_people_cannot_move_or_where_nothing_is_bad() -> None:
    given = helpful(0)
    assert "controllable" in _advice(replace(given, controllable=frozenset())).reason
    assert "nothing says which results are bad" in _advice(replace(given, worse=None)).reason


def test_no_advice_where_later_lots_do_not_confirm_it() -> None:
    given = helpful(0)
    assert given.worse is not None
    worse = given.worse.copy()
    later = slice(int(0.6 * len(worse)), None)
    worse[later] = np.random.default_rng(5).normal(size=len(worse[later]))
    reason = json.loads(_advice(replace(given, worse=worse)).reason)[0]
    assert reason in ("later lots do not confirm it", "among lots of {name} = {value} it does not help")


def test_a_lot_column_of_few_values_is_a_stratum_by_itself() -> None:
    given = reversal(0)
    is_b = (given.strata["product"] == "B").astype(np.float64)
    values = given.values.copy()
    values[:, 4] = is_b
    told = replace(given, values=values, strata={}, controllable=frozenset({"f00"}))
    assert list(told.all_strata()) == ["f04"]
    assert not _advice(told).is_given


def test_lots_that_have_none_like_them_inside_cannot_be_moved_there() -> None:
    random = np.random.default_rng(1)
    others = random.normal(size=(300, 2))
    inside = np.arange(300) < 100
    assert share_movable(others, inside) > 0.8
    others[inside] += 20.0
    assert share_movable(others, inside) == 0.0


def test_small_strata_are_told_as_one() -> None:
    given = lots(100)
    product = np.array(["A"] * 60 + ["B"] * 30 + [f"x{i}" for i in range(10)], dtype=object)
    assert set(replace(given, strata={"product": product}).all_strata()["product"]) == {"A", "B", "…"}
