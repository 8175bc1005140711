"""The pipeline on a tiny plant: alerts in event time, verdicts that say why, nothing before it is known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app import live_quality
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from domain.alerting import AlertState, Change
from domain.instants import to_ns
from domain.points import Flag, Point
from domain.records import Event, EventKind, Lot, Result
from domain.scores import Verdict
from domain.text import catalogue, spoken
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

ENGLISH = catalogue("en")


def _pressures(values: Sequence[float], start: int = 1, asset: str = tiny.PUMP) -> list[Point]:
    return [tiny.point(asset, "pressure", start + i, v) for i, v in enumerate(values)]


def _run(
    settings: Settings,
    rows: Sequence[Point],
    ticks: Iterable[float],
    events: Sequence[Event] = (),
    *,
    restarts: bool = False,
) -> None:
    """Hand each point and event over at the first tick at or after its time, tick by tick; new rooms where asked."""
    given, told, started = 0, set[int](), tiny.T0
    ordered = sorted(rows, key=lambda p: p.at)
    ticks = list(ticks)
    groups = [[t] for t in ticks] if restarts else [ticks]
    for group in groups:
        with tiny.rooms_of(settings) as rooms:
            pipeline = Pipeline(rooms, {}, started)
            for minute in group:
                now = at(minute)
                due = [p for p in ordered[given:] if p.at <= to_ns(now)]
                given += len(due)
                new = [i for i, e in enumerate(events) if i not in told and e.known_at <= now]
                told.update(new)
                if due or new:
                    tiny.accept(rooms, now, tiny.decoded(due, events=[events[i] for i in new]))
                pipeline.tick(now)
            started = at(group[-1])


def _alert_rows(settings: Settings) -> tuple[list[Any], list[Any]]:
    with tiny.rooms_of(settings) as rooms:
        alerts = sorted(rooms.ledger.alerting.alerts(), key=lambda a: a.id)
        return alerts, rooms.ledger.alerting.transitions()


def _score_rows(settings: Settings) -> list[Any]:
    with tiny.rooms_of(settings) as rooms:
        return [s for d in settings.root.detectors for s in rooms.ledger.scoring.scores(d.name)]


def _verdict(rooms: Rooms, asset: str) -> tuple[Verdict, str]:
    row = rooms.ledger.scoring.verdicts()[asset]
    return row.verdict, spoken(ENGLISH, row.reason)


def test_a_breach_raises_its_alert_after_the_on_delay_in_event_time(plant: Settings) -> None:
    _run(plant, _pressures([5, 5, 9, 9.5, 9, 9.2, 9, 6]), [60])
    (alert,), transitions = _alert_rows(plant)
    assert (alert.key.rule, alert.key.asset, alert.key.subject) == ("pressure-high", tiny.PUMP, "tag:pressure")
    assert (alert.breach_since, alert.raised_at) == (at(3), at(6))
    assert (alert.value, alert.limit, alert.state) == (9.2, 8.0, AlertState.RETURNED_UNACKED)
    assert [(t.change, t.at, t.value) for t in transitions] == [
        (Change.RAISED, at(6), 9.2),
        (Change.RETURNED, at(8), 6.0),
    ]


def test_a_breach_shorter_than_the_on_delay_raises_nothing(plant: Settings) -> None:
    _run(plant, _pressures([5, 9, 9, 9, 6, 9, 9, 9, 5]), range(1, 12))
    assert _alert_rows(plant) == ([], [])


def test_a_raised_alert_stays_until_the_clear_limit_is_passed(plant: Settings) -> None:
    _run(plant, _pressures([9] * 5 + [7.5] * 5 + [6.9]), range(1, 15))
    _, transitions = _alert_rows(plant)
    assert [(t.change, t.at) for t in transitions] == [(Change.RAISED, at(4)), (Change.RETURNED, at(11))]


def test_a_bad_point_neither_raises_nor_returns(plant: Settings) -> None:
    _run(plant, _pressures([9, tiny.NAN, 9, tiny.NAN, 9, tiny.NAN, tiny.NAN]), range(1, 10))
    (alert,), transitions = _alert_rows(plant)
    assert [(t.change, t.at) for t in transitions] == [(Change.RAISED, at(5))]
    assert alert.state is AlertState.ACTIVE_UNACKED


def test_a_retained_message_never_raises_an_alert(plant: Settings) -> None:
    old_news = [p._replace(flags=Flag.RETAINED) for p in _pressures([9] * 10)]
    _run(plant, old_news, [20])
    assert _alert_rows(plant) == ([], [])
    _run(plant, _pressures([9] * 10, start=30), [60])
    assert len(_alert_rows(plant)[0]) == 1


def test_points_from_before_the_first_start_raise_nothing(plant: Settings) -> None:
    _run(plant, _pressures([9] * 10, start=-20), [1])
    assert _alert_rows(plant) == ([], [])


WAVES = [5, 9, 9, 9, 9, 6, 9, 9, 9, 9, 9, 5, 5, 9, 5, 9, 9, 9, 9.5, 9, 8.5, 7.5, 7.5, 6, 9, 9, 9, 9]
SCHEDULES = {
    "every minute": [float(m) for m in range(1, 41)],
    "every seven minutes": [7.0, 14.0, 21.0, 28.0, 35.0, 40.0],
    "off the beat": [0.5, 3.5, 3.75, 16.25, 31.0, 40.0],
}


def _waves() -> list[Point]:
    return [*_pressures(WAVES), *_pressures([5, *WAVES], asset=tiny.OTHER)]


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_one_tick_and_many_ticks_give_identical_alert_rows(schedule: str, tmp_path: Path) -> None:
    one, many = tiny.settings_in(tmp_path / "one"), tiny.settings_in(tmp_path / "many")
    _run(one, _waves(), [40])
    _run(many, _waves(), SCHEDULES[schedule])
    assert _alert_rows(one) == _alert_rows(many)
    assert len(_alert_rows(one)[1]) >= 8


@pytest.mark.parametrize("schedule", ["every seven minutes", "off the beat"])
def test_a_restart_before_every_tick_gives_identical_alert_rows(schedule: str, tmp_path: Path) -> None:
    through, again = tiny.settings_in(tmp_path / "through"), tiny.settings_in(tmp_path / "again")
    _run(through, _waves(), SCHEDULES[schedule])
    _run(again, _waves(), SCHEDULES[schedule], restarts=True)
    assert _alert_rows(through) == _alert_rows(again)


def test_an_alert_raised_before_a_failure_is_not_lost_where_one_tick_brings_both(tmp_path: Path) -> None:
    one, many = tiny.settings_in(tmp_path / "one"), tiny.settings_in(tmp_path / "many")
    rows, events = _pressures([9] * 10), [tiny.failure(tiny.PUMP, 10.5, None)]
    _run(many, rows, range(1, 13), events)
    _run(one, rows, [12], events)
    assert [t.change for t in _alert_rows(many)[1]] == [Change.RAISED, Change.RETURNED]
    assert _alert_rows(one) == _alert_rows(many)


def test_what_a_repair_reads_raises_nothing_when_the_asset_runs_again(tmp_path: Path) -> None:
    plant = tiny.settings_in(tmp_path)
    rows = _pressures([5] * 10 + [9] * 50 + [5] * 10)
    events = [tiny.failure(tiny.PUMP, 10.5, None), tiny.failure(tiny.PUMP, 10.5, 60.5, known=60.6)]
    _run(plant, rows, range(1, 70), events)
    assert _alert_rows(plant) == ([], [])


@pytest.fixture
def copies(trained_plant: Settings, tmp_path: Path) -> list[Settings]:
    """Three plants with the same models."""
    found = []
    for name in ("one", "two", "three"):
        shutil.copytree(trained_plant.data_folder, tmp_path / name / "data")
        found.append(tiny.settings_in(tmp_path / name))
    return found


def _odd_hour() -> list[Point]:
    rows = [*tiny.pump_points(tiny.PUMP, 0, 60), *tiny.pump_points(tiny.OTHER, 0, 60)]
    return [
        p if not (to_ns(at(30)) <= p.at < to_ns(at(45))) else p._replace(value=(p.value or 0.0) * 1.5) for p in rows
    ]


def test_scores_and_model_alerts_do_not_depend_on_ticks_or_restarts(copies: list[Settings]) -> None:
    one, many, again = copies
    _run(one, _odd_hour(), [70])
    _run(many, _odd_hour(), range(1, 71))
    _run(again, _odd_hour(), [4, 33, 34, 61, 70], restarts=True)
    scores = _score_rows(one)
    assert len([s for s in scores if s.verdict is Verdict.OK]) >= 20
    assert scores == _score_rows(many) == _score_rows(again)
    assert _alert_rows(one) == _alert_rows(many) == _alert_rows(again)
    assert {a.key.rule for a in _alert_rows(one)[0]} == {"pump-odd"}


def test_a_silence_in_the_middle_gives_the_same_scores_in_one_tick_and_in_many(copies: list[Settings]) -> None:
    one, many, again = copies
    rows = [*tiny.pump_points(tiny.PUMP, 0, 20), *tiny.pump_points(tiny.PUMP, 65, 90)]
    _run(one, rows, [95])
    _run(many, rows, range(1, 96))
    _run(again, rows, [10, 30, 50, 66, 95], restarts=True)
    assert _score_rows(one) == _score_rows(many) == _score_rows(again)


def test_a_window_is_scored_at_its_end_by_the_champion(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(20), tiny.decoded(tiny.pump_points(tiny.PUMP, 0, 20)))
    pipeline.tick(at(20))
    scores = trained_rooms.ledger.scoring.scores("pump-odd", tiny.PUMP)
    assert [s.at for s in scores] == [at(5), at(10), at(15), at(20)]
    champion = trained_rooms.ledger.scoring.champion("pump-odd")
    assert champion is not None
    assert {s.model_id for s in scores} == {champion.model_id}
    assert {c.source for c in scores[-1].contributions} == {"pressure", "flow"}
    assert _verdict(trained_rooms, tiny.PUMP)[0] is Verdict.OK


def test_a_dead_asset_is_no_data_after_three_periods_and_never_ok(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(20), tiny.decoded(tiny.pump_points(tiny.PUMP, 0, 21)))
    pipeline.tick(at(23))
    assert _verdict(trained_rooms, tiny.PUMP)[0] is Verdict.OK
    pipeline.tick(at(23.1))
    verdict, reason = _verdict(trained_rooms, tiny.PUMP)
    assert verdict is Verdict.NO_DATA
    assert reason.startswith("silent since 2026-01-05T00:20")
    assert _verdict(trained_rooms, tiny.OTHER)[0] is Verdict.NO_DATA


def test_an_asset_that_never_reported_is_no_data(rooms: Rooms) -> None:
    Pipeline(rooms, {}, tiny.T0).tick(at(1))
    assert _verdict(rooms, tiny.PUMP) == (Verdict.NO_DATA, "no data yet")


def test_a_line_that_measures_nothing_but_results_of_lots_is_never_silent(tmp_path: Path) -> None:
    told = "\n".join(line for line in tiny.TAGS.splitlines() if "feed" not in line) + "\n"
    with tiny.rooms_of(tiny.settings_in(tmp_path, tags_csv=told)) as rooms:
        tiny.accept(rooms, at(60), tiny.decoded(lots=[_lot("A", 10, 10)], results=[_result("A", 95.0, 20)]))
        Pipeline(rooms, {}, tiny.T0).tick(at(600))
        assert _verdict(rooms, tiny.LINE)[0] is Verdict.NOT_ASSESSED  # for want of a model


def test_a_dead_tag_of_a_living_asset_is_not_assessed_and_named(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    rows = [p for p in tiny.pump_points(tiny.PUMP, 0, 30) if "pressure" in p.tag_id or p.at < to_ns(at(10))]
    tiny.accept(trained_rooms, at(30), tiny.decoded(rows))
    pipeline.tick(at(30))
    assert _verdict(trained_rooms, tiny.PUMP) == (Verdict.NOT_ASSESSED, "not enough data of flow")
    scores = trained_rooms.ledger.scoring.scores("pump-odd", tiny.PUMP)
    assert [s.verdict for s in scores][-1] is Verdict.NOT_ASSESSED
    assert scores[-1].value is None


def test_a_tag_that_sends_only_bad_points_is_named_too(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    rows = [p._replace(value=None) if "pressure" in p.tag_id else p for p in tiny.pump_points(tiny.PUMP, 0, 30)]
    tiny.accept(trained_rooms, at(30), tiny.decoded(rows))
    pipeline.tick(at(30))
    assert _verdict(trained_rooms, tiny.PUMP) == (Verdict.NOT_ASSESSED, "not enough data of pressure")


def test_an_asset_whose_tags_all_went_bad_is_not_called_learning(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    rows = [
        p if p.at < to_ns(at(30)) else p._replace(value=None)  # the last half hour holds no number
        for p in tiny.pump_points(tiny.PUMP, 0, 61)
    ]
    tiny.accept(trained_rooms, at(60), tiny.decoded(rows))
    pipeline.tick(at(60))
    verdict, reason = _verdict(trained_rooms, tiny.PUMP)
    assert verdict is Verdict.NOT_ASSESSED
    assert "learning" not in reason
    assert "pressure" in reason
    assert "flow" in reason


def test_without_a_model_the_verdict_says_so(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(20), tiny.decoded(tiny.pump_points(tiny.PUMP, 0, 21)))
    pipeline.tick(at(20))
    assert _verdict(rooms, tiny.PUMP) == (Verdict.NOT_ASSESSED, "no model yet")


def test_an_open_alert_is_the_verdict_alarm(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(6), tiny.decoded(_pressures([9] * 6)))
    pipeline.tick(at(6))
    assert _verdict(rooms, tiny.PUMP)[0] is Verdict.ALARM


def test_a_damaged_champion_leaves_the_others_at_work(trained_rooms: Rooms) -> None:
    champion = trained_rooms.ledger.scoring.champion("pump-odd")
    assert champion is not None
    head = trained_rooms.models.folder / "pump-odd" / champion.model_id / "bundle.json"
    head.write_bytes(head.read_bytes()[:-3])
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(20), tiny.decoded(tiny.pump_points(tiny.PUMP, 0, 21)))
    pipeline.tick(at(20))
    assert _verdict(trained_rooms, tiny.PUMP)[0] is Verdict.NOT_ASSESSED
    assert set(trained_rooms.models.champions()) == {"purity"}


def test_an_open_failure_stops_the_asset_and_returns_its_alerts(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(6), tiny.decoded(_pressures([9] * 6)))
    pipeline.tick(at(6))
    tiny.accept(rooms, at(7), tiny.decoded(_pressures([9], start=7), events=[tiny.failure(tiny.PUMP, 6.5, None)]))
    pipeline.tick(at(7))
    (alert,) = rooms.ledger.alerting.alerts()
    assert alert.state is AlertState.RETURNED_UNACKED
    last = rooms.ledger.alerting.transitions([alert.id])[-1]
    assert (last.change, last.at, last.note, last.sequence) == (Change.RETURNED, at(6.5), "the asset stopped", 1)
    verdict, reason = _verdict(rooms, tiny.PUMP)
    assert verdict is Verdict.NO_DATA
    assert reason.startswith("stopped since 2026-01-05T00:06:30")
    pipeline.tick(at(8))
    assert len(rooms.ledger.alerting.transitions([alert.id])) == 2


def test_an_asset_that_came_back_is_watched_again(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(2), tiny.decoded(_pressures([5, 5]), events=[tiny.failure(tiny.PUMP, 2, None)]))
    pipeline.tick(at(3))
    tiny.accept(rooms, at(10), tiny.decoded(_pressures([9] * 5, 10), events=[tiny.failure(tiny.PUMP, 2, 9, 9)]))
    pipeline.tick(at(15))
    assert [a.raised_at for a in rooms.ledger.alerting.alerts()] == [at(13)]
    assert _verdict(rooms, tiny.PUMP)[0] is Verdict.ALARM


def test_a_stop_of_one_asset_leaves_the_others_alone(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    rows = [*_pressures([9] * 6), *_pressures([9] * 6, asset=tiny.OTHER)]
    tiny.accept(rooms, at(6), tiny.decoded(rows, events=[tiny.failure(tiny.OTHER, 0, None)]))
    pipeline.tick(at(6))
    assert [a.key.asset for a in rooms.ledger.alerting.alerts()] == [tiny.PUMP]


def test_an_event_is_not_used_before_it_is_known(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(6), tiny.decoded(_pressures([9] * 6), events=[tiny.failure(tiny.PUMP, 5, None, known=8)]))
    pipeline.tick(at(6))
    assert _verdict(rooms, tiny.PUMP)[0] is Verdict.ALARM
    pipeline.tick(at(8))
    assert _verdict(rooms, tiny.PUMP)[0] is Verdict.NO_DATA


def test_an_event_that_is_no_stop_changes_nothing(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    mode = Event(tiny.PUMP, EventKind.MODE, "eco", at(0), None, at(0))
    tiny.accept(rooms, at(6), tiny.decoded(_pressures([9] * 6), events=[mode]))
    pipeline.tick(at(6))
    assert _verdict(rooms, tiny.PUMP)[0] is Verdict.ALARM


def _lot(name: str, end: float, known: float) -> Lot:
    return Lot(tiny.LINE, name, at(end - 20), at(end), at(known))


def _result(name: str, value: float, known: float) -> Result:
    return Result(tiny.LINE, name, "purity", value, at(known))


def test_results_become_points_of_their_lines_tag_at_the_lots_end(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(20), tiny.decoded(lots=[_lot("a", 20, 20)]))
    tiny.accept(rooms, at(50), tiny.decoded(results=[_result("a", 95.5, 50), _result("unknown", 96.5, 51)]))
    pipeline.tick(at(60))
    found = rooms.points.read([f"{tiny.LINE}/purity"], 0, 2**62)
    assert list(zip(found.at.tolist(), found.value.tolist(), strict=True)) == [
        (to_ns(at(20)), 95.5),
        (to_ns(at(51)), 96.5),
    ]
    (tally,) = rooms.journal.totals()
    assert (tally.received, tally.stored, tally.difference) == (3, 3, 0)


def _purity(rooms: Rooms) -> list[tuple[int, float | None]]:
    return [(p.at, p.value) for p in rooms.points.read([f"{tiny.LINE}/purity"], 0, 2**62).rows()]


def test_a_corrected_result_takes_the_place_of_the_one_before(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(50), tiny.decoded(lots=[_lot("a", 20, 20)], results=[_result("a", 70.0, 50)]))
    pipeline.tick(at(60))
    tiny.accept(rooms, at(70), tiny.decoded(results=[_result("a", 95.0, 70)]))
    pipeline.tick(at(80))
    assert _purity(rooms) == [(to_ns(at(20)), 95.0)]
    assert [t.difference for t in rooms.journal.totals()] == [0]


def test_a_result_that_came_before_its_lot_moves_to_the_lots_end_and_leaves_others_alone(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    results = [_result("early", 91.0, 50), _result("never", 92.0, 55)]
    tiny.accept(rooms, at(55), tiny.decoded(lots=[_lot("b", 52, 52)], results=results))
    tiny.accept(rooms, at(56), tiny.decoded(results=[_result("b", 93.0, 56)]))
    pipeline.tick(at(60))
    assert _purity(rooms) == [(to_ns(at(50)), 91.0), (to_ns(at(52)), 93.0), (to_ns(at(55)), 92.0)]
    tiny.accept(rooms, at(60), tiny.decoded(lots=[_lot("early", 30, 60), _lot("b", 50, 60)]))
    pipeline.tick(at(70))
    assert [x for x in _purity(rooms) if x[1] is not None] == [
        (to_ns(at(30)), 91.0),
        (to_ns(at(50)), 93.0),
        (to_ns(at(55)), 92.0),
    ]


def test_a_rule_on_a_result_raises_below_its_limit(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(60), tiny.decoded(lots=[_lot("a", 20, 20)], results=[_result("a", 85.0, 50)]))
    pipeline.tick(at(60))
    assert [(a.key.rule, a.value) for a in rooms.ledger.alerting.alerts()] == [("purity-low", 85.0)]


def test_a_result_is_not_used_before_it_is_known(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(30), tiny.decoded(lots=[_lot("a", 20, 20)], results=[_result("a", 85.0, 50)]))
    pipeline.tick(at(30))
    assert rooms.ledger.alerting.alerts() == []
    pipeline.tick(at(50))
    assert [a.key.rule for a in rooms.ledger.alerting.alerts()] == ["purity-low"]


def _feed(start: int, stop: int) -> list[Point]:
    return [tiny.point(tiny.LINE, "feed", m, 100.0 + m % 7) for m in range(start, stop)]


def _lots_scored(rooms: Rooms) -> list[tuple[str, datetime]]:
    return [(s.subject, s.at) for s in rooms.ledger.scoring.scores("purity")]


def test_a_lot_is_not_scored_before_it_is_known(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(40), tiny.decoded(_feed(0, 40), lots=[_lot("a", 20, 35)]))
    pipeline.tick(at(34))
    assert _lots_scored(trained_rooms) == []
    pipeline.tick(at(35))
    assert _lots_scored(trained_rooms) == [("a", at(20))]


def test_a_lot_that_becomes_known_after_a_later_one_is_scored_too(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(50), tiny.decoded(_feed(0, 50), lots=[_lot("a", 20, 60), _lot("b", 40, 40)]))
    pipeline.tick(at(50))
    pipeline.tick(at(70))
    assert _lots_scored(trained_rooms) == [("a", at(20)), ("b", at(40))]


def test_a_lot_that_is_announced_before_it_ends_is_scored_when_it_ends(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    lots = [_lot("long", 45, 5), _lot("short", 20, 20)]
    tiny.accept(trained_rooms, at(50), tiny.decoded(_feed(0, 50), lots=lots))
    pipeline.tick(at(25))
    assert _lots_scored(trained_rooms) == [("short", at(20))]
    pipeline.tick(at(50))
    assert _lots_scored(trained_rooms) == [("short", at(20)), ("long", at(45))]


def test_a_lots_score_uses_only_results_known_at_its_end(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    lots, results = [_lot("a", 20, 20), _lot("b", 40, 40)], [_result("a", 10.0, 41)]
    tiny.accept(trained_rooms, at(60), tiny.decoded(_feed(0, 60), lots=lots, results=results))
    pipeline.tick(at(60))
    later = {s.subject: s for s in trained_rooms.ledger.scoring.scores("purity")}["b"]
    seen = {c.source: c.value for c in later.contributions}
    assert seen.get("purity") != 10.0
    assert later.value is not None


def test_a_lots_interval_has_the_width_of_its_models_newest_errors(trained_rooms: Rooms) -> None:
    champion = trained_rooms.ledger.scoring.champion("purity")
    assert champion is not None
    trained_rooms.ledger.save_note(live_quality.WIDTHS, json.dumps({champion.model_id: 1.25}))
    tiny.accept(trained_rooms, at(40), tiny.decoded(_feed(0, 40), lots=[_lot("a", 20, 20)]))
    Pipeline(trained_rooms, {}, tiny.T0).tick(at(40))
    (score,) = trained_rooms.ledger.scoring.scores("purity")
    assert score.value is not None
    assert (score.low, score.high) == (score.value - 1.25, score.value + 1.25)


def test_a_lot_without_process_data_is_not_assessed_and_names_the_tag(trained_rooms: Rooms) -> None:
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(40), tiny.decoded(_feed(0, 12), lots=[_lot("a", 20, 20)]))
    pipeline.tick(at(40))
    (score,) = trained_rooms.ledger.scoring.scores("purity")
    assert (score.verdict, spoken(ENGLISH, score.reason)) == (Verdict.NOT_ASSESSED, "not enough data of feed")


def test_the_sum_holds_after_every_tick(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    for minute in range(1, 5):
        tiny.accept(rooms, at(minute), tiny.decoded(_pressures([5, 6], start=minute)))
        pipeline.tick(at(minute))
        (tally,) = rooms.journal.totals()
        assert tally.difference == 0
    assert (tally.received, tally.stored, tally.duplicates, tally.conflicts) == (8, 5, 0, 3)
