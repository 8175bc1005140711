"""What commands ask of the running service: questions in, answers out, through one table of the ledger.

Invariant: a request is answered once; until then it is open, and survives a crash of either side.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select, update

from domain.instants import from_ns, to_ns
from store import tables


@dataclass(frozen=True, slots=True)
class Request:
    """One request; answer and done_at are None while it is open. progress is a line for people."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    asked_at: datetime
    progress: str
    answer: Mapping[str, Any] | None
    done_at: datetime | None


class Requests:
    """The requests on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, kind: str, payload: Mapping[str, Any], now: datetime) -> int:
        """Put a request; returns its id."""
        row = {"kind": kind, "payload": json.dumps(payload), "asked_at": to_ns(now), "progress": ""}
        with self._engine.begin() as connection:
            key = connection.execute(insert(tables.requests).values(**row)).inserted_primary_key
        if key is None:
            raise RuntimeError("the database gave no id")
        return int(key[0])

    def open(self, kinds: Collection[str]) -> list[Request]:
        """Return the open requests of some kinds, oldest first."""
        t = tables.requests
        query = select(t).where(t.c.done_at.is_(None), t.c.kind.in_(kinds)).order_by(t.c.id)
        with self._engine.connect() as connection:
            return [_request(row) for row in connection.execute(query)]

    def ahead_of(self, number: int) -> Request | None:
        """Return the oldest open request that was put before one, which is the one under way; None for no such."""
        t = tables.requests
        query = select(t).where(t.c.done_at.is_(None), t.c.id < number).order_by(t.c.id).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _request(row)

    def get(self, number: int) -> Request | None:
        """Return one request."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tables.requests).where(tables.requests.c.id == number)).first()
        return None if row is None else _request(row)

    def note(self, number: int, progress: str) -> None:
        """Say how far the work has come."""
        self._update(number, {"progress": progress})

    def answer(self, number: int, answer: Mapping[str, Any], now: datetime) -> None:
        """Close a request with its answer; one that is closed stays as it is."""
        self._update(number, {"answer": json.dumps(answer), "done_at": to_ns(now)})

    def withdraw(self, number: int, now: datetime) -> bool:
        """Close a request that nobody took up; returns whether it was still open."""
        return self._update(number, {"answer": json.dumps({"withdrawn": True}), "done_at": to_ns(now)})

    def _update(self, number: int, values: Mapping[str, Any]) -> bool:
        t = tables.requests
        with self._engine.begin() as connection:
            found = connection.execute(update(t).where(t.c.id == number, t.c.done_at.is_(None)).values(**values))
        return bool(found.rowcount)


def _request(row: Any) -> Request:
    return Request(
        row.id,
        row.kind,
        json.loads(row.payload),
        from_ns(row.asked_at),
        row.progress,
        None if row.answer is None else json.loads(row.answer),
        None if row.done_at is None else from_ns(row.done_at),
    )
