"""Databases of earlier releases are brought up to date with their rows, and those of later ones are left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, text

from domain.alerting import AlertState
from domain.errors import NewerDataError
from domain.records import Decoded, Outcome
from store import migrations
from store.batch_log import BatchLog
from store.journal import Journal
from store.ledger import Ledger
from store.ledger_settings import LedgerSettings
from store.migrations.__main__ import TABLES
from store.postgres import open_postgres
from tests.store.items import FULL, NO_POINTS, at, event

DATA = Path(__file__).parent / "data"
FILES = {"ledger": "ledger.db", "books": "journal.db"}


def as_0_1_0(folder: Path) -> Path:
    """Make the databases of a 0.1.0 data folder, with rows of every table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        with closing(sqlite3.connect(folder / file)) as connection:
            connection.executescript((DATA / f"{name}_0_1_0.sql").read_text(encoding="utf-8"))
    return folder


def version(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        (found,) = connection.execute("select version_num from alembic_version").fetchall()
    return str(found[0])


def test_the_ledger_of_0_1_0_is_opened_with_its_rows(tmp_path: Path) -> None:
    ledger = Ledger(as_0_1_0(tmp_path))
    ledger.start()
    assert ledger.records.counts() == {"events": 3, "lots": 2, "results": 2}
    assert [e.end for e in ledger.records.events(at(9)) if e.code == "F1"] == [at(4)]
    assert ledger.records.lots("l", at(9)) == list(FULL.lots)
    assert ledger.records.apply("b1", [FULL]) == Outcome(stored=6)  # the batch is still known
    report = ledger.records.file("abc")
    assert report is not None
    assert (report.rows_in, report.stored) == (10, 6)
    assert [s.value for s in ledger.scoring.scores("d")] == [0.5]
    assert ledger.scoring.cursors() == {"d:a": 5, "rule:hot": 7}
    assert [m.model_id for m in ledger.scoring.models()] == ["m1"]
    assert [a.state for a in ledger.alerting.alerts()] == [AlertState.ACTIVE_UNACKED]
    assert len(ledger.alerting.transitions()) == len(ledger.outbox.due(at(2))) == 1
    assert (ledger.note("replayed_to"), list(ledger.job_runs())) == ("2", ["tick"])
    assert ledger.records.apply("new", [FULL]) == Outcome(duplicates=6)
    ledger.stop()


def test_the_journal_of_0_1_0_keeps_its_sum_and_what_waited(tmp_path: Path) -> None:
    journal = Journal(as_0_1_0(tmp_path))
    journal.start()
    sums = {t.source: t for t in journal.totals()}
    assert (sums["mqtt"].received, sums["mqtt"].stored, sums["mqtt"].dead_lettered) == (20, 9, 2)
    assert (sums["mqtt"].in_journal, sums["dump:x"].stored) == (9, 1)
    assert not any(t.difference for t in sums.values())
    claimed = journal.claim(100)
    assert claimed is not None
    (waited,) = claimed.decoded
    assert waited.points.value.tolist()[:1] == FULL.points.value.tolist()[:1]
    assert (waited.events, waited.lots, waited.results) == (FULL.events, FULL.lots, FULL.results)
    journal.finish(claimed, Outcome(stored=9))
    (total,) = [t for t in journal.totals() if t.source == "mqtt"]
    assert (total.received, total.stored, total.in_journal, total.difference) == (20, 18, 0, 0)
    assert [(x.id, x.topic, x.payload, x.n_items) for x in journal.dead_letters()] == [
        (2, "forewarn/points/a", b"{", 1),
        (1, "forewarn/points/a", b"{", 1),
    ]
    journal.stop()


@pytest.mark.parametrize("name", FILES)
def test_a_copy_is_kept_before_an_upgrade_and_none_where_there_is_nothing_to_do(name: str, tmp_path: Path) -> None:
    as_0_1_0(tmp_path)
    for _ in range(2):
        for room in (Ledger(tmp_path), Journal(tmp_path)):
            room.start()
            room.stop()
    copy = tmp_path / f"{FILES[name]}.0001.bak"
    assert [x.name for x in tmp_path.glob(f"{FILES[name]}*.bak*")] == [copy.name]
    with closing(sqlite3.connect(copy)) as connection:
        held = {r[0] for r in connection.execute("select name from sqlite_master where type = 'table'")}
    assert "alembic_version" not in held
    assert held >= ({"events", "outbox"} if name == "ledger" else {"journal", "tallies"})


@pytest.mark.parametrize("name", FILES)
def test_a_new_database_is_at_the_newest_version_and_makes_no_copy(name: str, tmp_path: Path) -> None:
    for room in (Ledger(tmp_path), Journal(tmp_path)):
        room.start()
        room.stop()
    assert version(tmp_path / FILES[name]) == migrations.versions(name)[-1]
    assert list(tmp_path.glob("*.bak")) == []


@pytest.mark.parametrize("name", TABLES)
def test_a_database_of_a_newer_forewarn_is_refused_and_not_touched(name: str, tmp_path: Path) -> None:
    room = {"ledger": Ledger, "books": Journal}[name](tmp_path) if name in FILES else BatchLog(tmp_path / "influxdb.db")
    room.refuse_newer()  # there is nothing yet
    room.start()
    room.stop()
    room.refuse_newer()
    file = tmp_path / {**FILES, "notes": "influxdb.db"}[name]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("update alembic_version set version_num = '0999'")
        connection.commit()
    before = file.read_bytes()
    for refuse in (room.refuse_newer, room.start):
        with pytest.raises(
            NewerDataError, match=rf"the {name} is at version 0999.*up to .*: start the Forewarn that wrote it"
        ):
            refuse()
    assert version(file) == "0999"
    assert file.read_bytes() == before


def test_a_ledger_of_a_newer_forewarn_on_a_server_is_refused(ledger_at: LedgerSettings, tmp_path: Path) -> None:
    if not ledger_at.is_postgres:
        pytest.skip("looked at on SQLite above")
    ledger = Ledger(tmp_path, ledger_at)
    ledger.refuse_newer()
    ledger.start()
    ledger.refuse_newer()
    with ledger._db.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0999'"))
    with pytest.raises(NewerDataError, match="the ledger is at version 0999"):
        ledger.refuse_newer()
    ledger.stop()


def test_what_cannot_be_read_is_left_to_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    Journal(tmp_path).refuse_newer()
    Journal(as_0_1_0(tmp_path / "old")).refuse_newer()
    assert version(_upgraded(tmp_path / "old")) == migrations.versions("books")[-1]


def _upgraded(folder: Path) -> Path:
    journal = Journal(folder)
    journal.start()
    journal.stop()
    return folder / "journal.db"


def test_an_upgrade_that_breaks_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    as_0_1_0(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("create table cleared (name text)")  # stands in the way of step 2
    with pytest.raises(Exception, match="cleared"):
        Ledger(tmp_path).start()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        held = {r[0] for r in connection.execute("select name from sqlite_master")}
        connection.execute("drop table cleared")
    assert not held & {"applied_sequence", "alembic_version"}
    ledger = Ledger(tmp_path)
    ledger.start()
    assert ledger.records.counts()["events"] == 3
    ledger.stop()


@pytest.mark.parametrize("name", TABLES)
def test_the_steps_make_the_tables_that_the_code_names(name: str, tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path / 'made.db'}").connect() as connection:
        assert differences(connection, name, TABLES[name]) == []


def test_the_steps_make_the_same_tables_on_postgresql(ledger_at: LedgerSettings) -> None:
    if not ledger_at.is_postgres:
        pytest.skip("looked at on SQLite above")
    engine = open_postgres(ledger_at)
    with engine.connect() as connection:
        assert differences(connection, "ledger", TABLES["ledger"]) == []
    engine.dispose()


def differences(connection: object, name: str, tables: MetaData) -> list[object]:
    """Return how the tables that the steps make differ from those in code."""
    migrations.upgrade(connection, name)  # type: ignore[arg-type]
    context = MigrationContext.configure(connection, opts={"compare_type": True})  # type: ignore[arg-type]
    return [d for d in compare_metadata(context, tables) if "alembic_version" not in str(d)]


def test_a_difference_between_steps_and_code_would_be_found(tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path / 'made.db'}").connect() as connection:
        migrations.upgrade(connection, "ledger")
        connection.execute(text("drop table cleared"))
        context = MigrationContext.configure(connection)
        assert [d[0] for d in compare_metadata(context, TABLES["ledger"])] == ["add_table"]


@pytest.mark.parametrize("name", TABLES)
def test_steps_are_numbered_without_a_gap(name: str) -> None:
    found = migrations.versions(name)
    assert found == [f"{i:04}" for i in range(1, len(found) + 1)]


def test_opening_what_is_up_to_date_imports_no_alembic(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom store.ledger import Ledger\nfrom store.journal import Journal\n"
        f"for _ in range(2):\n    for room in (Ledger, Journal):\n        r = room(Path({str(tmp_path)!r}))\n"
        "        r.start()\n        r.stop()\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_the_same_event_is_known_across_an_upgrade(tmp_path: Path) -> None:
    ledger = Ledger(as_0_1_0(tmp_path))
    ledger.start()
    assert ledger.records.apply("later", [Decoded(NO_POINTS, (event(end=4),))]) == Outcome(duplicates=1)
    ledger.stop()
