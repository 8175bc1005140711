"""Before and after, worked by hand and over plants where nothing, or a known cut, was planted."""

from __future__ import annotations

import numpy as np
import pytest

from reports.benefit import (
    Compared,
    Difference,
    Stopped,
    Verdict,
    against_control,
    compared,
    dispersion,
    mixes,
    placebo,
    rate_ratio,
    ratio_of_ratios,
    showable,
)
from reports.drop import Lots
from reports.likeness import likeness


def _stops(n: int, weeks: float = 10.0) -> Stopped:
    return Stopped(n, weeks, 2.0 * n)


def test_the_interval_of_a_rate_ratio_is_the_binomials() -> None:
    found = rate_ratio(_stops(15), _stops(5))  # 5 of 20: Clopper and Pearson give 0.0866 to 0.4910
    assert found.value == pytest.approx(1 / 3)
    assert (found.low, found.high) == pytest.approx((0.0866 / 0.9134, 0.4910 / 0.5090), abs=1e-3)
    assert found.verdict is Verdict.LESS


def test_time_watched_counts_and_not_stops_alone() -> None:
    assert rate_ratio(_stops(10, 10.0), _stops(10, 20.0)).value == pytest.approx(0.5)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 3), (3, 0)])
def test_no_stops_leave_the_interval_open(before: int, after: int) -> None:
    found = rate_ratio(_stops(before), _stops(after))
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.low == 0.0 if after == 0 else found.high == float("inf")


def test_a_cut_that_the_control_had_too_is_no_benefit() -> None:
    alike = ratio_of_ratios((_stops(40), _stops(20)), (_stops(40), _stops(20)))
    assert alike.value == pytest.approx(1.0)
    assert alike.verdict is Verdict.CANNOT_TELL
    assert ratio_of_ratios((_stops(40), _stops(10)), (_stops(40), _stops(40))).verdict is Verdict.LESS
    nothing = ratio_of_ratios((_stops(0), _stops(0)), (_stops(4), _stops(4)))
    assert (nothing.low, nothing.high) == (0.0, float("inf"))


def test_what_could_have_shown_would_have_shown_and_less_would_not() -> None:
    share = showable(_stops(20), 10.0)
    assert share is not None
    n = round(20 * (1 - share))
    assert rate_ratio(_stops(20), _stops(n)).verdict is Verdict.LESS
    assert rate_ratio(_stops(20), _stops(n + 1)).verdict is Verdict.CANNOT_TELL
    assert showable(_stops(2), 10.0) is None


def test_a_null_is_claimed_in_few_plants_and_a_cut_is_covered_in_most() -> None:
    random = np.random.default_rng(0)
    n0, same, cut = random.poisson(60, 400), random.poisson(60, 400), random.poisson(48, 400)
    nulls = [rate_ratio(_stops(int(a)), _stops(int(b))).verdict is Verdict.LESS for a, b in zip(n0, same, strict=True)]
    cuts = [rate_ratio(_stops(int(a)), _stops(int(b))) for a, b in zip(n0, cut, strict=True)]
    assert np.mean(nulls) <= 0.05
    assert np.mean([r.low <= 0.8 <= r.high for r in cuts]) >= 0.9


def test_stops_in_clusters_are_no_poisson_stops() -> None:
    assert dispersion([5, 6, 4, 5], [10.0] * 4) > 0.5
    assert dispersion([20, 0, 0, 0], [10.0] * 4) < 0.001
    assert dispersion([3], [10.0]) == 1.0


def _mixed(random: np.random.Generator, n: int, later_share: float, cut: float) -> Lots:
    """Return lots of a good product and a bad one; after, the bad one's share is another, and rates are cut."""
    after = np.arange(n) >= n // 2
    is_bad_one = random.random(n) < np.where(after, later_share, 0.5)
    rate = np.where(is_bad_one, 0.3, 0.1) * np.where(after, 1 - cut, 1.0)
    product = np.where(is_bad_one, "B", "A").astype(object)
    return Lots((random.random(n) < rate).astype(float), after, {"product": product})


def test_another_mix_is_no_benefit_at_the_same_mix() -> None:
    found = [compared(_mixed(np.random.default_rng(i), 4000, 0.1, 0.0)) for i in range(60)]
    assert np.mean([x.change.verdict is Verdict.LESS for x in found]) == 1.0
    same = [x.at_same_mix for x in found]
    assert np.mean([x is not None and x.verdict is not Verdict.CANNOT_TELL for x in same]) <= 0.1
    assert mixes(_mixed(np.random.default_rng(0), 4000, 0.1, 0.0))["product"] < 0.001


def test_a_cut_by_a_fifth_is_covered_at_the_same_mix() -> None:
    truth = -0.2 * 0.2  # both products weigh the same before and after
    found = [compared(_mixed(np.random.default_rng(i), 2000, 0.5, 0.2)).at_same_mix for i in range(100)]
    assert np.mean([x is not None and x.low <= truth <= x.high for x in found]) >= 0.9


def test_kinds_of_one_period_are_left_out_at_the_same_mix() -> None:
    product = np.array(["A"] * 40 + ["A"] * 20 + ["new"] * 20, dtype=object)
    outcome = np.array([0.0, 1.0] * 20 + [0.0, 1.0] * 10 + [1.0] * 20)
    found = compared(Lots(outcome, np.arange(80) >= 40, {"product": product}))
    assert found.n_left_out == 20
    assert found.change.value == pytest.approx(0.25)
    assert found.at_same_mix is not None
    assert found.at_same_mix.value == pytest.approx(0.0)


def test_lots_of_one_period_only_are_refused() -> None:
    with pytest.raises(ValueError, match="0 judged lots before"):
        compared(Lots(np.ones(3), np.ones(3, dtype=bool), {}))


def test_alike_neighbours_widen_the_interval() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=2000)
    drifting = np.zeros(2000)
    for i in range(1, 2000):
        drifting[i] = 0.9 * drifting[i - 1] + noise[i]
    assert likeness(noise) == 1.0
    assert likeness(drifting) > 5
    assert likeness(noise[:20]) == 1.0


def test_a_trend_before_the_date_shows_at_the_placebo_date() -> None:
    random = np.random.default_rng(2)
    after = np.arange(1000) >= 500
    flat = Lots(random.normal(size=1000), after, {})
    falling = Lots(random.normal(size=1000) - np.arange(1000) / 250, after, {})
    for lots, verdict in ((flat, Verdict.CANNOT_TELL), (falling, Verdict.LESS)):
        found = placebo(lots)
        assert isinstance(found, Compared)
        assert found.change.verdict is verdict


def test_the_control_is_taken_off_and_widens_the_interval() -> None:
    found = against_control(Difference(-0.10, -0.13, -0.07), Difference(-0.08, -0.12, -0.04))
    assert found.value == pytest.approx(-0.02)
    assert (found.low, found.high) == pytest.approx((-0.07, 0.03))
