"""Alerts and their transitions in the ledger.

Invariant: an alert's change, its transition rows and the notices they cause are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
    Hold,
    Priority,
    Transition,
)
from domain.errors import StaleAlertError
from domain.instants import from_ns, to_ns
from store import tables
from store.outbox import save_notices
from store.scoring import save_cursors
from store.sql import put, storable_text

_KEY = ("rule", "asset", "subject", "breach_since")
IDS_AT_ONCE: Final = 500
HoldKey = tuple[str, str]  # rule and asset


class Alerting:
    """Alerts and transitions on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(
        self,
        updates: Sequence[AlertUpdate],
        cursors: Mapping[str, int],
        now: datetime,
        holds: Mapping[HoldKey, Hold | None] | None = None,
    ) -> None:
        """Write changes, how far the rules have read, and what is held back (None: no longer), in one transaction.

        Raises StaleAlertError, and writes nothing, where an alert is no longer as the change was made from.
        """
        with self._engine.begin() as connection:
            for item in updates:
                try:
                    _save_alert(connection, item, now)
                except IntegrityError as error:
                    if item.seen is None:
                        raise
                    raise StaleAlertError(item.alert.id) from error  # a comment took the number of its next row
            save_cursors(connection, cursors)
            for key, hold in (holds or {}).items():
                _save_hold(connection, key, hold)

    def holds(self) -> dict[HoldKey, Hold]:
        """Return what persons hold back, by rule and asset."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.holds).order_by(tables.holds.c.rule, tables.holds.c.asset))
            return {
                (r.rule, r.asset): Hold(
                    AlertState(r.state), r.by, r.why, from_ns(r.since), None if r.until is None else from_ns(r.until)
                )
                for r in rows
            }

    def n_transitions(self, alert_ids: Sequence[str]) -> dict[str, int]:
        """Return how many transitions each of these alerts has."""
        t = tables.transitions
        found: dict[str, int] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(alert_ids), IDS_AT_ONCE):
                query = select(t.c.alert_id, func.count()).where(
                    t.c.alert_id.in_(alert_ids[start : start + IDS_AT_ONCE])
                )
                found |= {name: int(n) for name, n in connection.execute(query.group_by(t.c.alert_id))}
        return found

    def transitions_between(self, since: datetime, until: datetime) -> list[tuple[AlertKey, Priority, Transition]]:
        """Return the transitions with since <= at < until in time order, each with its alert's key and priority."""
        t, a = tables.transitions, tables.alerts
        query = select(t, a.c.rule, a.c.asset, a.c.subject, a.c.priority).join(a, a.c.id == t.c.alert_id)
        query = query.where(t.c.at >= to_ns(since), t.c.at < to_ns(until))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(t.c.at, t.c.alert_id, t.c.sequence))
            return [(AlertKey(r.rule, r.asset, r.subject), Priority(r.priority), _transition(r)) for r in rows]

    def open(self) -> dict[AlertKey, Alert]:
        """Return the pending or open alert of each key."""
        t = tables.alerts
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).where(t.c.state != AlertState.CLOSED.value)).all()
        return {a.key: a for a in map(_alert, rows)}

    def alerts(
        self,
        most: int = 1000,
        asset: str | None = None,
        rules: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> list[Alert]:
        """Return raised alerts, newest raise first. since: only those raised from then on, and those not closed."""
        t = tables.alerts
        query = select(t).where(t.c.raised_at.is_not(None)).order_by(t.c.raised_at.desc(), t.c.id).limit(most)
        if asset is not None:
            query = query.where(t.c.asset == asset)
        if rules is not None:
            query = query.where(t.c.rule.in_(sorted(rules)))
        if since is not None:
            query = query.where(or_(t.c.raised_at >= to_ns(since), t.c.state != AlertState.CLOSED.value))
        with self._engine.connect() as connection:
            return [_alert(r) for r in connection.execute(query)]

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert by its id."""
        t = tables.alerts
        with self._engine.connect() as connection:
            row = connection.execute(select(t).where(t.c.id == alert_id)).first()
        return None if row is None else _alert(row)

    def named(self, alert_ids: Sequence[str]) -> dict[str, Alert]:
        """Return alerts by id; one that is not there is left out."""
        t = tables.alerts
        found: dict[str, Alert] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(alert_ids), IDS_AT_ONCE):
                query = select(t).where(t.c.id.in_(alert_ids[start : start + IDS_AT_ONCE]))
                found |= {r.id: _alert(r) for r in connection.execute(query)}
        return found

    def transitions(self, alert_ids: Sequence[str] | None = None) -> list[Transition]:
        """Return transitions in order, of all alerts or of the named ones."""
        t = tables.transitions
        query = select(t).order_by(t.c.alert_id, t.c.sequence)
        parts = [query]
        if alert_ids is not None:
            starts = range(0, len(alert_ids), IDS_AT_ONCE)
            parts = [query.where(t.c.alert_id.in_(alert_ids[i : i + IDS_AT_ONCE])) for i in starts]
        with self._engine.connect() as connection:
            return [_transition(r) for part in parts for r in connection.execute(part)]

    def transitions_since(self, since: datetime) -> list[Transition]:
        """Return the transitions from an instant on, in the order of time."""
        t = tables.transitions
        query = select(t).where(t.c.at >= to_ns(since)).order_by(t.c.at, t.c.alert_id, t.c.sequence)
        with self._engine.connect() as connection:
            return [_transition(r) for r in connection.execute(query)]


def _save_alert(connection: Connection, item: AlertUpdate, now: datetime) -> None:
    t = tables.alerts
    row = _alert_row(item.alert)
    match = and_(*(t.c[k] == row[k] for k in _KEY))
    if item.seen is not None:
        # A write first, so that the transaction holds the lock and what it compares with cannot change any more.
        held = connection.execute(update(t).where(match, t.c.state == item.seen.value).values(state=t.c.state))
        if held.rowcount == 0:
            raise StaleAlertError(item.alert.id)
    if item.is_dropped:
        connection.execute(delete(t).where(match))
        return
    put(connection, t, [row], _KEY, tuple(row))
    for x in item.transitions:
        connection.execute(
            insert(tables.transitions).values(
                alert_id=x.alert_id,
                sequence=x.sequence,
                change=x.change.value,
                state=x.state.value,
                at=to_ns(x.at),
                value=x.value,
                by=storable_text(x.by),
                note=storable_text(x.note),
            )
        )
    save_notices(connection, item.notices, now)


def _save_hold(connection: Connection, key: HoldKey, hold: Hold | None) -> None:
    t = tables.holds
    if hold is None:
        connection.execute(delete(t).where(t.c.rule == key[0], t.c.asset == key[1]))
        return
    values = {
        "state": hold.state.value,
        "by": storable_text(hold.by),
        "why": storable_text(hold.why),
        "since": to_ns(hold.since),
        "until": None if hold.until is None else to_ns(hold.until),
    }
    put(connection, t, [{"rule": key[0], "asset": key[1], **values}], ["rule", "asset"], tuple(values))


def _alert_row(a: Alert) -> dict[str, Any]:
    return {
        "rule": a.key.rule,
        "asset": a.key.asset,
        "subject": a.key.subject,
        "breach_since": to_ns(a.breach_since),
        "id": a.id,
        "state": a.state.value,
        "pending_since": None if a.pending_since is None else to_ns(a.pending_since),
        "raised_at": None if a.raised_at is None else to_ns(a.raised_at),
        "last_at": to_ns(a.last_at),
        "value": a.value,
        "limit_value": a.limit,
        "priority": a.priority.value,
        "occurrences": a.occurrences,
        "acked_by": storable_text(a.acked_by),
        "acked_at": None if a.acked_at is None else to_ns(a.acked_at),
        "returning_since": None if a.returning_since is None else to_ns(a.returning_since),
        "is_present": int(a.is_present),
        "held_before": "" if a.held_before is None else a.held_before.value,
        "cause": storable_text(a.cause),
    }


def _transition(r: Any) -> Transition:
    return Transition(
        r.alert_id, r.sequence, Change(r.change), AlertState(r.state), from_ns(r.at), r.value, r.by, r.note
    )


def _alert(r: Any) -> Alert:
    return Alert(
        r.id,
        AlertKey(r.rule, r.asset, r.subject),
        AlertState(r.state),
        from_ns(r.breach_since),
        None if r.pending_since is None else from_ns(r.pending_since),
        None if r.raised_at is None else from_ns(r.raised_at),
        from_ns(r.last_at),
        r.value,
        r.limit_value,
        Priority(r.priority),
        r.occurrences,
        r.acked_by,
        None if r.acked_at is None else from_ns(r.acked_at),
        None if r.returning_since is None else from_ns(r.returning_since),
        bool(r.is_present),
        AlertState(r.held_before) if r.held_before else None,
        r.cause,
    )
