"""Alerts, their append-only transitions, and the notices they cause."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Notice, Priority, Transition
from domain.errors import StaleAlertError
from store.alerting import Alerting
from store.ledger import Ledger
from tests.store.items import at

KEY = AlertKey("hot", "a", "T24")
PENDING = Alert("", KEY, AlertState.PENDING, at(0), at(0), None, at(0), 11.0, 10.0, Priority.HIGH)
RAISED = replace(
    PENDING,
    id="id1",
    state=AlertState.ACTIVE_UNACKED,
    pending_since=None,
    raised_at=at(1),
    last_at=at(1),
    occurrences=1,
)
ACKED = replace(RAISED, state=AlertState.ACTIVE_ACKED, acked_by="kim", acked_at=at(2))
CLOSED = replace(ACKED, state=AlertState.CLOSED, last_at=at(3))


@pytest.fixture
def alerting(ledger: Ledger) -> Alerting:
    return ledger.alerting


def row(sequence: int = 0, change: Change = Change.RAISED, alert_id: str = "id1") -> Transition:
    return Transition(alert_id, sequence, change, AlertState.ACTIVE_UNACKED, at(1), 11.0, "", "note")


def notice(sequence: int = 0) -> Notice:
    return Notice("id1", sequence, "a", "hot", Priority.HIGH, "{}")


def save(alerting: Alerting, *updates: AlertUpdate, hours: float = 0) -> None:
    alerting.save(updates, {}, at(hours))


@pytest.mark.parametrize("alert", [PENDING, RAISED, ACKED], ids=lambda a: a.state.value)
def test_open_alert_comes_back_equal(alerting: Alerting, alert: Alert) -> None:
    save(alerting, AlertUpdate(alert))
    assert alerting.open() == {KEY: alert}


def test_alert_is_updated_in_place(alerting: Alerting) -> None:
    for alert in (PENDING, RAISED, ACKED):
        save(alerting, AlertUpdate(alert))
    assert alerting.alerts() == [ACKED]
    assert alerting.alert("id1") == ACKED


def test_closed_alert_is_not_open_and_stays_listed(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(CLOSED))
    assert alerting.open() == {}
    assert alerting.alerts() == [CLOSED]


def test_new_alert_of_the_same_key_stands_beside_the_closed_one(alerting: Alerting) -> None:
    again = replace(RAISED, id="id2", breach_since=at(5), raised_at=at(6))
    save(alerting, AlertUpdate(CLOSED), AlertUpdate(again))
    assert alerting.open() == {KEY: again}
    assert [a.id for a in alerting.alerts()] == ["id2", "id1"]


def test_dropped_alert_is_forgotten(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(CLOSED), AlertUpdate(replace(PENDING, breach_since=at(5))))
    save(alerting, AlertUpdate(replace(PENDING, breach_since=at(5)), is_dropped=True))
    assert alerting.open() == {}
    assert alerting.alerts() == [CLOSED]


def test_pending_alert_is_not_listed(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(PENDING))
    assert alerting.alerts() == []
    assert alerting.alert("id1") is None


def test_alerts_of_an_asset_and_no_more_than_asked(alerting: Alerting) -> None:
    other = replace(RAISED, id="id2", key=replace(KEY, asset="b"), raised_at=at(2))
    save(alerting, AlertUpdate(RAISED), AlertUpdate(other))
    assert alerting.alerts(asset="a") == [RAISED]
    assert alerting.alerts(most=1) == [other]


def test_transitions_come_back_in_order(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(RAISED, (row(),)))
    save(alerting, AlertUpdate(ACKED, (row(1, Change.ACKNOWLEDGED), row(2, Change.RETURNED))))
    assert alerting.transitions() == [row(), row(1, Change.ACKNOWLEDGED), row(2, Change.RETURNED)]


def test_transitions_of_named_alerts(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(RAISED, (row(), row(alert_id="id2"))))
    assert alerting.transitions(["id2"]) == [row(alert_id="id2")]
    assert alerting.transitions([]) == []


def test_transition_is_never_overwritten_and_the_alert_stays_with_it(ledger: Ledger) -> None:
    alerting = ledger.alerting
    save(alerting, AlertUpdate(RAISED, (row(),)))
    with pytest.raises(IntegrityError):
        save(alerting, AlertUpdate(ACKED, (row(0, Change.ACKNOWLEDGED),), (notice(),)))
    assert alerting.transitions() == [row()]
    assert alerting.open() == {KEY: RAISED}
    assert ledger.outbox.open_notices() == []


def test_change_made_from_a_state_that_is_no_longer_stored_is_refused_whole(ledger: Ledger) -> None:
    save(ledger.alerting, AlertUpdate(ACKED, (row(),)))
    stale = AlertUpdate(
        replace(RAISED, state=AlertState.RETURNED_UNACKED), (row(1, Change.RETURNED),), (notice(),), seen=RAISED.state
    )
    other = AlertUpdate(replace(RAISED, id="id2", key=replace(KEY, asset="b")))
    with pytest.raises(StaleAlertError):
        ledger.alerting.save([other, stale], {"rule:hot:a": 7}, at(0))
    assert ledger.alerting.alerts() == [ACKED]
    assert ledger.alerting.transitions() == [row()]
    assert ledger.outbox.open_notices() == []
    assert ledger.scoring.cursors() == {}


def test_change_made_from_the_stored_state_is_written(alerting: Alerting) -> None:
    save(alerting, AlertUpdate(RAISED, (row(),)))
    save(alerting, AlertUpdate(ACKED, (row(1, Change.ACKNOWLEDGED),), seen=RAISED.state))
    assert alerting.open() == {KEY: ACKED}


def test_change_of_an_alert_that_is_not_stored_is_refused(alerting: Alerting) -> None:
    with pytest.raises(StaleAlertError):
        save(alerting, AlertUpdate(PENDING, is_dropped=True, seen=PENDING.state))


def test_cursors_are_saved_with_the_changes(ledger: Ledger) -> None:
    ledger.alerting.save([AlertUpdate(RAISED, (row(),))], {"rule:hot:a": 7}, at(0))
    with pytest.raises(IntegrityError):
        ledger.alerting.save([AlertUpdate(RAISED, (row(),))], {"rule:hot:a": 8}, at(0))
    assert ledger.scoring.cursors() == {"rule:hot:a": 7}


def test_same_notice_twice_is_refused_whole(ledger: Ledger) -> None:
    save(ledger.alerting, AlertUpdate(RAISED, (row(),), (notice(),)))
    with pytest.raises(IntegrityError):
        save(ledger.alerting, AlertUpdate(ACKED, (row(1),), (notice(),)))
    assert ledger.alerting.transitions() == [row()]
    assert [n.key for n in ledger.outbox.open_notices()] == ["id1:0"]
