"""Caught failures and false alarms, worked by hand. Horizon 30, lead budget 5 unless a test says otherwise."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.judging import NOTHING, Judgement, judge

HORIZON, LEAD = 30.0, 5.0
INF = float("inf")


def judged(excursions: list[tuple[float, float]], failures: list[float], until: float = 1000.0) -> Judgement:
    return judge(excursions, failures, HORIZON, LEAD, until)


def test_raise_within_the_interval_is_caught() -> None:
    assert judged([(80, 100)], [100]) == Judgement(1, 1, 0, (20.0,))


@pytest.mark.parametrize("raised", [70.0, 95.0])
def test_both_ends_of_the_interval_belong_to_it(raised: float) -> None:
    assert judged([(raised, 100)], [100]) == Judgement(1, 1, 0, (100 - raised,))


def test_too_late_a_raise_is_false_and_not_caught() -> None:
    assert judged([(96, 100)], [100]) == Judgement(1, 0, 1, ())


def test_too_early_a_raise_is_false_and_not_caught() -> None:
    assert judged([(60, 65)], [100]) == Judgement(1, 0, 1, ())


def test_early_raise_still_open_at_the_failure_is_false_once_and_not_caught() -> None:
    # said at 60: too early, false; said again at 90: within the interval, not false, but nothing was raised there
    assert judged([(60, 100)], [100]) == Judgement(1, 0, 1, ())


def test_open_alert_is_judged_again_each_horizon() -> None:
    # said at 0, 30, 60, 90; cleared at 100
    assert judged([(0, 100)], []) == Judgement(0, 0, 4, ())


def test_alert_cleared_at_a_horizon_is_not_judged_there() -> None:
    assert judged([(0, 30)], []) == Judgement(0, 0, 1, ())


def test_open_alert_is_not_judged_after_the_failure() -> None:
    # said at 85 (hit); the excursion never clears, but the failure ends it
    assert judged([(85, INF)], [100]) == Judgement(1, 1, 0, (15.0,))


def test_alert_near_the_end_of_what_is_known_is_not_judged() -> None:
    assert judged([(980, INF)], []) == NOTHING


def test_open_alert_is_judged_up_to_the_end_of_what_is_known() -> None:
    # said at 900, 930, 960 (each with its horizon known); 990 is not known yet
    assert judged([(900, INF)], []) == Judgement(0, 0, 3, ())


def test_two_raises_for_one_failure_count_once_with_the_first_lead() -> None:
    assert judged([(72, 75), (80, 85)], [100]) == Judgement(1, 1, 0, (28.0,))


def test_first_lead_does_not_depend_on_the_order_of_excursions() -> None:
    assert judged([(80, 85), (72, 75)], [100]) == Judgement(1, 1, 0, (28.0,))


def test_one_raise_catches_two_close_failures() -> None:
    assert judged([(80, 90)], [100, 105]) == Judgement(2, 2, 0, (20.0, 25.0))


def test_missed_failure() -> None:
    assert judged([], [100]) == Judgement(1, 0, 0, ())


def test_short_false_alarm() -> None:
    assert judged([(10, 11)], [500]) == Judgement(1, 0, 1, ())


def test_raise_of_no_duration_is_still_judged() -> None:
    assert judged([(10, 10)], []) == Judgement(0, 0, 1, ())


def test_sum_of_judgements() -> None:
    assert Judgement(1, 1, 0, (20.0,)) + Judgement(2, 0, 3, ()) == Judgement(3, 1, 3, (20.0,))


@pytest.mark.timeout(2)
def test_horizon_of_nothing_is_judged_or_refused() -> None:
    with suppress(ValueError):
        assert judge([(10, 20)], [15], 0, 0, 100).n_events == 1


@pytest.mark.timeout(2)
def test_excursion_and_knowledge_without_end_end() -> None:
    assert judge([(10, INF)], [500], HORIZON, LEAD, INF).n_events == 1


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), max_size=5),
    st.lists(st.integers(0, 400), max_size=4, unique=True),
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(0, 400),
)
def test_counts_stay_within_their_bounds(
    starts: list[tuple[int, int]], failures: list[int], horizon: int, lead: int, until: int
) -> None:
    excursions = [(float(a), float(a + n)) for a, n in starts]
    found = judge(excursions, failures, horizon, lead, until)
    assert found.n_events == len(failures)
    assert found.n_caught == len(found.lead_times) <= found.n_events
    assert all(lead <= t <= horizon for t in found.lead_times)
    assert 0 <= found.n_false <= sum(1 + (b - a) // horizon for a, b in excursions)


@given(st.lists(st.integers(0, 300), max_size=5), st.lists(st.integers(0, 300), max_size=4, unique=True))
def test_later_end_of_knowledge_never_takes_back_a_false_alarm(raised: list[int], failures: list[int]) -> None:
    excursions = [(float(r), float(r + 1)) for r in raised]
    early, late = judge(excursions, failures, 30, 5, 300), judge(excursions, failures, 30, 5, 1000)
    assert early.n_false <= late.n_false
    assert early.n_caught == late.n_caught
