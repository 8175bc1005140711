"""The tournament of quality on planted results, and of its parts what each promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_ind

from detectors.calibration import log_odds_of, probability
from detectors.folds import folds_of
from detectors.quality_course import FEWEST_COLUMNS, Course, Entry, alike, columns_of, compete, final, winner
from detectors.quality_kernel import apartness, nearness
from detectors.quality_learners import CANDIDATES, last, ridge
from detectors.quality_tournament import MIN_LOTS, QualityTournament, threshold_of
from domain.scores import Scale, TrainingError
from domain.vectors import FeatureName, Training
from tests.detectors import planted


def test_a_planted_linear_result_is_predicted_far_better_than_by_the_mean_or_persistence() -> None:
    report = QualityTournament.train(planted.lots(), {}, planted.aids()).report
    assert report["rmse"] < 0.4 * report["mean_rmse"]
    assert report["rmse"] < 0.4 * report["persistence_rmse"]
    assert report["rmse"] < 0.4 * report["lab_rmse"]


def test_noise_alone_is_predicted_by_its_mean() -> None:
    made = planted.lots()
    noise = np.random.default_rng(2).normal(size=len(made.outcome))
    report = QualityTournament.train(planted.training(made.vectors, noise, is_ordered=True), {}, planted.aids()).report
    assert report["learner"] == "mean"
    assert not report["process_adds"]["adds"]
    assert report["rmse"] == report["mean_rmse"]


def test_the_simplest_of_equals_wins_and_process_data_that_help_are_said_to() -> None:
    report = QualityTournament.train(planted.lots(), {}, planted.aids()).report
    assert report["learner"] == "ridge"
    assert report["process_adds"]["adds"]
    assert report["process_adds"]["history"] in ("mean", "lab")
    assert {row["learner"] for row in report["leaderboard"]} == {*CANDIDATES, "blend"}
    assert [row["learner"] for row in report["leaderboard"] if row["is_taken"]] == ["ridge"]


def test_a_result_that_follows_its_own_past_needs_no_process_data() -> None:
    random = np.random.default_rng(4)
    made = planted.lots(n=400)
    outcome = np.zeros(400)
    for i in range(1, 400):
        outcome[i] = 0.8 * outcome[i - 1] + random.normal()
    values = made.vectors.values.copy()
    values[:, -2], values[:, -1] = np.roll(outcome, 1), np.roll(outcome, 2)
    found = planted.vectors(values, made.vectors.names)
    report = QualityTournament.train(planted.training(found, outcome, is_ordered=True), {}, planted.aids()).report
    assert report["learner"] in ("persistence", "lab")
    assert not report["process_adds"]["adds"]


def test_bad_lots_that_come_in_spells_are_told_by_their_recent_share() -> None:
    random = np.random.default_rng(8)
    rate = np.where(np.arange(900) // 150 % 2 == 0, 0.03, 0.4)
    label = (random.random(900) < rate).astype(np.float64)
    recent = np.array([label[max(0, i - 30) : i].mean() if i else np.nan for i in range(900)])
    last, before = np.r_[np.nan, label[:-1]], np.r_[np.nan, np.nan, label[:-2]]
    names = (*planted.tag_names(6), *(FeatureName("lab", "y", c) for c in ("last", "before_last", "recent")))
    values = np.column_stack([random.normal(size=(900, 6)), last, before, recent])
    made = planted.training(planted.vectors(values, names), label, is_ordered=True)
    model = QualityTournament.train(made, {"learners": ["mean", "persistence"]}, planted.aids())
    assert [n.calculator for n in model.names] == ["recent"]
    assert model.report["learner"] == "persistence"
    assert model.report["roc_auc"] > 0.6


def _lots_of_two(n: int = 400, seed: int = 6) -> Training:
    """One lot in ten is bad: where t0 + t1 is large, and t2 is missing."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 12))
    values[random.random(values.shape) < 0.1] = np.nan
    odds = 2.0 * np.nan_to_num(values[:, 0] + values[:, 1]) + 2.0 * np.isnan(values[:, 2]) - 4.0
    label = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return planted.training(planted.vectors(values, planted.tag_names(12)), label, is_ordered=True)


def test_bad_lots_are_told_with_probabilities_that_are_true() -> None:
    model = QualityTournament.train(_lots_of_two(), {}, planted.aids())
    fresh = _lots_of_two(4000, seed=9)
    found = model.score(fresh.vectors.select(model.names), is_explained=False)
    assert model.report["task"] == "classification"
    assert found.scale is Scale.PROBABILITY
    assert abs(found.value.mean() - fresh.outcome.mean()) < 0.03
    high = found.value > 0.3
    assert abs(found.value[high].mean() - fresh.outcome[high].mean()) < 0.12
    called = found.value >= (model.threshold or 0)
    assert called[fresh.outcome == 1].mean() > 0.65
    assert called[fresh.outcome == 0].mean() < 0.35


def test_of_a_class_the_mean_is_taken_only_where_nothing_loses_less() -> None:
    takes = []
    for seed in range(6):
        made = _lots_of_two(300, seed)
        weak = np.random.default_rng(seed).permutation(len(made.outcome)) % 4 == 0  # a quarter of the lots keep theirs
        labels = np.where(weak, made.outcome, np.random.default_rng(seed).permutation(made.outcome))
        report = QualityTournament.train(
            planted.training(made.vectors, labels, is_ordered=True), {"learners": ["mean", "ridge"]}, planted.aids()
        ).report
        best = min(report["leaderboard"], key=lambda row: float(row["loss"]))["learner"]
        takes.append((best, report["learner"]))
    assert all(best == taken for best, taken in takes)


def test_a_scrap_budget_is_kept_after_the_way_over_a_probability() -> None:
    random = np.random.default_rng(4)
    for _ in range(100):
        odds, label = random.normal(size=300), (random.random(300) < 0.2).astype(float)
        limit = log_odds_of(float(probability(np.array([threshold_of(odds, label, 0.1)]))[0]))
        assert ((odds >= limit) & (label == 0)).sum() <= 30
    with pytest.raises(TrainingError, match="share of good ones"):
        threshold_of(odds, label, 1.0)


def test_the_threshold_of_a_scrap_budget_keeps_it_out_of_fold() -> None:
    odds, label = np.arange(100.0), (np.arange(100) % 10 == 9).astype(float)
    limit = threshold_of(odds, label, 0.05)
    assert 3 <= ((odds >= limit) & (label == 0)).sum() <= 5
    assert threshold_of(odds, label, None) == pytest.approx(np.log(0.1 / 0.9))


OF_LAB = ("persistence", "lab")  # learners that the lots of two have nothing for


@pytest.mark.parametrize(
    ("name", "make"),
    [(name, planted.lots) for name in (*CANDIDATES, "blend")]
    + [(name, _lots_of_two) for name in (*CANDIDATES, "blend") if name not in OF_LAB],
)
def test_every_learner_scores_alone_as_in_a_batch_and_adds_up_and_comes_back(
    name: str, make: Callable[[], Training]
) -> None:
    learners = ["ridge", "kernel", "lightgbm", "blend"] if name == "blend" else [name]
    made = make()
    model = QualityTournament.train(made, {"learners": learners}, planted.aids())
    rows = made.vectors.select(model.names).take(slice(0, 40))
    batch = model.score(rows)
    np.testing.assert_allclose(batch.base + batch.contributions.sum(axis=1), batch.raw, rtol=1e-9, atol=1e-9)
    again = QualityTournament.load(model.dump())
    assert again.dump() == model.dump()
    for i in range(0, 40, 7):
        alone = again.score(rows.take(np.array([i])))
        assert (alone.raw[0], alone.contributions[0].tolist()) == (batch.raw[i], batch.contributions[i].tolist())


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TrainingError, match="oracle"):
        QualityTournament.train(planted.lots(), {"learners": ["oracle"]}, planted.aids())


def test_only_the_columns_that_tell_near_lots_apart_come_first() -> None:
    random = np.random.default_rng(3)
    z = random.normal(size=(400, 10))
    worth = nearness(z, (z[:, 3] * z[:, 7] > 0).astype(float), 1)
    assert set(np.argsort(-worth)[:2]) == {3, 7}  # neither tells anything alone


def test_means_that_are_apart_come_first_and_columns_that_say_nothing_last() -> None:
    random = np.random.default_rng(3)
    z, label = random.normal(size=(400, 6)), (np.arange(400) % 10 == 0).astype(float)
    z[:, 2] += label
    z[:, 4] = 1.0
    worth = apartness(z, label)
    assert np.argmax(worth) == 2
    t = np.abs(ttest_ind(z[label == 1, 2], z[label == 0, 2], equal_var=False).statistic)
    assert worth[2] == pytest.approx(t)
    assert worth[4] == 0.0


def _course(doubt: float = 0.0) -> Course:
    """doubt: the share of lots whose outcome is drawn anew."""
    made, aids, random = _lots_of_two(), planted.aids(), np.random.default_rng(1)
    drawn = np.where(random.random(len(made.outcome)) < doubt, random.permutation(made.outcome), made.outcome)
    made = planted.training(made.vectors, drawn, is_ordered=True)
    return Course.of(made, list(folds_of(made, 4, "stratified")), aids)


def test_each_learner_of_a_blend_has_the_same_say_however_many_settings_it_averages() -> None:
    *_, pls, kernel, blend = compete(_course(), ("pls", "kernel", "blend"))
    assert [each.name for each in (pls, kernel, blend)] == ["pls", "kernel", "blend"]
    assert len(pls.parts) > 1
    assert len(pls.parts) != len(kernel.parts)
    says = {name: sum(p.share for p in blend.parts if p.name == name) for name in ("pls", "kernel")}
    assert says == pytest.approx({"pls": 0.5, "kernel": 0.5})


def _entry(name: str, loss: list[float]) -> Entry:
    return Entry(name, (), np.empty(0), np.array(loss))


def test_alike_is_who_cannot_be_told_from_the_best() -> None:
    best, noisy = _entry("best", [1.0, 1.0, 1.0, 1.0]), _entry("noisy", [0.0, 3.0, 0.0, 1.4])
    worse = _entry("worse", [1.2, 1.3, 1.2, 1.3])
    assert [e.name for e in alike([noisy, worse, best])] == ["noisy", "best"]


def test_of_numbers_the_simplest_is_taken_that_people_can_read_or_else_the_best() -> None:
    ridge_, forest = _entry("ridge", [0.0, 3.0, 0.0, 1.4]), _entry("forest", [0.0, 2.9, 0.0, 1.5])
    kernel, worse = _entry("kernel", [1.0, 1.0, 1.0, 1.0]), _entry("mean", [1.2, 1.3, 1.2, 1.3])
    assert winner([worse, ridge_, forest, kernel], "regression").name == "ridge"
    assert winner([worse, forest, kernel], "regression").name == "kernel"


def test_of_classes_the_blend_is_of_all_that_cannot_be_told_from_the_best_and_is_taken() -> None:
    entries = compete(_course(doubt=0.4), ("mean", "ridge", "pls", "forest", "kernel", "blend"))
    blend = entries[-1]
    near = {e.name for e in alike([e for e in entries[:-1] if e.name != "mean"])}
    assert {part.name for part in blend.parts} == near
    assert len(near) > 1
    assert winner(entries, "classification") is blend
    best_mean = [_entry("mean", [0.1, 0.1]), _entry("ridge", [0.2, 0.1]), _entry("blend", [0.1, 0.2])]
    assert winner(best_mean, "classification").name == "mean"
    far = [_entry("ridge", [0.1, 0.1, 0.2]), _entry("blend", [0.5, 0.6, 0.6])]
    assert winner(far, "classification").name == "ridge"


def test_where_the_screening_keeps_few_columns_the_best_of_the_others_join_them() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(200, 60))
    values[:, 7] = 1.0
    outcome = (values[:, :20].sum(axis=1) + random.normal(size=200) > 0).astype(np.float64)
    made = planted.training(planted.vectors(values, planted.tag_names(60)), outcome, is_ordered=True)
    aids = replace(planted.aids(), select=lambda *_: np.array([50]))
    found = columns_of(made, np.arange(200), aids)["relevant"].tolist()
    assert 50 in found
    assert 7 not in found
    assert len(found) in (FEWEST_COLUMNS, FEWEST_COLUMNS + 1)
    assert len({*range(20)} & {*found}) >= 18


def test_what_only_stands_beside_is_in_no_blend() -> None:
    entries = compete(_course(), ("ridge", "blend"), ("pls", "kernel"))
    assert [e.name for e in entries] == ["ridge", "pls", "kernel"]


def test_persistence_of_a_class_never_says_that_bad_lots_make_good_ones() -> None:
    random = np.random.default_rng(1)
    share = random.random((300, 1))
    bad_after_good = (random.random(300) > share[:, 0]).astype(np.float64)
    assert np.ptp(last(share, bad_after_good, "classification", {}, 1).predict(share)) == 0
    assert np.ptp(last(share, 1 - bad_after_good, "classification", {}, 1).predict(share)) > 0


def test_the_mean_of_the_members_is_the_score_of_the_parts_by_their_shares() -> None:
    course = _course()
    blend = compete(course, ("ridge", "kernel", "blend"))[-1]
    values = course.training.vectors.values
    members = final(course, blend)
    parts = zip(blend.parts, members, strict=True)
    told = [p.share * p.line.log_odds(m.model.predict(values[:, m.columns])) for p, m in parts]
    np.testing.assert_allclose(np.mean([m.raw(values) for m in members], axis=0), np.sum(told, axis=0))


def test_the_interval_holds_about_nine_tenths_of_fresh_lots() -> None:
    model = QualityTournament.train(planted.lots(n=400), {}, planted.aids())
    fresh = planted.lots(n=600, seed=99)
    found = model.score(fresh.vectors.select(model.names))
    inside = (found.low <= fresh.outcome) & (fresh.outcome <= found.high)
    assert 0.85 <= inside.mean() <= 0.95


def test_a_ridge_without_noise_finds_the_slopes() -> None:
    random = np.random.default_rng(8)
    values = random.uniform(-1, 1, size=(500, 3)) * [1.0, 10.0, 0.1]
    truth = 7.0 + values @ [2.0, -0.5, 30.0]
    np.testing.assert_allclose(ridge(values, truth, "regression", {}, 1).predict(values), truth, atol=0.2)


def test_a_constant_column_does_no_harm() -> None:
    values = np.column_stack([np.arange(100.0), np.full(100, 3.0)])
    model = ridge(values, np.arange(100.0), "regression", {}, 1)
    assert not model.contributions(values)[1][:, 1].any()


def test_fewer_lots_than_needed_are_refused_with_the_number() -> None:
    made = planted.lots().take(np.arange(MIN_LOTS - 1))
    with pytest.raises(TrainingError, match=str(MIN_LOTS - 1)):
        QualityTournament.train(made, {}, planted.aids())


def test_the_fewest_lots_in_the_most_folds_still_make_a_model() -> None:
    made = planted.lots(n=MIN_LOTS + 10)
    report = QualityTournament.train(made, {}, planted.aids(n_folds=20)).report
    assert report["folds"] == 5
    assert report["rmse"] < report["mean_rmse"]
