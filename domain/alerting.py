"""Rules, alerts and their transitions, as alerts/ makes them, store/ keeps them and dashboard/ shows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase


class Condition(StrEnum):
    """What of the watched thing is held against the limits, and on which side of them it is a breach."""

    HIGH = "high"
    HIGH_HIGH = "high-high"
    LOW = "low"
    LOW_LOW = "low-low"
    RISING = "rising"  # how fast, per minute
    FALLING = "falling"
    STUCK = "stuck"  # for how many seconds the value has not changed
    STALE = "stale"  # for how many seconds nothing was received
    IS = "is"  # whether the verdict is one of those named

    @property
    def sign(self) -> int:
        """+1 where high values are a breach, -1 where low ones are."""
        return -1 if self in (Condition.LOW, Condition.LOW_LOW) else 1

    @property
    def is_duration(self) -> bool:
        """True where the limit is a duration, kept in seconds."""
        return self in (Condition.STUCK, Condition.STALE)


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
class Term:
    """One condition of a rule. raise_at and clear_at are in the watched thing's unit (rising, falling: per minute;
    stuck, stale: seconds), None: the model's own, or of a stale tag three of its periods.

    over: the span of a rate. deadband: of a stuck value, by how much it may still move. verdicts: those of `is`.
    """

    watch: str
    condition: Condition
    raise_at: float | None
    clear_at: float | None
    over: timedelta = timedelta(0)
    deadband: float = 0.0
    verdicts: tuple[str, ...] = ()

    @property
    def is_model(self) -> bool:
        """True where the limits come from the model bundle."""
        return self.raise_at is None and self.watch.startswith("score:")


@dataclass(frozen=True, slots=True)
class Rule:
    """When what is watched becomes an alert, for every asset of a class.

    watch: `tag:<name>`, `score:<detector>`, `verdict:<detector>`, or `health:<measure>` of the software itself; of a
    rule with several terms, their names in one text. on_delay, off_delay: how long the breach, or the return, must
    last, in event time. re_alarm: after which time an acknowledged alert that is still active is announced again, 0
    for never. is_latching: a return must be reset by a person. when_mode: the modes in which it is announced, () for
    any. parent: the rule whose active alert on the asset, or on one above it, suppresses this one's. hold: how long
    the last value of each of several terms counts. receivers: who is told, () for all. owner: the operators' position
    that acts. cost: what a missed one costs, in the plant's money.
    overrides: (pattern of asset paths, the rule as it is there, None where it is switched off).
    """

    id: str
    asset_class: str
    watch: str
    condition: Condition
    raise_at: float | None
    clear_at: float | None
    on_delay: timedelta
    priority: Priority
    title: str
    action: str
    off_delay: timedelta = timedelta(0)
    re_alarm: timedelta = timedelta(0)
    is_latching: bool = False
    over: timedelta = timedelta(0)
    deadband: float = 0.0
    verdicts: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    is_any: bool = False
    hold: timedelta = timedelta(0)
    when_mode: tuple[str, ...] = ()
    parent: str = ""
    owner: str = ""
    cost: float = 0.0
    receivers: tuple[str, ...] = ()
    overrides: tuple[tuple[str, Rule | None], ...] = ()

    @property
    def is_model(self) -> bool:
        """True where the limits come from the model bundle."""
        return any(term.is_model for term in self.all_terms)

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """Its terms, of a rule with one condition that one."""
        one = (self.watch, self.condition, self.raise_at, self.clear_at, self.over, self.deadband, self.verdicts)
        return self.terms or (Term(*one),)

    def on(self, asset: str) -> Rule | None:
        """Return the rule as it is on an asset, None where it is switched off there; the first override counts."""
        return next((rule for pattern, rule in self.overrides if fnmatchcase(asset, pattern)), self)


class AlertState(StrEnum):
    """ISA-18.2's states, as two memories: is the condition there, and was it acknowledged; or why it is held back."""

    PENDING = "pending"  # in breach, the on-delay still running; no alert yet
    ACTIVE_UNACKED = "active, unacknowledged"
    ACTIVE_ACKED = "active, acknowledged"
    RETURNED_UNACKED = "returned, unacknowledged"
    LATCHED_UNACKED = "latched, unacknowledged"
    LATCHED = "latched, acknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed by design"
    OUT_OF_SERVICE = "out of service"
    CLOSED = "closed"

    @property
    def is_active(self) -> bool:
        """True while the condition is there and the operators are told."""
        return self in (AlertState.ACTIVE_UNACKED, AlertState.ACTIVE_ACKED)

    @property
    def is_held(self) -> bool:
        """True while the alert is kept from the operators on purpose."""
        return self in (AlertState.SHELVED, AlertState.SUPPRESSED, AlertState.OUT_OF_SERVICE)

    @property
    def is_open(self) -> bool:
        """True from raise until normal and acknowledged, while the operators are told."""
        return self not in (AlertState.PENDING, AlertState.CLOSED) and not self.is_held


class Change(StrEnum):
    """What a transition records."""

    RAISED = "raised"
    RE_RAISED = "raised again"
    RAISED_HELD = "raised, held back"
    RETURNED = "returned to normal"
    ACKNOWLEDGED = "acknowledged"
    HELD = "held back"
    RELEASED = "released"
    ANNOUNCED = "announced again"
    RESET = "reset"
    COMMENTED = "comment"

    @property
    def is_announced(self) -> bool:
        """True where the operators are told of something new."""
        return self in (Change.RAISED, Change.RE_RAISED, Change.ANNOUNCED)


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
    so far. returning_since: start of a return whose off-delay runs. Of one held back: is_present says whether the
    condition is there, held_before in what state it was (None: raised unseen, or seen by who shelved it), cause why it
    is held.
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
    returning_since: datetime | None = None
    is_present: bool = False
    held_before: AlertState | None = None
    cause: str = ""

    @property
    def is_active(self) -> bool:
        """True while the condition is there, whether the operators are told or not."""
        return self.state.is_active or (self.state.is_held and self.is_present)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why alerts of a key are kept from the operators: shelved or out of service by a person, or suppressed by design.

    state: the one of AlertState that such an alert is in. why: a person's words, or a stored phrase. until None: as
    long as its cause is there.
    """

    state: AlertState
    by: str
    why: str
    since: datetime
    until: datetime | None


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
