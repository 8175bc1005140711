"""Alerts and their transitions in the ledger.

Invariant: an alert's change, its transition rows and the notices they cause are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, select, update

from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
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


class Alerting:
    """Alerts and transitions on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, updates: Sequence[AlertUpdate], cursors: Mapping[str, int], now: datetime) -> None:
        """Write changes and how far the rules have read, in one transaction.

        Raises StaleAlertError, and writes nothing, where an alert is no longer in the state the change was made from.
        """
        with self._engine.begin() as connection:
            for item in updates:
                _save_alert(connection, item, now)
            save_cursors(connection, cursors)

    def open(self) -> dict[AlertKey, Alert]:
        """Return the pending or open alert of each key."""
        t = tables.alerts
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).where(t.c.state != AlertState.CLOSED.value)).all()
        return {a.key: a for a in map(_alert, rows)}

    def alerts(self, most: int = 1000, asset: str | None = None) -> list[Alert]:
        """Return raised alerts, newest raise first."""
        t = tables.alerts
        query = select(t).where(t.c.raised_at.is_not(None)).order_by(t.c.raised_at.desc(), t.c.id).limit(most)
        if asset is not None:
            query = query.where(t.c.asset == asset)
        with self._engine.connect() as connection:
            return [_alert(r) for r in connection.execute(query)]

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert by its id."""
        t = tables.alerts
        with self._engine.connect() as connection:
            row = connection.execute(select(t).where(t.c.id == alert_id)).first()
        return None if row is None else _alert(row)

    def transitions(self, alert_ids: Sequence[str] | None = None) -> list[Transition]:
        """Return transitions in order, of all alerts or of the named ones."""
        t = tables.transitions
        query = select(t).order_by(t.c.alert_id, t.c.sequence)
        if alert_ids is not None:
            query = query.where(t.c.alert_id.in_(alert_ids))
        with self._engine.connect() as connection:
            return [
                Transition(
                    r.alert_id,
                    r.sequence,
                    Change(r.change),
                    AlertState(r.state),
                    from_ns(r.at),
                    r.value,
                    r.by,
                    r.note,
                )
                for r in connection.execute(query)
            ]


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
    }


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
    )
