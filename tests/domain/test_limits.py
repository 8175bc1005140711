"""Raise and clear limits: hysteresis and the confirmation of a raise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.limits import Limits, raises

HIGH = Limits(10.0, 8.0)
LOW = Limits(2.0, 3.0, sign=-1)


@pytest.mark.parametrize(
    ("value", "was_over", "expected"),
    [(10.0, False, True), (9.99, False, False), (9.0, True, True), (8.0, True, True), (7.99, True, False)],
)
def test_high_limits(value: float, was_over: bool, expected: bool) -> None:
    assert HIGH.is_over(value, was_over) is expected


@pytest.mark.parametrize(
    ("value", "was_over", "expected"),
    [(2.0, False, True), (2.01, False, False), (2.5, True, True), (3.0, True, True), (3.01, True, False)],
)
def test_low_limits(value: float, was_over: bool, expected: bool) -> None:
    assert LOW.is_over(value, was_over) is expected


def test_excursion_runs_from_raise_to_clear_limit() -> None:
    assert raises([9, 10, 9, 8, 7, 9], range(6), HIGH, confirm=0) == [(1, 4)]


def test_excursion_without_end_is_cleared_after_the_last_row() -> None:
    assert raises([9, 10, 11], range(3), HIGH, confirm=0) == [(1, 3)]


def test_raise_waits_for_confirmation() -> None:
    assert raises([10, 10, 10, 7], range(4), HIGH, confirm=2) == [(2, 3)]


def test_too_short_an_excursion_is_none() -> None:
    assert raises([10, 10, 7, 10, 10, 7], range(6), HIGH, confirm=2) == []


def test_value_between_the_limits_breaks_an_unconfirmed_excursion() -> None:
    assert raises([10, 9, 10, 10, 10], range(5), HIGH, confirm=2) == [(4, 5)]


def test_confirmation_counts_axis_units_and_not_rows() -> None:
    assert raises([10, 10, 10], [0, 1, 100], HIGH, confirm=50) == [(2, 3)]


def test_two_excursions() -> None:
    assert raises([10, 7, 11, 8, 7.9], range(5), HIGH, confirm=0) == [(0, 1), (2, 4)]


def test_low_values_raise_where_they_are_the_breach() -> None:
    assert raises([5, 2, 2.5, 3.5, 1], range(5), LOW, confirm=0) == [(1, 3), (4, 5)]


def test_no_values_no_raises() -> None:
    assert raises([], [], HIGH, confirm=0) == []


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        raises([1, 2], [1], HIGH, confirm=0)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), max_size=40),
    st.sampled_from([(4.0, 2.0, 1), (4.0, 4.0, 1), (2.0, 5.0, -1)]),
    st.integers(0, 5),
)
def test_excursions_are_those_of_the_rule_applied_value_by_value(
    steps: list[tuple[int, int]], limits: tuple[float, float, int], confirm: int
) -> None:
    values = [float("nan") if v == 6 else float(v) for v, _ in steps]
    positions = np.cumsum([gap for _, gap in steps]).astype(float).tolist()
    rule = Limits(*limits)
    found, since, raised = [], None, None
    for row, (value, position) in enumerate(zip(values, positions, strict=True)):
        if rule.is_over(value, raised is not None):
            since = position if since is None else since
            if raised is None and position - since >= confirm:
                raised = row
        else:
            if raised is not None:
                found.append((raised, row))
            since = raised = None
    if raised is not None:
        found.append((raised, len(values)))
    assert raises(values, positions, rule, confirm) == found
