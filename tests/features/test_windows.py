"""Points to grids, grids to half-open windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.points import Flag, Point, Points, Quality
from features.extract import extract
from features.windows import Grid, cut, grid_of, window_ending
from tests.features.grids import grid, on_cycles, on_time

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
    assert cut(empty, on_time(30), 10, 10, -1, EVER) == []
    assert cut(empty, on_cycles(3), 1, 10, -1, EVER) == []


def test_a_time_window_holds_its_start_and_not_its_end() -> None:
    window = window_ending(grid([0, 10, 20, 30, 40], [1, 2, 3, 4, 5]), on_time(30), 10, 40)
    assert (window.first, window.stop) == (1, 4)
    assert (window.start, window.end, window.position) == (10, 40, 40.0)


def test_time_windows_end_at_multiples_of_the_step_within_the_half_open_range() -> None:
    whole = grid([3, 14, 25, 36, 47], [1, 2, 3, 4, 5])
    ends = [w.end for w in cut(whole, on_time(20), 10, 10, 20, 50)]
    assert ends == [30, 40, 50]
    assert [w.end for w in cut(whole, on_time(20), 10, 10, 30, 50)] == [40, 50]


def test_time_windows_do_not_run_ahead_of_the_newest_row() -> None:
    ends = [w.end for w in cut(grid([0, 10, 20], [1, 2, 3]), on_time(20), 10, 10, -1, EVER)]
    assert ends == [10, 20, 30]


def test_windows_after_a_silence_are_cut_and_name_the_tag() -> None:
    found = cut(grid([0, 10, 20, 100, 110], [1, 2, 3, 4, 5]), on_time(20), 10, 10, 20, 110)
    assert [w.end for w in found] == [30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert [w.missing for w in found] == [()] + [("a",)] * 8


def test_a_cycle_window_is_the_last_rows_and_is_known_at_its_last() -> None:
    found = cut(grid([7, 9, 40, 41, 90], [1, 2, 3, 4, 5]), on_cycles(3), 1, 10, -1, EVER)
    assert [(w.first, w.stop) for w in found] == [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5)]
    assert [(w.start, w.end) for w in found][2:] == [(7, 40), (9, 41), (40, 90)]
    assert [w.position for w in found] == [1, 2, 3, 4, 5]


def test_a_cycle_window_that_is_not_full_is_not_assessed_below_its_coverage() -> None:
    five = grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert [w.missing for w in cut(five, on_cycles(4), 1, 1, -1, EVER)] == [("a",)] * 3 + [(), ()]
    assert [w.missing for w in cut(five, on_cycles(4, 0.5), 1, 1, -1, EVER)] == [("a",), (), (), (), ()]


def test_every_step_th_cycle_of_the_assets_life_ends_a_window() -> None:
    five = grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert [w.position for w in cut(five, on_cycles(2), 2, 1, -1, EVER)] == [2, 4]
    assert [w.position for w in cut(five, on_cycles(2), 2, 1, -1, EVER, n_before=7)] == [8, 10, 12]


def test_cycle_windows_are_cut_after_since_and_up_to_until() -> None:
    found = cut(grid([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), on_cycles(2), 1, 1, 2, 4)
    assert [w.end for w in found] == [3, 4]


def test_coverage_names_exactly_the_tags_that_lack_values() -> None:
    holes = grid([0, 10, 20, 30], [1, 2, 3, 4], [1, NAN, NAN, 4])
    features = on_time(40, coverage=0.75, tags=("a", "b"))
    assert window_ending(holes, features, 10, 40).missing == ("b",)
    assert window_ending(holes, on_time(40, coverage=0.5, tags=("a", "b")), 10, 40).missing == ()
    assert window_ending(holes, features, 10, 1_000).missing == ("a", "b")


def test_coverage_counts_irregular_times_by_number_not_by_place() -> None:
    crowded = grid([0, 1, 2, 3], [1, 2, 3, 4])
    assert window_ending(crowded, on_time(40), 10, 40).missing == ()


VALUES = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, allow_subnormal=False, width=32))
ROWS = st.lists(st.tuples(st.integers(1, 25), VALUES, VALUES), min_size=4, max_size=40)


def _grid_of_rows(rows: list[tuple[int, float, float]]) -> Grid:
    times = np.cumsum([r[0] for r in rows])
    return grid(times.tolist(), [r[1] for r in rows], [r[2] for r in rows])


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(2, 9))
def test_a_time_window_cut_from_a_longer_grid_equals_the_window_cut_alone(
    rows: list[tuple[int, float, float]], width: int
) -> None:
    whole = _grid_of_rows(rows)
    features = on_time(10 * width, coverage=0.3, tags=("a", "b"))
    found = cut(whole, features, 10, 10, -1, EVER)
    together = extract(whole, found, features.names)
    for i, window in enumerate(found):
        inside = (whole.times >= window.start) & (whole.times < window.end)
        alone = Grid(whole.asset, whole.tags, whole.times[inside], whole.values[inside])
        again = window_ending(alone, features, 10, window.end)
        assert (again.start, again.end, again.position, again.missing) == (
            window.start,
            window.end,
            window.position,
            window.missing,
        )
        np.testing.assert_array_equal(extract(alone, [again], features.names).values[0], together.values[i])


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 8))
def test_a_cycle_window_cut_from_a_longer_grid_equals_the_window_cut_alone(
    rows: list[tuple[int, float, float]], width: int
) -> None:
    whole = _grid_of_rows(rows)
    features = on_cycles(width, tags=("a", "b"))
    found = cut(whole, features, 1, 10, -1, EVER)
    together = extract(whole, found, features.names)
    for i, window in enumerate(found):
        part = slice(window.first, window.stop)
        alone = Grid(whole.asset, whole.tags, whole.times[part], whole.values[part])
        (again,) = cut(alone, features, 1, 10, window.end - 1, window.end, n_before=window.first)
        assert (again.start, again.end, again.position, again.missing) == (
            window.start,
            window.end,
            window.position,
            window.missing,
        )
        np.testing.assert_array_equal(extract(alone, [again], features.names).values[0], together.values[i])


@pytest.mark.parametrize("split", [1, 4, 7])
def test_cutting_in_two_goes_gives_the_same_windows_as_in_one(split: int) -> None:
    whole = grid([5, 16, 27, 31, 48, 55, 63, 71, 90], range(9))
    features = on_time(30)
    at = int(whole.times[split])
    both = [*cut(whole, features, 10, 10, -1, at), *cut(whole, features, 10, 10, at, EVER)]
    assert both == cut(whole, features, 10, 10, -1, EVER)


def test_what_a_broker_had_kept_is_no_row_of_the_grid() -> None:
    rows = [Point("p/a", 1, 1.0), Point("p/a", 2, 99.0, flags=Flag.RETAINED), Point("p/a", 3, 3.0)]
    found = grid_of("p", Points.from_rows(rows), ["a"])
    assert (found.times.tolist(), found.values[:, 0].tolist()) == ([1, 3], [1.0, 3.0])
