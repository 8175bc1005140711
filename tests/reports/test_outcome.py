"""Alerts against failures and predictions against results, worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from domain.alerting import AlertState, Change, Transition
from domain.instants import EPOCH, to_ns
from domain.plant import AssetClass, Axis
from domain.records import Result
from domain.scores import Scale, Score, Verdict
from reports.outcome import Watched, excursions, failure_outcome, quality_outcome

HOUR = timedelta(hours=1)
ENGINE = AssetClass("engine", Axis.CYCLE, horizon=10, lead=2, period=HOUR, cycle=2 * HOUR)
PUMP = AssetClass("pump", Axis.TIME, horizon=to_ns(EPOCH + 10 * HOUR), lead=to_ns(EPOCH + 2 * HOUR), period=HOUR)
STATES = {
    Change.RAISED: AlertState.ACTIVE_UNACKED,
    Change.RE_RAISED: AlertState.ACTIVE_UNACKED,
    Change.RETURNED: AlertState.RETURNED_UNACKED,
    Change.ACKNOWLEDGED: AlertState.ACTIVE_ACKED,
}


def _at(hours: float) -> datetime:
    return EPOCH + hours * HOUR


def _story(alert: str, *steps: tuple[Change, float]) -> list[Transition]:
    return [Transition(alert, i, c, STATES[c], _at(h), 1.0, "", "") for i, (c, h) in enumerate(steps)]


def _watched(kind: AssetClass, rows: Sequence[Transition], failures: Sequence[float], hours: int = 100) -> Watched:
    times = [to_ns(_at(h)) for h in range(1, hours + 1)]
    return Watched(kind, kind.lead, tuple(_at(h) for h in failures), times, tuple(rows))


def test_an_excursion_runs_from_the_raise_to_the_return() -> None:
    rows = _story("a", (Change.RAISED, 1), (Change.ACKNOWLEDGED, 2), (Change.RETURNED, 5))
    assert excursions(rows) == [(_at(1), _at(5))]


def test_a_raise_again_is_an_occurrence_of_its_own_and_the_last_may_be_open() -> None:
    rows = _story("a", (Change.RAISED, 1), (Change.RETURNED, 3), (Change.RE_RAISED, 6))
    assert excursions(rows) == [(_at(1), _at(3)), (_at(6), None)]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = _story("a", (Change.RAISED, 1), (Change.RETURNED, 3), (Change.RE_RAISED, 6), (Change.RETURNED, 7))
    assert excursions(rows[::-1]) == excursions(rows) == [(_at(1), _at(3)), (_at(6), _at(7))]


def test_a_return_and_a_raise_at_one_instant_are_read_in_sequence() -> None:
    rows = _story("a", (Change.RAISED, 1), (Change.RETURNED, 3), (Change.RE_RAISED, 3), (Change.RETURNED, 4))
    assert excursions(rows) == [(_at(1), _at(3)), (_at(3), _at(4))]


def test_alerts_of_two_rules_that_overlap_are_two_occurrences() -> None:
    rows = [
        *_story("a", (Change.RAISED, 1), (Change.RETURNED, 8)),
        *_story("b", (Change.RAISED, 4), (Change.RETURNED, 9)),
    ]
    assert sorted(excursions(rows)) == [(_at(1), _at(8)), (_at(4), _at(9))]


def test_no_transitions_are_no_excursions() -> None:
    assert excursions([]) == []


def test_a_raise_between_horizon_and_lead_catches_the_failure() -> None:
    rows = _story("a", (Change.RAISED, 43), (Change.RETURNED, 50))
    found = failure_outcome([_watched(PUMP, rows, [50])])
    assert (found.n_events, found.n_caught, found.n_false) == (1, 1, 0)
    assert found.median_lead_time_s == 7 * 3600
    assert found.asset_weeks == pytest.approx(99 / 168)


def test_a_raise_before_the_horizon_or_after_the_lead_is_false() -> None:
    early = _story("a", (Change.RAISED, 20), (Change.RETURNED, 21))
    late = _story("b", (Change.RAISED, 49), (Change.RETURNED, 50))
    found = failure_outcome([_watched(PUMP, [*early, *late], [50])])
    assert (found.n_events, found.n_caught, found.n_false) == (1, 0, 2)
    assert found.median_lead_time_s is None


@pytest.mark.parametrize(("raised", "is_caught"), [(39.99, False), (40, True), (48, True), (48.01, False)])
def test_the_borders_of_the_window_belong_to_it(raised: float, is_caught: bool) -> None:
    rows = _story("a", (Change.RAISED, raised), (Change.RETURNED, 50))
    found = failure_outcome([_watched(PUMP, rows, [50])])
    assert (found.n_caught == 1) is is_caught


def test_an_alert_that_stays_open_is_judged_again_each_horizon() -> None:
    rows = _story("a", (Change.RAISED, 15))
    found = failure_outcome([_watched(PUMP, rows, [50])])
    assert (found.n_caught, found.n_false) == (0, 3)  # 15, 25, 35 are too early; 45 is right, but not a raise
    assert failure_outcome([_watched(PUMP, rows, [])]).n_false == 8  # 15, 25, ... 85; 95 is not known yet


def test_the_cycle_axis_counts_reports_not_hours() -> None:
    times = [to_ns(_at(h)) for h in (1, 2, 3, 4, 5, 200, 201, 202, 203, 204)]
    rows = _story("a", (Change.RAISED, 4), (Change.RETURNED, 203))
    found = failure_outcome([Watched(ENGINE, 2, (_at(204),), times, tuple(rows))])
    assert (found.n_events, found.n_caught, found.n_false) == (1, 1, 0)
    assert found.median_lead_time_s == 6 * 2 * 3600  # six cycles of a nominal two hours


@pytest.mark.parametrize(("failed", "lead_time", "n_false"), [(16, 5, 0), (26, 10, 0), (28, None, 1)])
def test_after_the_last_report_nominal_cycles_are_counted(failed: float, lead_time: int | None, n_false: int) -> None:
    """Ten reports, the alert at the eighth, the failure three, eight or nine nominal cycles of two hours after them."""
    times = [to_ns(_at(h)) for h in range(1, 11)]
    rows = _story("a", (Change.RAISED, 8), (Change.RETURNED, 9))
    found = failure_outcome([Watched(ENGINE, 2, (_at(failed),), times, tuple(rows))])
    assert (found.n_caught, found.n_false) == (int(lead_time is not None), n_false)
    assert found.median_lead_time_s == (None if lead_time is None else lead_time * 2 * 3600)


def test_an_assets_own_lead_budget_counts() -> None:
    rows = _story("a", (Change.RAISED, 47), (Change.RETURNED, 50))
    watched = _watched(PUMP, rows, [50])
    strict = Watched(PUMP, to_ns(_at(5)), watched.failures, watched.times, watched.transitions)
    assert failure_outcome([watched]).n_caught == 1
    assert failure_outcome([strict]).n_caught == 0


def test_figures_of_several_assets_add_up() -> None:
    caught = _watched(PUMP, _story("a", (Change.RAISED, 45), (Change.RETURNED, 50)), [50])
    missed = _watched(PUMP, [], [60])
    calm = _watched(PUMP, _story("c", (Change.RAISED, 30), (Change.RETURNED, 31)), [])
    found = failure_outcome([caught, missed, calm])
    assert (found.n_events, found.n_caught, found.n_false) == (2, 1, 1)


def test_nothing_watched_has_no_rate() -> None:
    found = failure_outcome([])
    assert (found.n_events, found.asset_weeks) == (0, 0.0)


def _score(lot: str, value: float | None) -> Score:
    return Score("d", "line", lot, EPOCH, value, value, value, Scale.PHYSICAL, "m", Verdict.OK)


def _result(lot: str, value: float | None) -> Result:
    return Result("line", lot, "y", value, EPOCH)


def test_errors_are_worked_out_over_the_lots_that_have_everything() -> None:
    scores = [_score("1", 3.0), _score("2", 5.0), _score("3", None), _score("4", 9.0), _score("5", 1.0)]
    told = [_result("1", 2.0), _result("2", 7.0), _result("3", 1.0), _result("5", None)]
    results = {(r.line, r.lot): r for r in told} | {("another line", "1"): _result("1", 99.0)}
    last = {("line", lot): value for lot, value in {"1": 2.5, "2": 2.0, "3": 1.0, "4": 1.0, "5": 1.0}.items()}
    found = quality_outcome(scores, results, last, 4.0)
    assert found.n_lots == 2
    assert found.rmse == pytest.approx(math.sqrt((1**2 + 2**2) / 2))
    assert found.persistence_rmse == pytest.approx(math.sqrt((0.5**2 + 5**2) / 2))
    assert found.mean_rmse == pytest.approx(math.sqrt((2**2 + 3**2) / 2))


def test_a_lot_without_a_last_known_value_is_left_out_of_all_three() -> None:
    found = quality_outcome([_score("1", 3.0)], {("line", "1"): _result("1", 2.0)}, {}, 4.0)
    assert found.n_lots == 0


def test_no_lots_have_no_errors() -> None:
    found = quality_outcome([], {}, {}, 4.0)
    assert (found.n_lots, found.rmse, found.persistence_rmse, found.mean_rmse) == (0, None, None, None)
