"""Drift: seen within a day where one of twenty features has changed, quiet where none has."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import drift
from detectors.drift import DAY_NS, Recent, Reference
from tests.detectors import planted

N, PER_DAY, DAYS = 20, 144, 40
NAMES = planted.tag_names(N)


def days(seed: int, n_days: int, memory: float = 0.0) -> NDArray[np.float64]:
    """Return rows of `n_days`; memory: how much of a row is the row before it."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n_days * PER_DAY, N))
    for i in range(1, len(rows)):
        rows[i] = memory * rows[i - 1] + np.sqrt(1 - memory**2) * rows[i]
    return rows


def learned(rows: NDArray[np.float64]) -> Reference:
    end = np.arange(1, len(rows) + 1, dtype=np.int64) * (DAY_NS // PER_DAY)
    return drift.reference_of(planted.vectors(rows, NAMES, end=end))


def judged(reference: Reference, rows: NDArray[np.float64]) -> list[drift.Drifted]:
    return drift.drifted(reference, reference.binned(rows))


def shifted(day: NDArray[np.float64]) -> None:
    day[:, 7] += 1.0


def scaled(day: NDArray[np.float64]) -> None:
    day[:, 7] *= 2.0


def gappy(day: NDArray[np.float64]) -> None:
    day[np.random.default_rng(1).random(len(day)) < 0.3, 7] = np.nan


@pytest.mark.parametrize("change", [shifted, scaled, gappy])
def test_a_changed_feature_is_named_after_one_day(change: object) -> None:
    for seed in range(10):
        rows = days(seed, DAYS + 1)
        day = rows[-PER_DAY:]
        change(day)  # type: ignore[operator]
        found = judged(learned(rows[:-PER_DAY]), day)
        assert [each.column for each in found] == [7], seed


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.9])
def test_quiet_days_are_quiet_also_where_rows_resemble_their_neighbours(memory: float) -> None:
    """Four plants, thirty quiet days each: at most one day in a week, and far fewer on the whole."""
    n_false = []
    for seed in range(4):
        rows = days(seed + 50, DAYS + 30, memory)
        reference, quiet = learned(rows[: DAYS * PER_DAY]), rows[DAYS * PER_DAY :]
        n_false.append(sum(bool(judged(reference, day)) for day in np.split(quiet, 30)))
    assert max(n_false) <= 30 / 7
    assert sum(n_false) <= 8


def test_too_few_rows_say_nothing() -> None:
    rows = days(1, DAYS)
    assert judged(learned(rows), rows[: drift.MIN_ROWS - 1] + 9.0) == []


def test_what_was_saved_judges_alike() -> None:
    rows = days(2, DAYS)
    rows[:, 3], rows[::5, 4] = 1.0, np.nan  # one that is constant, one with gaps
    reference = learned(rows)
    again = Reference.load(reference.dump())
    day = days(3, 1)
    assert (again.n, again.step) == (reference.n, DAY_NS // PER_DAY)
    assert judged(again, day) == judged(reference, day)
    assert {3, 4} <= {each.column for each in judged(reference, day)}


def test_equal_trainings_have_equal_sketches() -> None:
    assert learned(days(4, DAYS)).dump() == learned(days(4, DAYS)).dump()


def counting(n: int, hours: int) -> Reference:
    """Return a sketch of rows `hours` apart, each in a bin of its own by its last digit."""
    end = np.arange(1, n + 1, dtype=np.int64) * hours * planted.HOUR
    return drift.reference_of(planted.vectors(np.arange(n)[:, None] % 10.0, planted.tag_names(1), end=end))


def test_the_newest_day_is_kept_no_denser_than_the_training() -> None:
    hour = planted.HOUR
    recent = Recent(counting(100, 2))
    rows = np.arange(100.0)[:, None] % 10
    recent.note(planted.vectors(rows, planted.tag_names(1)))  # one asset, an hour apart: every second counts
    assert recent.bins(100 * hour)[:, 0].tolist() == [0, 2, 4, 6, 8] * 10  # few: more than a day
    recent.note(planted.vectors(rows, planted.tag_names(1)))  # scored again: seen already
    assert len(recent.bins(100 * hour)) == 50
    many = [f"a{i}" for i in range(20) for _ in range(48)]
    busy = Recent(counting(100, 1))
    busy.note(planted.vectors(np.zeros((960, 1)), planted.tag_names(1), many, np.tile(np.arange(1, 49) * hour, 20)))
    assert len(busy.bins(48 * hour)) == 20 * 24


def test_what_was_held_comes_back_before_what_is_noted_since() -> None:
    hour, names = planted.HOUR, planted.tag_names(1)
    reference = counting(100, 1)
    before, after = Recent(reference), Recent(reference)
    before.note(planted.vectors(np.array([[3.0], [np.nan]]), names, end=np.array([1, 2]) * hour))
    after.note(planted.vectors(np.array([[7.0]]), names, end=np.array([3]) * hour))
    after.restore(before.dump())
    assert after.bins(3 * hour)[:, 0].tolist() == [3, drift.BINS, 7]


@pytest.mark.parametrize("text", ["", "{}", '{"n": 2, "rows": "!"}', '{"n": 3, "rows": ""}'])
def test_what_cannot_be_read_is_left_out(text: str) -> None:
    recent = Recent(counting(100, 1))
    recent.restore(text)
    assert len(recent.bins(planted.HOUR)) == 0


def test_what_another_model_held_does_not_fit() -> None:
    wide = Recent(learned(days(1, DAYS)))
    wide.note(planted.vectors(days(2, 1), NAMES))
    recent = Recent(counting(100, 1))
    recent.restore(wide.dump())
    assert len(recent.bins(10**18)) == 0
