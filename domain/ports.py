"""Protocols between rooms: what a clock, a store, an intake, a notifier and a collector must do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.alerting import Message
from domain.points import Points
from domain.records import Decoded, Outcome


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for time-outs."""
        ...


class LifeCycle(Protocol):
    """Everything with I/O: the constructor does none, `stop` may be called twice and nothing is emitted after it."""

    def start(self) -> None:
        """Connect."""
        ...

    def stop(self) -> None:
        """Finish what is under way and disconnect."""
        ...


class PointStore(LifeCycle, Protocol):
    """Telemetry. The first stored value of a (tag, time) wins."""

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store a batch once: a repeated batch id changes nothing and returns the first outcome."""
        ...

    def read(self, tag_ids: Sequence[str], start: int, end: int) -> Points:
        """Return the points in [start, end) ns, by tag in the order asked and then by time."""
        ...

    def latest(self, tag_ids: Sequence[str], until: int) -> Points:
        """Return the newest point of each tag before `until` ns; tags without any are left out."""
        ...

    def count(self) -> int:
        """Number of points stored."""
        ...

    def bucketed(self, tag_id: str, start: int, end: int, n_buckets: int) -> Points:
        """Return at most 2 points per bucket of [start, end): the lowest and the highest, in time order."""
        ...

    def oldest_first(self, tag_ids: Sequence[str], since: int, until: int, most: int) -> Points:
        """Return up to `most` points with since < at <= until, oldest first over all tags."""
        ...


class Intake(Protocol):
    """Where collectors hand over what they received; durable when `accept` returns."""

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        """Commit (source, received_at, decoded) items in one transaction: good to the journal, bad to the dead
        letter.
        """
        ...


class Notifier(LifeCycle, Protocol):
    """Hands messages to the outside."""

    def send(self, message: Message) -> None:
        """Deliver one message; raises NotifyError."""
        ...
