"""What every point store must do, the same way: each test runs over each entry of POINT_STORES."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import NotKeptHereError
from domain.instants import from_ns
from domain.points import Flag, Point, Points, Quality
from domain.ports import PointStore
from domain.records import Conflict, Outcome, Reason
from store import POINT_STORES, open_points
from store.matching import NEWEST_NS, OLDEST_NS
from tests.store.items import points

EVER = 2**62
HOUR = 3_600_000_000_000
DAY = 24 * HOUR
Row = tuple[str, int, float | None]
UNICODE = st.characters(exclude_categories=["Cs"])
Opener = Callable[[Path], PointStore]


@pytest.fixture(params=sorted(POINT_STORES))
def opener(request: pytest.FixtureRequest) -> Opener:
    """Open an empty store of each kind; the same folder is the same store."""
    if request.param != "influxdb":
        return lambda folder: open_points(request.param, folder)
    server = request.getfixturevalue("influxd")
    databases: dict[Path, Any] = {}

    def opened(folder: Path) -> PointStore:
        if folder not in databases:
            databases[folder] = server.new_database(write_points=700, read_rows=300)
        return open_points("influxdb", folder, databases[folder])

    return opened


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[PointStore]:
    made = opener(tmp_path)
    made.start()
    yield made
    made.stop()


def read(store: PointStore, *tags: str) -> list[Row]:
    return [(p.tag_id, p.at, p.value) for p in store.read(tags, 0, EVER).rows()]


def series(tag: str, start: int, stop: int, step: int = 1) -> Points:
    at = np.arange(start, stop, step)
    return Points.of([tag] * len(at), at, (at % 1000) / 8)


def test_every_column_comes_back(store: PointStore) -> None:
    rows = [
        Point("a/x", 1, 1.5, None, Quality.GOOD, Flag.NONE, 11),
        Point("a/x", 2, None, "off", Quality.BAD, Flag.TEXT | Flag.NULL, 12),
        Point("a/x", 3, None, None, Quality.BAD, Flag.NULL, 13),
        Point("a/x", 4, 1.0, "", Quality.UNCERTAIN, Flag.PRECISION, 14),
        Point("a/x", 5, 2.0, 'a "quote", a \\ and\na line\\', Quality.GOOD, Flag.NONE, 2**62),
        Point("a/x", 6, -1e300, None, Quality.UNCERTAIN, Flag.SERVER_TIME, -13),
    ]
    assert store.apply("1", Points.from_rows(rows)) == Outcome(stored=6)
    assert store.read(["a/x"], 0, EVER).rows() == rows


@pytest.mark.parametrize(
    "value",
    [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, 1 / 3, 1e22, 123456789.5,
     2.0**53, -0.5, 21.0],
)  # fmt: skip
def test_numbers_come_back_to_the_last_bit(store: PointStore, value: float) -> None:
    store.apply("1", points(("a/x", 1, value)))
    assert read(store, "a/x") == [("a/x", 1, value)]


def test_whole_numbers_and_fractions_are_one_kind_of_value(store: PointStore) -> None:
    assert store.apply("1", points(("a/x", 1, 21), ("a/x", 2, 21.5))).stored == 2
    assert store.apply("2", points(("a/x", 3, 22))).stored == 1


@pytest.mark.parametrize("at", [OLDEST_NS, -1, 0, 1, 4_102_444_800_000_000_000, NEWEST_NS])
def test_times_come_back_to_the_nanosecond(store: PointStore, at: int) -> None:
    store.apply("1", points(("a/x", at, 1.0)))
    assert store.latest(["a/x"], 2**63 - 1).at.tolist() == [at]
    assert store.roll_up() == 1
    assert store.rolled_up("a/x", -(2**63), 2**63 - 1).at.tolist() == [at // HOUR * HOUR]


@pytest.mark.parametrize("at", [OLDEST_NS - 1, NEWEST_NS + 1, -(2**63), 2**63 - 1])
def test_times_that_no_store_can_hold_are_refused(store: PointStore, at: int) -> None:
    outcome = store.apply("1", points(("a/x", at, 1.0), ("a/x", 1, 1.0)))
    assert (outcome.stored, [r.reason for r in outcome.refused]) == (1, [Reason.REFUSED])


HOSTILE = [
    "a/b,c=d e",
    'a/"q" $x',
    "a/back\\slash",
    "a/trailing\\",
    "a/line\nbreak\r\n",
    "a/nul\x00tab\t",
    "#a/#comment",
    "a/100 %",
    "a/%0A",
    "%/%",
    "a//",
    "/x",
    "x",
    "",
    "/",
    "//",
    "  a/ x ",
    "온도/압력 🌡",
    "a/\u202ertl",
    "a/\x85nel\u2028",
    "a/é",
    "a/e\u0301",
    "A/X",
    "a/X",
    "a/'; drop table points; --",
    "a/x' OR '1'='1",
    'a/x"; DROP MEASUREMENT "forewarn_points',
    "a/$t0_0",
    "a/<script>alert(1)</script>",
    "a/" + "long" * 1000,
]


def test_hostile_names_are_names(store: PointStore) -> None:
    rows: list[Row] = [(name, 1 + i, float(i)) for i, name in enumerate(HOSTILE)]
    assert store.apply("1", points(*rows)) == Outcome(stored=len(rows))
    assert read(store, *HOSTILE) == rows
    for name, at, value in rows:
        assert read(store, name) == [(name, at, value)]
        assert [p.tag_id for p in store.latest([name], EVER).rows()] == [name]
        assert store.bucketed(name, 0, 1000, 10).value.tolist() == [value]
    assert store.apply("2", points(*rows)) == Outcome(duplicates=len(rows))
    assert store.count() == len(rows)


@settings(max_examples=40)
@given(st.text(UNICODE, max_size=30), st.text(UNICODE))
@example("a\\", "\\")
def test_any_name_and_text_come_back(store: PointStore, name: str, text: str) -> None:
    tag_id = f"any/{name}"
    row = Point(tag_id, 5, None, text, Quality.BAD, Flag.TEXT, 1)
    store.overwrite(f"{tag_id}:{text}", Points.from_rows([row]))
    assert store.read([tag_id], 0, 9).rows() == [row]


def test_what_is_not_unicode_is_refused_alone(store: PointStore) -> None:
    rows = [
        Point("a/x", 1, 1.0),
        Point("a/x", 2, None, "\ud800", Quality.BAD),
        Point("a/\udfff", 3, 1.0),
        Point("a/x", 4, 4.0),
    ]
    outcome = store.apply("1", Points.from_rows(rows))
    assert outcome.stored == 2
    assert [(r.key, r.at, r.reason) for r in outcome.refused] == [
        ("a/x", from_ns(2), Reason.REFUSED),
        ("a/\udfff", from_ns(3), Reason.REFUSED),
    ]
    assert store.apply("1", Points.from_rows(rows)).stored == 2
    assert read(store, "a/x") == [("a/x", 1, 1.0), ("a/x", 4, 4.0)]


def test_first_value_wins_across_batches(store: PointStore) -> None:
    assert store.apply("1", points(("a/x", 1, 1.0))) == Outcome(stored=1)
    outcome = store.apply("2", points(("a/x", 1, 2.0), ("a/x", 2, 2.0)))
    assert outcome == Outcome(1, 0, (Conflict("a/x", from_ns(1), "1.0", "2.0"),))
    assert read(store, "a/x") == [("a/x", 1, 1.0), ("a/x", 2, 2.0)]


def test_first_value_wins_within_a_batch(store: PointStore) -> None:
    outcome = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 2.0), ("a/x", 1, 1.0)))
    assert outcome == Outcome(1, 1, (Conflict("a/x", from_ns(1), "1.0", "2.0"),))
    assert read(store, "a/x") == [("a/x", 1, 1.0)]


def test_a_repeat_within_a_batch_is_held_against_what_is_stored(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0)))
    outcome = store.apply("2", points(("a/x", 1, 2.0), ("a/x", 1, 1.0), ("a/x", 1, 2.0)))
    conflict = Conflict("a/x", from_ns(1), "1.0", "2.0")
    assert outcome == Outcome(0, 1, (conflict, conflict))


def test_ten_thousand_conflicts_are_ten_thousand(store: PointStore) -> None:
    batch = series("a/x", 0, 10_000)
    store.apply("1", batch)
    other = Points.of(batch.tag_id, batch.at, batch.value + 1)
    outcome = store.apply("2", other)
    assert (outcome.stored, outcome.duplicates, len(outcome.conflicts)) == (0, 0, 10_000)
    assert store.read(["a/x"], 0, EVER).value.tolist() == batch.value.tolist()


def test_equal_value_is_a_duplicate(store: PointStore) -> None:
    batch = points(("a/x", 1, 1.0), ("a/x", 2, None))
    store.apply("1", batch)
    assert store.apply("2", batch) == Outcome(duplicates=2)
    assert store.count() == 2


def test_null_against_a_number_is_a_conflict(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, None), ("a/x", 2, 2.0)))
    outcome = store.apply("2", points(("a/x", 1, 1.0), ("a/x", 2, None)))
    assert [(c.stored, c.offered) for c in outcome.conflicts] == [("null", "1.0"), ("2.0", "null")]
    assert read(store, "a/x") == [("a/x", 1, None), ("a/x", 2, 2.0)]


def test_other_text_is_a_conflict(store: PointStore) -> None:
    store.apply("1", Points.from_rows([Point("a/x", 1, None, "off")]))
    outcome = store.apply("2", Points.from_rows([Point("a/x", 1, None, "on"), Point("a/x", 1, None, "off")]))
    assert outcome == Outcome(0, 1, (Conflict("a/x", from_ns(1), "off", "on"),))


def test_late_points_are_held_against_what_is_stored(store: PointStore) -> None:
    store.apply("1", points(("a/x", 5 * DAY, 5.0), ("a/x", 1 * DAY, 1.0), ("a/y", 9 * DAY, 9.0)))
    outcome = store.apply("2", points(("a/x", 9 * DAY, 9.0), ("a/x", 1 * DAY, 1.0), ("a/x", 5 * DAY, 7.0)))
    assert outcome == Outcome(1, 1, (Conflict("a/x", from_ns(5 * DAY), "5.0", "7.0"),))


def test_same_time_of_another_tag_is_no_duplicate(store: PointStore) -> None:
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/y", 1, 1.0), ("b/x", 1, 1.0))) == Outcome(stored=3)


def test_batch_applied_twice_changes_nothing_and_says_the_same(store: PointStore) -> None:
    first = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0), ("a/x", 1, 1.0)))
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0), ("a/x", 1, 1.0))) == first
    assert store.apply("1", points(("a/x", 5, 5.0))) == first
    assert read(store, "a/x") == [("a/x", 1, 1.0)]


def test_batch_id_is_known_after_reopening(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path)
    store.start()
    first = store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0)))
    store.stop()
    store = opener(tmp_path)
    store.start()
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/x", 1, 9.0))) == first
    assert store.apply("2", points(("a/x", 1, 1.0), ("b/x", 1, 3.0))) == Outcome(1, 1)
    assert read(store, "b/x", "a/x") == [("b/x", 1, 3.0), ("a/x", 1, 1.0)]
    store.stop()


def test_empty_batch_is_nothing(store: PointStore) -> None:
    assert store.apply("1", points()) == Outcome()
    assert store.overwrite("2", points()) == Outcome()
    assert store.count() == 0


def test_overwrite_wins_and_tells_what_was_there(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", 2, 2.0), ("a/x", 3, 3.0)))
    batch = points(("a/x", 2, 2.5), ("a/x", 3, 3.0), ("a/x", 4, 4.0), ("a/x", 4, 9.0), ("a/x", 2, 8.0))
    outcome = store.overwrite("2", batch)
    assert (outcome.stored, outcome.duplicates) == (1, 1)
    assert sorted((c.at, c.stored, c.offered) for c in outcome.conflicts) == [
        (from_ns(2), "2.0", "2.5"),
        (from_ns(2), "2.5", "8.0"),
        (from_ns(4), "4.0", "9.0"),
    ]
    now = [("a/x", 1, 1.0), ("a/x", 2, 2.5), ("a/x", 3, 3.0), ("a/x", 4, 4.0)]
    assert read(store, "a/x") == now
    assert store.overwrite("2", batch) == outcome
    assert store.apply("3", points(("a/x", 2, 2.0))).conflicts[0].stored == "2.5"
    assert read(store, "a/x") == now


def test_overwrite_of_what_was_received_at_some_instants_leaves_the_rest_alone(store: PointStore) -> None:
    rows = [Point("a/x", at, float(at), received_at=received_at) for at, received_at in ((1, 7), (2, 8), (3, 9))]
    store.apply("1", Points.from_rows(rows))
    new = [Point("a/x", at, value, received_at=10) for at, value in ((1, 1.5), (2, 2.5), (3, 3.5), (2, 2.0), (3, 0.0))]
    outcome = store.overwrite("2", Points.from_rows(new), {7, 9})
    assert (outcome.stored, outcome.duplicates) == (0, 1)  # 2.0 is what another source told first
    assert sorted((c.at, c.stored, c.offered) for c in outcome.conflicts) == [
        (from_ns(1), "1.0", "1.5"),
        (from_ns(2), "2.0", "2.5"),
        (from_ns(3), "3.0", "3.5"),
        (from_ns(3), "3.5", "0.0"),
    ]
    assert store.read(["a/x"], 0, 9).rows() == [new[0], rows[1], new[2]]
    assert store.overwrite("3", Points.from_rows([Point("a/x", 2, 7.0)]), set()).stored == 0
    assert store.read(["a/x"], 2, 3).rows() == [rows[1]]


def test_overwrite_leaves_nothing_of_the_old_point(store: PointStore) -> None:
    rows = [
        Point("a/x", 1, 1.0, None, Quality.GOOD, Flag.SERVER_TIME, 1),
        Point("a/x", 2, None, "off", Quality.BAD, Flag.TEXT, 1),
        Point("a/x", 3, 3.0, None, Quality.UNCERTAIN, Flag.NONE, 1),
        Point("a/x", 4, 4.0, None, Quality.GOOD, Flag.NONE, 1),
    ]
    store.apply("1", Points.from_rows(rows))
    new = [
        Point("a/x", 1, None, "on", Quality.BAD, Flag.TEXT, 2),
        Point("a/x", 2, 2.0, None, Quality.GOOD, Flag.NONE, 2),
        Point("a/x", 3, None, None, Quality.BAD, Flag.NULL, 2),
    ]
    assert len(store.overwrite("2", Points.from_rows(new)).conflicts) == 3
    assert store.read(["a/x"], 0, 9).rows() == [*new, rows[3]]


def test_overwrite_takes_flags_away(store: PointStore) -> None:
    store.apply("1", Points.from_rows([Point("a/x", 1, 1.0, None, Quality.GOOD, Flag.SERVER_TIME, 1)]))
    new = [Point("a/x", 1, 2.0, None, Quality.GOOD, Flag.NONE, 2)]
    store.overwrite("2", Points.from_rows(new))
    assert store.read(["a/x"], 0, 9).rows() == new


def test_read_is_by_tag_as_asked_then_by_time(store: PointStore) -> None:
    store.apply("1", points(("a/x", 3, 3.0), ("a/y", 1, 1.0), ("a/x", 2, 2.0), ("a/y", 4, 4.0)))
    store.apply("2", points(("a/x", 1, 1.0)))
    expected = [("a/y", 1, 1.0), ("a/y", 4, 4.0), ("a/x", 1, 1.0), ("a/x", 2, 2.0), ("a/x", 3, 3.0)]
    assert read(store, "a/y", "a/x") == expected


def test_read_of_a_thousand_tags_in_any_order(store: PointStore) -> None:
    names = [f"plant/line-{i % 7}/tag {i}" for i in range(1200)]
    store.apply("1", Points.of(names * 3, [t for t in (2, 1, 3) for _ in names], range(3600)))
    asked = names[::-1]
    found = store.read(asked, 0, EVER)
    assert found.tag_id.tolist() == [name for name in asked for _ in range(3)]
    assert found.at.tolist() == [1, 2, 3] * 1200
    assert store.read(names[5:8], 2, 3).tag_id.tolist() == names[5:8]
    assert store.latest(asked, EVER).tag_id.tolist() == asked
    assert set(store.latest(asked, EVER).at.tolist()) == {3}


def test_read_is_half_open(store: PointStore) -> None:
    store.apply("1", series("a/x", 0, 5))
    assert store.read(["a/x"], 1, 3).at.tolist() == [1, 2]
    assert len(store.read(["a/x"], 3, 3)) == 0
    assert len(store.read(["a/x"], 3, 1)) == 0


def test_a_long_range_comes_back_whole(store: PointStore) -> None:
    batch = series("a/x", 0, 5_000)
    assert store.apply("1", batch).stored == 5_000
    found = store.read(["a/x"], 0, EVER)
    assert found.at.tolist() == batch.at.tolist()
    assert found.value.tolist() == batch.value.tolist()


def test_unknown_tag_reads_as_nothing(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0)))
    assert read(store, "a/zzz") == []
    assert read(store, "a/zzz", "a/x") == [("a/x", 1, 1.0)]
    assert read(store) == []
    assert len(store.latest(["a/zzz"], 9)) == len(store.latest([], 9)) == 0
    assert len(store.oldest_first(["a/zzz"], 0, 9, 5)) == len(store.bucketed("a/zzz", 0, 9, 5)) == 0
    assert len(store.rolled_up("a/zzz", 0, EVER)) == 0


def test_latest_is_the_newest_before(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", 5, 5.0), ("a/y", 2, 2.0), ("a/z", 9, 9.0)))
    found = store.latest(["a/y", "a/x", "a/z"], 5).rows()
    assert [(p.tag_id, p.at) for p in found] == [("a/y", 2), ("a/x", 1)]
    assert store.latest(["a/x"], 6).at.tolist() == [5]


def test_latest_is_found_however_old_it_is(store: PointStore) -> None:
    now = 1000 * DAY
    store.apply("1", points(("a/w", now - 400 * DAY, 1.0), ("a/x", now - 1, 2.0), ("a/x", now - 2 * DAY, 9.0),
                            ("a/y", now - 3 * DAY, 3.0), ("a/z", now, 4.0)))  # fmt: skip
    found = store.latest(["a/w", "a/x", "a/y", "a/z"], now)
    assert found.value.tolist() == [1.0, 2.0, 3.0]


def test_latest_may_be_null(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", 2, None)))
    assert [(p.at, p.value) for p in store.latest(["a/x"], 9).rows()] == [(2, None)]


def test_oldest_first_over_all_tags(store: PointStore) -> None:
    store.apply("1", points(("a/x", 4, 4.0), ("a/y", 3, 3.0), ("a/x", 2, 2.0), ("a/y", 1, 1.0), ("a/y", 5, 5.0)))
    assert store.oldest_first(["a/x", "a/y"], since=1, until=4, most=10).at.tolist() == [2, 3, 4]
    assert store.oldest_first(["a/x", "a/y"], since=1, until=4, most=2).at.tolist() == [2, 3]
    assert store.oldest_first(["a/x"], since=0, until=9, most=10).at.tolist() == [2, 4]


def test_oldest_first_of_one_time_is_in_the_order_asked(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/y", 1, 2.0), ("a/z", 1, 3.0)))
    assert store.oldest_first(["a/z", "a/x", "a/y"], 0, 9, 2).tag_id.tolist() == ["a/z", "a/x"]


def test_bucketed_keeps_the_extremes(store: PointStore) -> None:
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


def test_bucketed_tells_of_equal_extremes_the_first(store: PointStore) -> None:
    store.apply("1", points(("a/x", 5, 1.0), ("a/x", 95, 1.0), ("a/x", 96, 1.0), ("a/x", 97, 2.0), ("a/x", 98, 2.0)))
    assert store.bucketed("a/x", 0, 100, 10).at.tolist() == [5, 95, 97]


def test_bucketed_prefers_numbers_to_null(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, None), ("a/x", 2, 3.0), ("a/x", 3, 1.0), ("a/x", 4, None)))
    assert store.bucketed("a/x", 0, 10, 1).value.tolist() == [3.0, 1.0]
    assert store.bucketed("a/x", 4, 10, 1).at.tolist() == [4]


@pytest.mark.parametrize(("start", "end", "n_buckets"), [(0, 100, 10), (3, 10, 4), (0, 19, 10), (7, 100, 7), (0, 3, 9)])
def test_bucketed_gives_two_points_per_bucket_at_most(store: PointStore, start: int, end: int, n_buckets: int) -> None:
    store.apply("1", Points.of(["a/x"] * end, range(end), [float(i % 3) for i in range(end)]))
    found = store.bucketed("a/x", start, end, n_buckets)
    assert 0 < len(found) <= 2 * n_buckets
    assert start <= found.at.min() <= found.at.max() < end


def test_roll_ups_are_the_hours_figures(store: PointStore) -> None:
    rng = np.random.default_rng(2)
    at = np.sort(rng.integers(0, 30 * HOUR, 3000))
    at = at[(at // HOUR) != 7]
    values = rng.normal(size=len(at))
    values[rng.random(len(at)) < 0.1] = np.nan
    store.apply("1", Points.of(["a/x"] * len(at), at, values))
    store.apply("2", points(("a/y", 5 * HOUR, None), ("a/y", 6 * HOUR, 2.0)))
    assert len(store.rolled_up("a/x", 0, EVER)) == 0
    assert store.roll_up() == 29
    found = store.rolled_up("a/x", 2 * HOUR, 20 * HOUR)
    assert found.at.tolist() == [h * HOUR for h in range(2, 20) if h != 7]
    for i, hour in enumerate(found.at.tolist()):
        inside = values[(at >= hour) & (at < hour + HOUR)]
        inside = inside[~np.isnan(inside)]
        assert (found.low[i], found.high[i], found.n[i]) == (inside.min(), inside.max(), len(inside))
        assert found.mean[i] == pytest.approx(inside.mean())
    assert store.rolled_up("a/y", 0, EVER).at.tolist() == [6 * HOUR]
    assert store.roll_up() == 0


def test_roll_ups_take_late_and_overwritten_points_in(store: PointStore) -> None:
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", HOUR, 5.0), ("a/x", 90 * DAY, 7.0), ("a/y", 1, 1.0)))
    store.roll_up()
    store.apply("2", points(("a/x", 2, 3.0)))
    assert store.roll_up() == 1
    found = store.rolled_up("a/x", 0, EVER)
    assert (found.at.tolist(), found.mean.tolist(), found.n.tolist()) == (
        [0, HOUR, 90 * DAY],
        [2.0, 5.0, 7.0],
        [2, 1, 1],
    )
    store.overwrite("3", points(("a/x", HOUR, None), ("a/x", 1, 9.0)))
    store.roll_up()
    found = store.rolled_up("a/x", 0, EVER)
    assert (found.at.tolist(), found.low.tolist(), found.high.tolist()) == ([0, 90 * DAY], [3.0, 7.0], [9.0, 7.0])
    assert store.rolled_up("a/y", 0, EVER).n.tolist() == [1]


def test_roll_ups_outlive_their_points_and_older_ones_are_refused(store: PointStore) -> None:
    store.apply("1", series("a/x", 0, 10 * HOUR, HOUR // 4))
    store.delete_before(5 * HOUR + 12)
    assert store.read(["a/x"], 0, EVER).at.min() == 5 * HOUR
    assert store.count() == 20
    assert store.rolled_up("a/x", 0, EVER).n.tolist() == [4] * 10
    outcome = store.apply("2", points(("a/x", 5 * HOUR - 1, 1.0), ("a/x", 5 * HOUR + 1, 1.0)))
    assert outcome.stored == 1
    assert [(r.reason, r.at, r.value) for r in outcome.refused] == [(Reason.RETENTION, from_ns(5 * HOUR - 1), 1.0)]
    noted = Points.from_rows([Point("a/x", 1, 1.0, quality=1, flags=128, received_at=9)])
    (refused,) = store.overwrite("3", noted).refused
    assert (refused.reason, refused.quality, refused.flags, refused.received_at) == (Reason.RETENTION, 1, 128, 9)
    assert store.overwrite("3", noted).refused == (refused,)
    store.roll_up()
    assert store.rolled_up("a/x", 0, EVER).n.tolist() == [4, 4, 4, 4, 4, 5, 4, 4, 4, 4]


def test_what_is_kept_is_known_after_reopening(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path)
    store.start()
    store.apply("1", points(("a/x", 1, 1.0), ("a/x", DAY, 1.0)))
    store.delete_before(DAY)
    store.apply("2", points(("a/x", DAY + 1, 1.0)))
    store.stop()
    store = opener(tmp_path)
    store.start()
    assert store.apply("3", points(("a/x", 2, 1.0))).refused[0].reason is Reason.RETENTION
    assert store.roll_up() == 1
    store.stop()


def test_size_is_told_or_said_to_be_elsewhere(store: PointStore) -> None:
    store.apply("1", series("a/x", 0, 1000))
    size = store.size_bytes()
    assert size is None or size > 1000


def test_oldest_day_that_fits_is_told_or_left_to_the_server(store: PointStore) -> None:
    for day in range(6):
        store.apply(f"{day}", points(*(("a/x", day * DAY + i * 1_000_000, float(i % 7)) for i in range(100_000))))
    if store.size_bytes() is None:
        with pytest.raises(NotKeptHereError, match="by retention there"):
            store.oldest_that_fits(1)
        return
    assert store.oldest_that_fits(1 << 40) is None
    assert store.oldest_that_fits(1) == 5 * DAY  # the newest day stays
    fits = [n for n in range(1, 200) if store.oldest_that_fits(n * 100_000) is None]
    taken = fits[0] * 100_000
    floor = store.oldest_that_fits(taken // 2)
    assert floor in (3 * DAY, 4 * DAY)
    store.delete_before(floor)
    assert store.oldest_that_fits(taken // 2) is None  # though no block may be free yet
    assert store.count() == (6 - floor // DAY) * 100_000


def test_snapshot_is_a_store_of_its_own_or_refused(
    store: PointStore, opener: Opener, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("backup") / "it's here"
    store.apply("1", series("a/x", 0, 1000))
    if store.size_bytes() is None:
        with pytest.raises(NotKeptHereError, match="back it up there"):
            store.snapshot(folder)
        return
    writing = threading.Thread(target=lambda: [store.apply(f"w{i}", series("a/y", i, i + 1)) for i in range(50)])
    writing.start()
    file = store.snapshot(folder)
    writing.join()
    assert file.parent == folder
    assert store.snapshot(folder) == file  # a second one replaces the first
    copy = opener(folder)
    copy.start()
    assert read(copy, "a/x") == read(store, "a/x")
    assert copy.apply("1", points()) == Outcome(stored=1000)
    copy.stop()
    assert len(read(store, "a/y")) == 50


def test_two_threads_store_and_read_at_once(store: PointStore) -> None:
    outcomes: list[Outcome] = []
    errors: list[Exception] = []

    def write(k: int) -> None:
        try:
            for i in range(10):
                found = store.apply(f"{k}:{i}", series("a/x", i * 50, i * 50 + 100))
                outcomes.append(found)
                store.read(["a/x"], 0, EVER)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(o.stored for o in outcomes) == store.count() == 550
    assert sum(o.stored + o.duplicates + len(o.conflicts) for o in outcomes) == 2000


def test_stop_may_be_called_twice_and_start_again(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path)
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


small_points = st.lists(
    st.tuples(st.sampled_from(["a/x", "a/y", "b/x"]), st.integers(0, 3), st.sampled_from([None, 0.0, 1.0, 2.5])),
    max_size=8,
)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("123456"), st.booleans(), small_points), max_size=6))
def test_store_agrees_with_a_dict(
    opener: Opener, tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[str, bool, list[Row]]]
) -> None:
    store = opener(tmp_path_factory.mktemp("model"))
    store.start()
    model: dict[tuple[str, int], float | None] = {}
    said: dict[str, tuple[int, int, int]] = {}
    try:
        for batch, replaces, rows in batches:
            outcome = (store.overwrite if replaces else store.apply)(batch, points(*rows))
            if batch not in said:
                counts = [0, 0, 0]
                own: set[tuple[str, int]] = set()
                for tag, at, value in rows:
                    key = (tag, at)
                    is_known = key in model
                    is_same = is_known and model[key] == value
                    if not is_known or (replaces and key not in own):
                        model[key] = value
                    own.add(key)
                    counts[0 if not is_known else 1 if is_same else 2] += 1
                said[batch] = (counts[0], counts[1], counts[2])
                assert outcome.stored + outcome.duplicates + len(outcome.conflicts) == len(rows)
            assert (outcome.stored, outcome.duplicates, len(outcome.conflicts)) == said[batch]
        expected = sorted((tag, at, value) for (tag, at), value in model.items())
        assert read(store, "a/x", "a/y", "b/x") == expected
        assert store.count() == len(model)
    finally:
        store.stop()
