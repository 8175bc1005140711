"""The ledger: the relational side of the plant on one SQLite file or one PostgreSQL database, by subject."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select

from domain.instants import from_ns, to_ns
from store import tables
from store.alerting import Alerting
from store.ledger_settings import LedgerSettings
from store.migrations import bring_up_to_date, refuse_newer, refuse_newer_on
from store.postgres import open_postgres
from store.records import Records
from store.requests import Requests
from store.revisions import Revisions
from store.scoring import Scoring
from store.sql import put, storable_text
from store.sqlite import open_engine
from store.upkeep import Upkeep


class Ledger:
    """Records, scoring, alerting and upkeep in `folder/ledger.db`, or where the settings' url says; usable from several
    processes at once.
    """

    def __init__(self, folder: Path, settings: LedgerSettings | None = None) -> None:
        self._file, self._settings = folder / "ledger.db", settings or LedgerSettings()
        self._engine: Engine | None = None

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the database; it is only read."""
        if not self._settings.is_postgres:
            refuse_newer(self._file, "ledger")
            return
        engine = open_postgres(self._settings)
        try:
            refuse_newer_on(engine, "ledger")
        finally:
            engine.dispose()

    def start(self) -> None:
        """Open or create the database; raises NewerDataError, and StoreAwayError where PostgreSQL is not reached."""
        if self._engine is None:
            self._engine = self._open()
            self.records = Records(self._engine)
            self.requests = Requests(self._engine)
            self.scoring = Scoring(self._engine)
            self.revisions = Revisions(self._engine)
            self.alerting = Alerting(self._engine)
            self.upkeep = Upkeep(self._engine)

    def stop(self) -> None:
        """Close the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def file(self) -> Path | None:
        """The SQLite file; None where the ledger is on PostgreSQL."""
        return None if self._settings.is_postgres else self._file

    @property
    def _db(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the ledger is not started")
        return self._engine

    def _open(self) -> Engine:
        if not self._settings.is_postgres:
            return open_engine(self._file, tables.TABLES, "ledger")
        engine = open_postgres(self._settings)
        try:
            bring_up_to_date(engine, "ledger", tables.TABLES)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def note(self, name: str) -> str | None:
        """Return a named note, such as how far a replay has come."""
        with self._db.connect() as connection:
            return connection.execute(
                select(tables.meta.c.value).where(tables.meta.c.name == name)
            ).scalar_one_or_none()

    def save_note(self, name: str, value: str) -> None:
        """Write a named note."""
        with self._db.begin() as connection:
            put(connection, tables.meta, [{"name": name, "value": value}], ["name"], ["value"])

    def save_job_run(self, job: str, at: datetime, error: str = "") -> None:
        """Record that a job ended well, or with an error."""
        values = {"failed_at" if error else "succeeded_at": to_ns(at), "error": storable_text(error)}
        with self._db.begin() as connection:
            put(connection, tables.jobs, [{"name": job, **values}], ["name"], tuple(values))

    def job_runs(self) -> dict[str, tuple[datetime | None, str]]:
        """Return each job's last success and its last error, "" where the last run went well."""
        with self._db.connect() as connection:
            rows = connection.execute(select(tables.jobs).order_by(tables.jobs.c.name)).all()
        return {r.name: (None if r.succeeded_at is None else from_ns(r.succeeded_at), r.error) for r in rows}
