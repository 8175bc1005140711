"""The last results that were known, never later ones."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import EPOCH, to_ns
from domain.records import Result
from features.lab import known_before


def _result(second: int, value: float | None) -> Result:
    return Result("line", f"lot-{second}", "y", value, EPOCH + timedelta(seconds=second))


def _at(*seconds: float) -> np.ndarray:
    return np.array([to_ns(EPOCH + timedelta(seconds=s)) for s in seconds], dtype=np.int64)


def test_a_result_counts_from_the_instant_it_is_known() -> None:
    found = known_before([_result(10, 1.0), _result(20, 2.0)], _at(9.999999, 10, 19.999999, 20, 50))
    np.testing.assert_array_equal(found, [[np.nan] * 2, [1.0, np.nan], [1.0, np.nan], [2.0, 1.0], [2.0, 1.0]])


def test_the_order_of_the_results_does_not_matter() -> None:
    results = [_result(30, 3.0), _result(10, 1.0), _result(20, 2.0)]
    np.testing.assert_array_equal(known_before(results, _at(25)), [[2.0, 1.0]])


def test_a_result_without_a_number_is_skipped() -> None:
    np.testing.assert_array_equal(known_before([_result(10, 1.0), _result(20, None)], _at(30)), [[1.0, np.nan]])


def test_no_results_give_missing_values() -> None:
    found = known_before([], _at(1, 2))
    assert found.shape == (2, 2)
    assert np.isnan(found).all()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-9, 9)), max_size=12), st.integers(0, 50))
def test_no_later_result_ever_changes_what_was_known(rows: list[tuple[int, int]], now: int) -> None:
    results = [_result(second, float(value)) for second, value in rows]
    known = [r for r, (second, _) in zip(results, rows, strict=True) if second <= now]
    np.testing.assert_array_equal(known_before(results, _at(now)), known_before(known, _at(now)))
