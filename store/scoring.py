"""Scores, verdicts, models and cursors in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, and_, delete, func, select, update

from domain.instants import from_ns, to_ns
from domain.scores import Contribution, Life, Scale, Score, Verdict
from store import tables
from store.audit import Deed, record
from store.sql import put, storable_number, take_turns

SCORE_KEY: Final = ("detector", "asset", "at", "subject")
_VERDICT_TOLD = ("verdict", "reason", "at", "newest_at", "is_stopped")


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One trained model as the ledger knows it; role `champion`, `challenger` or `retired`.

    promoted_at: when it last became champion by training or promotion; None where it never did.
    """

    model_id: str
    detector: str
    role: str
    trained_at: datetime
    details: Mapping[str, Any]
    promoted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What was last said of an asset. newest_at: its newest point, None where there is none."""

    asset: str
    verdict: Verdict
    reason: str
    at: datetime
    newest_at: datetime | None = None
    is_stopped: bool = False


class Scoring:
    """What detectors said, and which models said it, on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, scores: Sequence[Score], cursors: Mapping[str, int]) -> None:
        """Store scores and advance cursors in one transaction; a score that is there already stays."""
        with self._engine.begin() as connection:
            put(connection, tables.scores, [score_row(s) for s in scores], SCORE_KEY)
            save_cursors(connection, cursors)

    def cursors(self, prefix: str = "") -> dict[str, int]:
        """Return how far each named reader has come, in ns; of those whose names begin so."""
        query = select(tables.cursors)
        if prefix:
            query = query.where(tables.cursors.c.name.startswith(prefix, autoescape=True))
        with self._engine.connect() as connection:
            return {row.name: row.at for row in connection.execute(query)}

    def scores(
        self,
        detector: str,
        asset: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Score]:
        """Return a detector's scores with since < at <= until, by time."""
        t = tables.scores
        where = [t.c.detector == detector]
        if asset is not None:
            where.append(t.c.asset == asset)
        if since is not None:
            where.append(t.c.at > to_ns(since))
        if until is not None:
            where.append(t.c.at <= to_ns(until))
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).where(and_(*where)).order_by(t.c.at, t.c.asset, t.c.subject))
            return [read_score(r) for r in rows]

    def values(
        self, detector: str, since: datetime, until: datetime
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return of each asset when it was scored in (since, until], in ns, and the values; NaN = not assessed."""
        t = tables.scores
        where = t.c.detector == detector, t.c.at > to_ns(since), t.c.at <= to_ns(until), t.c.subject == ""
        found: dict[str, tuple[list[int], list[float]]] = {}
        with self._engine.connect() as connection:
            for asset, at, value in connection.execute(select(t.c.asset, t.c.at, t.c.value).where(*where)):
                ats, values = found.setdefault(asset, ([], []))
                ats.append(at)
                values.append(np.nan if value is None else value)
        arrays = {a: (np.array(at, dtype=np.int64), np.array(v, dtype=np.float64)) for a, (at, v) in found.items()}
        order = {a: np.argsort(at, kind="stable") for a, (at, _) in arrays.items()}
        return {a: (at[order[a]], v[order[a]]) for a, (at, v) in arrays.items()}

    def spans(self, detector: str, start: int, end: int) -> dict[str, tuple[int, int]]:
        """Return of each asset when it was first and last scored in [start, end), in ns."""
        t = tables.scores
        query = select(t.c.asset, func.min(t.c.at), func.max(t.c.at)).group_by(t.c.asset)
        query = query.where(t.c.detector == detector, t.c.at >= start, t.c.at < end)
        with self._engine.connect() as connection:
            return {asset: (first, last) for asset, first, last in connection.execute(query)}

    def latest(self, detector: str) -> dict[str, Score]:
        """Return a detector's newest score of each asset."""
        t = tables.scores
        newest = (
            select(t.c.asset, func.max(t.c.at).label("at"))
            .where(t.c.detector == detector)
            .group_by(t.c.asset)
            .subquery()
        )
        query = (
            select(t)
            .join(newest, and_(t.c.asset == newest.c.asset, t.c.at == newest.c.at))
            .where(t.c.detector == detector)
        )
        with self._engine.connect() as connection:
            return {r.asset: read_score(r) for r in connection.execute(query)}

    def newest(self, detector: str, asset: str, most: int) -> list[Score]:
        """Return a detector's last scores of one asset, the newest first."""
        t = tables.scores
        query = select(t).where(t.c.detector == detector, t.c.asset == asset)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(t.c.at.desc(), t.c.subject.desc()).limit(most))
            return [read_score(r) for r in rows]

    def count(self, verdict: Verdict | None = None) -> int:
        """Number of scores kept, or of those with one verdict."""
        query = select(func.count()).select_from(tables.scores)
        if verdict is not None:
            query = query.where(tables.scores.c.verdict == verdict.value)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def save_verdicts(self, rows: Sequence[VerdictRow]) -> None:
        """Write the present verdict of assets."""
        values = [
            {
                "asset": row.asset,
                "verdict": row.verdict.value,
                "reason": row.reason,
                "at": to_ns(row.at),
                "newest_at": None if row.newest_at is None else to_ns(row.newest_at),
                "is_stopped": int(row.is_stopped),
            }
            for row in rows
        ]
        with self._engine.begin() as connection:
            put(connection, tables.verdicts, values, ["asset"], _VERDICT_TOLD)

    def verdicts(self) -> dict[str, VerdictRow]:
        """Return the present verdict of each asset."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.verdicts)).all()
        return {
            r.asset: VerdictRow(
                r.asset,
                Verdict(r.verdict),
                r.reason,
                from_ns(r.at),
                None if r.newest_at is None else from_ns(r.newest_at),
                bool(r.is_stopped),
            )
            for r in rows
        }

    def add_model(self, row: ModelRow) -> None:
        """Register a model; the roles of others stay: what becomes champion is said by `promote`."""
        values = {
            "role": row.role,
            "trained_at": to_ns(row.trained_at),
            "details": json.dumps(row.details, sort_keys=True),
        }
        key = {"model_id": row.model_id, "detector": row.detector}
        with self._engine.begin() as connection:
            put(connection, tables.models, [key | values], tuple(key), tuple(values))

    def promote(self, deed: Deed, *, is_back: bool = False) -> None:
        """Make model deed.new the champion of detector deed.subject instead of deed.old, and record the deed, in one
        transaction. is_back: it was champion before, and keeps its place among the former ones.

        Raises ValueError where the champion is not deed.old any more, or there is no such model.
        """
        t = tables.models
        is_of = t.c.detector == deed.subject
        with self._engine.begin() as connection:
            take_turns(connection, "models")
            retired = update(t).where(is_of, t.c.role == "champion", t.c.model_id == deed.old).values(role="retired")
            n_champions = connection.execute(retired).rowcount
            left = connection.execute(select(t.c.model_id).where(is_of, t.c.role == "champion")).scalars().all()
            if left or n_champions != bool(deed.old):
                raise ValueError(f"the champion of {deed.subject} was changed meanwhile: look again and decide anew")
            fresh = {"role": "champion"} | ({} if is_back else {"promoted_at": to_ns(deed.at)})
            if not connection.execute(update(t).where(is_of, t.c.model_id == deed.new).values(**fresh)).rowcount:
                raise ValueError(f"no model {deed.new} of {deed.subject}")
            record(connection, deed)

    def forget_model(self, deed: Deed) -> None:
        """Delete model deed.old of detector deed.subject unless it is champion, and record the deed."""
        t = tables.models
        is_it = and_(t.c.detector == deed.subject, t.c.model_id == deed.old, t.c.role != "champion")
        with self._engine.begin() as connection:
            if connection.execute(delete(t).where(is_it)).rowcount:
                record(connection, deed)

    def models(self, detector: str | None = None) -> list[ModelRow]:
        """Return models, newest first."""
        t = tables.models
        query = select(t).order_by(t.c.trained_at.desc(), t.c.model_id)
        if detector is not None:
            query = query.where(t.c.detector == detector)
        with self._engine.connect() as connection:
            return [
                ModelRow(
                    r.model_id,
                    r.detector,
                    r.role,
                    from_ns(r.trained_at),
                    json.loads(r.details),
                    None if r.promoted_at is None else from_ns(r.promoted_at),
                )
                for r in connection.execute(query)
            ]

    def champion(self, detector: str) -> ModelRow | None:
        """Return a detector's champion, or None where it has no model yet."""
        return next((m for m in self.models(detector) if m.role == "champion"), None)


def save_cursors(connection: Connection, cursors: Mapping[str, int]) -> None:
    """Write how far named readers have come, in ns."""
    put(connection, tables.cursors, [{"name": name, "at": at} for name, at in cursors.items()], ["name"], ["at"])


def score_row(s: Score) -> dict[str, Any]:
    """Return a score as a row."""
    return {
        "detector": s.detector,
        "asset": s.asset,
        "at": to_ns(s.at),
        "subject": s.subject,
        "value": storable_number(s.value),
        "low": storable_number(s.low),
        "high": storable_number(s.high),
        "scale": s.scale.value,
        "model_id": s.model_id,
        "verdict": s.verdict.value,
        "reason": s.reason,
        "contributions": json.dumps([asdict(c) for c in s.contributions]),
        "life": "" if s.life is None else json.dumps(asdict(s.life)),
    }


def read_score(r: Any) -> Score:
    """Return the score of a row."""
    return Score(
        r.detector,
        r.asset,
        r.subject,
        from_ns(r.at),
        r.value,
        r.low,
        r.high,
        Scale(r.scale),
        r.model_id,
        Verdict(r.verdict),
        r.reason,
        tuple(Contribution(**c) for c in json.loads(r.contributions)),
        Life(**json.loads(r.life)) if r.life else None,
    )
