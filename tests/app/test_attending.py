"""An acknowledgement and the service's own change meet; neither is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import attending
from app.attending import acknowledge
from app.pipeline import Pipeline
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition
from domain.audit import Actor
from domain.errors import StaleAlertError
from store.ledger import Ledger
from tests.app import tiny_plant as tiny

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ALERT = Alert(
    "a1", AlertKey("hot", "press", "tag:oil"), AlertState.ACTIVE_UNACKED, T0, None, T0, T0, 9.0, 8.0, Priority.HIGH, 1
)


@pytest.fixture
def rooms(tmp_path: Path) -> Any:
    ledger = Ledger(tmp_path)
    ledger.start()
    raised = Transition("a1", 0, Change.RAISED, ALERT.state, T0, 9.0, "", "")
    ledger.alerting.save([AlertUpdate(ALERT, (raised,))], {}, T0)
    yield SimpleNamespace(ledger=ledger)
    ledger.stop()


def test_a_tick_that_read_before_the_acknowledgement_is_refused_whole(rooms: Any) -> None:
    read_by_the_tick = rooms.ledger.alerting.open()[ALERT.key]
    acknowledge(rooms, "a1", Actor("Kim"), "", T0)
    late = AlertUpdate(replace(read_by_the_tick, last_at=T0 + timedelta(hours=1)), seen=read_by_the_tick.state)
    with pytest.raises(StaleAlertError):
        rooms.ledger.alerting.save([late], {"rule:hot:press": 5}, T0)
    kept = rooms.ledger.alerting.alert("a1")
    assert (kept.state, kept.acked_by, kept.last_at) == (AlertState.ACTIVE_ACKED, "Kim", T0)
    assert rooms.ledger.scoring.cursors() == {}


def test_an_acknowledgement_is_decided_anew_when_the_alert_changed_meanwhile(rooms: Any) -> None:
    alerting = rooms.ledger.alerting
    read, returned = alerting.alert, replace(ALERT, state=AlertState.RETURNED_UNACKED)
    changes = [AlertUpdate(returned, (Transition("a1", 1, Change.RETURNED, returned.state, T0, 1.0, "", ""),))]

    def read_then_changed(alert_id: str) -> Alert | None:
        found = read(alert_id)
        if changes:
            alerting.save([changes.pop()], {}, T0)
        return found

    alerting.alert = read_then_changed
    acknowledge(rooms, "a1", Actor("Kim"), "", T0)
    assert read("a1").state is AlertState.CLOSED
    assert [x.change for x in alerting.transitions(["a1"])] == [Change.RAISED, Change.RETURNED, Change.ACKNOWLEDGED]


@pytest.mark.parametrize(("alert_id", "by"), [("nothing", "Kim"), ("a1", " ")])
def test_an_unknown_alert_or_a_missing_name_is_refused(rooms: Any, alert_id: str, by: str) -> None:
    with pytest.raises(ValueError, match=r"no alert|needs a name"):
        acknowledge(rooms, alert_id, Actor(by), "", T0)


def states(rooms: Any) -> list[AlertState]:
    return [a.state for a in rooms.ledger.alerting.alerts()]


@pytest.fixture
def pump(tmp_path: Path) -> Any:
    """A pump whose pressure has been too high for some minutes, with its pipeline."""
    settings = tiny.settings_in(tmp_path)
    with tiny.rooms_of(settings) as opened:
        yield opened, Pipeline(opened, {}, tiny.T0)


def tick(rooms: Any, pipeline: Pipeline, minute: int, value: float) -> None:
    tiny.accept(rooms, tiny.at(minute), tiny.decoded([tiny.point(tiny.PUMP, "pressure", minute, value)]))
    pipeline.tick(tiny.at(minute))


def test_what_is_shelved_comes_back_on_time_after_a_restart_and_is_told(pump: Any) -> None:
    rooms, pipeline = pump
    for minute in range(1, 7):
        tick(rooms, pipeline, minute, 9.0)
    attending.shelve(rooms, "pressure-high", tiny.PUMP, Actor("Kim"), "noise", tiny.at(6), tiny.at(12))
    assert states(rooms) == [AlertState.SHELVED]
    assert len(rooms.ledger.outbox.open_notices()) == 1
    for minute in range(7, 12):
        tick(rooms, Pipeline(rooms, {}, tiny.T0), minute, 9.0)
    assert states(rooms) == [AlertState.SHELVED]
    tick(rooms, Pipeline(rooms, {}, tiny.T0), 13, 9.0)
    rows = rooms.ledger.alerting.transitions()
    assert [(r.change, r.at, r.by, r.note) for r in rows[1:]] == [
        (Change.HELD, tiny.at(6), "Kim", "noise"),
        (Change.ANNOUNCED, tiny.at(12), "", ""),
    ]
    assert len(rooms.ledger.outbox.open_notices()) == 2
    assert rooms.ledger.alerting.holds() == {}


def test_what_is_unshelved_before_its_time_is_told_at_once_and_what_returned_is_not(pump: Any) -> None:
    rooms, pipeline = pump
    for minute in range(1, 7):
        tick(rooms, pipeline, minute, 9.0)
    attending.shelve(rooms, "pressure-high", tiny.PUMP, Actor("Kim"), "noise", tiny.at(6), tiny.at(60))
    attending.release(rooms, "pressure-high", tiny.PUMP, Actor("Lee"), "", tiny.at(7), AlertState.SHELVED)
    assert states(rooms) == [AlertState.ACTIVE_UNACKED]
    assert len(rooms.ledger.outbox.open_notices()) == 2
    attending.shelve(rooms, "pressure-high", tiny.PUMP, Actor("Kim"), "noise", tiny.at(8), tiny.at(60))
    tick(rooms, pipeline, 9, 5.0)
    attending.release(rooms, "pressure-high", tiny.PUMP, Actor("Lee"), "", tiny.at(10), AlertState.SHELVED)
    assert states(rooms) == [AlertState.CLOSED]
    assert len(rooms.ledger.outbox.open_notices()) == 2
    with pytest.raises(ValueError, match="is not shelved"):
        attending.release(rooms, "pressure-high", tiny.PUMP, Actor("Lee"), "", tiny.at(11), AlertState.SHELVED)


def test_a_raise_out_of_service_is_logged_and_not_told(pump: Any) -> None:
    rooms, pipeline = pump
    attending.take_out_of_service(rooms, "pressure-high", tiny.PUMP, Actor("Kim"), "repair", tiny.T0)
    for minute in range(1, 7):
        tick(rooms, pipeline, minute, 9.0)
    assert states(rooms) == [AlertState.OUT_OF_SERVICE]
    (row,) = rooms.ledger.alerting.transitions()
    assert (row.change, row.note) == (Change.RAISED_HELD, "repair")
    assert len(rooms.ledger.outbox.open_notices()) == 0


def test_a_comment_meets_a_tick_and_both_are_kept(pump: Any) -> None:
    rooms, pipeline = pump
    for minute in range(1, 7):
        tick(rooms, pipeline, minute, 9.0)
    (alert,) = rooms.ledger.alerting.alerts()
    attending.comment(rooms, alert.id, Actor("Kim"), "looked at it", tiny.at(6))
    late = Transition(alert.id, 1, Change.RETURNED, AlertState.RETURNED_UNACKED, tiny.at(7), 5.0, "", "")
    stale = AlertUpdate(replace(alert, state=late.state), (late,), seen=alert.state)
    with pytest.raises(StaleAlertError):
        rooms.ledger.alerting.save([stale], {}, tiny.at(7))
    tick(rooms, pipeline, 8, 5.0)
    assert [r.change for r in rooms.ledger.alerting.transitions()] == [Change.RAISED, Change.COMMENTED, Change.RETURNED]


def test_a_shelving_lasts_as_long_as_was_said_when_the_clock_is_set(pump: Any) -> None:
    rooms, _ = pump
    attending.shelve(rooms, "pressure-high", tiny.PUMP, Actor("Kim"), "noise", tiny.at(0), tiny.at(30))
    steps = attending.ClockSteps()
    assert steps.step(tiny.at(5), 300.0) == timedelta(0)
    step = steps.step(tiny.at(-4), 360.0)
    assert step == timedelta(minutes=-10)
    attending.keep_time(rooms, step, tiny.at(-4))
    (hold,) = rooms.ledger.alerting.holds().values()
    assert hold.until == tiny.at(20)
    attending.keep_time(rooms, timedelta(0), tiny.at(-60))  # found at a start: never longer than it was to last
    (hold,) = rooms.ledger.alerting.holds().values()
    assert hold.until == tiny.at(-30)


@pytest.mark.parametrize(
    ("named", "asset", "said"),
    [("nothing", "", "no alert"), ("nothing", "x", "no rule"), ("pressure-high", "plant/line-1", "does not watch")],
)
def test_what_is_to_be_shelved_must_be_there(pump: Any, named: str, asset: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        attending.place_of(pump[0], named, asset)
