"""Protocols between rooms: what a clock, a store, an intake, a notifier and a collector must do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from domain.access import Entry, Person
from domain.alerting import Message
from domain.audit import Action, Deed
from domain.points import Points, Rollup
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
    """Telemetry. The first stored value of a (tag, time) wins.

    A store that cannot be reached raises StoreAwayError from any call; the same call may be made again later.
    """

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written what this machine holds of it; it is only read.

        Called before `start`, so that of a newer data folder nothing is opened for writing.
        """
        ...

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store a batch once: a repeated batch id changes nothing and returns the first outcome.

        What the store will never take is in the outcome's `refused`, and the other points are stored.
        """
        ...

    def overwrite(self, batch: str, points: Points, supplied_at: Collection[int] | None = None) -> Outcome:
        """Store a batch once and let it win: a stored value that differs is replaced, and told as a conflict.

        supplied_at: only values that were received at these ns are replaced, any other stays as with `apply`.
        Of two values for one (tag, time) within the batch, the first one wins. `stored` counts what was not there
        before; what replaced another value counts among the conflicts.
        """
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

    def roll_up(self) -> int:
        """Bring the hourly figures up to date with every point stored; returns the number of hours looked at."""
        ...

    def rolled_up(self, tag_id: str, start: int, end: int) -> Rollup:
        """Return a tag's figures, as of the last `roll_up`, of the hours that begin in [start, end) ns."""
        ...

    def delete_before(self, until: int) -> None:
        """Delete the points before the hour that holds `until` ns, once their figures are rolled up; those stay.

        From then on, a point of that time is refused with Reason.RETENTION.
        """
        ...

    def size_bytes(self) -> int | None:
        """Return how much of this machine's disk the points take, None where a server keeps them."""
        ...

    def oldest_that_fits(self, max_bytes: int) -> int | None:
        """Return the start (ns) of the oldest UTC day from which on all points take at most so much of this machine's
        disk, None where they take no more than that already. The newest day always fits.

        Raises NotKeptHereError where a server keeps the points.
        """
        ...

    def snapshot(self, folder: Path) -> Path:
        """Write a consistent copy into `folder`, while points may still be stored, and return its file.

        Raises NotKeptHereError where a server keeps the points.
        """
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


class AuditLog(Protocol):
    """Where who did what is kept; nothing of it is changed or deleted."""

    def save(self, deed: Deed) -> None:
        """Append one deed."""
        ...


class Gate(Protocol):
    """Who may come in to the console; every answer is as of now."""

    def is_open(self) -> bool:
        """Whether anybody may do everything: there are no users, and only this machine reaches the console."""
        ...

    def person(self, session: str, *, is_active: bool) -> Person | None:
        """Return who a session belongs to, None for nobody. is_active: a person did something, no page by itself."""
        ...

    def log_in(self, name: str, password: str, origin: str, session: str, browser: str) -> Entry:
        """Let somebody in. session, browser: the tokens that the browser held. Raises ValueError for no name."""
        ...

    def log_out(self, session: str, origin: str) -> None:
        """End a session."""
        ...

    def change_password(self, name: str, old: str, new: str, origin: str) -> Entry:
        """Give a person another password and a new session."""
        ...

    def note(self, by: str, action: Action, subject: str, origin: str, reason: str = "") -> None:
        """Record what somebody did, or was refused."""
        ...
