"""Telemetry on DuckDB: what is stored, what is counted, what is read back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instants import from_ns
from domain.points import Flag, Point, Points, Quality
from domain.records import Conflict, Outcome
from store import open_points
from store.duckdb import DuckDBPoints, StoreBusyError
from tests.store.items import points

EVER = 2**62
ROOT = Path(__file__).parents[2]
OPEN_ONE_MORE = """
import pathlib, sys
from store.duckdb import DuckDBPoints, StoreBusyError
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


def test_every_column_comes_back(store: DuckDBPoints) -> None:
    rows = [
        Point("a/x", 1, 1.5, None, Quality.GOOD, Flag.NONE, 11),
        Point("a/x", 2, None, "off", Quality.BAD, Flag.TEXT | Flag.NULL, 12),
        Point("a/x", 3, -1e300, None, Quality.UNCERTAIN, Flag.SERVER_TIME, 13),
    ]
    store.apply("1", Points.from_rows(rows))
    assert store.read(["a/x"], 0, EVER).rows() == rows


def test_first_value_wins_across_batches(store: DuckDBPoints) -> None:
    assert store.apply("1", points(("a/x", 1, 1.0))) == Outcome(stored=1)
    outcome = store.apply("2", points(("a/x", 1, 2.0), ("a/x", 2, 2.0)))
    assert outcome == Outcome(1, 0, (Conflict("a/x", from_ns(1), "1.0", "2.0"),))
    assert read(store, "a/x") == [("a/x", 1, 1.0), ("a/x", 2, 2.0)]


def test_first_value_wins_within_a_batch(store: DuckDBPoints) -> None:
    outcome = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 2.0), ("a/x", 1, 1.0)))
    assert outcome == Outcome(1, 1, (Conflict("a/x", from_ns(1), "1.0", "2.0"),))
    assert read(store, "a/x") == [("a/x", 1, 1.0)]


def test_equal_value_is_a_duplicate(store: DuckDBPoints) -> None:
    batch = points(("a/x", 1, 1.0), ("a/x", 2, None))
    store.apply("1", batch)
    assert store.apply("2", batch) == Outcome(duplicates=2)
    assert store.count() == 2


def test_null_against_a_number_is_a_conflict(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 1, None), ("a/x", 2, 2.0)))
    outcome = store.apply("2", points(("a/x", 1, 1.0), ("a/x", 2, None)))
    assert [(c.stored, c.offered) for c in outcome.conflicts] == [("null", "1.0"), ("2.0", "null")]
    assert read(store, "a/x") == [("a/x", 1, None), ("a/x", 2, 2.0)]


def test_other_text_is_a_conflict(store: DuckDBPoints) -> None:
    store.apply("1", Points.from_rows([Point("a/x", 1, None, "off")]))
    outcome = store.apply("2", Points.from_rows([Point("a/x", 1, None, "on"), Point("a/x", 1, None, "off")]))
    assert outcome == Outcome(0, 1, (Conflict("a/x", from_ns(1), "off", "on"),))


def test_same_time_of_another_tag_is_no_duplicate(store: DuckDBPoints) -> None:
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/y", 1, 1.0))) == Outcome(stored=2)


def test_batch_applied_twice_changes_nothing_and_says_the_same(store: DuckDBPoints) -> None:
    first = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0), ("a/x", 1, 1.0)))
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0), ("a/x", 1, 1.0))) == first
    assert store.apply("1", points(("a/x", 5, 5.0))) == first
    assert read(store, "a/x") == [("a/x", 1, 1.0)]


def test_batch_id_is_known_after_reopening(tmp_path: Path) -> None:
    store = DuckDBPoints(tmp_path)
    store.start()
    first = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0)))
    store.stop()
    store.start()
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0))) == first
    assert store.apply("2", points(("a/x", 1, 1.0), ("b/x", 1, 3.0))) == Outcome(1, 1)
    assert read(store, "b/x", "a/x") == [("b/x", 1, 3.0), ("a/x", 1, 1.0)]
    store.stop()


def test_empty_batch_is_nothing(store: DuckDBPoints) -> None:
    assert store.apply("1", points()) == Outcome()
    assert store.count() == 0


def test_read_is_by_tag_as_asked_then_by_time(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 3, 3.0), ("a/y", 1, 1.0), ("a/x", 2, 2.0), ("a/y", 4, 4.0)))
    assert read(store, "a/y", "a/x") == [("a/y", 1, 1.0), ("a/y", 4, 4.0), ("a/x", 2, 2.0), ("a/x", 3, 3.0)]


def test_read_is_half_open(store: DuckDBPoints) -> None:
    store.apply("1", points(*(("a/x", t, float(t)) for t in range(5))))
    assert store.read(["a/x"], 1, 3).at.tolist() == [1, 2]


def test_unknown_tag_reads_as_nothing(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 1, 1.0)))
    assert read(store, "a/zzz") == []
    assert read(store, "a/zzz", "a/x") == [("a/x", 1, 1.0)]
    assert read(store) == []


def test_tag_ids_are_values_and_not_sql(store: DuckDBPoints) -> None:
    name = "a/'; drop table points; --"
    store.apply("1", points((name, 1, 1.0)))
    assert read(store, name) == [(name, 1, 1.0)]


def test_latest_is_the_newest_before(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", 5, 5.0), ("a/y", 2, 2.0), ("a/z", 9, 9.0)))
    found = store.latest(["a/y", "a/x", "a/z"], 5).rows()
    assert [(p.tag_id, p.at) for p in found] == [("a/y", 2), ("a/x", 1)]
    assert store.latest(["a/x"], 6).at.tolist() == [5]


def test_oldest_first_over_all_tags(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 4, 4.0), ("a/y", 3, 3.0), ("a/x", 2, 2.0), ("a/y", 1, 1.0), ("a/y", 5, 5.0)))
    assert store.oldest_first(["a/x", "a/y"], since=1, until=4, most=10).at.tolist() == [2, 3, 4]
    assert store.oldest_first(["a/x", "a/y"], since=1, until=4, most=2).at.tolist() == [2, 3]
    assert store.oldest_first(["a/x"], since=0, until=9, most=10).at.tolist() == [2, 4]


def test_bucketed_keeps_the_extremes(store: DuckDBPoints) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=1000)
    values[123], values[777] = 50.0, -50.0
    store.apply("1", Points.of(["a/x"] * 1000, range(1000), values))
    found = store.bucketed("a/x", 0, 1000, 10)
    assert found.at.tolist() == sorted(found.at.tolist())
    for bucket in range(10):
        inside = (found.at // 100) == bucket
        expected = values[bucket * 100 : bucket * 100 + 100]
        assert sorted(found.value[inside].tolist()) == [expected.min(), expected.max()]


def test_bucketed_keeps_a_single_point_once(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 5, 1.0), ("a/x", 95, 1.0), ("a/x", 96, 1.0)))
    assert store.bucketed("a/x", 0, 100, 10).at.tolist() == [5, 95]


def test_bucketed_prefers_numbers_to_null(store: DuckDBPoints) -> None:
    store.apply("1", points(("a/x", 1, None), ("a/x", 2, 3.0), ("a/x", 3, 1.0), ("a/x", 4, None)))
    assert store.bucketed("a/x", 0, 10, 1).value.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(("end", "n_buckets"), [(100, 10), (10, 4), (19, 10), (100, 7), (3, 10)])
def test_bucketed_gives_two_points_per_bucket_at_most(store: DuckDBPoints, end: int, n_buckets: int) -> None:
    store.apply("1", Points.of(["a/x"] * end, range(end), [float(i % 3) for i in range(end)]))
    assert len(store.bucketed("a/x", 0, end, n_buckets)) <= 2 * n_buckets


def test_stop_may_be_called_twice_and_start_again(tmp_path: Path) -> None:
    store = DuckDBPoints(tmp_path)
    store.stop()
    store.start()
    store.start()
    store.apply("1", points(("a/x", 1, 1.0)))
    store.stop()
    store.stop()
    with pytest.raises(RuntimeError, match="not started"):
        store.count()
    store.start()
    assert store.count() == 1
    store.stop()


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
    broken = points(("a/new", 1, 1.0), ("a/x", 2, 2.0))
    broken.text[1] = "\ud800"  # half a character: no database takes this
    with pytest.raises(duckdb.Error):
        store.apply("1", broken)
    assert store.count() == 0
    assert store.apply("1", points(("a/new", 1, 1.0), ("a/x", 2, 2.0))) == Outcome(stored=2)
    assert read(store, "a/new", "a/x") == [("a/new", 1, 1.0), ("a/x", 2, 2.0)]


small_points = st.lists(
    st.tuples(st.sampled_from(["a/x", "a/y", "b/x"]), st.integers(0, 3), st.sampled_from([None, 0.0, 1.0, 2.5])),
    max_size=8,
)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("123456"), small_points), max_size=6))
def test_store_agrees_with_a_dict(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[str, list[tuple[str, int, float | None]]]]
) -> None:
    store = DuckDBPoints(tmp_path_factory.mktemp("model"))
    store.start()
    model: dict[tuple[str, int], float | None] = {}
    said: dict[str, tuple[int, int, int]] = {}
    try:
        for batch, rows in batches:
            outcome = store.apply(batch, points(*rows))
            if batch not in said:
                counts = [0, 0, 0]
                for tag, at, value in rows:
                    is_new = (tag, at) not in model
                    first = model.setdefault((tag, at), value)
                    counts[0 if is_new else 1 if first == value else 2] += 1
                said[batch] = (counts[0], counts[1], counts[2])
                assert outcome.stored + outcome.duplicates + len(outcome.conflicts) == len(rows)
            assert (outcome.stored, outcome.duplicates, len(outcome.conflicts)) == said[batch]
        expected = sorted((tag, at, value) for (tag, at), value in model.items())
        assert read(store, "a/x", "a/y", "b/x") == expected
        assert store.count() == len(model)
    finally:
        store.stop()
