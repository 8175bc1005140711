"""Rules at work in the pipeline: silence, rests, rates, joined conditions, modes, verdicts, receivers, other rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.cycle import advance_all
from app import watching
from app.pipeline import Pipeline
from app.rooms import Rooms
from domain.alerting import AlertKey, AlertState, AlertUpdate, Change, Transition
from domain.points import Point
from domain.records import Event, EventKind, Lot
from domain.scores import Contribution, Scale, Score, Verdict
from tests.alerts import examples as alerting
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

HEAD = '[[rules]]\nid = "{}"\nasset_class = "pump"\n'
STALE = HEAD.format("quiet") + 'watch = "tag:pressure"\ncondition = "stale"\n'


def pressures(values: Sequence[float], start: int = 1, tag: str = "pressure") -> list[Point]:
    return [tiny.point(tiny.PUMP, tag, start + i, v) for i, v in enumerate(values)]


def story(
    folder: Path, rules: str, rows: Sequence[Point], ticks: Iterable[float], events: Sequence[Event] = (), n: int = 1
) -> list[tuple[str, Change, object]]:
    """Run the ticks, each given what is due; returns the pump's rows, by time."""
    settings, given = tiny.settings_in(folder, rules_toml=rules), 0
    ordered = sorted(rows, key=lambda p: p.at)
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        for number, minute in enumerate(ticks):
            now = at(minute)
            due = [p for p in ordered[given:] if p.at <= tiny.to_ns(now)]
            given += len(due)
            tiny.accept(rooms, now, tiny.decoded(due, events=events if not number else ()))
            pipeline.tick(now)
            if number % 5 == 4 and n > 1:
                pipeline = Pipeline(rooms, {}, tiny.T0)
        found = rooms.ledger.alerting.transitions_between(tiny.T0, at(10_000))
        return [(key.rule, row.change, row.at) for key, _, row in found if key.asset == tiny.PUMP]


def test_a_silent_tag_is_an_alert_after_three_periods_and_its_return_ends_it(tmp_path: Path) -> None:
    rows = [*pressures([5] * 5), *pressures([5] * 3, start=20)]
    expected = [("quiet", Change.RAISED, at(8)), ("quiet", Change.RETURNED, at(20))]
    assert story(tmp_path / "many", STALE, rows, range(1, 23)) == expected
    assert story(tmp_path / "again", STALE, rows, range(1, 23), n=2) == expected
    assert story(tmp_path / "one", STALE, rows, [22]) == expected


def test_an_asset_that_stands_still_is_not_called_silent(tmp_path: Path) -> None:
    stop = [tiny.failure(tiny.PUMP, 5.5, 30, known=5.5)]
    rows = [*pressures([5] * 5), *pressures([5] * 5, start=32)]
    assert story(tmp_path, STALE, rows, range(1, 37), stop) == []


def test_a_value_that_does_not_move_is_an_alert(tmp_path: Path) -> None:
    rules = HEAD.format("stuck") + 'watch = "tag:pressure"\ncondition = "stuck"\nraise = "5min"\ndeadband = 0.05\n'
    rows = pressures([5, 6, 7, 7.01, 7.02, 7.0, 7.01, 7.03, 7.0, 7.0, 6, 5])
    expected = [("stuck", Change.RAISED, at(8)), ("stuck", Change.RETURNED, at(11))]
    assert story(tmp_path / "many", rules, rows, range(1, 14)) == expected
    assert story(tmp_path / "one", rules, rows, [13]) == expected


def test_a_fast_rise_is_an_alert(tmp_path: Path) -> None:
    rules = (
        HEAD.format("up") + 'watch = "tag:pressure"\ncondition = "rising"\nover = "2min"\nraise = 0.5\nclear = 0.1\n'
    )
    rows = pressures([5, 5, 5, 5.4, 6.2, 6.3, 6.3, 6.3, 6.3])
    expected = [("up", Change.RAISED, at(5)), ("up", Change.RETURNED, at(7))]
    assert story(tmp_path, rules, rows, range(1, 11)) == expected


BOTH = (
    HEAD.format("both") + 'all = [{watch = "tag:pressure", raise = 8.0, clear = 7.0}, '
    '{watch = "tag:flow", condition = "low", raise = 40.0, clear = 45.0}]\n'
)


def test_both_conditions_are_needed_and_either_ends_it(tmp_path: Path) -> None:
    rows = [*pressures([9, 9, 9, 7.5, 7.5, 6]), *pressures([50, 50, 39, 39, 43, 43], tag="flow")]
    expected = [("both", Change.RAISED, at(3)), ("both", Change.RETURNED, at(6))]
    assert story(tmp_path, BOTH, rows, range(1, 8)) == expected


def test_one_of_two_conditions_is_enough_for_any(tmp_path: Path) -> None:
    rows = [*pressures([5, 9, 5, 5, 5]), *pressures([50, 50, 39, 50, 50], tag="flow")]
    expected = [("both", Change.RAISED, at(2)), ("both", Change.RETURNED, at(4))]
    assert story(tmp_path, BOTH.replace("all =", "any ="), rows, range(1, 8)) == expected


def test_a_condition_whose_value_is_too_old_says_nothing(tmp_path: Path) -> None:
    rows = [*pressures([9] * 10), *pressures([39], tag="flow", start=1)]
    assert story(tmp_path, BOTH.replace("[[rules]]\n", '[[rules]]\nhold = "3min"\n'), rows[1:], range(1, 12)) == [
        ("both", Change.RAISED, at(2))
    ]
    late = [p for p in rows if p.at > tiny.to_ns(at(4)) or "flow" in p.tag_id]
    assert story(tmp_path / "late", BOTH.replace("[[rules]]\n", '[[rules]]\nhold = "3min"\n'), late, range(1, 12)) == []


def test_a_mode_suppresses_with_its_cause_and_announces_what_is_still_there(tmp_path: Path) -> None:
    rules = HEAD.format("hot") + 'watch = "tag:pressure"\nraise = 8.0\nwhen_mode = ["run"]\n'
    mode = [Event(tiny.PUMP, EventKind.MODE, "start-up", at(0), at(5), at(0))]
    expected = [("hot", Change.RAISED_HELD, at(2)), ("hot", Change.ANNOUNCED, at(5)), ("hot", Change.RETURNED, at(8))]
    rows = pressures([5, 9, 9, 9, 9, 9, 9, 5])
    assert story(tmp_path / "many", rules, rows, range(1, 10), mode) == expected
    assert story(tmp_path / "one", rules, rows, [9], mode) == expected


def test_each_verdict_has_its_own_delay_and_receiver(tmp_path: Path) -> None:
    def of(name: str, verdict: str, delay: str, who: str) -> str:
        return (
            HEAD.format(name) + f'watch = "verdict:pump-odd"\ncondition = "is"\nverdicts = ["{verdict}"]\n'
            f'on_delay = "{delay}"\nreceivers = ["{who}"]\n'
        )

    second = '\n[[notifiers]]\nname = "desk"\nkind = "log"\n'
    rules = of("no-data", "NO DATA", "2min", "log") + of("not-assessed", "NOT ASSESSED", "3min", "desk")
    settings = tiny.settings_in(tmp_path, rules_toml=rules, forewarn_toml=tiny.FOREWARN + second)
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        for minute in range(1, 20):
            due = pressures([5], start=minute) if minute <= 8 else []
            tiny.accept(rooms, at(minute), tiny.decoded(due))
            pipeline.tick(at(minute))
        found = rooms.ledger.alerting.transitions_between(tiny.T0, at(100))
        mine = [(k.rule, r.change, r.at) for k, _, r in found if k.asset == tiny.PUMP]
        pipeline.delivering.plan(at(100))
        ids = {r.alert_id: k.rule for k, _, r in found}
        waiting = rooms.ledger.outbox.due(at(100))
        told = {(m.notifier, ids[x["alert"]]) for m in waiting for x in json.loads(m.payload)["alerts"]}
    assert mine == [
        ("not-assessed", Change.RAISED, at(4)),
        ("not-assessed", Change.RETURNED, at(12)),
        ("no-data", Change.RAISED, at(14)),
    ]
    assert told == {("desk", "not-assessed"), ("log", "no-data")}


def test_a_rule_that_fails_makes_its_asset_an_engine_error_and_leaves_the_others(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(plan, *given, failed, **more):  # type: ignore[no-untyped-def]
        for watch, updates in advance_all(plan, *given, **more):
            if watch.key.asset == tiny.OTHER:
                failed[watch.key] = "planted"
                continue
            yield watch, updates

    def with_failed(plan, feed, held, holds, modes, models, until, n_rows, failed, **_):  # type: ignore[no-untyped-def]
        return breaking(plan, feed, held, holds, modes, models, until, n_rows, failed=failed)

    monkeypatch.setattr(watching.cycle, "advance_all", with_failed)
    pipeline = Pipeline(rooms, {}, tiny.T0)
    rows = [tiny.point(a, "pressure", m, 9.0) for a in (tiny.PUMP, tiny.OTHER) for m in range(1, 7)]
    tiny.accept(rooms, at(6), tiny.decoded(rows))
    pipeline.tick(at(6))
    verdicts = rooms.ledger.scoring.verdicts()
    assert verdicts[tiny.OTHER].verdict is Verdict.ENGINE_ERROR
    assert verdicts[tiny.PUMP].verdict is Verdict.ALARM
    assert pipeline.rules_reading().value == 1.0


def test_a_rule_that_is_added_later_raises_nothing_of_the_past(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(20), tiny.decoded(pressures([90] * 20, tag="flow")))
    pipeline.tick(at(20))
    added = replace(rooms.settings.rules[0], id="flow-high", watch="tag:flow", raise_at=80.0, clear_at=70.0)
    rooms.settings = replace(rooms.settings, rules=(*rooms.settings.rules, added))
    pipeline.tick(at(20.5))
    tiny.accept(rooms, at(25), tiny.decoded(pressures([90] * 5, start=21, tag="flow")))
    pipeline.tick(at(25))
    assert [(a.key.rule, a.breach_since, a.raised_at) for a in rooms.ledger.alerting.alerts()] == [
        ("flow-high", at(21), at(24))
    ]


def test_the_alert_of_a_rule_that_was_taken_out_returns(rooms: Rooms) -> None:
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(6), tiny.decoded(pressures([9] * 6)))
    pipeline.tick(at(6))
    rooms.settings = replace(rooms.settings, rules=rooms.settings.rules[1:])
    pipeline.tick(at(7))
    (alert,) = rooms.ledger.alerting.alerts()
    assert alert.state is AlertState.RETURNED_UNACKED
    assert rooms.ledger.alerting.transitions([alert.id])[-1].note == watching.TAKEN_OUT


def test_cursors_of_rules_as_they_were_kept_before_are_taken_over(rooms: Rooms) -> None:
    rooms.ledger.alerting.save([], {f"rule:pressure-high:{tiny.PUMP}": tiny.to_ns(at(10))}, at(10))
    pipeline = Pipeline(rooms, {}, tiny.T0)
    tiny.accept(rooms, at(16), tiny.decoded(pressures([9] * 16)))
    pipeline.tick(at(16))
    assert [a.breach_since for a in rooms.ledger.alerting.alerts()] == [at(11)]


def test_a_value_of_a_lot_is_held_against_its_limits(tmp_path: Path) -> None:
    rules = '[[rules]]\nid = "hot"\nasset_class = "line"\nwatch = "lot:heat"\nraise = 80.0\nclear = 75.0\n'
    heat = [70, 85, 78, 74, 90]
    lots = [Lot(tiny.LINE, f"L{i}", at(i), at(i + 1), at(i + 3), {"heat": h}) for i, h in enumerate(heat)]
    settings = tiny.settings_in(tmp_path, rules_toml=rules)
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        for minute in range(1, 10):
            due = [x for x in lots if at(minute - 1) < x.known_at <= at(minute)]
            tiny.accept(rooms, at(minute), tiny.decoded(lots=due))
            pipeline.tick(at(minute))
        found = rooms.ledger.alerting.transitions_between(tiny.T0, at(100))
    assert [(row.change, row.at, row.value) for _, _, row in found] == [
        (Change.RAISED, at(4), 85.0),
        (Change.RETURNED, at(6), 74.0),
        (Change.RE_RAISED, at(7), 90.0),
    ]


def test_a_notice_of_a_score_says_shares_in_percent_and_tags_by_their_titles(tmp_path: Path) -> None:
    moved = (Contribution("pressure", 2.0), Contribution("flow", -1.0))
    score = Score(
        "pump-odd", tiny.PUMP, "", alerting.at(0), 0.97, None, None, Scale.PERCENTILE, "m", Verdict.OK,
        contributions=moved,
    )  # fmt: skip
    key = AlertKey("pump-odd", tiny.PUMP, "score:pump-odd")
    alert = alerting.raised(key=key, value=0.97, limit=0.9)
    row = Transition(alert.id, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, alerting.at(0), 0.97, "", "")
    with tiny.rooms_of(tiny.settings_in(tmp_path)) as rooms:
        rule = next(r for r in rooms.settings.all_rules if r.id == "pump-odd")
        behind = {(tiny.PUMP, "score:pump-odd", tiny.to_ns(alerting.at(0))): score}
        (notice,) = watching.with_notices(rooms, AlertUpdate(alert, (row,)), rule, behind).notices
    facts = json.loads(notice.facts)
    assert facts["said_in"] == [100.0, "%"]
    assert (facts["value"], facts["unit"]) == (0.97, "")
    assert facts["why_said"] == ["pressure (discharge pressure)"]
