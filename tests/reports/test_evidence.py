"""Evidence against a promise: what it reaches by chance, when it tells, and what hides it not."""

from __future__ import annotations

import numpy as np
import pytest

from reports.evidence import MOST, dispersion_of, of_differences, of_errors

DAYS, N_YEARS = 365, 150


def _days(n: int, per_day: int = 1) -> np.ndarray:
    return np.arange(n, dtype=np.int64) // per_day


@pytest.mark.parametrize(("chance", "per_day"), [(0.4, 1), (0.05, 10)])
def test_the_chance_of_a_limit_within_n_days_is_n_by_the_limit_at_most(chance: float, per_day: int) -> None:
    """The bound is that of Ville: here a limit that half of the years may reach."""
    limit, reached = 2.0 * DAYS, 0
    for seed in range(N_YEARS):
        wrong = np.random.default_rng(seed).random(DAYS * per_day) < chance
        day = _days(len(wrong), per_day)
        looks = range(per_day, len(wrong), 7 * per_day)
        reached += any(of_errors(wrong[:n], day[:n], chance).value >= limit for n in looks)
    assert reached / N_YEARS <= 0.5


def test_errors_that_come_more_often_are_told_from_where_they_begin() -> None:
    wrong = np.concatenate([np.random.default_rng(1).random(2000) < 0.1, np.random.default_rng(2).random(60) < 0.5])
    found = of_errors(wrong, _days(len(wrong)), 0.1)
    assert found.value > 1e4
    assert 1900 <= found.since <= 2010  # two errors shortly before it may be taken for the beginning


def test_a_long_good_time_hides_no_change() -> None:
    bad = np.ones(15, dtype=bool)
    alone = of_errors(bad, _days(15), 0.4)
    after = of_errors(np.concatenate([np.zeros(3000, dtype=bool), bad]), _days(3015), 0.4)
    assert after.value == pytest.approx(alone.value)
    assert (alone.since, after.since) == (0, 3000)


def test_few_errors_say_little_and_a_recovery_is_soon_believed() -> None:
    assert of_errors(np.ones(5, dtype=bool), _days(5), 0.4).value < 100
    wrong = np.concatenate([np.ones(400, dtype=bool), np.zeros(40, dtype=bool)])
    assert of_errors(wrong[:400], _days(400), 0.4).value == pytest.approx(MOST)
    assert of_errors(wrong, _days(440), 0.4).value < 10


def test_nothing_speaks_against_what_promised_nothing() -> None:
    assert of_errors(np.ones(500, dtype=bool), _days(500), 1.0).value == 0.0
    assert of_errors(np.empty(0, dtype=bool), _days(0), 0.5).value == 0.0
    assert of_differences(np.empty(0), _days(0)).value == 0.0


def test_equal_errors_are_no_evidence_however_many() -> None:
    assert of_differences(np.zeros(5000), _days(5000)).value == pytest.approx(1.0)
    assert of_differences(np.full(60, 0.3), _days(60)).value > 1e4
    assert of_differences(np.full(60, -0.3), _days(60)).value <= 1.0


def test_cases_that_have_their_day_in_common_count_for_less() -> None:
    random = np.random.default_rng(3)
    day = _days(6000, 20)
    alone, together = random.random(6000) < 0.3, random.random(6000) < np.repeat(random.uniform(0, 0.6, 300), 20)
    assert dispersion_of(alone.astype(float), day) == 1.0
    found = dispersion_of(together.astype(float), day)
    assert found == pytest.approx(1 + 19 * (0.6**2 / 12) / (0.3 * 0.7), rel=0.3)  # the design effect of 20 of a day
    assert of_errors(together[:40], day[:40], 0.1, found).value < of_errors(together[:40], day[:40], 0.1).value


def test_one_change_of_level_is_no_scatter_of_days() -> None:
    random = np.random.default_rng(4)
    level = np.where(np.arange(2000) < 1000, 0.1, 0.8)
    assert dispersion_of((random.random(2000) < level).astype(float), _days(2000, 20)) == 1.0
