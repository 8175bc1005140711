"""Points to grids, grids to half-open windows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plant import Axis
from domain.points import Flag, Point, Points, Quality
from domain.vectors import FeatureSet
from features.extract import extract
from features.windows import Grid, Lack, Windows, between, cut, ending_at, grid_of, lagged
from tests.features.grids import all_missing, grid, on_cycles, on_time

NAN = float("nan")
EVER = 2**62


def test_a_grid_has_one_row_per_time_in_order_whatever_the_order_of_points() -> None:
    points = Points.from_rows(
        [Point("x/b", 30, 3.0), Point("x/a", 10, 1.0), Point("x/a", 30, 2.0), Point("x/b", 17, 9)]
    )
    found = grid_of("x", points, ("a", "b"))
    assert found.times.tolist() == [10, 17, 30]
    np.testing.assert_array_equal(found.values, [[1.0, NAN], [NAN, 9.0], [2.0, 3.0]])


def test_a_bad_point_is_no_number_but_its_row_stays() -> None:
    points = Points.from_rows(
        [Point("x/a", 10, 5.0, quality=Quality.BAD), Point("x/a", 20, 6.0, quality=Quality.UNCERTAIN)]
    )
    found = grid_of("x", points, ("a",))
    assert found.times.tolist() == [10, 20]
    np.testing.assert_array_equal(found.values[:, 0], [NAN, 6.0])


def test_points_of_other_tags_and_assets_do_not_enter_a_grid() -> None:
    points = Points.from_rows([Point("x/a", 10, 1.0), Point("x/other", 11, 2.0), Point("y/a", 12, 3.0)])
    assert grid_of("x", points, ("a",)).times.tolist() == [10]


def test_no_points_make_an_empty_grid_without_windows() -> None:
    empty = grid_of("x", Points.from_rows(()), ("a",))
    assert len(cut(empty, on_time(30), 10, 10, -1, EVER)) == 0
    assert len(cut(empty, on_cycles(3), 1, 10, -1, EVER)) == 0
    features = replace(on_time(30), max_gap=20)
    assert all_missing(ending_at(empty, features, 10, np.array([40]))) == [("a",)]


def test_a_time_window_holds_its_start_and_not_its_end() -> None:
    window = ending_at(grid([0, 10, 20, 30, 40], [1, 2, 3, 4, 5]), on_time(30), 10, np.array([40]))
    assert (window.first.tolist(), window.stop.tolist()) == ([1], [4])
    assert (window.start.tolist(), window.end.tolist(), window.position.tolist()) == ([10], [40], [40.0])


def test_time_windows_end_at_multiples_of_the_step_within_the_half_open_range() -> None:
    whole = grid([3, 14, 25, 36, 47], [1, 2, 3, 4, 5])
    assert cut(whole, on_time(20), 10, 10, 20, 50).end.tolist() == [30, 40, 50]
    assert cut(whole, on_time(20), 10, 10, 30, 50).end.tolist() == [40, 50]


def test_time_windows_do_not_run_ahead_of_the_newest_row() -> None:
    assert cut(grid([0, 10, 20], [1, 2, 3]), on_time(20), 10, 10, -1, EVER).end.tolist() == [10, 20, 30]


def test_an_alignment_moves_every_end_by_as_much() -> None:
    whole = grid([3, 14, 25, 36, 47], [1, 2, 3, 4, 5])
    assert cut(whole, replace(on_time(20), align=4), 10, 10, 20, 50).end.tolist() == [24, 34, 44]
    assert cut(whole, replace(on_time(20), align=4), 10, 10, 24, 44).end.tolist() == [34, 44]


def test_windows_after_a_silence_are_cut_and_name_the_tag() -> None:
    found = cut(grid([0, 10, 20, 100, 110], [1, 2, 3, 4, 5]), on_time(20), 10, 10, 20, 110)
    assert found.end.tolist() == [30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert all_missing(found) == [()] + [("a",)] * 8


def test_a_cycle_window_is_the_last_rows_and_is_known_at_its_last() -> None:
    found = cut(grid([7, 9, 40, 41, 90], [1, 2, 3, 4, 5]), on_cycles(3), 1, 10, -1, EVER)
    assert list(zip(found.first.tolist(), found.stop.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5)]
    assert list(zip(found.start.tolist(), found.end.tolist(), strict=True))[2:] == [(7, 40), (9, 41), (40, 90)]
    assert found.position.tolist() == [1, 2, 3, 4, 5]


def test_a_cycle_window_that_is_not_full_is_not_assessed_below_its_coverage() -> None:
    five = grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert all_missing(cut(five, on_cycles(4), 1, 1, -1, EVER)) == [("a",)] * 3 + [(), ()]
    assert all_missing(cut(five, on_cycles(4, 0.5), 1, 1, -1, EVER)) == [("a",), (), (), (), ()]


def test_every_step_th_cycle_of_the_assets_life_ends_a_window() -> None:
    five = grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert cut(five, on_cycles(2), 2, 1, -1, EVER).position.tolist() == [2, 4]
    assert cut(five, on_cycles(2), 2, 1, -1, EVER, n_before=7).position.tolist() == [8, 10, 12]


def test_cycle_windows_are_cut_after_since_and_up_to_until() -> None:
    assert cut(grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), on_cycles(2), 1, 1, 2, 4).end.tolist() == [3, 4]


def test_coverage_names_exactly_the_tags_that_lack_values() -> None:
    holes = grid([0, 10, 20, 30], [1, 2, 3, 4], [1, NAN, NAN, 4])
    features, ends = on_time(40, coverage=0.75, tags=("a", "b")), np.array([40, 1_000])
    assert all_missing(ending_at(holes, features, 10, ends)) == [("b",), ("a", "b")]
    assert all_missing(ending_at(holes, replace(features, min_coverage=0.5), 10, ends)) == [(), ("a", "b")]


def test_coverage_counts_irregular_times_by_number_not_by_place() -> None:
    crowded = grid([0, 1, 2, 3], [1, 2, 3, 4])
    assert all_missing(ending_at(crowded, on_time(40), 10, np.array([40]))) == [()]


def test_a_tag_with_a_pace_of_its_own_is_held_against_that() -> None:
    slow = grid([0, 10, 20, 30, 40, 50], [1, 2, 3, 4, 5, 6], [1, NAN, NAN, 2, NAN, NAN])
    features, ends = on_time(60, tags=("a", "b")), np.array([60])
    assert all_missing(ending_at(slow, features, 10, ends)) == [("b",)]
    assert all_missing(ending_at(replace(slow, periods={"b": 30}), features, 10, ends)) == [()]
    assert all_missing(ending_at(replace(slow, periods={"b": 20}), features, 10, ends)) == [("b",)]


def test_a_tag_that_reports_every_third_cycle_is_held_against_that() -> None:
    slow = grid([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [1, NAN, NAN, 2, NAN, NAN])
    features = on_cycles(6, tags=("a", "b"))
    assert all_missing(cut(slow, features, 6, 1, -1, EVER)) == [("b",)]
    assert all_missing(cut(replace(slow, periods={"b": 3}), features, 6, 1, -1, EVER)) == [()]


@pytest.mark.parametrize(
    ("times", "max_gap", "expected"),
    [
        ([0, 10, 20, 30, 60, 70, 80, 90], 30, Lack.NONE),
        ([0, 10, 20, 30, 61, 70, 80, 90], 30, Lack.GAP),  # between two values
        ([31, 40, 50, 60, 70, 80, 85, 90], 30, Lack.GAP),  # at the start
        ([0, 10, 20, 30, 40, 50, 60, 69], 30, Lack.GAP),  # at the end
        ([0, 10, 20, 30, 60, 70, 80, 90], 0, Lack.NONE),
        ([0, 60], 70, Lack.FEW),
        ([], 70, Lack.FEW),
    ],
)
def test_a_gap_is_counted_from_value_to_value_and_to_the_ends(times: list[int], max_gap: int, expected: Lack) -> None:
    features = replace(on_time(100, coverage=0.5), max_gap=max_gap)
    found = ending_at(grid(times, [1.0] * len(times)), features, 10, np.array([100]))
    assert found.lacks.tolist() == [[expected]]
    assert found.missing(0, Lack.GAP) == (("a",) if expected is Lack.GAP else ())


def test_a_gap_on_the_cycle_axis_is_counted_in_cycles() -> None:
    holes = grid(range(1, 9), [1, NAN, NAN, 4, 5, NAN, NAN, 8])
    two, one = (replace(on_cycles(6, 0.3), max_gap=n) for n in (2, 1))
    assert cut(holes, two, 1, 1, 5, EVER).is_whole.tolist() == [True, True, True]
    assert cut(holes, one, 1, 1, 5, EVER).lacks.ravel().tolist() == [Lack.GAP] * 3


def test_a_lagged_tag_counts_later_and_others_do_not() -> None:
    whole = grid([0, 10, 20, 30], [1, 2, 3, 4], [5, 6, 7, NAN])
    moved = lagged(whole, {"b": 15, "unknown": 3})
    assert moved.times.tolist() == [0, 10, 15, 20, 25, 30, 35, 45]
    np.testing.assert_array_equal(moved.values[:, 0], [1, 2, NAN, 3, NAN, 4, NAN, NAN])
    np.testing.assert_array_equal(moved.values[:, 1], [NAN, NAN, 5, NAN, 6, NAN, 7, NAN])
    assert lagged(whole, {}) is whole


def test_windows_of_any_length_are_held_against_their_own_length() -> None:
    whole = grid(range(0, 100, 10), range(10))
    found = between(whole, on_time(999), 10, np.array([0, 20, 80]), np.array([30, 70, 120]))
    assert list(zip(found.first.tolist(), found.stop.tolist(), strict=True)) == [(0, 3), (2, 7), (8, 10)]
    assert all_missing(found) == [(), (), ("a",)]


VALUES = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, allow_subnormal=False, width=32))
ROWS = st.lists(st.tuples(st.integers(1, 25), VALUES, VALUES), min_size=4, max_size=40)


def _grid_of_rows(rows: list[tuple[int, float, float]]) -> Grid:
    times = np.cumsum([r[0] for r in rows])
    return grid(times.tolist(), [r[1] for r in rows], [r[2] for r in rows])


def _assert_same(again: Windows, found: Windows, i: int) -> None:
    for name in ("start", "end", "position", "lacks"):
        assert getattr(again, name).tolist() == getattr(found, name)[i : i + 1].tolist()


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(2, 9))
def test_a_time_window_cut_from_a_longer_grid_equals_the_window_cut_alone(
    rows: list[tuple[int, float, float]], width: int
) -> None:
    whole = _grid_of_rows(rows)
    features = on_time(10 * width, coverage=0.3, tags=("a", "b"))
    found = cut(whole, features, 10, 10, -1, EVER)
    together = extract(whole, found, features.names)
    for i in range(len(found)):
        inside = (whole.times >= found.start[i]) & (whole.times < found.end[i])
        alone = Grid(whole.asset, whole.tags, whole.times[inside], whole.values[inside])
        again = ending_at(alone, features, 10, found.end[i : i + 1])
        _assert_same(again, found, i)
        assert extract(alone, again, features.names).values.tobytes() == together.values[i].tobytes()


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 8))
def test_a_cycle_window_cut_from_a_longer_grid_equals_the_window_cut_alone(
    rows: list[tuple[int, float, float]], width: int
) -> None:
    whole = _grid_of_rows(rows)
    features = on_cycles(width, tags=("a", "b"))
    found = cut(whole, features, 1, 10, -1, EVER)
    together = extract(whole, found, features.names)
    for i in range(len(found)):
        part = slice(found.first[i], found.stop[i])
        alone = Grid(whole.asset, whole.tags, whole.times[part], whole.values[part])
        again = cut(alone, features, 1, 10, int(found.end[i]) - 1, int(found.end[i]), n_before=int(found.first[i]))
        _assert_same(again, found, i)
        assert extract(alone, again, features.names).values.tobytes() == together.values[i].tobytes()


def _slowly(whole: Grid, features: FeatureSet, step: int, period: int, since: int, until: int) -> list[tuple[Any, ...]]:
    """Cut row by row, as the words of the documentation say it."""
    rows = list(zip(whole.times.tolist(), whole.values.tolist(), strict=True))
    found: list[tuple[Any, ...]] = []
    if features.axis is Axis.CYCLE:
        for last in range(len(rows)):
            if since < rows[last][0] <= until and (last + 1) % step == 0:
                inside = list(range(max(0, last - features.window + 1), last + 1))
                lacks = [
                    _lack(
                        whole,
                        features,
                        place,
                        [r for r in inside if not isnan(rows[r][1][place])],
                        inside[0] - 1,
                        last + 1,
                        1,
                    )
                    for place in range(len(whole.tags))
                ]
                found.append((inside[0], last + 1, rows[inside[0]][0], rows[last][0], last + 1.0, lacks))
        return found
    for end in range(-(10**4), 10**4):
        if (end - features.align) % step or not max(since, rows[0][0]) < end <= min(until, rows[-1][0] + step):
            continue
        start = end - features.window
        inside = [r for r in range(len(rows)) if start <= rows[r][0] < end]
        first = sum(rows[r][0] < start for r in range(len(rows)))
        lacks = []
        for place in range(len(whole.tags)):
            at = [rows[r][0] for r in inside if not isnan(rows[r][1][place])]
            lacks.append(_lack(whole, features, place, at, start, end, period))
        found.append((first, first + len(inside), start, end, float(end), lacks))
    return found


def _lack(whole: Grid, features: FeatureSet, place: int, at: list[int], low: int, high: int, period: int) -> int:
    expected = max(1, features.window // whole.periods.get(whole.tags[place], period))
    if len(at) < expected * features.min_coverage:
        return Lack.FEW
    edges = [low, *at, high]
    is_cycle = features.axis is Axis.CYCLE
    longest = max(b - a - is_cycle for a, b in pairwise(edges))
    return Lack.GAP if features.max_gap and longest > features.max_gap else Lack.NONE


@settings(deadline=None, max_examples=150)
@given(
    ROWS,
    st.sampled_from(Axis),
    st.integers(1, 12),
    st.sampled_from((0.1, 0.5, 0.8, 1.0)),
    st.integers(0, 6),
    st.integers(1, 3),
    st.integers(-7, 7),
    st.integers(-5, 300),
    st.integers(0, 400),
    st.dictionaries(st.sampled_from(("a", "b")), st.integers(1, 5)),
)
def test_windows_are_those_that_a_slow_plain_reading_of_the_rows_gives(
    rows: list[tuple[int, float, float]],
    axis: Axis,
    width: int,
    coverage: float,
    max_gap: int,
    step: int,
    align: int,
    since: int,
    until: int,
    periods: dict[str, int],
) -> None:
    unit = 10 if axis is Axis.TIME else 1
    whole = replace(_grid_of_rows(rows), periods={tag: unit * n for tag, n in periods.items()})
    features = FeatureSet(
        "s", axis, unit * width, unit * step, coverage, (), (), unit * max_gap, align if axis is Axis.TIME else 0
    )
    found = cut(whole, features, unit * step, 10, since, until)
    columns = (found.first, found.stop, found.start, found.end, found.position, found.lacks)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == _slowly(
        whole, features, unit * step, 10, since, until
    )


@pytest.mark.parametrize("split", [1, 4, 7])
def test_cutting_in_two_goes_gives_the_same_windows_as_in_one(split: int) -> None:
    whole = grid([5, 16, 27, 31, 48, 55, 63, 71, 90], range(9))
    features = on_time(30)
    at = int(whole.times[split])
    both = [cut(whole, features, 10, 10, -1, at), cut(whole, features, 10, 10, at, EVER)]
    once = cut(whole, features, 10, 10, -1, EVER)
    for name in ("first", "stop", "start", "end", "position", "lacks"):
        assert np.concatenate([getattr(w, name) for w in both]).tolist() == getattr(once, name).tolist()


def test_what_a_broker_had_kept_is_no_row_of_the_grid() -> None:
    rows = [Point("p/a", 1, 1.0), Point("p/a", 2, 99.0, flags=Flag.RETAINED), Point("p/a", 3, 3.0)]
    found = grid_of("p", Points.from_rows(rows), ["a"])
    assert (found.times.tolist(), found.values[:, 0].tolist()) == ([1, 3], [1.0, 3.0])


def test_a_tag_that_only_counts_makes_rows_and_no_column() -> None:
    rows = [
        Point("p/a", 1, 1.0),
        Point("p/b", 2, 99.0),
        Point("p/b", 3, 98.0),
        Point("p/c", 4, 9.0),
        Point("p/a", 3, 3.0),
    ]
    found = grid_of("p", Points.from_rows(rows), ["a"], ["b"])
    assert (found.tags, found.times.tolist()) == (("a",), [1, 2, 3])
    np.testing.assert_array_equal(found.values[:, 0], [1.0, NAN, 3.0])
