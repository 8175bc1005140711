"""The raise threshold on hand-made tracks. Horizon 10, lead 2, all in cycles."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.threshold import (
    Choice,
    Curve,
    Rows,
    Track,
    clear_for,
    curve_of,
    curve_of_rows,
    evaluate,
    money,
    priced,
    tracks_of,
)
from detectors.threshold import choose as chosen
from domain.scores import Aim

HORIZON, LEAD = 10.0, 2.0
ROWS = Rows(HORIZON, LEAD, 0.0)
SURE = 1e-9  # a confidence that every share of so few events meets, so that the floor is the observed share


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


def choose(tracks: list[Track], recall: float) -> tuple[int, Choice]:
    return chosen(curve_of(tracks, ROWS), Aim(recall=recall, confidence=SURE))


def test_the_target_recall_is_reached_with_the_fewest_false_alarms() -> None:
    _, choice = choose(_fleet(), 1.0)
    assert 2.0 < choice.raise_at <= 4.0
    assert (choice.judgement.n_caught, choice.judgement.n_events, choice.judgement.n_false) == (2, 2, 1)
    assert evaluate(_fleet(), choice.raise_at, ROWS).judgement.lead_times == (8.0, 8.0)


def test_a_lower_target_buys_fewer_false_alarms() -> None:
    _, choice = choose(_fleet(), 0.5)
    assert 5.0 < choice.raise_at <= 6.0
    assert (choice.judgement.n_caught, choice.judgement.n_false) == (1, 0)


def test_where_the_target_cannot_be_reached_the_best_recall_is_taken() -> None:
    silent = _track({}, (40.0,))
    _, choice = choose([*_fleet(), silent], 1.0)
    assert (choice.judgement.n_caught, choice.judgement.n_events, choice.judgement.n_false) == (2, 3, 1)


def test_the_curve_tells_every_threshold_that_was_tried() -> None:
    curve = curve_of(_fleet(), ROWS)
    place, choice = chosen(curve, Aim(recall=1.0, confidence=SURE))
    levels = curve.levels.tolist()
    assert levels == sorted(set(levels))
    assert choice.raise_at == levels[place]
    caught, false = curve.caught.sum(axis=1), curve.false.sum(axis=1)
    assert choice.judgement.n_false == min(false[caught == 2])
    assert curve.n_events == 2


def test_a_raise_within_the_lead_budget_is_late_and_false() -> None:
    late = _track({(39, 40): 6.0}, (40.0,))
    found = evaluate([late], 3.0, ROWS).judgement
    assert (found.n_caught, found.n_false) == (0, 1)


def test_a_raise_waits_until_the_score_has_stayed_over_the_limit() -> None:
    fleet = _fleet()
    found = evaluate(fleet, 3.0, Rows(HORIZON, LEAD, 3.0)).judgement
    assert (found.n_caught, found.n_false) == (2, 0)
    assert found.lead_times == (5.0, 5.0)


def test_false_alarms_are_counted_per_unit_watched() -> None:
    found = evaluate(_fleet(), 3.0, ROWS)
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


def _curve(caught: list[int], false: list[int], n: int, weeks: float = 10.0) -> Curve:
    levels = np.arange(len(caught), dtype=np.float64)
    return Curve(levels, np.array([caught]).T, np.array([false]).T, np.array([n]), np.array([weeks]))


def test_the_floor_that_is_promised_asks_for_more_than_the_observed_share() -> None:
    curve = _curve([60, 59, 58, 55], [9, 5, 2, 0], 60)
    _, choice = chosen(curve, Aim(recall=0.92, confidence=0.9, week=1.0))
    assert choice.judgement.n_caught == 59  # 58 of 60 prove 0.914 only
    assert choice.is_kept


def test_too_few_events_give_the_highest_promise_and_say_so() -> None:
    _, choice = chosen(_curve([5, 5, 3], [4, 2, 0], 5), Aim(recall=0.95, week=1.0))
    assert (choice.judgement.n_caught, choice.judgement.n_false, choice.is_kept) == (5, 2, False)
    assert choice.promised == choice.highest == pytest.approx(0.631, abs=5e-4)


def test_an_alarm_budget_is_kept_even_where_the_floor_is_not() -> None:
    _, choice = chosen(_curve([60, 59, 50], [30, 20, 5], 60), Aim(recall=0.9, budget=1.0, week=1.0))
    assert (choice.judgement.n_caught, choice.is_kept, choice.is_within_budget) == (50, False, True)
    assert choice.highest is not None
    assert choice.promised is not None
    assert choice.highest > choice.promised


def test_known_costs_recover_the_cheapest_threshold_that_keeps_the_floor() -> None:
    curve = _curve([40, 40, 39, 36, 20], [300, 100, 20, 4, 0], 40)
    aim = Aim(recall=0.5, money=(1000.0, 30.0), week=1.0)
    place, _ = chosen(curve, aim)
    by_hand = [
        (40 - c) * 1000.0 + (c + f) * 30.0 for c, f in zip([40, 40, 39, 36, 20], [300, 100, 20, 4, 0], strict=True)
    ]
    assert money(curve, aim).tolist() == by_hand
    assert place == int(np.argmin(by_hand)) == 2


def test_rows_are_counted_one_by_one_where_they_are_cases_of_their_own() -> None:
    raw, label = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0, 1.0])
    curve = curve_of_rows(raw, label, np.array(["a", "a", "b", "b"], dtype=object))
    at = {level: i for i, level in enumerate(curve.levels.tolist())}
    assert curve.caught[at[1.0]].tolist() == [1, 1]
    assert curve.false[at[1.0]].tolist() == [0, 1]
    assert curve.caught[at[3.0]].tolist() == [0, 1]
    assert (curve.events.tolist(), curve.watched.tolist()) == ([1, 1], [2.0, 2.0])


def test_the_band_of_a_curve_holds_it_and_is_of_the_tracks() -> None:
    tracks = [_track({(32, 40): 3.0 + i % 3}, (40.0,)) for i in range(30)]
    rows = priced(curve_of(tracks, ROWS), Aim(money=(10.0, 1.0), week=40.0), seed=1, taken=0)
    assert sum(row["is_taken"] for row in rows) == 1
    for row in rows:
        low, high = row["recall_band"]
        assert low <= row["caught"] / row["events"] <= high
    middle = [r for r in rows if 0 < r["caught"] < 30]
    assert middle
    assert all(r["recall_band"][0] < r["recall_band"][1] for r in middle)
