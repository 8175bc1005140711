"""The life of an alert: a breach or its absence in, the next state and the transition rows out. Pure.

Invariants: at most one alert per key is open; an alert's id is fixed at its first raise; nothing older than the last
value looked at changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
    Direction,
    Rule,
    Transition,
    alert_id,
)
from domain.limits import Limits


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of what a rule watches. value None: nothing to hold against the limit, the alert keeps its state."""

    at: datetime
    value: float | None


def limits_of(rule: Rule, model_limits: tuple[float, float] | None) -> Limits | None:
    """Return the rule's own limits, or the model's (raise, clear); None where the rule needs a model and has none."""
    if rule.raise_at is not None and rule.clear_at is not None:
        return Limits(rule.raise_at, rule.clear_at, 1 if rule.direction is Direction.ABOVE else -1)
    return None if model_limits is None else Limits(*model_limits)


def is_breach(limits: Limits, value: float, alert: Alert | None) -> bool:
    """Return whether the value is a breach, the alert's state deciding which of the two limits counts."""
    return limits.is_over(value, alert is not None and alert.state.is_active)


def advance(
    alert: Alert | None,
    is_over: bool,
    sample: Sample,
    limit: float,
    rule: Rule,
    key: AlertKey,
    note: str = "",
) -> AlertUpdate | None:
    """Return the alert after one sample; None where there is none before and after."""
    value = 0.0 if sample.value is None else sample.value
    if alert is None:
        if not is_over:
            return None
        fresh = Alert("", key, AlertState.PENDING, sample.at, sample.at, None, sample.at, value, limit, rule.priority)
        return _raised_if_due(fresh, sample.at, value, rule)
    seen = replace(alert, last_at=sample.at)
    if alert.state is AlertState.PENDING:
        if not is_over:
            return AlertUpdate(seen, is_dropped=True)
        return _raised_if_due(replace(seen, value=value, limit=limit), sample.at, value, rule)
    if alert.state.is_active:
        return AlertUpdate(seen) if is_over else _returned(seen, sample.at, sample.value, note)
    if not is_over:
        return AlertUpdate(replace(seen, pending_since=None))
    waiting = replace(seen, pending_since=alert.pending_since or sample.at, limit=limit)
    return _raised_if_due(waiting, sample.at, value, rule)


def acknowledge(alert: Alert, by: str, now: datetime, note: str, sequence: int) -> AlertUpdate:
    """Acknowledge an alert by name; raises ValueError where there is nothing to acknowledge, or no name."""
    if not by.strip():
        raise ValueError("an acknowledgement needs a name")
    if alert.state is AlertState.ACTIVE_UNACKED:
        state = AlertState.ACTIVE_ACKED
    elif alert.state is AlertState.RETURNED_UNACKED:
        state = AlertState.CLOSED
    else:
        raise ValueError(f"the alert is {alert.state.value}: there is nothing to acknowledge")
    acked = replace(alert, state=state, acked_by=by, acked_at=now)
    row = Transition(alert.id, sequence, Change.ACKNOWLEDGED, state, now, None, by, note)
    return AlertUpdate(acked, (row,), seen=alert.state)


def follow(
    alert: Alert | None,
    samples: Iterable[Sample],
    limits: Limits,
    rule: Rule,
    key: AlertKey,
    next_sequence: int,
) -> list[AlertUpdate]:
    """Advance through samples in time order; returns one update per alert touched, the last one being the present one.

    next_sequence: number of the next transition of `alert` (0 for a new one).
    """
    updates: list[AlertUpdate] = []
    current, rows = alert, []
    sequence = next_sequence
    is_touched = False
    for sample in samples:
        if sample.value is None or (current is not None and sample.at <= current.last_at):
            continue
        step = advance(current, is_breach(limits, sample.value, current), sample, limits.raise_at, rule, key)
        if step is None:
            continue
        is_touched = True
        for row in step.transitions:
            rows.append(replace(row, sequence=sequence))
            sequence += 1
        current = step.alert
        if step.is_dropped or current.state is AlertState.CLOSED:
            updates.append(AlertUpdate(current, tuple(rows), is_dropped=step.is_dropped))
            current, rows, sequence, is_touched = None, [], 0, False
    if current is not None and is_touched:
        updates.append(AlertUpdate(current, tuple(rows)))
    if alert is not None and updates:
        updates[0] = replace(updates[0], seen=alert.state)
    return updates


def _raised_if_due(alert: Alert, at: datetime, value: float, rule: Rule) -> AlertUpdate:
    if alert.pending_since is None or at - alert.pending_since < rule.on_delay:
        return AlertUpdate(alert)
    change = Change.RE_RAISED if alert.occurrences else Change.RAISED
    raised = replace(
        alert,
        id=alert.id or alert_id(alert.key, at),
        state=AlertState.ACTIVE_UNACKED,
        pending_since=None,
        raised_at=alert.raised_at or at,
        value=value,
        occurrences=alert.occurrences + 1,
    )
    return AlertUpdate(raised, (Transition(raised.id, 0, change, raised.state, at, value, "", ""),))


def _returned(alert: Alert, at: datetime, value: float | None, note: str) -> AlertUpdate:
    is_acked = alert.state is AlertState.ACTIVE_ACKED
    state = AlertState.CLOSED if is_acked else AlertState.RETURNED_UNACKED
    row = Transition(alert.id, 0, Change.RETURNED, state, at, value, "", note)
    return AlertUpdate(replace(alert, state=state), (row,))
