"""Data that came late, as spans of time for each detector and asset, and the scores that are revised for it.

Invariants: a span goes in the transaction that writes the scores it asks for; what a revised score was before is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, and_, bindparam, delete, insert, literal, select, update

from domain.instants import from_ns, to_ns
from domain.scores import Score
from store import tables
from store.scoring import SCORE_KEY, read_score, score_row
from store.sql import put

SAID: Final = ("value", "low", "high", "scale", "model_id", "verdict", "reason", "contributions", "life")


@dataclass(frozen=True, slots=True)
class LateSpan:
    """Late data of an asset: a detector's windows are touched that end after `start` and reach before `end` (ns).

    id: 0 before it is stored.
    """

    detector: str
    asset: str
    start: int
    end: int
    id: int = 0


@dataclass(frozen=True, slots=True)
class Former:
    """A score as it was before it was revised, and until when it stood."""

    score: Score
    version: int
    revised_at: datetime


class Revisions:
    """Late spans and former scores on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, spans: Sequence[LateSpan]) -> None:
        """Store spans; the same span twice is looked at twice, and changes nothing the second time."""
        rows = [{"detector": s.detector, "asset": s.asset, "start": s.start, "end": s.end} for s in spans]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(tables.late_spans), rows)

    def spans(self) -> list[LateSpan]:
        """Return what is not yet looked at, in the order in which it came."""
        t = tables.late_spans
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).order_by(t.c.id)).all()
        return [LateSpan(r.detector, r.asset, r.start, r.end, r.id) for r in rows]

    def revise(
        self, scores: Sequence[Score], done: Sequence[LateSpan], left: Sequence[LateSpan], now: datetime
    ) -> None:
        """Write scores as the newest versions, keep what they replace, and take away the spans that are done.

        left: stored spans with a later start, of which a part is done. A score that was not there is a first version.
        """
        with self._engine.begin() as connection:
            rows = [score_row(score) for score in scores]
            if rows:
                _keep(connection, rows, now)
                put(connection, tables.scores, rows, SCORE_KEY, SAID)
            t = tables.late_spans
            if done:
                connection.execute(delete(t).where(t.c.id == bindparam("number")), [{"number": s.id} for s in done])
            for span in left:
                connection.execute(update(t).where(t.c.id == span.id).values(start=span.start))

    def former(self, detector: str, asset: str | None = None) -> list[Former]:
        """Return a detector's scores that were revised, as they were, by window and version."""
        t = tables.former_scores
        query = select(t).where(t.c.detector == detector)
        if asset is not None:
            query = query.where(t.c.asset == asset)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(t.c.at, t.c.asset, t.c.subject, t.c.version)).all()
        return [Former(read_score(r), r.version, from_ns(r.revised_at)) for r in rows]


def _keep(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Copy the scores that stand under the rows' keys to the former ones, and count their next version."""
    s, f = tables.scores, tables.former_scores
    is_it = and_(*(s.c[name] == bindparam(f"its_{name}") for name in SCORE_KEY))
    keys = [{f"its_{name}": row[name] for name in SCORE_KEY} for row in rows]
    columns = [*SCORE_KEY, "version", *SAID]
    held = select(*(s.c[name] for name in columns), literal(to_ns(now), BigInteger)).where(is_it)
    connection.execute(insert(f).from_select([*columns, "revised_at"], held), keys)
    connection.execute(update(s).where(is_it).values(version=s.c.version + 1), keys)
