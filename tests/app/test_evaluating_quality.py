"""`forewarn evaluate quality`: the keys that scripts depend on, honest beside optimistic, suspects of both kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app import training
from app.cli import main
from app.evaluating import evaluated_quality
from domain.records import Lot, Result
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

KEYS = {
    "task", "outcome", "n_lots", "split", "folds", "rmse", "mae", "r2", "persistence_rmse", "mean_rmse", "recall",
    "precision", "balanced_error_rate", "roc_auc", "pr_auc", "interval_coverage", "factors", "suspects", "process_adds",
    "optimistic", "null",
}  # fmt: skip
N = 160
LIMITS = '\n[[results]]\nasset_class = "line"\nname = "purity"\nbad_below = 93.5\nlabs = ["central"]\n'


def _toml(more: str = "", task: str = "") -> str:
    text = tiny.FOREWARN.replace('lab = ["purity"]', 'lab = ["purity"]\ntags = []\nprocess = ["*"]')
    text = text.replace(
        'outcome = "purity"', f'outcome = "purity"\ntask = "{task}"\noptions = {{ learners = ["mean", "ridge"] }}'
    )
    return text + more


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line whose purity follows its feed; `iron` comes with the result, from the same sample."""
    folder = tmp_path_factory.mktemp("line")
    random = np.random.default_rng(3)
    feed, other, noise = random.normal(size=(3, N))
    purity = 95 + feed + noise
    lots, results = [], []
    for i in range(N):
        values = {"feed": float(feed[i]), "other": float(other[i])}
        is_judged = i < N - 12
        if is_judged:
            values["iron"] = float(60 - purity[i] + 0.05 * other[i])
        lots.append(Lot(tiny.LINE, f"{i:03d}", at(10 * i), at(10 * i + 9), at(10 * i + 9), values))
        if is_judged:
            results.append(Result(tiny.LINE, f"{i:03d}", "purity", float(purity[i]), at(10 * i + 40), "central"))
            results.append(Result(tiny.LINE, f"{i:03d}", "purity", 90.0, at(10 * i + 50), "shift"))
    with tiny.rooms_of(tiny.settings_in(folder, forewarn_toml=_toml(LIMITS))) as rooms:
        rooms.ledger.records.apply("history", [tiny.decoded(lots=lots, results=results)])
    return folder


def test_the_command_prints_the_keys_and_names_both_kinds_of_suspect(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write(plant, forewarn_toml=_toml(LIMITS))
    assert main(["evaluate", "quality", "--json", "--config", str(plant / "config")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= KEYS
    assert (found["task"], found["recall"], found["null"]["recall"] != "") == ("regression", None, True)
    assert found["n_lots"] > 50
    assert {row["column"] for row in found["suspects"]} == {"iron"}
    assert any("known_with_result" in row for row in found["suspects"])
    assert main(["evaluate", "quality", "--config", str(plant / "config")]) == 0
    assert "SUSPECT: iron" in capsys.readouterr().out


def test_a_forbidden_column_is_suspect_no_more_and_the_lab_that_counts_counts(plant: Path) -> None:
    more = LIMITS + '[[lots]]\nasset_class = "line"\nforbidden = ["iron"]\ncontrollable = ["feed"]\n'
    with tiny.rooms_of(tiny.settings_in(plant, forewarn_toml=_toml(more))) as rooms:
        history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
    made, _ = training.training_of(history)
    assert made.outcome.std() > 1  # the shift's lab always says 90
    found = evaluated_quality(history, lambda _step: None)
    assert found["suspects"] == []
    assert 0.2 < found["r2"] < 0.7
    assert [f["name"] for f in found["factors"] if f["controllable"]] == ["feed"]


def test_a_result_with_limits_can_be_told_as_bad_or_good(plant: Path) -> None:
    more = LIMITS + '[[lots]]\nasset_class = "line"\nforbidden = ["iron"]\n'
    toml = _toml(more, "classification")
    with tiny.rooms_of(tiny.settings_in(plant, forewarn_toml=toml)) as rooms:
        history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
    found = evaluated_quality(history, lambda _step: None)
    assert (found["task"], found["rmse"]) == ("classification", None)
    assert found["roc_auc"] > 0.6
    assert found["roc_auc_interval"][0] < found["roc_auc"] < found["roc_auc_interval"][1]
