"""An acknowledgement and the service's own change meet; neither is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.attending import acknowledge
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition
from domain.errors import StaleAlertError
from store.ledger import Ledger

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
    acknowledge(rooms, "a1", "Kim", "", T0)
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
    acknowledge(rooms, "a1", "Kim", "", T0)
    assert read("a1").state is AlertState.CLOSED
    assert [x.change for x in alerting.transitions(["a1"])] == [Change.RAISED, Change.RETURNED, Change.ACKNOWLEDGED]


@pytest.mark.parametrize(("alert_id", "by"), [("nothing", "Kim"), ("a1", " ")])
def test_an_unknown_alert_or_a_missing_name_is_refused(rooms: Any, alert_id: str, by: str) -> None:
    with pytest.raises(ValueError, match=r"no alert|needs a name"):
        acknowledge(rooms, alert_id, by, "", T0)
