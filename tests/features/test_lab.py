"""The last results that were known, never later ones."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import EPOCH, to_ns
from domain.lots import Judged
from domain.records import Result
from features import lab

JUDGED = Judged("y", labs=("central", "shift"))


def _result(second: int, value: float | None, lot: str = "", lab: str = "") -> Result:
    return Result("line", lot or f"lot-{second}", "y", value, EPOCH + timedelta(seconds=second), lab)


def known_before(versions: list[Result], at: np.ndarray, lots: list[str] | None = None) -> np.ndarray:
    return lab.known_before(lab.lab_history(versions, JUDGED), at, lots or ["another"] * len(at))


def _at(*seconds: float) -> np.ndarray:
    return np.array([to_ns(EPOCH + timedelta(seconds=s)) for s in seconds], dtype=np.int64)


def test_a_result_counts_from_the_instant_it_is_known() -> None:
    found = known_before([_result(10, 1.0), _result(20, 2.0)], _at(9.999999, 10, 19.999999, 20, 50))
    np.testing.assert_array_equal(found[:, :2], [[np.nan] * 2, [1.0, np.nan], [1.0, np.nan], [2.0, 1.0], [2.0, 1.0]])


def test_the_order_of_the_results_does_not_matter() -> None:
    results = [_result(30, 3.0), _result(10, 1.0), _result(20, 2.0)]
    np.testing.assert_array_equal(known_before(results, _at(25))[:, :2], [[2.0, 1.0]])


def test_a_result_without_a_number_is_skipped() -> None:
    found = known_before([_result(10, 1.0), _result(20, None)], _at(30))
    np.testing.assert_array_equal(found, [[1.0, np.nan, 1.0]])


def test_no_results_give_missing_values() -> None:
    found = known_before([], _at(1, 2))
    assert found.shape == (2, 3)
    assert np.isnan(found).all()


def test_a_correction_is_not_seen_before_it_was_known_and_makes_no_old_lot_the_last() -> None:
    versions = [_result(10, 1.0, "a"), _result(20, 2.0, "b"), _result(30, 9.0, "a")]
    found = known_before(versions, _at(15, 25, 30))
    np.testing.assert_array_equal(found, [[1.0, np.nan, 1.0], [2.0, 1.0, 1.5], [2.0, 9.0, 5.5]])


def test_a_correction_is_known_by_its_version_not_by_its_place_in_time() -> None:
    versions = [_result(20, 1.0, "a"), _result(10, 3.0, "a")]  # the second version says that it was known earlier
    np.testing.assert_array_equal(known_before(versions, _at(15, 25))[:, 0], [3.0, 3.0])


def test_the_first_lab_counts_of_those_that_had_told_a_value() -> None:
    versions = [
        _result(10, 1.0, "a", "shift"),
        _result(12, 5.0, "a", "other"),
        _result(20, 2.0, "a", "central"),
        _result(30, None, "a", "central"),
    ]
    np.testing.assert_array_equal(known_before(versions, _at(11, 15, 25, 35))[:, 0], [1.0, 1.0, 2.0, 1.0])


def test_of_labs_that_are_not_named_the_latest_counts() -> None:
    versions = [_result(10, 1.0, "a", "x"), _result(20, 2.0, "a", "y")]
    np.testing.assert_array_equal(known_before(versions, _at(15, 25))[:, 0], [1.0, 2.0])


def test_no_lot_sees_a_result_of_its_own() -> None:
    versions = [_result(s, float(s), f"{s}") for s in (10, 20, 30)]
    found = known_before(versions, _at(10, 20, 30, 30), ["10", "20", "30", "20"])  # known at their lot's own end
    np.testing.assert_array_equal(found, [[np.nan] * 3, [10, np.nan, 10], [20, 10, 15], [30, 10, 20]])


def test_what_was_withdrawn_is_missing() -> None:
    versions = [_result(10, 1.0, "a"), _result(20, None, "a")]
    np.testing.assert_array_equal(known_before(versions, _at(15, 25))[:, 0], [1.0, np.nan])


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-9, 9)), max_size=12), st.integers(0, 50))
def test_no_later_result_ever_changes_what_was_known(rows: list[tuple[int, int]], now: int) -> None:
    results = [_result(second, float(value)) for second, value in rows]
    known = [r for r, (second, _) in zip(results, rows, strict=True) if second <= now]
    np.testing.assert_array_equal(known_before(results, _at(now)), known_before(known, _at(now)))


def test_recent_is_the_mean_of_the_newest_other_lots_alone() -> None:
    versions = [_result(s, float(s), f"{s}") for s in range(1, 101)]
    found = known_before(versions, _at(100, 100), ["another", "90"])
    np.testing.assert_allclose(found[:, 2], [np.mean(range(71, 101)), np.mean([s for s in range(70, 101) if s != 90])])
