"""What each saying of an alert was worth, on both axes: hit, too late, false, excused, and what a person is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.alerting import AlertState, Change, Transition
from domain.instants import to_ns
from domain.judging import judge
from domain.plant import AssetClass, Axis
from domain.records import Event, EventKind
from domain.rulings import Worth
from reports.outcome import Watched, excursions, position
from reports.ruling import NOTHING, TOO_LATE, Finding, instant, ruled

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUR_NS = 3_600_000_000_000
CLOCK = AssetClass("press", Axis.TIME, 24 * HOUR_NS, 2 * HOUR_NS, HOUR)
CYCLES = AssetClass("engine", Axis.CYCLE, 24, 2, HOUR, cycle=HOUR)


def at(hours: float) -> datetime:
    return T0 + hours * HOUR


def story(*spans: tuple[float, float | None]) -> tuple[Transition, ...]:
    rows: list[Transition] = []
    for raised, cleared in spans:
        change = Change.RE_RAISED if rows else Change.RAISED
        rows.append(Transition("a", len(rows), change, AlertState.ACTIVE_UNACKED, at(raised), 1.0, "", ""))
        if cleared is not None:
            state = AlertState.RETURNED_UNACKED
            rows.append(Transition("a", len(rows), Change.RETURNED, state, at(cleared), 0.0, "", ""))
    return tuple(rows)


def event(kind: EventKind, start: float, end: float | None = None) -> Event:
    return Event("plant/press-1", kind, "x", at(start), None if end is None else at(end), at(start))


def found(
    spans: Sequence[tuple[float, float | None]],
    failures: Sequence[float] = (),
    events: Sequence[Event] = (),
    until: float = 100,
    cls: AssetClass = CLOCK,
) -> list[Finding]:
    times = [to_ns(at(h)) for h in range(1, int(until) + 1)] if cls is CYCLES else []
    asset = Watched(cls, cls.lead, tuple(at(h) for h in failures), times, story(*spans))
    window = 6 if cls is CYCLES else 6 * HOUR_NS
    return ruled(asset, events, ["seal"] * len(failures), window, at(until))


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_in_time_is_a_hit_and_anything_else_is_false_with_its_reason(cls: AssetClass) -> None:
    (hit,) = found([(10, 12)], [20], cls=cls)
    assert (hit.said_at, hit.worth, json.loads(hit.because)[1]["failure"]) == (at(10), Worth.HIT, "seal")
    (late,) = found([(19, 20)], [20], cls=cls)
    assert (late.worth, json.loads(late.because)[0]) == (Worth.FALSE, TOO_LATE)
    (nothing,) = found([(10, 12)], [40], cls=cls)
    assert (nothing.worth, json.loads(nothing.because)[0]) == (Worth.FALSE, NOTHING)


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_nothing_is_said_before_the_horizon_has_passed(cls: AssetClass) -> None:
    assert found([(10, 12)], until=33, cls=cls) == []
    assert [x.worth for x in found([(10, 12)], until=34, cls=cls)] == [Worth.FALSE]


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_an_alert_that_stays_open_is_ruled_on_again_each_horizon(cls: AssetClass) -> None:
    rows = found([(10, None)], [70], cls=cls)
    assert [(x.said_at, x.worth) for x in rows] == [(at(10), Worth.FALSE), (at(34), Worth.FALSE), (at(58), Worth.HIT)]


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_planned_work_within_the_window_excuses(cls: AssetClass) -> None:
    for kind in (EventKind.MAINTENANCE, EventKind.STOP):
        assert found([(10, 12)], events=[event(kind, 3, 5)], cls=cls)[0].worth is Worth.EXCUSED
        assert found([(10, 12)], events=[event(kind, 1, 3)], cls=cls)[0].worth is Worth.FALSE  # before the window
    assert found([(10, 12)], events=[event(EventKind.MODE, 8, 50)], cls=cls)[0].worth is Worth.EXCUSED
    assert found([(10, 12)], events=[event(EventKind.MODE, 2, 50)], cls=cls)[0].worth is Worth.FALSE  # no change seen


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_planned_work_that_followed_asks_a_person_unless_it_failed_all_the_same(cls: AssetClass) -> None:
    work = event(EventKind.MAINTENANCE, 15, 17)
    (asked,) = found([(10, 12)], events=[work], cls=cls)
    assert (asked.worth, asked.acted_at) == (Worth.UNCLEAR, at(15))
    assert found([(10, 12)], [20], events=[work], cls=cls)[0].worth is Worth.HIT
    assert found([(19, 20)], [20], events=[event(EventKind.MAINTENANCE, 19.5)], cls=cls)[0].worth is Worth.FALSE
    assert found([(10, 12)], events=[event(EventKind.MAINTENANCE, 36)], cls=cls)[0].worth is Worth.FALSE


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_a_person_is_asked_as_soon_as_planned_work_is_known(cls: AssetClass) -> None:
    work = event(EventKind.MAINTENANCE, 15, 17)
    assert [x.worth for x in found([(10, 12)], events=[work], until=18, cls=cls)] == [Worth.UNCLEAR]
    assert found([(10, 12)], events=[event(EventKind.MODE, 8)], until=18, cls=cls) == []


def test_a_hit_needs_no_excuse() -> None:
    assert found([(10, 12)], [20], events=[event(EventKind.MODE, 8)])[0].worth is Worth.HIT


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_the_counts_are_those_of_the_one_definition(seed: int, cls: AssetClass) -> None:
    random = np.random.default_rng(seed)
    edges = np.unique(random.integers(1, 300, size=2 * random.integers(1, 8)))
    spans = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    failures = np.unique(random.integers(1, 300, size=3)).astype(float).tolist()
    rows = found(spans, failures, until=300, cls=cls)
    asset = Watched(cls, cls.lead, (), [to_ns(at(h)) for h in range(1, 301)], story(*spans))
    axis = [(position(asset, a), position(asset, b)) for a, b in excursions(asset.transitions)]
    where = [position(asset, at(h)) for h in failures]
    said = judge(axis, where, cls.horizon, cls.lead, position(asset, at(300)))
    assert sum(x.worth is Worth.FALSE for x in rows) == said.n_false
    assert {x.worth for x in rows} <= {Worth.HIT, Worth.FALSE}


@pytest.mark.parametrize("cls", [CLOCK, CYCLES])
def test_a_saying_is_named_by_the_very_instant_of_its_raise(cls: AssetClass) -> None:
    raised = 10.7654321
    (first, *_) = found([(raised, 11.0)], cls=cls)
    assert first.said_at == at(raised)


def test_a_cycles_instant_is_when_it_was_completed() -> None:
    asset = Watched(CYCLES, 2, (), [to_ns(at(h)) for h in (1, 2, 7)], ())
    assert [instant(asset, position(asset, at(h))) for h in (1, 2, 5, 7, 9)] == [at(1), at(2), at(2), at(7), at(7)]
