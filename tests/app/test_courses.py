"""Events to courses: recovery, re-learning and open events, on both axes; and what a person is told meanwhile."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np

from app import courses
from app.courses import RECOVERING, RELEARNING, Quiet
from app.reviewed import Reviewed
from detectors.settings import DetectorSettings
from detectors.symptoms import ENDLESS, Course, labelled
from domain.instants import duration_ns, to_ns
from domain.plant import AssetClass, Axis
from domain.records import Event, EventKind
from domain.rulings import Worth
from features.windows import Grid

T0 = datetime.fromisoformat("2026-01-05T00:00:00+00:00")
HOUR = timedelta(hours=1)
HOUR_NS = duration_ns(HOUR)
DETECTOR = DetectorSettings(name="d", kind="failure_lightgbm", asset_class="c", features="f")


def at(hours: float) -> datetime:
    return T0 + hours * HOUR


def ns(hours: float) -> int:
    return to_ns(at(hours))


def of_class(axis: Axis = Axis.TIME, recovery: float = 0, relearn: float = 0) -> AssetClass:
    unit = HOUR_NS if axis is Axis.TIME else 1
    cycle = HOUR if axis is Axis.CYCLE else None
    spans = int(recovery * unit), int(relearn * unit)
    return AssetClass("c", axis, 10 * unit, unit, HOUR, timedelta(0), cycle, *spans)


def grid(hours: list[float]) -> Grid:
    return Grid("a", ("t",), np.array([ns(h) for h in hours], dtype=np.int64), np.zeros((len(hours), 1)))


def event(kind: EventKind, start: float, end: float | None, code: str = "") -> Event:
    return Event("a", kind, code, at(start), None if end is None else at(end), at(start))


def test_recovery_follows_a_stop_and_relearning_maintenance_on_the_time_axis() -> None:
    told = [event(EventKind.STOP, 3, 5), event(EventKind.MAINTENANCE, 20, 21), event(EventKind.ALARM, 1, None)]
    found = courses.quiet_spans(grid([0, 30]), told, of_class(recovery=2, relearn=4))
    assert found == [
        Quiet(ns(3), ns(5)),
        Quiet(ns(5), ns(7), RECOVERING),
        Quiet(ns(20), ns(25), RELEARNING),
    ]
    plain = courses.quiet_spans(grid([0, 30]), told, of_class())
    assert plain == [Quiet(ns(3), ns(5))]


def test_on_the_cycle_axis_they_count_cycles_that_the_asset_ran() -> None:
    ran = grid([0, 1, 2, 9, 10, 40, 41])
    stop = [event(EventKind.STOP, 3, 8)]
    assert courses.quiet_spans(ran, stop, of_class(Axis.CYCLE, recovery=2))[1] == Quiet(ns(8), ns(40), RECOVERING)
    late = courses.quiet_spans(ran, stop, of_class(Axis.CYCLE, recovery=6))[1]
    assert late.end == ns(41 + 3)  # four have run, two are nominal


def test_an_open_stop_goes_on_and_open_maintenance_is_an_instant() -> None:
    found = courses.quiet_spans(
        grid([0]), [event(EventKind.FAILURE, 3, None), event(EventKind.MAINTENANCE, 9, None)], of_class(relearn=2)
    )
    assert found == [Quiet(ns(3), ENDLESS), Quiet(ns(9), ns(11), RELEARNING)]


def test_a_course_holds_what_is_warned_of_with_its_mode_and_where_it_shows() -> None:
    told = [event(EventKind.FAILURE, 6, 7, "b"), event(EventKind.FAILURE, 2, 3, "a"), event(EventKind.STOP, 9, 10)]
    found = courses.course(grid([0, 1, 2, 3, 7, 8, 12]), told, of_class(Axis.CYCLE), DETECTOR, {ns(6): 3.0})
    assert found.at.tolist() == [3.0, 4.0]
    assert found.mode.tolist() == ["a", "b"]
    assert found.onset.tolist() == [-np.inf, 3.0]
    assert found.left_out.tolist() == [[ns(2), ns(3)], [ns(6), ns(7)], [ns(9), ns(10)]]
    assert found.last == 7.0


def test_an_alarm_that_is_warned_of_is_left_out_while_it_lasts() -> None:
    detector = DetectorSettings.model_validate(
        {"name": "d", "kind": "k", "asset_class": "c", "features": "f", "symptom": {"from": "alarm", "codes": ["E1"]}}
    )
    told = [
        event(EventKind.ALARM, 2, 3, "E1"),
        event(EventKind.ALARM, 5, None, "E1"),
        event(EventKind.ALARM, 7, 8, "X"),
    ]
    found = courses.course(grid([0, 12]), told, of_class(), detector, {})
    assert found.at.tolist() == [ns(2), ns(5)]
    assert found.left_out.tolist() == [[ns(2), ns(3)], [ns(5), ns(5)]]


def test_a_person_is_told_until_when_and_nothing_while_the_asset_stands() -> None:
    asset_class = of_class(recovery=2, relearn=4)
    spans = courses.quiet_spans(
        grid([0]), [event(EventKind.STOP, 3, 5), event(EventKind.MAINTENANCE, 6, 6)], asset_class
    )
    start = np.array([ns(h) for h in (0, 3, 5, 10)], dtype=np.int64)
    found = courses.quiet_reasons(spans, start, start + 2 * HOUR_NS, asset_class, 2 * HOUR_NS)
    assert (found[0], found[1], found[3]) == (None, "", None)
    assert found[2] is not None
    assert json.loads(found[2]) == [RELEARNING, {"until": at(12).isoformat()}]


def said(worth: Worth, said_at: float, acted_at: float | None = None) -> Reviewed:
    acted = None if acted_at is None else at(acted_at)
    return Reviewed("a", at(said_at), worth, "seal", "Kim", at(said_at), acted)


def reviewed_course(*given: Reviewed, failure: float = 90) -> Course:
    hours = [float(h) for h in range(1, 101)]
    failed = [event(EventKind.FAILURE, failure, failure + 1, "belt")]
    return courses.course(grid(hours), failed, of_class(Axis.CYCLE), DETECTOR, {}, given)


def test_a_true_warning_stands_for_the_failure_that_was_prevented() -> None:
    found = reviewed_course(said(Worth.HIT, 20, 25))
    assert (found.at.tolist(), found.mode.tolist()) == ([25.0, 90.0], ["seal", "belt"])
    assert found.onset.tolist() == [20.0, -np.inf]
    ends = np.array([19.0, 20.0, 24.0, 25.0, 26.0, 27.0])
    ns_ends = np.array([ns(h) for h in ends])
    rows = labelled(ns_ends - 2 * HOUR_NS, ns_ends, ends, found, 10)
    assert rows.outcome.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert rows.is_kept.tolist() == [True, True, True, True, False, True]  # the sixth holds no hour before the repair


def test_a_prevented_failure_lies_where_the_warning_was_in_time_and_not_beyond_the_horizon() -> None:
    assert reviewed_course(said(Worth.HIT, 20, 20.2)).at.tolist() == [21.0, 90.0]  # the lead is one cycle
    assert reviewed_course(said(Worth.HIT, 20)).at.tolist() == [21.0, 90.0]
    assert reviewed_course(said(Worth.HIT, 20, 55)).at.tolist() == [30.0, 90.0]


def test_a_true_warning_that_a_failure_followed_adds_nothing() -> None:
    assert reviewed_course(said(Worth.HIT, 85, 87)).at.tolist() == [90.0]
    assert reviewed_course(said(Worth.UNCLEAR, 85)).left_out.tolist() == reviewed_course().left_out.tolist()


def test_what_follows_a_warning_of_which_nobody_can_tell_is_left_out() -> None:
    found = reviewed_course(said(Worth.UNCLEAR, 20))
    assert found.at.tolist() == [90.0]
    assert [ns(20), ns(30)] in found.left_out.tolist()
