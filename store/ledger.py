"""The ledger: the relational side of the plant on one SQLite file, by subject."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.dialects.sqlite import insert as upsert

from domain.instants import from_ns, to_ns
from store import tables
from store.alerting import Alerting
from store.records import Records
from store.scoring import Scoring
from store.sqlite import open_engine


class Ledger:
    """Records, scoring and alerting in `folder/ledger.db`; usable from several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ledger.db"
        self._engine: Engine | None = None

    def start(self) -> None:
        """Open or create the file."""
        if self._engine is None:
            self._engine = open_engine(self._file, tables.TABLES)
            self.records = Records(self._engine)
            self.scoring = Scoring(self._engine)
            self.alerting = Alerting(self._engine)

    def stop(self) -> None:
        """Close the file."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def _db(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the ledger is not started")
        return self._engine

    def note(self, name: str) -> str | None:
        """Return a named note, such as how far a replay has come."""
        with self._db.connect() as connection:
            return connection.execute(
                select(tables.meta.c.value).where(tables.meta.c.name == name)
            ).scalar_one_or_none()

    def save_note(self, name: str, value: str) -> None:
        """Write a named note."""
        statement = upsert(tables.meta).values(name=name, value=value)
        with self._db.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

    def save_job_run(self, job: str, at: datetime, error: str = "") -> None:
        """Record that a job ended well, or with an error."""
        values = {"failed_at" if error else "succeeded_at": to_ns(at), "error": error}
        statement = upsert(tables.jobs).values(name=job, **values)
        with self._db.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

    def job_runs(self) -> dict[str, tuple[datetime | None, str]]:
        """Return each job's last success and its last error, "" where the last run went well."""
        with self._db.connect() as connection:
            rows = connection.execute(select(tables.jobs).order_by(tables.jobs.c.name)).all()
        return {r.name: (None if r.succeeded_at is None else from_ns(r.succeeded_at), r.error) for r in rows}
