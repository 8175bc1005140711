"""The ledger: the relational side of the plant on one SQLite file or one PostgreSQL database, by subject."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select, update

from domain.instants import from_ns, to_ns
from store import tables
from store.alerting import Alerting
from store.audit import Audit
from store.leases import Leases
from store.ledger_settings import LedgerSettings
from store.migrations import bring_up_to_date, refuse_newer, refuse_newer_on
from store.outbox import Outbox
from store.postgres import open_postgres
from store.records import Records
from store.requests import Requests
from store.revisions import Revisions
from store.rhythms import Rhythms
from store.rule_changes import RuleChanges
from store.rulings import Rulings
from store.scoring import Scoring
from store.sql import put, storable_text
from store.sqlite import open_engine
from store.upkeep import Upkeep
from store.users import Users


class Ledger:
    """Records, scoring, alerting, outbox, upkeep, users, audit and leases in `folder/ledger.db`, or where the
    settings' url says; usable from several processes at once.
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
            self.rule_changes = RuleChanges(self._engine)
            self.rulings = Rulings(self._engine)
            self.outbox = Outbox(self._engine)
            self.rhythms = Rhythms(self._engine)
            self.upkeep = Upkeep(self._engine)
            self.users = Users(self._engine)
            self.audit = Audit(self._engine)
            self.leases = Leases(self._engine)

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

    def save_job_run(self, job: str, at: datetime, error: str = "", *, missed: int = 0, overlong: int = 0) -> None:
        """Record that a job ended well, or with an error; missed, overlong: runs to add to the counts."""
        t = tables.jobs
        values = {"failed_at" if error else "succeeded_at": to_ns(at), "error": storable_text(error)}
        added = {"n_runs": t.c.n_runs + 1, "n_missed": t.c.n_missed + missed, "n_overlong": t.c.n_overlong + overlong}
        with self._db.begin() as connection:
            put(connection, t, [{"name": job, **values}], ["name"], tuple(values))
            connection.execute(update(t).where(t.c.name == job).values(**added))

    def job_counts(self) -> dict[str, dict[str, int]]:
        """Return of each job how many runs there were, were missed, and took too long."""
        with self._db.connect() as connection:
            rows = connection.execute(select(tables.jobs).order_by(tables.jobs.c.name)).all()
        return {r.name: {"runs": r.n_runs, "missed": r.n_missed, "overlong": r.n_overlong} for r in rows}

    def job_runs(self) -> dict[str, tuple[datetime | None, str]]:
        """Return each job's last success and its last error, "" where the last run went well."""
        with self._db.connect() as connection:
            rows = connection.execute(select(tables.jobs).order_by(tables.jobs.c.name)).all()
        return {r.name: (None if r.succeeded_at is None else from_ns(r.succeeded_at), r.error) for r in rows}
