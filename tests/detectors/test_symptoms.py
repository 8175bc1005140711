"""Labels worked by hand: what a window may warn of, from where a symptom shows, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.settings import SymptomSettings
from detectors.symptoms import ENDLESS, Course, Labels, is_symptom, labelled, labels_of, merged, touching
from domain.records import Event, EventKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def course(
    at: list[float], mode: list[str], left_out: list[tuple[int, int]], last: float, onset: list[float] | None = None
) -> Course:
    shown = [-np.inf] * len(at) if onset is None else onset
    return Course(np.array(at, dtype=np.float64), np.array(mode, dtype=object), np.array(shown), merged(left_out), last)


def of_windows(ends: list[int], length: int, found: Course, horizon: float) -> Labels:
    end = np.array(ends, dtype=np.int64)
    return labelled(end - length, end, end.astype(np.float64), found, horizon)


def test_a_window_warns_of_the_next_event_within_the_horizon_and_knows_its_mode() -> None:
    found = of_windows([10, 20, 30, 40, 50], 5, course([30.0, 45.0], ["hdf", "pwf"], [], 100), 10)
    assert found.to_event.tolist() == [20, 10, 0, 5, np.inf]
    assert found.outcome.tolist() == [0, 1, 1, 1, 0]
    assert found.mode.tolist() == ["hdf", "hdf", "hdf", "pwf", ""]


def test_a_window_whose_future_is_not_known_is_left_out_and_one_before_an_event_is_not() -> None:
    found = of_windows([10, 15, 16, 20], 5, course([12.0], ["a"], [], 25), 10)
    assert found.is_kept.tolist() == [True, True, False, False]
    late = of_windows([1, 10, 24], 1, course([24.0], ["a"], [], 25), 10)
    assert late.is_kept.tolist() == [True, True, True]


def test_before_its_onset_an_event_does_not_show_and_the_horizon_bounds_an_early_onset() -> None:
    ends = [10, 20, 25, 30]
    late = of_windows(ends, 5, course([30.0], ["a"], [], 30, onset=[24.0]), 20)
    assert late.outcome.tolist() == [0, 0, 1, 1]
    early = of_windows(ends, 5, course([30.0], ["a"], [], 30, onset=[2.0]), 5)
    assert early.outcome.tolist() == [0, 0, 1, 1]
    assert late.to_event.tolist() == early.to_event.tolist() == [20, 10, 5, 0]


def test_what_touches_a_span_is_left_out_and_its_neighbours_are_kept() -> None:
    found = of_windows([10, 15, 16, 20, 24, 25, 26], 5, course([], [], [(15, 20)], 100), 10)
    assert found.is_kept.tolist() == [True, True, False, False, False, True, True]


def test_an_open_span_leaves_out_all_that_follows() -> None:
    found = of_windows([10, 16, 10**6], 5, course([], [], [(15, ENDLESS)], 2e6), 10)
    assert found.is_kept.tolist() == [True, False, False]


def test_an_instant_is_touched_where_a_window_goes_on_after_it() -> None:
    spans = merged([(10, 10)])
    assert touching(np.array([5, 6, 10]), np.array([10, 11, 15]), spans).tolist() == [False, True, False]


def test_overlapping_spans_are_merged() -> None:
    assert merged([(30, 40), (1, 5), (5, 9), (3, 4), (35, ENDLESS)]).tolist() == [[1, 9], [30, ENDLESS]]
    assert merged([]).shape == (0, 2)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=6),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), min_size=1, max_size=9),
)
def test_touching_is_what_each_span_alone_says(spans: list[tuple[int, int]], windows: list[tuple[int, int]]) -> None:
    given_spans = [(s, s + n) for s, n in spans]
    start = np.array([s for s, _ in windows])
    end = np.array([s + n for s, n in windows])
    by_hand = [any(e > s and w < t for s, t in given_spans) for w, e in zip(start.tolist(), end.tolist(), strict=True)]
    assert touching(start, end, merged(given_spans)).tolist() == by_hand


def event(kind: EventKind, code: str) -> Event:
    return Event("a", kind, code, NOW, NOW, NOW)


@pytest.mark.parametrize(
    ("of", "codes", "outcome", "expected"),
    [
        ("failure", (), "", {"failure:x", "failure:y"}),
        ("failure", (), "x", {"failure:x"}),
        ("failure", ("y",), "x", {"failure:y"}),
        ("trend", (), "x", {"failure:x"}),
        ("stop", (), "", {"failure:x", "failure:y", "stop:x"}),
        ("alarm", ("x",), "", {"alarm:x"}),
        ("result", (), "x", set()),
    ],
)
def test_the_config_says_which_events_are_warned_of(
    of: str, codes: tuple[str, ...], outcome: str, expected: set[str]
) -> None:
    symptom = SymptomSettings.model_validate({"from": of, "codes": codes})
    known = ("failure:x", "failure:y", "stop:x", "alarm:x", "alarm:y", "maintenance:x")
    made = {k: event(EventKind(k.partition(":")[0]), k.partition(":")[2]) for k in known}
    assert {k for k, e in made.items() if is_symptom(e, symptom, outcome)} == expected


def test_labels_of_several_assets_are_joined_in_order() -> None:
    one = of_windows([10, 20], 5, course([20.0], ["a"], [], 30), 5)
    two = of_windows([10], 5, course([], [], [], 30), 5)
    both = labels_of([one, two])
    assert both.mode.tolist() == ["a", "a", ""]
    assert both.take(both.outcome == 1).to_event.tolist() == [0.0]
    assert len(labels_of([]).outcome) == 0
