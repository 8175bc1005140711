"""Telemetry on DuckDB: what is its own beside the contract of all point stores (tests/contracts)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pytest

from domain.errors import NewerDataError, StoreAwayError, StoreBusyError
from domain.points import Flag, Point, Points, Quality
from domain.records import Outcome
from store import duckdb_reads, open_points
from store.duckdb import MANY, DuckDBPoints
from store.duckdb_reads import FEW
from store.duckdb_steps import STEPS
from store.settings import DuckDBSettings
from tests.store.items import points

EVER = 2**62
ROOT = Path(__file__).parents[2]
OPEN_ONE_MORE = """
import pathlib, sys
from domain.errors import StoreAwayError, StoreBusyError
from store.duckdb import MANY, DuckDBPoints
try:
    DuckDBPoints(pathlib.Path(sys.argv[1])).start()
except StoreBusyError as error:
    print("busy", error)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBPoints]:
    made = DuckDBPoints(tmp_path)
    made.start()
    yield made
    made.stop()


def read(store: DuckDBPoints, *tags: str) -> list[tuple[str, int, float | None]]:
    return [(p.tag_id, p.at, p.value) for p in store.read(tags, 0, EVER).rows()]


def test_registry_opens_the_store_of_a_kind(tmp_path: Path) -> None:
    assert isinstance(open_points("duckdb", tmp_path), DuckDBPoints)


def test_file_of_0_1_0_is_brought_up_to_date_with_its_points(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "telemetry.duckdb")) as connection:
        connection.execute(STEPS[0])
        connection.execute("insert into tags values (1, 'a/x')")
        connection.execute("insert into points values (1, 5, 1.5, null, 0, 0, 0)")
        connection.execute("insert into batches values (1, 'b', 1, 0, '[]')")
    for _ in range(2):
        store = DuckDBPoints(tmp_path)
        store.refuse_newer()
        store.start()
        assert read(store, "a/x") == [("a/x", 5, 1.5)]
        assert store.apply("b", points(("a/x", 5, 1.5))) == Outcome(stored=1)
        store.stop()
    with duckdb.connect(str(tmp_path / "telemetry.duckdb")) as connection:
        assert connection.execute("select number from version").fetchall() == [(len(STEPS),)]


def test_file_of_a_newer_forewarn_is_refused_and_not_touched(store: DuckDBPoints, tmp_path: Path) -> None:
    store.refuse_newer()  # it is open here
    store.stop()
    file = tmp_path / "telemetry.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("update version set number = 999")
    before = file.read_bytes()
    for refuse in (store.refuse_newer, store.start):
        with pytest.raises(NewerDataError, match=r"the telemetry is at version 0999.*: start the Forewarn that"):
            refuse()
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_second_process_is_told_that_the_store_is_busy(store: DuckDBPoints, tmp_path: Path) -> None:
    store.apply("1", points(("a/x", 1, 1.0)))
    command = [sys.executable, "-c", OPEN_ONE_MORE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("busy"), done.stderr
    assert "belongs to a running Forewarn" in done.stdout
    assert store.count() == 1


def test_file_that_is_no_database_is_not_called_busy(tmp_path: Path) -> None:
    (tmp_path / "telemetry.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(Exception, match="not a valid DuckDB") as caught:
        DuckDBPoints(tmp_path).start()
    assert not isinstance(caught.value, StoreBusyError)


def test_failed_batch_leaves_nothing_behind(store: DuckDBPoints) -> None:
    good = points(("a/new", 1, 1.0), ("a/x", 2, 2.0))
    columns = {f.name: getattr(good, f.name) for f in fields(good)}
    broken = Points(**{**columns, "quality": np.array([300, 0])})  # no byte: the insert fails
    with pytest.raises(duckdb.Error):
        store.apply("1", broken)
    assert store.count() == 0
    assert store.roll_up() == 0
    assert store.apply("1", good) == Outcome(stored=2)
    assert read(store, "a/new", "a/x") == [("a/new", 1, 1.0), ("a/x", 2, 2.0)]


def test_a_long_range_is_the_same_with_and_without_odd_points(store: DuckDBPoints) -> None:
    n = FEW + 10
    names = np.array(["a/x", "a/y"] * (n // 2), dtype=object)
    at = np.arange(n)
    store.apply("1", Points.of(names, at, at * 0.5, received_at=[7] * n))
    plain = store.read(["a/y", "a/x"], 0, EVER)
    assert plain.at.tolist() == [*range(1, n, 2), *range(0, n, 2)]
    assert plain.tag_id.tolist() == ["a/y"] * (n // 2) + ["a/x"] * (n // 2)
    assert set(plain.received_at.tolist()) == {7}
    assert set(plain.text.tolist()) == {None}
    odd = Point("a/x", n, None, "off", Quality.BAD, Flag.TEXT, 8)
    store.apply("2", Points.from_rows([odd, Point("a/y", -1, 9.0)]))
    found = store.read(["a/y", "a/x"], -5, EVER)
    assert found.rows()[-1] == odd
    assert found.at[0] == -1  # stored last
    assert len(found) == n + 2
    assert len(store.read(["a/y"], 0, EVER)) == n // 2


def test_a_file_of_an_older_version_is_opened(tmp_path: Path) -> None:
    connection = duckdb.connect(str(tmp_path / "telemetry.duckdb"))
    connection.execute("""
        create table tags (tag_no integer, tag_id varchar);
        create table points (tag_no integer, at_ns bigint, value double, text varchar, quality utinyint,
            flags uinteger, received_at bigint);
        create table batches (sequence bigint, batch varchar, stored bigint, duplicates bigint, conflicts varchar);
        insert into tags values (1, 'a/x');
        insert into points values (1, 5, 1.0, null, 0, 0, 0);
        insert into batches values (1, '1', 1, 0, '[]');
    """)
    connection.close()
    store = DuckDBPoints(tmp_path)
    store.start()
    assert store.apply("1", points(("a/x", 5, 1.0))) == Outcome(stored=1)
    assert store.apply("2", points(("a/x", 5, 1.0), ("a/x", 6, 1.0))) == Outcome(1, 1)
    store.stop()


def test_a_file_is_read_by_nobody_through_sql(store: DuckDBPoints) -> None:
    with pytest.raises(duckdb.PermissionException):
        store._cursor().execute("select * from read_csv('/etc/passwd')")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 12 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_is_a_store_away_and_nothing_is_half_stored(small_disk: Path) -> None:
    store = DuckDBPoints(small_disk)
    store.start()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (9 << 20))
    n_stored = 0
    with pytest.raises(StoreAwayError, match="No space left"):  # noqa: PT012 - which batch is the last is the disk's choice
        for batch in range(50):
            rows = points(*(("a/x", batch * 10_000 + i, float(i)) for i in range(10_000)))
            n_stored += store.apply(f"b{batch}", rows).stored
    assert 0 < n_stored == store.count()
    filler.unlink()
    batch = n_stored // 10_000
    rows = points(*(("a/x", batch * 10_000 + i, float(i)) for i in range(10_000)))
    assert store.apply(f"b{batch}", rows).stored == 10_000
    store.stop()


class SlowToOpen(DuckDBPoints):
    """A store whose file cannot be opened for the next `n_faults` times."""

    n_faults = 0

    def start(self) -> None:
        if self.n_faults:
            self.n_faults -= 1
            raise duckdb.IOException("no space left on device")
        super().start()


def test_file_that_could_not_be_opened_again_is_tried_again(tmp_path: Path) -> None:
    store = SlowToOpen(tmp_path)
    store.start()
    store.apply("b1", points(("a/x", 1, 1.0)))
    store.n_faults = 2
    with pytest.raises(StoreAwayError, match="cannot be opened again"), store._transaction():
        raise duckdb.FatalException("the database has been invalidated")
    with pytest.raises(StoreAwayError, match="cannot be opened again"):
        store.apply("b2", points(("a/x", 2, 2.0)))
    assert store.apply("b2", points(("a/x", 1, 1.0), ("a/x", 2, 2.0))) == Outcome(stored=1, duplicates=1)
    store.stop()


def test_a_batch_for_all_threads_is_stored_as_a_small_one(store: DuckDBPoints) -> None:
    n = MANY + 1
    value = np.arange(n, dtype=np.float64)
    value[7] = np.nan
    texts = np.full(n, None, dtype=object)
    texts[7] = "off"
    big = Points.of(["a/x"] * n, range(n), value, texts, received_at=range(n))
    assert store.apply("1", big) == Outcome(stored=n)
    found = store.read(["a/x"], 0, EVER)
    assert found.take(slice(5, 9)).rows() == big.take(slice(5, 9)).rows()
    assert (found.at == big.at).all()
    row = store._cursor().execute("select count(*) from points where value is null").fetchone()
    assert row == (1,)


@pytest.mark.parametrize("n", [3, FEW + 1])
def test_what_is_noted_about_points_is_read_however_many_they_are(store: DuckDBPoints, n: int) -> None:
    odd = [
        Point("a/y", 1, None, "off", Quality.BAD, Flag.TEXT, 7),
        Point("a/y", 2, 2.0, None, Quality.UNCERTAIN, Flag.RANGE | Flag.HISTORICAL, 8),
    ]
    plain = [Point("a/x", at, 1.0, None, Quality.GOOD, Flag.NONE, at) for at in range(n)]
    store.apply("1", Points.from_rows([*plain[1:], *odd, plain[0]]))
    assert store.read(["a/y", "a/x"], 0, EVER).rows() == [*odd, *plain]
    assert store.read(["a/x"], 0, EVER).rows() == plain
    assert store.read(["a/y"], 2, EVER).rows() == odd[1:]


def test_tags_are_found_whether_their_numbers_follow_each_other_or_not(store: DuckDBPoints) -> None:
    tags = [f"a/{name}" for name in "uvwxyz"]
    store.apply("1", points(*((tag, 1, float(i)) for i, tag in enumerate(tags))))
    for asked in (tags, tags[::-1], tags[1:4], tags[::2], ["a/z", "a/u"], ["a/w", "a/v"]):
        assert read(store, *asked) == [(tag, 1, float(tags.index(tag))) for tag in asked]


def test_one_thread_answers_and_all_do_long_work(tmp_path: Path) -> None:
    store = DuckDBPoints(tmp_path, DuckDBSettings(threads=3))
    store.start()

    def n_threads() -> int:
        row = store._cursor().execute("select current_setting('threads')").fetchone()
        return int(row[0]) if row else 0

    assert n_threads() == 1
    with store._threads.all(store._cursor()):
        assert n_threads() == 3
        with pytest.raises(duckdb.CatalogException), store._transaction(is_long=True) as cursor:
            cursor.execute("select * from nothing")
        assert n_threads() == 3, "the first of the works goes on"
    assert n_threads() == 1
    with pytest.raises(duckdb.CatalogException), store._transaction(is_long=True) as cursor:
        cursor.execute("select * from nothing")
    assert n_threads() == 1
    store.apply("1", points(("a/x", 1, 1.0)))
    store.bucketed("a/x", 0, 10, 2), store.roll_up(), store.oldest_that_fits(1), store.snapshot(tmp_path / "copy")
    assert n_threads() == 1
    store.stop()


class Interrupted:
    """A cursor beside which another batch is stored, between two statements of one long read."""

    def __init__(self, store: DuckDBPoints, batch: Points) -> None:
        self._cursor, self._store, self._batch = store._cursor(), store, batch

    def execute(self, statement: str) -> Any:
        found = self._cursor.execute(statement).fetchall() if "count(*)" in statement else None
        if found is None:
            return self._cursor.execute(statement)
        self._store.apply("meanwhile", self._batch)
        return SimpleNamespace(fetchone=lambda: found[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def test_a_long_read_sees_one_state_of_the_points(tmp_path: Path) -> None:
    store = DuckDBPoints(tmp_path)
    store.start()
    n = duckdb_reads.FEW + 10
    store.apply("1", Points.of(["a/x"] * n, range(n), [1.0] * n))
    bad = Points.from_rows([Point("a/x", n + 5, None, text="I/O Timeout", quality=2)])
    cursor: Any = Interrupted(store, bad)
    found = duckdb_reads.read(cursor, store._known(["a/x"]), 0, 2**62, store._threads)
    assert (len(found), found.value.min()) == (n, 1.0)
    assert len(store.read(["a/x"], 0, 2**62)) == n + 1
    store.stop()
