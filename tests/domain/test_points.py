"""Points: null and infinite values, and moving rows about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.points import Flag, Point, Points, Quality

ROWS = (
    Point("a/x", 1, 1.5, None, Quality.GOOD, Flag.NONE, 10),
    Point("a/y", 2, None, "broken", Quality.BAD, Flag.TEXT, 11),
    Point("b/x", 3, -0.25, None, Quality.UNCERTAIN, Flag.SERVER_TIME, 12),
)

any_point = st.builds(
    Point,
    st.text(min_size=1, max_size=5),
    st.integers(0, 2**62),
    st.none() | st.floats(),
    st.none() | st.text(max_size=5),
    st.integers(0, 2),
    st.integers(0, 31),
    st.integers(0, 2**62),
)


def test_null_becomes_nan_and_bad() -> None:
    points = Points.of(["a/x"], [1], [None])
    assert np.isnan(points.value[0])
    assert points.quality[0] == Quality.BAD


def test_nan_becomes_null_and_bad() -> None:
    points = Points.of(["a/x"], [1], [float("nan")], quality=[Quality.GOOD])
    assert points.rows()[0].value is None
    assert points.quality[0] == Quality.BAD


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_becomes_null_and_bad_and_flagged(value: float) -> None:
    point = Points.of(["a/x"], [1], [value], flags=[Flag.SERVER_TIME]).rows()[0]
    assert point.value is None
    assert point.quality == Quality.BAD
    assert point.flags == Flag.SERVER_TIME | Flag.NON_FINITE


def test_finite_value_keeps_its_quality_and_flags() -> None:
    point = Points.of(["a/x"], [1], [2.0], quality=[Quality.UNCERTAIN], flags=[Flag.TEXT]).rows()[0]
    assert point == Point("a/x", 1, 2.0, None, Quality.UNCERTAIN, Flag.TEXT, 0)


def test_input_arrays_are_not_changed() -> None:
    values, quality = np.array([np.inf, 1.0]), np.array([0, 0], dtype=np.uint8)
    Points.of(["a/x", "a/x"], [1, 2], values, quality=quality)
    assert values.tolist() == [np.inf, 1.0]
    assert quality.tolist() == [0, 0]


def test_rows_come_back_equal() -> None:
    assert Points.from_rows(ROWS).rows() == list(ROWS)


@given(st.lists(any_point, max_size=6))
def test_rows_of_rows_are_stable(rows: list[Point]) -> None:
    once = Points.from_rows(rows).rows()
    assert Points.from_rows(once).rows() == once
    assert [(p.tag_id, p.at, p.text) for p in once] == [(p.tag_id, p.at, p.text) for p in rows]
    assert all(p.quality == Quality.BAD for p in once if p.value is None)
    assert all(p.value is None or np.isfinite(p.value) for p in once)


def test_dtypes_are_fixed() -> None:
    points = Points.from_rows(ROWS)
    dtypes = [c.dtype for c in (points.at, points.value, points.quality, points.flags, points.received_at)]
    assert dtypes == [np.int64, np.float64, np.uint8, np.uint32, np.int64]
    assert points.tag_id.dtype == points.text.dtype == object


def test_no_rows_are_points_of_length_zero() -> None:
    points = Points.from_rows(())
    assert len(points) == 0
    assert points.rows() == []
    assert points.value.dtype == np.float64


def test_take_by_mask_indices_and_slice() -> None:
    points = Points.from_rows(ROWS)
    assert points.take(np.array([True, False, True])).rows() == [ROWS[0], ROWS[2]]
    assert points.take(np.array([2, 0])).rows() == [ROWS[2], ROWS[0]]
    assert points.take(slice(1, None)).rows() == [ROWS[1], ROWS[2]]


def test_concat_keeps_order() -> None:
    parts = [Points.from_rows(ROWS[1:]), Points.from_rows(()), Points.from_rows(ROWS[:1])]
    assert Points.concat(parts).rows() == [ROWS[1], ROWS[2], ROWS[0]]


def test_concat_of_nothing_is_empty() -> None:
    assert len(Points.concat([])) == 0


@pytest.mark.parametrize(
    "columns",
    [
        (["a/x"], [1, 2], [1.0, 2.0]),
        (["a/x", "a/y"], [1], [1.0, 2.0]),
        (["a/x", "a/y"], [1, 2], [1.0]),
        (["a/x", "a/y", "a/z"], [1, 2], [1.0, 2.0]),
    ],
)
def test_unequal_lengths_are_refused(columns: tuple[list[str], list[int], list[float]]) -> None:
    with pytest.raises((ValueError, IndexError)):
        Points.of(*columns)


def test_unequal_length_of_an_optional_column_is_refused() -> None:
    with pytest.raises(ValueError, match="unequal length"):
        Points.of(["a/x", "a/y"], [1, 2], [1.0, 2.0], received_at=[1])
