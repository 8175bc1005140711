"""Who is promoted: only a challenger that is not worse, keeps the budget and is really better, on later events."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import gate
from detectors.gate import RISK, Judged, Watched, coin_evidence, decide, judged
from domain.limits import Limits
from tests.detectors import planted

LIMITS = Limits(0.5, 0.4)


def asset(caught: tuple[bool, ...], n_false: int = 0, weeks: float = 10.0, spans: int = 1) -> Judged:
    return Judged(caught, tuple((i, n_false) for i in range(spans)) if n_false else (), weeks)


def fleet(n: int, caught: bool, n_false: int = 0) -> list[Judged]:
    return [asset((caught,), n_false) for _ in range(n)]


def test_a_challenger_that_catches_what_the_champion_missed_is_promoted() -> None:
    found = decide(fleet(12, False), fleet(12, True), budget=0.1)
    assert (found.is_promoted, found.reason, found.n_events, found.caught) == (True, "", 12, (0, 12))


def test_one_that_is_as_good_is_not_promoted() -> None:
    found = decide(fleet(50, True), fleet(50, True), budget=0.1)
    assert (found.is_promoted, found.reason) == (False, "it may be better by chance only")


def test_fewer_false_alarms_in_many_spans_are_better_and_one_burst_is_not() -> None:
    quiet = fleet(30, True)
    assert decide(fleet(30, True, n_false=2), quiet, budget=0.5).is_promoted
    burst = [asset((True,), 60), *fleet(29, True)]
    assert not decide(burst, quiet, budget=0.5).is_promoted


def test_no_failure_since_decides_nothing() -> None:
    found = decide([asset((), 9, spans=30)], [asset(())], budget=1.0)
    assert (found.is_promoted, found.reason) == (False, "no failure was seen since both were trained")


def test_worse_recall_and_a_broken_budget_refuse_whatever_else_is_better() -> None:
    old = [*fleet(20, False, 3), asset((True,))]
    assert decide(old, [*fleet(20, False), asset((False,))], budget=9.0).reason == "it caught fewer failures"
    loud = decide(fleet(30, False), fleet(30, True, n_false=5), budget=0.4)
    assert (loud.reason, loud.false_per_week) == ("its false alarms are beyond the budget", (0.0, 0.5))
    assert decide(fleet(30, False), fleet(30, True, n_false=5), budget=0.5).is_promoted
    assert not decide(fleet(30, False), fleet(30, True, n_false=5), budget=None).is_promoted


def test_models_that_were_judged_on_different_failures_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different failures"):
        decide(fleet(3, True), fleet(4, True), budget=None)


def test_evidence_is_fair_and_may_be_looked_at_after_each_toss() -> None:
    """Ville: of equal pairs that are looked at after every failure, at most the risk is ever called better."""
    assert coin_evidence(0, 0) == pytest.approx(1.0)
    assert coin_evidence(0, 9) == pytest.approx(0.1)  # the mean of 2 x (2p)^0 (2 - 2p)^9 over p from 1/2 to 1
    assert coin_evidence(8, 0) > 50 > coin_evidence(7, 0)
    for wins, losses in ((3, 1), (5, 5)):  # a fair coin's expectation does not grow with another toss
        ahead = (coin_evidence(wins + 1, losses) + coin_evidence(wins, losses + 1)) / 2
        assert ahead == pytest.approx(coin_evidence(wins, losses))
    random, n_called = np.random.default_rng(4), 0
    for _ in range(400):
        wins = np.cumsum(random.random(120) < 0.5)
        n_called += any(coin_evidence(int(w), i + 1 - int(w)) >= 1 / RISK for i, w in enumerate(wins))
    assert n_called / 400 <= RISK + 0.01


def test_alerts_are_judged_on_the_later_window_by_hand() -> None:
    """Horizon 10, lead 2, start 100: the failure at 105 is too early to be judged, 130 is caught, 160 is missed.

    The alert from 110 to 112 is false: the next failure is 20 away.
    """
    position = np.arange(100.0, 170.0)
    value = np.zeros(70)
    value[10:12] = value[22:29] = 0.9
    watched = Watched(value, position, (105.0, 130.0, 160.0), 100.0, 2.0)
    found = judged(watched, LIMITS, 10.0, 2.0, 0.0)
    assert found == Judged((True, False), ((0, 1),), 2.0)
    assert judged(watched, LIMITS, 10.0, 2.0, 5.0).n_false == 0  # confirmed after 5: too short to be raised


def test_only_rows_after_both_trainings_are_watched() -> None:
    rows = planted.failures(n_groups=2, life=30)
    since = int(np.sort(rows.vectors.end[rows.vectors.asset == "g00"])[19])
    value = np.arange(len(rows.vectors), dtype=np.float64)
    first, second = gate.watched(value, rows, since)
    assert first.position.tolist() == list(range(21, 31))
    assert (first.start, first.failures) == (21.0, (30.0,))
    assert first.value.tolist() == value[20:30].tolist()
    assert len(second.position) == 30
    nothing = gate.watched(value, rows, int(rows.vectors.end.max()))
    assert [len(w.position) for w in nothing] == [0, 0]
    assert judged(nothing[0], LIMITS, 10.0, 2.0, 0.0) == Judged((), (), 0.0)
