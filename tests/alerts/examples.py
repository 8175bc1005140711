"""A rule, its key and times, for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.lifecycle import Sample
from domain.alerting import Alert, AlertKey, AlertState, Condition, Priority, Rule
from domain.limits import Limits

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = AlertKey("hot", "plant/press", "T24")
LIMITS = Limits(10.0, 8.0)


def at(minutes: float) -> datetime:
    """An instant some minutes after T0."""
    return T0 + minutes * MINUTE


def rule(delay: float = 0, **changes: Any) -> Rule:
    """A rule with raise limit 10 and clear limit 8; `delay` in minutes."""
    fields: dict[str, Any] = {
        "id": "hot",
        "asset_class": "press",
        "watch": "tag:T24",
        "condition": Condition.HIGH,
        "raise_at": 10.0,
        "clear_at": 8.0,
        "on_delay": delay * MINUTE,
        "priority": Priority.HIGH,
        "title": "The press is too hot",
        "action": "Check the cooling water",
    }
    return Rule(**fields | changes)


def samples(*values: float | None, first: float = 0) -> list[Sample]:
    """One sample a minute, from minute `first` on."""
    return [Sample(at(first + i), value) for i, value in enumerate(values)]


def raised(**changes: Any) -> Alert:
    """An active alert raised at T0."""
    fields: dict[str, Any] = {
        "id": "0123456789abcdef",
        "key": KEY,
        "state": AlertState.ACTIVE_UNACKED,
        "breach_since": at(0),
        "pending_since": None,
        "raised_at": at(0),
        "last_at": at(0),
        "value": 11.25,
        "limit": 10.0,
        "priority": Priority.HIGH,
        "occurrences": 1,
    }
    return Alert(**fields | changes)
