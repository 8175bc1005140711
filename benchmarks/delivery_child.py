"""The engine and the notifiers of an experiment, in a process that may be killed at any moment: it raises what is still
missing of a number of alerts, plans, and sends, sixty times as fast as the clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from alerts.messages import Background, notices_for
from app.notify import Delivering, notifiers
from app.rooms import Rooms
from app.settings import load
from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
    Condition,
    Priority,
    Rule,
    Transition,
    alert_id,
)

FASTER = 60
RULE = Rule("hot", "press", "tag:t", Condition.HIGH, 1.0, 1.0, timedelta(0), Priority.MEDIUM, "Too hot", "Look")


@dataclass(frozen=True, slots=True)
class Faster:
    """A clock that runs sixty times as fast as the machine's, the same in every process of an experiment."""

    begun: float

    def now(self) -> datetime:
        """The instant of the experiment."""
        return datetime.fromtimestamp(self.begun + FASTER * (time.time() - self.begun), UTC)

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()


def raised(number: int, now: datetime, priority: Priority = Priority.MEDIUM, asset: str = "") -> AlertUpdate:
    """Return the raise of an alert."""
    key = AlertKey(RULE.id, asset or f"plant/press-{number}", RULE.watch)
    alert = Alert(
        alert_id(key, now), key, AlertState.ACTIVE_UNACKED, now, None, now, now, float(number), 1.0, priority, 1
    )
    row = Transition(alert.id, 0, Change.RAISED, alert.state, now, float(number), "", "")
    rule = replace(RULE, priority=priority)
    return AlertUpdate(alert, (row,), notices_for(alert, rule, (row,), Background("degC", ())))


def run(config: Path, begun: float, n: int, is_last: bool, ready: Connection) -> None:
    """Run until n alerts are raised and nothing waits, or until killed where it is not the last one.

    It says on `ready` when work begins.
    """
    rooms, clock = Rooms(load(config), telemetry=False), Faster(begun)
    rooms.start()
    with notifiers(rooms.settings) as receivers:
        delivering = Delivering(rooms, receivers)
        with delivering.lanes(clock) as lanes:
            ready.send(True)
            while True:
                n_raised = len(rooms.ledger.alerting.alerts(most=n))
                if n_raised < n:
                    rooms.ledger.alerting.save([raised(n_raised, clock.now())], {}, clock.now())
                delivering.plan(clock.now())
                for lane in lanes:
                    lane.wake()
                is_done = is_last and n_raised == n and not rooms.ledger.outbox.counts().waiting
                if is_done and not [x for x in rooms.ledger.outbox.open_notices() if len(x.told) < len(receivers)]:
                    break
                time.sleep(0.01)
    rooms.stop()
