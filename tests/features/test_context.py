"""Events, attributes, lab and process values as columns: counted by hand, and never known too early."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.vectors import FeatureName
from features.context import HOUR_NS, Background, Happened, attribute_names, columns, counted, event_names, hours_since


def hours(*values: float) -> np.ndarray:
    return np.array([int(v * HOUR_NS) for v in values], dtype=np.int64)


def happened(*rows: tuple[float, float]) -> Happened:
    return Happened(hours(*(r[0] for r in rows)), hours(*(r[1] for r in rows)))


def test_events_are_counted_in_the_trailing_window_that_ends_before_the_row() -> None:
    found = counted(hours(9, 10, 11, 15, 16, 30), happened((10, 10), (12, 12)), 5 * HOUR_NS)
    assert found.tolist() == [0, 0, 1, 2, 1, 0]


def test_an_event_counts_from_when_it_was_known_and_not_at_all_where_that_is_too_late() -> None:
    assert counted(hours(11, 13, 14, 16), happened((10, 13)), 5 * HOUR_NS).tolist() == [0, 1, 1, 0]
    assert counted(hours(11, 13, 14, 16), happened((10, 30)), 5 * HOUR_NS).tolist() == [0, 0, 0, 0]


def test_the_time_since_the_last_event_rests_on_what_is_known() -> None:
    found = hours_since(hours(9, 10, 12, 13, 20), happened((10, 10), (11, 13)))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 2, 2, 9])


def test_rows_in_any_order_have_the_counts_of_their_own_ends() -> None:
    ends = hours(16, 9, 15, 11)
    assert counted(ends, happened((10, 10), (12, 12)), 5 * HOUR_NS).tolist() == [1, 0, 2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=8),
    st.lists(st.integers(0, 90), min_size=1, max_size=8),
    st.integers(1, 20),
)
def test_counts_and_times_are_those_of_the_definition(rows: list[tuple[int, int]], ends: list[int], span: int) -> None:
    known = sorted((start, start + late) for start, late in rows)
    given_events = Happened(np.array([s for s, _ in known], dtype=np.int64), np.array([k for _, k in known], np.int64))
    by_hand = [sum(e - span <= s < e and k <= e for s, k in known) for e in ends]
    assert counted(np.array(ends, dtype=np.int64), given_events, span).tolist() == by_hand
    last = [max((s for s, k in known if s < e and k <= e), default=None) for e in ends]
    expected = [np.nan if s is None else (e - s) / HOUR_NS for e, s in zip(ends, last, strict=True)]
    np.testing.assert_array_equal(hours_since(np.array(ends, dtype=np.int64), given_events), expected)


def test_columns_stand_in_the_names_order_and_what_is_not_known_is_missing() -> None:
    names = [
        FeatureName("tag", "oil", "mean"),
        *event_names(["alarm:E1", "maintenance:belt"], [5.0]),
        *attribute_names("model", ["a", "b"]),
        *attribute_names("age", []),
        FeatureName("lab", "purity", "before_last"),
        FeatureName("process", "feed", "value"),
        FeatureName("process", "gone", "value"),
    ]
    background = Background({"alarm:E1": happened((10, 10))}, {"model": "b", "age": "7.5"})
    lab = {"purity": np.array([[1.0, 2.0], [3.0, 4.0]])}
    found = columns(
        names, hours(12, 20), background, lab, {FeatureName("process", "feed", "value"): np.array([8.0, 9.0])}
    )
    expected = [[1, 2, 0, np.nan, 0, 1, 7.5, 2, 8, np.nan], [0, 10, 0, np.nan, 0, 1, 7.5, 4, 9, np.nan]]
    assert found is not None
    np.testing.assert_array_equal(found, expected)
    none = columns(names, hours(12), Background())
    assert none is not None
    assert np.isnan(none[0, 4:7]).all()


def test_tags_alone_need_no_columns() -> None:
    assert columns([FeatureName("tag", "oil", "mean")], hours(1), Background()) is None
