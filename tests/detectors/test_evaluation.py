"""The back-test: its figures by hand, and that nothing of a test part reaches the training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.evaluation_text import shown
from detectors import evaluation
from detectors.evaluation import Outcome, Train, out_of_fold, outer_folds, report
from detectors.failure_lightgbm import FailureLightGBM
from domain.scores import Aim, Detector, TrainingAids, TrainingError
from domain.text import catalogue
from domain.vectors import Training
from tests.detectors import planted

FEW = {"rounds": 30}
BY_HEART = {"rounds": 60, "min_child_samples": 3, "num_leaves": 63}


def _train(rows: Training, aids: TrainingAids) -> Detector:
    return FailureLightGBM.train(rows, FEW, aids)


def _by_heart(rows: Training, aids: TrainingAids) -> Detector:
    return FailureLightGBM.train(rows, BY_HEART, aids)


def _evaluated(training: Training, split: str, train: Train = _train) -> dict[str, Any]:
    aids = replace(planted.aids(), aim=Aim(recall=0.9, week=50.0))
    folds = outer_folds(training, split, 4, 1, None)
    return report(training, out_of_fold(training, train, aids, folds), aids, split, 3600.0)


def _by_hand(margin: list[float], to_event: list[float], mode: str = "wear", by_rows: bool = False) -> dict[str, Any]:
    n = len(margin)
    made = planted.training(
        planted.vectors(np.zeros((n, 1)), planted.tag_names(1), ["a"] * n),
        (np.array(to_event) <= 15).astype(float), np.array(to_event), horizon=15, lead=3,
    )  # fmt: skip
    made = replace(made, mode=np.array([mode] * n, dtype=object))
    outcome = Outcome(np.arange(n), np.array(margin), np.zeros(n), (0.4,), -1.0, None, 1, (), ("rule",))
    aids = replace(planted.aids(), aim=Aim(week=10.0, by_rows=by_rows))
    return report(made, outcome, aids, "unit", 60.0)


def test_a_stop_counts_as_caught_only_in_time_for_the_lead_budget() -> None:
    in_time = _by_hand([-5.0] * 10 + [1.0] * 10, list(np.arange(19, -1, -1.0)))
    assert (in_time["n_events"], in_time["events_caught"], in_time["median_lead_time_s"]) == (1, 1, 9 * 60)
    late = _by_hand([-5.0] * 18 + [1.0] * 2, list(np.arange(19, -1, -1.0)))
    assert (late["event_recall"], late["event_recall_any"], late["false_alarms"]) == (0.0, 1.0, 1)
    assert late["median_lead_time_s"] is None
    assert "no event" in late["null"]["median_lead_time_s"]


def test_a_stop_that_was_warned_of_before_the_horizon_is_told_apart() -> None:
    open_till_the_end = _by_hand([-5.0] + [1.0] * 19, list(np.arange(19, -1, -1.0)))
    assert (open_till_the_end["events_caught"], open_till_the_end["n_events_warned_early"]) == (0, 1)
    closed = _by_hand([-5.0] + [1.0] * 2 + [-5.0] * 17, list(np.arange(19, -1, -1.0)))
    assert (closed["events_caught"], closed["n_events_warned_early"]) == (0, 0)
    lines = list(shown({**open_till_the_end, "detector": "a"}, catalogue("en")))
    assert any("a longer `horizon` would catch them" in line for line in lines)
    assert not any("longer `horizon`" in line for line in shown({**closed, "detector": "a"}, catalogue("en")))


def test_false_alarms_are_told_per_week_and_asset() -> None:
    found = _by_hand([1.0, -5.0] + [-5.0] * 38, list(np.arange(39, -1, -1.0)))
    assert found["false_alarms"] == 1
    assert found["false_alarms_per_week"] == pytest.approx(10 / 39)


def test_an_event_that_no_scored_row_could_warn_of_is_counted_apart() -> None:
    found = _by_hand([-5.0] * 10, list(np.arange(40, 30, -1.0)))
    assert (found["n_events"], found["n_events_unwatched"], found["event_recall"]) == (0, 1, None)
    assert "no event" in found["null"]["event_recall"]


def test_a_mode_that_is_never_caught_is_named() -> None:
    found = _by_hand([-5.0] * 20, list(np.arange(19, -1, -1.0)), mode="bearing")
    assert found["modes_never_caught"] == ["bearing"]
    assert found["per_mode"]["bearing"]["event_recall"] == 0.0


def test_the_last_row_of_each_asset_is_judged_alone() -> None:
    found = _by_hand([-5.0] * 9 + [2.0], list(np.arange(19, 9, -1.0)))
    assert found["at_the_end"] == {"n_assets": 1, "n_events": 1, "events_caught": 1, "alarms": 1, "precision": 1.0}


def test_each_key_of_the_contract_is_there_for_every_split() -> None:
    keys = {
        "n_events", "events_caught", "event_recall", "event_recall_any", "event_recall_interval",
        "false_alarms_per_week", "median_lead_time_s", "row_recall", "row_precision", "pr_auc", "threshold",
        "target_recall", "lead_budget_s", "split", "folds", "per_mode",
    }  # fmt: skip
    found = _evaluated(planted.failures(), "unit")
    assert keys <= set(found)
    assert all(key in found["null"] for key in keys if found[key] is None)


def test_every_test_row_is_scored_by_a_model_that_never_saw_its_unit() -> None:
    training = planted.failures()
    seen: list[set[str]] = []

    def train(rows: Training, aids: TrainingAids) -> Detector:
        seen.append(set(rows.group.tolist()))
        return _train(rows, aids)

    folds = list(outer_folds(training, "unit", 4, 1, None))
    out_of_fold(training, train, planted.aids(), iter(folds))
    for units, (_, test) in zip(seen, folds, strict=True):
        assert not units & set(training.group[test].tolist())


def test_in_time_a_gap_of_window_and_horizon_lies_before_each_test_part() -> None:
    made = planted.failures()
    ordered = replace(made, is_ordered=True, embargo_ns=30 * planted.HOUR)
    for train, test in outer_folds(ordered, "time", 3, 1, None):
        gap = made.vectors.end[test].min() - made.vectors.end[train].max()
        assert gap > 30 * planted.HOUR


def test_a_column_that_only_tells_of_neighbours_gains_nothing_but_on_random_rows() -> None:
    plain = planted.failures(n_groups=24, drift=0.6)
    random = np.random.default_rng(1)
    blocks = np.arange(len(plain.outcome)) // 15
    running = random.permutation(blocks.max() + 1)[blocks].astype(np.float64)[:, None]
    names = (*plain.vectors.names, planted.tag_names(1, "maximum")[0])
    vectors = planted.vectors(
        np.hstack([plain.vectors.values, running]), names, plain.group, position=plain.vectors.position
    )
    leaky = replace(plain, vectors=vectors)
    gain = {
        split: _evaluated(leaky, split, _by_heart)["roc_auc"] - _evaluated(plain, split, _by_heart)["roc_auc"]
        for split in ("unit", "random")
    }
    assert gain["unit"] < 0.02
    assert gain["random"] > 0.1
    assert _evaluated(leaky, "random", _by_heart)["is_optimistic"]


def test_a_fold_whose_training_is_refused_is_told_and_the_others_count() -> None:
    training = planted.failures()
    calls: list[int] = []

    def train(rows: Training, aids: TrainingAids) -> Detector:
        calls.append(1)
        if len(calls) == 1:
            raise TrainingError("no feature tells")
        return _train(rows, aids)

    outcome = out_of_fold(training, train, planted.aids(), outer_folds(training, "unit", 4, 1, None))
    assert outcome.refused == ("no feature tells",)
    assert len(outcome.rows) < len(training.outcome)


def test_given_parts_are_the_folds_and_missing_ones_are_refused() -> None:
    training = planted.failures()
    is_test = training.group == "g03"
    ((train, test),) = outer_folds(training, "given", 5, 1, is_test)
    assert set(training.group[test].tolist()) == {"g03"}
    assert "g03" not in training.group[train].tolist()
    with pytest.raises(TrainingError, match="part"):
        next(outer_folds(training, "given", 5, 1, None))


def test_remaining_life_is_held_against_the_capped_truth() -> None:
    life = np.array([[10.0, 5.0, 15.0, 20.0], [20.0, 18.0, 20.0, 20.0], [4.0, 3.0, 5.0, 20.0]])
    found = evaluation.life_figures(np.array([14.0, 90.0, np.inf]), life)
    assert (found["n"], found["interval_coverage"]) == (2, 1.0)
    assert found["rmse"] == pytest.approx(np.sqrt((16 + 0) / 2))
