"""Notices, who was told of them, and the messages on their way out, in the ledger.

Invariant: messages and the tellings that they make are one transaction, and a notice is told to a receiver at each step
by one message only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, update

from domain.alerting import AlertState, Message, Notice, Priority
from domain.instants import from_ns, to_ns
from domain.notices import OpenNotice, Past, Telling, Told
from store import tables
from store.sql import put, storable_text, take_turns

UNACKED: Final = tuple(
    s.value for s in (AlertState.ACTIVE_UNACKED, AlertState.RETURNED_UNACKED, AlertState.LATCHED_UNACKED)
)
ROWS_AT_ONCE: Final = 500  # names in one `in (...)`


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many messages wait, went out, and were given up."""

    waiting: int
    sent: int
    given_up: int


class Outbox:
    """Notices, tellings and messages on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_notices(self) -> list[OpenNotice]:
        """Return the notices that may still have to be told, oldest first."""
        t, a, told = tables.notices, tables.alerts, tables.tellings
        newer = t.alias("newer")
        newest = select(func.max(newer.c.sequence)).where(newer.c.alert_id == t.c.alert_id).scalar_subquery()
        query = (
            select(t, a.c.state, newest.label("newest"))
            .outerjoin(a, a.c.id == t.c.alert_id)
            .where(t.c.settled_at.is_(None))
            .order_by(t.c.noted_at, t.c.key)
        )
        tellings = select(told).join(t, t.c.key == told.c.notice).where(t.c.settled_at.is_(None)).order_by(told.c.step)
        with self._engine.connect() as connection:
            by_notice: dict[str, dict[str, Told]] = defaultdict(dict)
            for r in connection.execute(tellings):
                by_notice[r.notice][r.receiver] = Told(r.step, from_ns(r.at))
            return [
                OpenNotice(
                    r.key,
                    r.alert_id,
                    r.asset,
                    r.rule,
                    Priority(r.priority),
                    from_ns(r.noted_at),
                    r.state in UNACKED and r.sequence == r.newest,
                    by_notice.get(r.key, {}),
                )
                for r in connection.execute(query)
            ]

    def facts(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the facts of notices by key."""
        t = tables.notices
        found: dict[str, str] = {}
        with self._engine.connect() as connection:
            for first in range(0, len(keys), ROWS_AT_ONCE):
                some = list(keys[first : first + ROWS_AT_ONCE])
                found.update((r.key, r.facts) for r in connection.execute(select(t).where(t.c.key.in_(some))))
        return found

    def past(self, since: datetime) -> list[Past]:
        """Return the messages that were planned after an instant, oldest first."""
        t = tables.outbox
        query = select(t.c.notifier, t.c.about, t.c.planned_at).where(t.c.planned_at > to_ns(since))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(t.c.planned_at)).all()
        return [Past(r.notifier, r.about, from_ns(r.planned_at)) for r in rows]

    def save_plan(
        self, messages: Sequence[Message], tellings: Sequence[Telling], settled: Sequence[str], now: datetime
    ) -> None:
        """Put messages into the outbox with what they tell, and settle notices, in one transaction."""
        told = [
            {"notice": x.notice, "receiver": x.receiver, "step": x.step, "message": x.message, "at": to_ns(now)}
            for x in tellings
        ]
        with self._engine.begin() as connection:
            take_turns(connection, "outbox")
            if told:
                connection.execute(insert(tables.tellings), told)
            for message in messages:
                _put(connection, replace(message, planned_at=now), now)
            t = tables.notices
            for first in range(0, len(settled), ROWS_AT_ONCE):
                some = list(settled[first : first + ROWS_AT_ONCE])
                connection.execute(update(t).where(t.c.key.in_(some)).values(settled_at=to_ns(now)))

    def due(self, now: datetime, notifier: str | None = None, most: int = 100) -> list[Message]:
        """Return messages to send now, highest priority first and then oldest due; of one notifier or of all."""
        t = tables.outbox
        query = select(t).where(_waits(), t.c.due_at <= to_ns(now)).order_by(t.c.rank, t.c.due_at, t.c.key).limit(most)
        if notifier is not None:
            query = query.where(t.c.notifier == notifier)
        with self._engine.connect() as connection:
            return [_message(r) for r in connection.execute(query)]

    def waiting_receivers(self, now: datetime) -> list[str]:
        """Return for whom messages are due."""
        t = tables.outbox
        with self._engine.connect() as connection:
            query = select(t.c.notifier).where(_waits(), t.c.due_at <= to_ns(now)).distinct().order_by(t.c.notifier)
            return list(connection.execute(query).scalars())

    def close_message(self, key: str, at: datetime) -> None:
        """Note that a message was delivered."""
        self._update(key, sent_at=to_ns(at), error="")

    def delay_message(self, key: str, attempts: int, due_at: datetime, error: str) -> None:
        """Note a failed attempt and when the next one is due."""
        self._update(key, attempts=attempts, due_at=to_ns(due_at), error=storable_text(error))

    def give_up_message(self, key: str, at: datetime, error: str) -> None:
        """Note that a message can never be delivered; it stays listed."""
        self._update(key, given_up_at=to_ns(at), error=storable_text(error))

    def hold(self, notifier: str, until: datetime) -> None:
        """Send nothing to a notifier before an instant: it asked for that."""
        t = tables.outbox
        with self._engine.begin() as connection:
            match = and_(_waits(), t.c.notifier == notifier, t.c.due_at < to_ns(until))
            connection.execute(update(t).where(match).values(due_at=to_ns(until)))

    def hand_over(self, message: Message, notifier: str, now: datetime) -> bool:
        """Give a message that cannot be delivered to another notifier as well; False where it has it already."""
        copy = replace(message, key=f"{message.key}:instead:{notifier}", notifier=notifier, planned_at=now)
        with self._engine.begin() as connection:
            return _put(connection, copy, now) > 0

    def counts(self) -> OutboxCounts:
        """Count messages by what became of them."""
        t = tables.outbox
        query = select(
            func.count().filter(_waits()),
            func.count().filter(t.c.sent_at.is_not(None)),
            func.count().filter(t.c.given_up_at.is_not(None)),
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one()
        return OutboxCounts(*map(int, row))

    def undelivered(self, now: datetime, patience: timedelta, memory: timedelta) -> dict[str, tuple[int, str]]:
        """Return by notifier how many messages have failed and waited longer than `patience`, or were given up within
        `memory`, and an error of theirs.
        """
        t = tables.outbox
        late = and_(_waits(), t.c.attempts > 0, t.c.planned_at < to_ns(now - patience))
        lost = t.c.given_up_at > to_ns(now - memory)
        query = select(t.c.notifier, func.count(), func.max(t.c.error)).where(or_(late, lost)).group_by(t.c.notifier)
        with self._engine.connect() as connection:
            return {name: (int(n), error) for name, n, error in connection.execute(query)}

    def receivers_of(self, notices: Sequence[str]) -> Mapping[str, str]:
        """Return by receiver what became of the message that last told it of these notices: sent, waiting, given up."""
        t, told = tables.outbox, tables.tellings
        query = (
            select(told.c.receiver, t.c.sent_at, t.c.given_up_at)
            .join(t, t.c.key == told.c.message)
            .where(told.c.notice.in_(list(notices)))
            .order_by(told.c.at)
        )
        with self._engine.connect() as connection:
            return {
                r.receiver: "sent" if r.sent_at is not None else "given up" if r.given_up_at is not None else "waiting"
                for r in connection.execute(query)
            }

    def _update(self, key: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(tables.outbox).where(tables.outbox.c.key == key).values(**values))


def save_notices(connection: Connection, notices: Sequence[Notice], now: datetime) -> None:
    """Add notices within the transaction that changes their alert."""
    for n in notices:
        connection.execute(
            insert(tables.notices).values(
                key=n.key,
                alert_id=n.alert_id,
                sequence=n.sequence,
                asset=n.asset,
                rule=n.rule,
                priority=n.priority.value,
                facts=storable_text(n.facts),
                noted_at=to_ns(now),
            )
        )


def delete_old(connection: Connection, before: datetime) -> int:
    """Delete messages that were sent or given up before an instant, and notices settled before it; returns the number
    of messages. Alerts stay.
    """
    t, n, told = tables.outbox, tables.notices, tables.tellings
    old = select(n.c.key).where(n.c.settled_at < to_ns(before))
    connection.execute(delete(told).where(told.c.notice.in_(old)))
    connection.execute(delete(n).where(n.c.settled_at < to_ns(before)))
    is_old = (t.c.sent_at < to_ns(before)) | (t.c.given_up_at < to_ns(before))
    return connection.execute(delete(t).where(is_old)).rowcount


def _waits() -> Any:
    t = tables.outbox
    return and_(t.c.sent_at.is_(None), t.c.given_up_at.is_(None))


def _put(connection: Connection, m: Message, now: datetime) -> int:
    row = {
        "key": m.key,
        "notifier": m.notifier,
        "alert_id": m.alert_id,
        "payload": storable_text(m.payload),
        "attempts": 0,
        "due_at": to_ns(now),
        "error": "",
        "priority": m.priority.value,
        "rank": m.priority.rank,
        "about": m.about,
        "planned_at": to_ns(m.planned_at or now),
    }
    return put(connection, tables.outbox, [row], ["key"])


def _message(r: Any) -> Message:
    return Message(
        r.key, r.notifier, r.alert_id, r.payload, r.attempts, Priority(r.priority), r.about, from_ns(r.planned_at)
    )
