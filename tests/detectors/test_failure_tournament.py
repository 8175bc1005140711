"""The tournament: who wins, what is kept of it, and what the winner says beside the score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.model_text import cautions
from detectors import tournament
from detectors.failure_tournament import FailureTournament
from detectors.learners import LEARNERS
from detectors.tournament import NO_RAW_VALUES, NO_TWO
from domain.scores import Aim, TrainingError
from domain.text import catalogue
from tests.detectors import planted

FEW = {"trials": 1, "rounds": 40}


@pytest.fixture(scope="module")
def model() -> FailureTournament:
    return FailureTournament.train(planted.sampled_failures(), FEW, planted.aids())


def test_every_learner_stands_on_the_leaderboard_and_one_is_taken(model: FailureTournament) -> None:
    rows = model.report["leaderboard"]
    assert {r["learner"] for r in rows} == set(LEARNERS)
    assert [r["learner"] for r in rows if r["is_taken"]] == [model.report["learner"]]
    assert [r["loss"] for r in rows] == sorted(r["loss"] for r in rows)


def test_the_simplest_within_noise_of_the_best_is_taken(model: FailureTournament) -> None:
    rows = {r["learner"]: r for r in model.report["leaderboard"]}
    within = [name for name in LEARNERS if rows[name]["behind_best"] <= rows[name]["noise"]]
    assert model.report["learner"] == within[0]


def test_one_limit_wins_where_one_tag_tells_all() -> None:
    made = planted.failures(drift=12.0)
    made.vectors.values[:, 1] = 0.0
    assert FailureTournament.train(made, FEW, planted.aids()).report["learner"] == "rule"


def test_one_limit_does_not_win_where_two_tags_tell_together() -> None:
    random = np.random.default_rng(0)
    made = planted.failures(n_groups=24, drift=0.0)
    near = made.outcome == 1
    sign = random.choice([-1.0, 1.0], len(near))
    made.vectors.values[:, 0] = sign * 2 + random.normal(scale=0.3, size=len(near))
    made.vectors.values[:, 1] = np.where(near, sign, -sign) * 2 + random.normal(scale=0.3, size=len(near))
    found = FailureTournament.train(made, FEW, planted.aids()).report
    rows = {r["learner"]: r["loss"] for r in found["leaderboard"]}
    assert found["learner"] in ("lightgbm", "extra_trees", "blend")
    assert rows[found["learner"]] < rows["rule"] / 2


def test_without_raw_windows_minirocket_does_not_compete() -> None:
    found = FailureTournament.train(planted.failures(), FEW, planted.aids()).report
    assert "minirocket" not in {r["learner"] for r in found["leaderboard"]}
    assert found["not_competing"] == {"minirocket": NO_RAW_VALUES}
    told = list(cautions(found, catalogue("en")))
    assert told == [f"minirocket did not compete: {NO_RAW_VALUES}"]


def test_a_blend_of_one_does_not_compete_and_says_so(model: FailureTournament) -> None:
    few = {**FEW, "learners": ["rule", "lightgbm", "blend"]}
    assert FailureTournament.train(planted.failures(), few, planted.aids()).report["not_competing"] == {"blend": NO_TWO}
    assert model.report["not_competing"] == {}


def test_rates_are_told_per_week_and_not_per_nanosecond(model: FailureTournament) -> None:
    rates = {k: v for k, v in model.report.items() if k.startswith("false_alarms_per")}
    assert set(rates) == {"false_alarms_per_week"}


def test_a_learner_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(TrainingError, match="no learner 'catboost'"):
        FailureTournament.train(planted.failures(), {"learners": ["catboost"]}, planted.aids())


@pytest.mark.parametrize("name", sorted(set(LEARNERS)))
def test_each_learner_alone_tells_a_planted_precursor_and_adds_up(name: str) -> None:
    names = ["lightgbm", "logistic", "blend"] if name == "blend" else [name]
    made = planted.sampled_failures()
    model = FailureTournament.train(made, {**FEW, "learners": names}, planted.aids(target_recall=0.8))
    found = model.score(made.vectors.select(model.names))
    np.testing.assert_allclose(found.base + found.contributions.sum(axis=1), found.raw, rtol=1e-9, atol=1e-6)
    assert found.value[made.outcome == 1].mean() > found.value[made.outcome == 0].mean() + 0.2
    again = type(model).load(model.dump())
    assert again.score(made.vectors.select(model.names)).raw.tobytes() == found.raw.tobytes()


def test_remaining_life_is_an_interval_that_holds_about_nine_in_ten_of_new_units() -> None:
    aids = replace(planted.aids(), life_cap=20.0)
    model = FailureTournament.train(planted.failures(n_groups=30), {**FEW, "learners": ["lightgbm"]}, aids)
    fresh = planted.failures(n_groups=30, seed=99)
    life = model.score(fresh.vectors.select(model.names)).life
    assert life is not None
    value, low, high, cap = life.T
    assert (low <= value).all()
    assert (value <= high).all()
    assert (high <= cap).all()
    truth = np.minimum(fresh.to_event, 20.0)
    assert 0.8 <= ((low <= truth) & (truth <= high)).mean() <= 0.99
    assert np.corrcoef(value, truth)[0, 1] > 0.7
    assert model.report["remaining_life"]["cap"] == 20.0


def test_too_few_units_for_a_remaining_life_leave_the_alarm_and_say_why() -> None:
    aids = replace(planted.aids(n_folds=3), life_cap=20.0)
    model = FailureTournament.train(planted.failures(n_groups=6), {**FEW, "learners": ["lightgbm"]}, aids)
    assert "6 units" in model.report["remaining_life"]["refused"]
    assert model.score(planted.failures().vectors.select(model.names)).life is None


def test_the_nearest_past_episodes_come_with_what_they_came_to(model: FailureTournament) -> None:
    fresh = planted.sampled_failures()
    near = int(np.flatnonzero(fresh.to_event == 8)[3])
    row = fresh.vectors.select(model.names).values[near]
    alike = model.alike(row)
    assert [e.distance for e in alike] == sorted(e.distance for e in alike)
    assert alike[0].came_to in ("caught", "missed")
    assert alike[0].to_event is not None
    assert alike[0].to_event <= 15
    low, high = model.ranges
    assert (low <= high).all()


def test_another_threshold_is_another_model_of_the_same_parts(model: FailureTournament) -> None:
    moved = model.at_threshold(0.123)
    assert moved.threshold == pytest.approx(0.123)
    assert moved.clear_threshold < moved.threshold
    rows = planted.sampled_failures().vectors.select(model.names)
    assert moved.score(rows).raw.tobytes() == model.score(rows).raw.tobytes()
    assert moved.dump() != model.dump()
    with pytest.raises(ValueError, match="between 0 and 1"):
        model.at_threshold(1.0)


def test_rows_that_are_cases_of_their_own_are_counted_one_by_one() -> None:
    made = planted.failures()
    own = replace(made, group=np.array([f"r{i}" for i in range(len(made.outcome))], dtype=object))
    aids = replace(planted.aids(), aim=Aim(recall=0.9, by_rows=True), split="stratified")
    report = FailureTournament.train(own, {**FEW, "learners": ["lightgbm"]}, aids).report
    assert report["counts"] == "rows"
    assert report["n_events"] == int(made.outcome.sum())
    assert report["promised_recall"] is not None


def test_a_short_history_is_cut_into_fine_bins_and_a_long_one_is_not() -> None:
    n = tournament.FEW_ROWS + 1
    made = planted.training(planted.vectors(np.zeros((n, 1)), planted.tag_names(1)), np.zeros(n))
    none = np.empty(0, dtype=np.int64)
    course = tournament.Course(made, made.outcome, (), (), none, planted.aids())
    bins = [tournament.examples(course, np.arange(size), np.arange(1)).bins for size in (n - 1, n)]
    assert bins == [tournament.FINE, tournament.COARSE]
