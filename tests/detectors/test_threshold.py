"""The raise threshold on hand-made tracks. Horizon 10, lead 2, all in cycles."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.threshold import Track, choose, clear_for, evaluate, tracks_of

HORIZON, LEAD = 10.0, 2.0


def _track(spans: dict[tuple[int, int], float], failures: tuple[float, ...], n: int = 40) -> Track:
    raw = np.zeros(n)
    for (first, last), height in spans.items():
        raw[first - 1 : last] = height
    return Track(raw, np.arange(1, n + 1, dtype=np.float64), failures)


def _fleet() -> list[Track]:
    return [
        _track({(32, 40): 6.0, (10, 10): 2.0}, (40.0,)),  # strong before its failure, a blip long before
        _track({(32, 40): 4.0, (5, 5): 2.0}, (40.0,)),  # weaker
        _track({(20, 20): 5.0}, ()),  # never fails, one blip
    ]


def test_the_target_recall_is_reached_with_the_fewest_false_alarms() -> None:
    choice, _ = choose(_fleet(), 1.0, HORIZON, LEAD, 0.0)
    assert 2.0 < choice.raise_at <= 4.0
    assert (choice.judgement.n_caught, choice.judgement.n_events, choice.judgement.n_false) == (2, 2, 1)
    assert choice.judgement.lead_times == (8.0, 8.0)


def test_a_lower_target_buys_fewer_false_alarms() -> None:
    choice, _ = choose(_fleet(), 0.5, HORIZON, LEAD, 0.0)
    assert 5.0 < choice.raise_at <= 6.0
    assert (choice.judgement.n_caught, choice.judgement.n_false) == (1, 0)


def test_where_the_target_cannot_be_reached_the_best_recall_is_taken() -> None:
    silent = _track({}, (40.0,))
    choice, _ = choose([*_fleet(), silent], 1.0, HORIZON, LEAD, 0.0)
    assert (choice.judgement.n_caught, choice.judgement.n_events, choice.judgement.n_false) == (2, 3, 1)


def test_the_curve_tells_every_threshold_that_was_tried() -> None:
    choice, curve = choose(_fleet(), 1.0, HORIZON, LEAD, 0.0)
    levels = [row["raise_at"] for row in curve]
    assert levels == sorted(set(levels))
    assert choice.raise_at in levels
    best = [r["false_alarms"] for r in curve if r["caught"] == 2]
    assert choice.judgement.n_false == min(best)
    assert {row["events"] for row in curve} == {2}


def test_a_raise_within_the_lead_budget_is_late_and_false() -> None:
    late = _track({(39, 40): 6.0}, (40.0,))
    found = evaluate([late], 3.0, HORIZON, LEAD, 0.0).judgement
    assert (found.n_caught, found.n_false) == (0, 1)


def test_a_raise_waits_until_the_score_has_stayed_over_the_limit() -> None:
    fleet = _fleet()
    found = evaluate(fleet, 3.0, HORIZON, LEAD, confirm=3.0).judgement
    assert (found.n_caught, found.n_false) == (2, 0)
    assert found.lead_times == (5.0, 5.0)


def test_false_alarms_are_counted_per_unit_watched() -> None:
    found = evaluate(_fleet(), 3.0, HORIZON, LEAD, 0.0)
    assert found.false_alarms_per_unit == pytest.approx(1 / (3 * 39))
    assert found.clear_at == clear_for(3.0) < 3.0


def test_rows_are_split_into_tracks_by_group_in_order_of_position() -> None:
    group = np.array(["b", "a", "b", "a"], dtype=object)
    tracks = tracks_of(
        np.array([4.0, 1.0, 3.0, 2.0]),
        group,
        np.array([2.0, 1.0, 1.0, 2.0]),
        np.array([3.0, np.inf, 4.0, np.inf]),
    )
    assert [t.raw.tolist() for t in tracks] == [[1.0, 2.0], [3.0, 4.0]]
    assert [t.position.tolist() for t in tracks] == [[1.0, 2.0], [1.0, 2.0]]
    assert [t.failures for t in tracks] == [(), (5.0,)]
