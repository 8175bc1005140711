"""The life of an alert: a breach or its absence, or what a person does, in; the next state and the transition rows out.
Pure.

Invariants: at most one alert per key is open; an alert's id is fixed at its first raise; an acknowledgement covers only
what was raised before it. What is held back lives on unseen, and comes back as what it has become.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
    Hold,
    Rule,
    Transition,
    alert_id,
)
from domain.errors import RecordError
from domain.limits import Limits
from domain.text import mark

MOST_TEXT: Final = 4000  # signs of a comment or a reason
LONGEST_SHELF: Final = timedelta(days=7)
UNACKED: Final = (AlertState.ACTIVE_UNACKED, AlertState.RETURNED_UNACKED, AlertState.LATCHED_UNACKED)
NOTHING_TO_ACK: Final = mark("the alert is {state}: there is nothing to acknowledge")
RAISED_SINCE: Final = mark("the alert was raised again since ({n} times by now): look at it again")
ACK_FIRST: Final = mark("the alert is {state}: acknowledge it first")
NOTHING_TO_RESET: Final = mark("the alert is {state}: there is nothing to reset")
NO_TEXT: Final = mark("a comment needs a text")
NO_REASON_TO_SHELVE: Final = mark("shelving needs a reason")
NO_REASON_FOR_SERVICE: Final = mark("taking out of service needs a reason")
TOO_LONG: Final = mark("a text of {n} signs: at most {most}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of what a rule watches. value None: nothing to hold against the limit, the alert keeps its state."""

    at: datetime
    value: float | None


def limits_of(rule: Rule, model_limits: tuple[float, float] | None) -> Limits | None:
    """Return the limits of a rule with one condition, or the model's (raise, clear); None where it needs a model and
    has none.
    """
    if rule.raise_at is not None and rule.clear_at is not None:
        return Limits(rule.raise_at, rule.clear_at, rule.condition.sign)
    return None if model_limits is None else Limits(*model_limits)


def is_breach(limits: Limits, value: float, alert: Alert | None) -> bool:
    """Return whether the value is a breach, the alert's state deciding which of the two limits counts."""
    return limits.is_over(value, alert is not None and alert.is_active)


def advance(
    alert: Alert | None,
    is_over: bool,
    sample: Sample,
    limit: float,
    rule: Rule,
    key: AlertKey,
    note: str = "",
    hold: Hold | None = None,
) -> AlertUpdate | None:
    """Return the alert after one sample; None where there is none before and after. hold: what keeps it back now."""
    value = 0.0 if sample.value is None else sample.value
    if alert is None:
        if not is_over:
            return None
        fresh = Alert("", key, AlertState.PENDING, sample.at, sample.at, None, sample.at, value, limit, rule.priority)
        return _raised_if_due(fresh, sample.at, value, limit, rule, hold)
    seen = replace(alert, last_at=sample.at)
    if alert.state is AlertState.PENDING:
        if not is_over:
            return AlertUpdate(seen, is_dropped=True)
        return _raised_if_due(replace(seen, value=value, limit=limit), sample.at, value, limit, rule, hold)
    if alert.is_active:
        if is_over:
            return AlertUpdate(replace(seen, returning_since=None))
        since = alert.returning_since or sample.at
        if sample.at - since < rule.off_delay:
            return AlertUpdate(replace(seen, returning_since=since))
        return _returned(seen, sample.at, sample.value, note, is_latching=rule.is_latching)
    if not is_over:
        return AlertUpdate(replace(seen, pending_since=None))
    waiting = replace(seen, pending_since=alert.pending_since or sample.at)
    return _raised_if_due(waiting, sample.at, value, limit, rule, hold)


def end(alert: Alert, at: datetime, note: str, *, is_latching: bool = False) -> AlertUpdate:
    """Return an alert whose condition is gone with what it watched: returned at once, whatever the off-delay."""
    seen = replace(alert, last_at=at)
    if alert.state is AlertState.PENDING:
        return AlertUpdate(seen, is_dropped=True)
    if alert.is_active:
        return _returned(seen, at, None, note, is_latching=is_latching)
    return AlertUpdate(replace(seen, pending_since=None))


def acknowledge(
    alert: Alert, by: str, now: datetime, note: str, sequence: int, occurrence: int | None = None
) -> AlertUpdate:
    """Acknowledge an alert by name. occurrence: the number of the raise that the person saw.

    Raises ValueError where there is nothing to acknowledge, no name, or a later raise that the person did not see.
    """
    _check_name(by, "an acknowledgement")
    _check_text(note)
    states = {
        AlertState.ACTIVE_UNACKED: AlertState.ACTIVE_ACKED,
        AlertState.RETURNED_UNACKED: AlertState.CLOSED,
        AlertState.LATCHED_UNACKED: AlertState.LATCHED,
    }
    state = states.get(alert.state)
    if state is None:
        raise RecordError(NOTHING_TO_ACK, state=alert.state.value)
    if occurrence is not None and occurrence < alert.occurrences:
        raise RecordError(RAISED_SINCE, n=alert.occurrences)
    acked = replace(alert, state=state, acked_by=by, acked_at=now)
    row = Transition(alert.id, sequence, Change.ACKNOWLEDGED, state, now, None, by, note)
    return AlertUpdate(acked, (row,), seen=alert.state)


def reset(alert: Alert, by: str, now: datetime, note: str, sequence: int) -> AlertUpdate:
    """Close a latched alert that was acknowledged; raises ValueError for any other, or without a name."""
    _check_name(by, "a reset")
    _check_text(note)
    if alert.state is not AlertState.LATCHED:
        is_unacked = alert.state is AlertState.LATCHED_UNACKED
        raise RecordError(ACK_FIRST if is_unacked else NOTHING_TO_RESET, state=alert.state.value)
    row = Transition(alert.id, sequence, Change.RESET, AlertState.CLOSED, now, None, by, note)
    return AlertUpdate(replace(alert, state=AlertState.CLOSED), (row,), seen=alert.state)


def comment(alert: Alert, by: str, now: datetime, note: str, sequence: int) -> AlertUpdate:
    """Add a comment, which changes no state; raises ValueError without a name or a text, or for too long a one."""
    _check_name(by, "a comment")
    if not note.strip():
        raise RecordError(NO_TEXT)
    _check_text(note)
    return AlertUpdate(
        alert, (Transition(alert.id, sequence, Change.COMMENTED, alert.state, now, None, by, note),), seen=alert.state
    )


def shelf(by: str, why: str, now: datetime, until: datetime) -> Hold:
    """Return the hold of a shelving; raises ValueError without name or reason, in the past, or beyond seven days."""
    _check_name(by, "shelving")
    if not why.strip():
        raise RecordError(NO_REASON_TO_SHELVE)
    _check_text(why)
    if until <= now:
        raise ValueError(f"shelving until {until.isoformat()}, which is past")
    if until - now > LONGEST_SHELF:
        raise ValueError(f"shelving ends within {LONGEST_SHELF.days} days; what is out of order is put out of service")
    return Hold(AlertState.SHELVED, by, why, now, until)


def out_of_service(by: str, why: str, now: datetime) -> Hold:
    """Return the hold of what a person takes out of service and returns; raises ValueError without name or reason."""
    _check_name(by, "taking out of service")
    if not why.strip():
        raise RecordError(NO_REASON_FOR_SERVICE)
    _check_text(why)
    return Hold(AlertState.OUT_OF_SERVICE, by, why, now, None)


def hold_back(alert: Alert, hold: Hold, at: datetime, sequence: int = 0) -> AlertUpdate:
    """Return an open alert, or one that is held back for another cause, as held back by `hold`.

    A person who shelves has seen what there is; what the design suppresses may still wait for its acknowledgement.
    """
    before = alert.held_before if alert.state.is_held else alert.state
    held = replace(
        alert,
        state=hold.state,
        is_present=alert.is_active,
        held_before=before if hold.state is AlertState.SUPPRESSED else None,
        cause=hold.why,
    )
    row = Transition(alert.id, sequence, Change.HELD, hold.state, at, None, hold.by, hold.why)
    return AlertUpdate(held, (row,), seen=alert.state)


def release(
    alert: Alert, at: datetime, *, is_latching: bool, sequence: int = 0, by: str = "", note: str = ""
) -> AlertUpdate:
    """Return a held alert as what it has become: announced again where it is active and nobody has seen that."""
    before, change = alert.held_before, Change.RELEASED
    if alert.is_present:
        state = AlertState.ACTIVE_ACKED if before is AlertState.ACTIVE_ACKED else AlertState.ACTIVE_UNACKED
        if before not in (AlertState.ACTIVE_ACKED, AlertState.ACTIVE_UNACKED):
            change = Change.ANNOUNCED
    elif is_latching:
        is_seen = before in (AlertState.ACTIVE_ACKED, AlertState.LATCHED)
        state = AlertState.LATCHED if is_seen else AlertState.LATCHED_UNACKED
    else:
        state = AlertState.RETURNED_UNACKED if before in UNACKED else AlertState.CLOSED
    free = replace(alert, state=state, is_present=False, held_before=None, cause="")
    value = alert.value if change is Change.ANNOUNCED else None
    return AlertUpdate(free, (Transition(alert.id, sequence, change, state, at, value, by, note),), seen=alert.state)


def announce_again(alert: Alert, at: datetime) -> AlertUpdate:
    """Return an acknowledged alert that is still active after its re-alarm time as not acknowledged."""
    state = AlertState.ACTIVE_UNACKED
    row = Transition(alert.id, 0, Change.ANNOUNCED, state, at, alert.value, "", "")
    return AlertUpdate(replace(alert, state=state), (row,), seen=alert.state)


def _raised_if_due(
    alert: Alert, at: datetime, value: float, limit: float, rule: Rule, hold: Hold | None
) -> AlertUpdate:
    if alert.pending_since is None or at - alert.pending_since < rule.on_delay:
        return AlertUpdate(alert)
    change = Change.RE_RAISED if alert.occurrences else Change.RAISED
    raised = replace(
        alert,
        id=alert.id or alert_id(alert.key, at),
        state=AlertState.ACTIVE_UNACKED,
        pending_since=None,
        returning_since=None,
        raised_at=alert.raised_at or at,
        value=value,
        limit=limit,
        occurrences=alert.occurrences + 1,
    )
    note = ""
    if hold is not None:
        before = alert.held_before if alert.state.is_held else alert.state
        is_owed = hold.state is AlertState.SUPPRESSED and before in UNACKED
        raised = replace(
            raised,
            state=hold.state,
            is_present=True,
            held_before=AlertState.RETURNED_UNACKED if is_owed else None,
            cause=hold.why,
        )
        change, note = Change.RAISED_HELD, hold.why
    return AlertUpdate(raised, (Transition(raised.id, 0, change, raised.state, at, value, "", note),))


def _returned(alert: Alert, at: datetime, value: float | None, note: str, *, is_latching: bool) -> AlertUpdate:
    if alert.state.is_held:
        state = alert.state
    elif is_latching:
        state = AlertState.LATCHED if alert.state is AlertState.ACTIVE_ACKED else AlertState.LATCHED_UNACKED
    else:
        state = AlertState.CLOSED if alert.state is AlertState.ACTIVE_ACKED else AlertState.RETURNED_UNACKED
    row = Transition(alert.id, 0, Change.RETURNED, state, at, value, "", note)
    return AlertUpdate(replace(alert, state=state, is_present=False, returning_since=None), (row,))


def remains(closed: Alert) -> Alert | None:
    """Return what a closed alert leaves: a new breach whose on-delay was running goes on waiting as it did."""
    if closed.state is not AlertState.CLOSED or closed.pending_since is None:
        return None
    since = closed.pending_since
    return Alert(
        "",
        closed.key,
        AlertState.PENDING,
        since,
        since,
        None,
        closed.last_at,
        closed.value,
        closed.limit,
        closed.priority,
    )


def numbered(rows: Sequence[Transition], first: int) -> tuple[Transition, ...]:
    """Return transition rows numbered from `first` on."""
    return tuple(replace(row, sequence=first + i) for i, row in enumerate(rows))


def _check_name(by: str, what: str) -> None:
    if not by.strip():
        raise ValueError(f"{what} needs a name")


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT:
        raise RecordError(TOO_LONG, n=len(text), most=MOST_TEXT)
