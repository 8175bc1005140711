"""Planted reasons for which no warning came: each autopsy says the right one, with its evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from domain.judging import judge
from domain.limits import raises
from reports.autopsy import autopsy, held
from reports.unwarned import Cause, Track
from tests.reports import planted_stops as planted


@pytest.mark.parametrize("seed", range(8))
def test_a_limit_that_was_too_high_is_found_with_one_that_would_have_caught_it(seed: int) -> None:
    case = planted.rising(seed)
    found = autopsy(case)
    assert found.cause is Cause.THRESHOLD
    assert found.moved[0].tag == "oil"
    assert found.would_catch is not None
    assert found.now is not None
    assert case.limits is not None
    limit = found.would_catch.limit
    assert limit < case.limits.raise_at
    rows = raises(case.own.value, case.own.position, replace(case.limits, raise_at=limit, clear_at=limit - 0.5), 0.0)
    assert any(case.lead <= case.at - case.own.position[i] <= case.horizon for i, _ in rows)
    assert found.now.per_week == 0.0


def test_the_price_of_a_limit_is_counted_over_the_whole_class() -> None:
    case = planted.quiet(3)
    own, other = np.full(len(case.own.position), -3.0), np.full(len(case.own.position), -3.0)
    own[-10:], other[::300] = -1.9, -1.0
    tracks = [Track(case.own.position, value) for value in (own, other)]
    case = replace(case, own=tracks[0], others=(tracks[1],))
    found = autopsy(case)
    assert found.would_catch is not None
    expected = judge([(float(p), p + 1) for p in case.own.position[::300]], [], 24, 2, planted.STOP).n_false
    weeks = 2 * (planted.HOURS - 1) / 168
    assert (found.would_catch.per_week, found.would_catch.weeks) == pytest.approx((expected / weeks, weeks))


@pytest.mark.parametrize("seed", range(8))
def test_a_tag_that_fell_silent_is_named_even_where_another_tag_moved(seed: int) -> None:
    found = autopsy(planted.gap(seed))
    assert found.cause is Cause.GAP
    assert [m.tag for m in found.missing] == ["heat"]
    assert found.missing[0].coverage < 0.8
    assert found.missing[0].end == planted.STOP - planted.LEAD


def test_a_silent_tag_that_no_model_takes_is_no_gap() -> None:
    case = planted.rising(1)
    silent = replace(case.traces[3], position=case.traces[3].position[:-30], value=case.traces[3].value[:-30])
    assert autopsy(replace(case, traces=[*case.traces[:3], silent])).cause is Cause.THRESHOLD


def test_bad_values_are_a_gap_as_well_as_none() -> None:
    case = planted.rising(1)
    heat = case.traces[1].value.copy()
    heat[-26:] = np.nan
    found = autopsy(replace(case, traces=[case.traces[0], replace(case.traces[1], value=heat), *case.traces[2:]]))
    assert (found.cause, found.missing[0].coverage) == (Cause.GAP, 0.0)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_moved_is_no_precursor(seed: int) -> None:
    found = autopsy(planted.quiet(seed))
    assert (found.cause, found.moved, found.would_catch) == (Cause.NO_PRECURSOR, (), None)
    assert found.n_normal >= 10


def test_a_tag_that_moved_while_the_score_did_not_is_not_in_the_model() -> None:
    found = autopsy(planted.blind(4))
    assert (found.cause, found.moved[0].tag, found.moved[0].what) == (Cause.NOT_IN_MODEL, "oil", "level")
    assert found.moved[0].found > found.moved[0].normal + 5


def test_a_tag_that_begins_to_shake_has_moved() -> None:
    case = planted.quiet(5)
    shaking = case.traces[2].value.copy()
    shaking[-24:] = 50 + 15 * np.random.default_rng(1).normal(size=24)
    found = autopsy(replace(case, traces=[*case.traces[:2], replace(case.traces[2], value=shaking), case.traces[3]]))
    assert (found.cause, found.moved[0].tag, found.moved[0].what) == (Cause.NOT_IN_MODEL, "flow", "spread")


def test_alerts_that_stood_all_the_same_are_told_first() -> None:
    case, stop = planted.rising(2), planted.STOP
    assert autopsy(planted.spoken(case, stop - 1)).cause is Cause.LATE
    assert autopsy(planted.spoken(case, stop - 40)).cause is Cause.EARLY
    assert autopsy(planted.spoken(case, stop - 40, stop - 35)).cause is Cause.THRESHOLD  # it was gone by then
    assert autopsy(planted.spoken(case, stop - 10, is_held=True)).cause is Cause.HELD
    found = autopsy(planted.spoken(case, stop - 1))
    assert found.alert_at == stop - 1


def test_a_score_over_the_limit_without_an_alert_was_held_back() -> None:
    assert autopsy(planted.rising(1, to=4.0)).cause is Cause.HELD


def test_with_little_normal_running_the_back_test_says_whether_a_score_is_high() -> None:
    case = planted.rising(1)
    young = replace(case.own, position=case.own.position[-60:], value=case.own.value[-60:])
    case = replace(case, own=young, others=())
    rare, common = ({"raise_at": 0.5, "false_alarms_per_week": n} for n in (0.1, 5.0))
    assert autopsy(case).would_catch is None
    assert autopsy(replace(case, curve=(common,))).would_catch is None
    found = autopsy(replace(case, curve=(rare,)))
    assert found.cause is Cause.THRESHOLD
    assert found.would_catch is not None
    assert (found.would_catch.curve_per_week, found.usual) == (0.1, None)
    assert autopsy(replace(planted.rising(1, to=4.0), own=replace(young, value=young.value + 4))).cause is Cause.HELD


def test_without_a_rule_or_a_score_nothing_watched() -> None:
    case = planted.rising(1)
    assert autopsy(replace(case, limits=None)).cause is Cause.UNWATCHED
    none = Track(np.empty(0), np.empty(0))
    assert autopsy(replace(case, own=none)).cause is Cause.UNWATCHED


def test_a_run_up_begins_after_the_last_stop() -> None:
    case = replace(planted.rising(1), quiet=((planted.STOP - 30, planted.STOP - 12),))
    assert autopsy(case).run_up == (planted.STOP - 12, planted.STOP - planted.LEAD)


def test_what_is_normal_leaves_out_other_run_ups_and_stops() -> None:
    case = planted.blind(6)
    oil = case.traces[0].value.copy()
    oil[600:624] += 16  # the run-up of an earlier failure
    traces = [replace(case.traces[0], value=oil), *case.traces[1:]]
    assert autopsy(replace(case, traces=traces)).cause is Cause.NO_PRECURSOR  # it moves so now and then
    own = replace(case.own, failures=(624.0,))
    assert autopsy(replace(case, traces=traces, own=own)).cause is Cause.NOT_IN_MODEL
    assert autopsy(replace(case, traces=traces, quiet=((598.0, 626.0),))).cause is Cause.NOT_IN_MODEL


def test_what_is_held_is_the_lowest_over_the_delay() -> None:
    track = Track(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, np.nan]))
    assert held(track, 0.0).tolist() == [1.0, 3.0, 2.0, -np.inf]
    assert held(track, 1.0).tolist() == [-np.inf, 1.0, 2.0, -np.inf]
