"""Rules, alerts and their transitions, as alerts/ makes them, store/ keeps them and dashboard/ shows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Direction(StrEnum):
    """On which side of its limit a value is a breach."""

    ABOVE = "above"
    BELOW = "below"


class Priority(StrEnum):
    """How soon an operator has to act."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the highest."""
        return list(Priority).index(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a tag or a score becomes an alert, for every asset of a class.

    watch: `tag:<name>`, `score:<detector>`, or `health:<measure>` of the software itself. raise_at and clear_at are in
    the watched thing's unit; both None means: the bundle's own thresholds (`raise = "model"`).
    on_delay: how long the breach must last, in event time.
    """

    id: str
    asset_class: str
    watch: str
    direction: Direction
    raise_at: float | None
    clear_at: float | None
    on_delay: timedelta
    priority: Priority
    title: str
    action: str

    @property
    def is_model(self) -> bool:
        """True where the limits come from the model bundle."""
        return self.raise_at is None


class AlertState(StrEnum):
    """ISA-18.2's states, as two memories: is the condition there, and was it acknowledged."""

    PENDING = "pending"  # in breach, the on-delay still running; no alert yet
    ACTIVE_UNACKED = "active, unacknowledged"
    ACTIVE_ACKED = "active, acknowledged"
    RETURNED_UNACKED = "returned, unacknowledged"
    CLOSED = "closed"

    @property
    def is_active(self) -> bool:
        """True while the condition is there."""
        return self in (AlertState.ACTIVE_UNACKED, AlertState.ACTIVE_ACKED)

    @property
    def is_open(self) -> bool:
        """True from raise until normal and acknowledged."""
        return self.is_active or self is AlertState.RETURNED_UNACKED


class Change(StrEnum):
    """What a transition records."""

    RAISED = "raised"
    RE_RAISED = "raised again"
    RETURNED = "returned to normal"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What an alert is about; at most one alert per key is open."""

    rule: str
    asset: str
    subject: str  # the watched tag or detector, or `detector:lot`


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, from the first breach to its close. Times are event time, `acked_at` is the clock's.

    id: "" while pending. breach_since: start of the first breach. pending_since: start of a breach whose on-delay runs.
    last_at: the newest value looked at. value, limit: at the last raise, or now while pending. occurrences: raises
    so far.
    """

    id: str
    key: AlertKey
    state: AlertState
    breach_since: datetime
    pending_since: datetime | None
    raised_at: datetime | None
    last_at: datetime
    value: float
    limit: float
    priority: Priority
    occurrences: int = 0
    acked_by: str = ""
    acked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One append-only row of an alert's story. `at` is event time for conditions, the clock's for people."""

    alert_id: str
    sequence: int
    change: Change
    state: AlertState
    at: datetime
    value: float | None
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are to hear of one raise, in no language yet; there is one per raise.

    priority: of the alert, when it was raised. facts: JSON, as `alerts.messages` writes and reads it.
    """

    alert_id: str
    sequence: int
    asset: str
    rule: str
    priority: Priority
    facts: str

    @property
    def key(self) -> str:
        """Alert and number of the transition."""
        return f"{self.alert_id}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Message:
    """A notification on its way out. `key` is the idempotency key: the same for every attempt.

    about: what its alerts have in common, "" for several things. tried_at: the time of this attempt.
    """

    key: str
    notifier: str
    alert_id: str
    payload: str  # JSON
    attempts: int = 0
    priority: Priority = Priority.MEDIUM
    about: str = ""
    planned_at: datetime | None = None
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertUpdate:
    """One alert after a change, with the rows to append. is_dropped: a breach that ended within its on-delay.

    seen: the stored state that the change was made from; a store that holds another one by now refuses the change.
    """

    alert: Alert
    transitions: tuple[Transition, ...] = ()
    notices: tuple[Notice, ...] = ()
    is_dropped: bool = False
    seen: AlertState | None = None


def alert_id(key: AlertKey, raised_at: datetime) -> str:
    """Return the alert's deterministic id: hash(rule, asset, subject, raised_at), 16 hex digits."""
    text = "\x1f".join((key.rule, key.asset, key.subject, raised_at.isoformat()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
