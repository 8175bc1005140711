"""The cycle over many rules: what is passed over would not have changed, and how time is cut changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.cycle import Feed, advance_all, hold_steps
from alerts.plan import plan_of
from domain.alerting import AlertState, Change, Condition, Hold
from domain.instants import to_ns
from domain.text import catalogue, spoken
from tests.alerts import fleet
from tests.alerts.examples import at, rule

PLANT = fleet.plant_of(2, ("a", "b"))
PLAN = plan_of(fleet.rules_of_every_kind(), PLANT)
KINDS = {r.id for r in fleet.rules_of_every_kind()}


@given(st.integers(0, 2**32), st.integers(20, 60))
def test_what_the_filter_passes_over_would_not_have_changed(seed: int, n: int) -> None:
    every = range(1, n + 8)
    assert fleet.rows_of(PLAN, seed, n, every, is_filtered=True) == fleet.rows_of(
        PLAN, seed, n, every, is_filtered=False
    )


SEPARATE = plan_of([r for r in fleet.rules_of_every_kind() if not r.terms], PLANT)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 60), max_size=6))
def test_one_cycle_and_many_give_the_same_rows(seed: int, cuts: list[int]) -> None:
    one = fleet.rows_of(SEPARATE, seed, 60, [70], is_filtered=True)
    many = fleet.rows_of(SEPARATE, seed, 60, [*sorted({*cuts}), 70], is_filtered=True)
    assert one == many


def test_every_kind_of_rule_raises_somewhere() -> None:
    seen = {row[1] for seed in range(40) for row in fleet.rows_of(PLAN, seed, 60, [70], is_filtered=True)}
    assert seen == KINDS


def test_a_child_is_suppressed_while_its_parent_is_active_and_named_as_the_cause() -> None:
    rules = [r for r in fleet.rules_of_every_kind() if r.id in ("power-low", "b-low")]
    plan = plan_of(rules, fleet.plant_of(1, ("a", "b")))
    minutes = np.arange(1, 13, dtype=np.int64) * fleet.MINUTE_NS + fleet.BEGIN
    power = np.where((np.arange(12) >= 2) & (np.arange(12) < 8), 5.0, 10.0)
    low = np.where((np.arange(12) >= 4) & (np.arange(12) < 11), 5.0, 10.0)
    series = [(minutes, power if watched == "tag:power" else low) for _, watched in plan.sources]
    feed = fleet.feed_of(plan, series, np.full(2, fleet.BEGIN, np.int64), int(minutes[-1]))
    rows = {w.key.rule: [x for u in us for x in u.transitions] for w, us in _all(plan, feed, int(minutes[-1]))}
    assert [(x.change, x.state, x.at) for x in rows["b-low"]] == [
        (Change.RAISED_HELD, AlertState.SUPPRESSED, at(5)),
        (Change.ANNOUNCED, AlertState.ACTIVE_UNACKED, at(9)),
        (Change.RETURNED, AlertState.RETURNED_UNACKED, at(12)),
    ]
    said = spoken(catalogue("en"), rows["b-low"][0].note)
    assert said == "the alert of rule power-low on plant/line is active"


def _all(plan, feed: Feed, until: int):  # type: ignore[no-untyped-def]
    return list(advance_all(plan, feed, {}, {}, {}, {}, until))


def test_a_mode_that_is_not_the_rules_suppresses_and_an_unknown_one_does_not() -> None:
    plan = plan_of([rule(id="hot", watch="tag:a", when_mode=("run",))], fleet.plant_of(1, ("a",)))
    modes = {"plant/line/press-0": [(at(2), at(4), "start-up"), (at(4), at(9), "run")]}
    steps = hold_steps(plan.watches[0], plan, {}, {}, modes)
    held = [(t, hold is not None) for t, hold in steps[1:]]
    assert steps[0][1] is None
    assert held == [(to_ns(at(2)), True), (to_ns(at(4)), False), (to_ns(at(9)), False)]


def test_a_person_comes_before_the_design() -> None:
    plan = plan_of([rule(id="hot", watch="tag:a", when_mode=("run",))], fleet.plant_of(1, ("a",)))
    shelf = Hold(AlertState.SHELVED, "kim", "noise", at(0), at(3))
    key = ("hot", "plant/line/press-0")
    steps = hold_steps(plan.watches[0], plan, {key: shelf}, {}, {key[1]: [(at(2), None, "stop")]})
    assert [(t, hold.state if hold else None) for t, hold in steps[1:]] == [(to_ns(at(3)), AlertState.SUPPRESSED)]
    assert steps[0][1] == shelf


def test_a_rule_that_fails_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of([rule(id="bad", watch="tag:a"), rule(id="good", watch="tag:b")], fleet.plant_of(1, ("a", "b")))
    minutes = np.array([fleet.BEGIN + fleet.MINUTE_NS])
    feed = fleet.feed_of(plan, [(minutes, np.array([11.0]))] * 2, np.full(2, fleet.BEGIN, np.int64), int(minutes[0]))
    right = plan.terms[0]
    broken = plan_of([rule(id="bad", watch="tag:a"), rule(id="good", watch="tag:b")], fleet.plant_of(1, ("a", "b")))
    object.__setattr__(broken, "terms", (None, *broken.terms[1:]))
    failed: dict = {}  # type: ignore[type-arg]
    rows = list(advance_all(broken, feed, {}, {}, {}, {}, int(minutes[0]), failed=failed))
    assert right is not None
    assert [w.key.rule for w, _ in rows] == ["good"]
    assert [key.rule for key in failed] == ["bad"]
    with pytest.raises(AttributeError):
        list(advance_all(broken, feed, {}, {}, {}, {}, int(minutes[0])))


def test_an_override_and_a_switched_off_asset_are_laid_out_as_such() -> None:
    there = rule(id="hot", watch="tag:a", raise_at=20.0)
    base = rule(id="hot", watch="tag:a", overrides=(("*/press-1", there), ("*/press-0", None)))
    plan = plan_of([base], fleet.plant_of(3, ("a",)))
    assert {w.key.asset[-1]: w.rule.raise_at for w in plan.watches} == {"1": 20.0, "2": 10.0}


def test_a_stale_tag_without_a_limit_is_given_three_of_its_periods() -> None:
    plan = plan_of([rule(id="s", watch="tag:a", condition=Condition.STALE, raise_at=None, clear_at=None)], PLANT)
    assert {t.raise_at for t in plan.terms} == {180.0}
