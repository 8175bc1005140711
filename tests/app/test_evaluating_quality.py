"""`forewarn evaluate quality`: the keys that scripts depend on, honest beside optimistic, suspects of both kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import training
from app.cli import main
from app.evaluating import evaluated_quality
from domain.errors import ConfigError
from domain.instants import to_ns
from domain.records import Lot, Result
from domain.scores import TrainingError
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
    """A line whose purity follows its feed; `iron` comes with the result, from the same sample, and
    so does `zinc_copy`, which has nothing to do with it.
    """
    folder = tmp_path_factory.mktemp("line")
    random = np.random.default_rng(3)
    feed, other, noise = random.normal(size=(3, N))
    purity = 95 + feed + noise
    lots, results = [], []
    for i in range(N):
        values = {"feed": float(feed[i]), "other": float(other[i]), "zinc_copy": float(noise[-i])}
        is_judged = i < N - 12
        if is_judged:
            values["iron"] = float(60 - purity[i] + 0.05 * other[i])
        lots.append(Lot(tiny.LINE, f"{i:03d}", at(10 * i), at(10 * i + 9), at(10 * i + 9), values))
        if is_judged:
            results.append(Result(tiny.LINE, f"{i:03d}", "purity", float(purity[i]), at(10 * i + 40), "central"))
            results.append(Result(tiny.LINE, f"{i:03d}", "purity", 90.0, at(10 * i + 50), "shift"))
            results.append(Result(tiny.LINE, f"{i:03d}", "zinc", float(noise[-i]), at(10 * i + 40), "central"))
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
    assert {row["column"] for row in found["suspects"]} == {"iron", "zinc_copy"}
    assert any("known_with_result" in row for row in found["suspects"])
    assert [row["equal"] for row in found["suspects"] if row.get("equals_result") == "zinc"] == [1.0]
    assert sum(part["n_lots"] for part in found["by_fold"]) == found["n_lots"]
    pooled = sum(part["n_lots"] * part["rmse"] ** 2 for part in found["by_fold"]) / found["n_lots"]
    assert pooled == pytest.approx(found["rmse"] ** 2)
    assert main(["evaluate", "quality", "--config", str(plant / "config")]) == 0
    said = capsys.readouterr().out
    assert "SUSPECT: iron" in said
    assert "SUSPECT: zinc_copy is the result zinc of the same sample" in said


def test_a_forbidden_column_is_suspect_no_more_and_the_lab_that_counts_counts(plant: Path) -> None:
    more = LIMITS + '[[lots]]\nasset_class = "line"\nforbidden = ["iron", "zinc_copy"]\ncontrollable = ["feed"]\n'
    with tiny.rooms_of(tiny.settings_in(plant, forewarn_toml=_toml(more))) as rooms:
        history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
    made, _ = training.training_of(history)
    assert made.outcome.std() > 1  # the shift's lab always says 90
    found = evaluated_quality(history, lambda _step: None)
    assert found["suspects"] == []
    assert 0.2 < found["r2"] < 0.7
    assert [f["name"] for f in found["factors"] if f["controllable"]] == ["feed"]


def test_a_result_with_limits_can_be_told_as_bad_or_good(plant: Path) -> None:
    more = LIMITS + '[[lots]]\nasset_class = "line"\nforbidden = ["iron", "zinc_copy"]\n'
    toml = _toml(more, "classification")
    with tiny.rooms_of(tiny.settings_in(plant, forewarn_toml=toml)) as rooms:
        history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
    found = evaluated_quality(history, lambda _step: None)
    assert (found["task"], found["rmse"]) == ("classification", None)
    assert found["roc_auc"] > 0.6
    assert found["roc_auc_interval"][0] < found["roc_auc"] < found["roc_auc_interval"][1]


def test_a_lot_is_learned_from_once_its_result_is_known_and_a_late_file_says_nothing_of_that(tmp_path: Path) -> None:
    lots = [Lot(tiny.LINE, f"{i:03d}", at(10 * i), at(10 * i + 9), at(10 * i + 9), {"feed": 1.0 * i}) for i in range(9)]
    for told_at, expected in ((40, [at(10 * i + 40) for i in range(9)]), (400, [x.end for x in lots])):
        results = [Result(tiny.LINE, x.lot, "purity", 95.0, at(10 * i + told_at)) for i, x in enumerate(lots)]
        folder = tmp_path / str(told_at)
        with tiny.rooms_of(tiny.settings_in(folder, forewarn_toml=_toml(LIMITS))) as rooms:
            rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
            made, _ = training.training_of(training.gather(rooms, rooms.settings.detector("purity"), at(1000)))
        assert made.known_at.tolist() == [to_ns(x) for x in expected if x is not None]


def test_the_history_of_the_result_itself_stands_first_for_persistence(tmp_path: Path) -> None:
    toml = _toml(LIMITS).replace('lab = ["purity"]', 'lab = ["iron", "purity"]')
    lots = [Lot(tiny.LINE, f"{i}", at(i), at(i + 1), at(i + 1), {"feed": 1.0 * i}) for i in range(4)]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots)])
        history = training.gather(rooms, rooms.settings.detector("purity"), at(60))
    assert [n.source for n in history.features.names if n.origin == "lab"] == ["purity"] * 3 + ["iron"] * 3


def test_lots_of_one_batch_are_held_out_together(tmp_path: Path) -> None:
    toml = _toml(LIMITS).replace('split = "time"', 'split = "batch"')
    lots = [
        Lot(tiny.LINE, f"{i}", at(i), at(i + 1), at(i + 1), {"feed": 1.0 * i}, {"batch": "ab"[i // 4]} if i < 8 else {})
        for i in range(9)
    ]
    results = [Result(tiny.LINE, x.lot, "purity", 95.0, at(20), "central") for x in lots]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        made, _ = training.training_of(training.gather(rooms, rooms.settings.detector("purity"), at(60)))
    assert made.group.tolist() == ["a"] * 4 + ["b"] * 4 + [tiny.LINE]  # without a text: the asset's batch, or itself


def test_a_process_that_moved_shows_in_the_part_it_moved_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(4)
    feed = random.normal(size=N) + 4.0 * (np.arange(N) >= N - N // 8)
    purity = 95 + feed * np.where(np.arange(N) >= N - N // 8, 0.0, 1.0) + 0.3 * random.normal(size=N)
    lots = [
        Lot(tiny.LINE, f"{i}", at(10 * i), at(10 * i + 9), at(10 * i + 9), {"feed": float(feed[i])}) for i in range(N)
    ]
    results = [Result(tiny.LINE, x.lot, "purity", float(purity[i]), at(10 * i + 9)) for i, x in enumerate(lots)]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=_toml(LIMITS))) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
    assert main(["evaluate", "quality", "--json", "--config", str(tmp_path / "config")]) == 0
    *before, after = json.loads(capsys.readouterr().out)["by_fold"]
    assert all(part["rmse"] < 0.5 and part["moved"] == [] for part in before[:-1])
    assert after["rmse"] > 2
    assert after["bias"] > 2
    assert [row["column"] for row in after["moved"]] == ["feed"]
    assert main(["evaluate", "quality", "--config", str(tmp_path / "config")]) == 0
    assert "moved since: feed +" in capsys.readouterr().out


def test_the_product_is_learned_from_its_mix_is_told_to_have_moved_and_as_a_stratum_it_is_no_suspect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(5)
    is_late = np.arange(N) >= N - N // 8
    product = np.where(random.random(N) < np.where(is_late, 0.8, 0.2), "B", "A")
    purity = 95 - 3.0 * (product == "B") + 0.3 * random.normal(size=N)
    lots = [
        Lot(tiny.LINE, f"{i}", at(10 * i), at(10 * i + 9), at(10 * i + 9), {"feed": 1.0 * (i % 7)}, {"product": p})
        for i, p in enumerate(product.tolist())
    ]
    results = [Result(tiny.LINE, x.lot, "purity", float(purity[i]), at(10 * i + 9)) for i, x in enumerate(lots)]
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=_toml(LIMITS))) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
    command = ["evaluate", "quality", "--config", str(tmp_path / "config")]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rmse"] < 0.5 < 1 < found["mean_rmse"]
    assert [row["column"] for row in found["suspects"]] == ["product"]  # nobody has said yet that it is known before
    (moved,) = found["by_fold"][-1]["moved"]
    assert moved["column"] in ("product = A", "product = B")
    then, now = moved["shares"]
    assert abs(now - then) > 0.3
    assert main(command) == 0
    assert "SUSPECT: the text product tells the result very well" in capsys.readouterr().out
    tiny.write(tmp_path, forewarn_toml=_toml(LIMITS + '[[lots]]\nasset_class = "line"\nstrata = ["product"]\n'))
    assert main(command) == 0
    told = capsys.readouterr().out
    assert f"moved since: {moved['column']} {then:.0%} → {now:.0%}" in told
    assert "SUSPECT" not in told


def test_a_text_that_came_with_the_result_is_suspect_whatever_it_tells_of_it(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    purity = 95 + random.normal(size=N)
    lots, results = [], []
    for i in range(N):
        is_judged = i < N - 12
        grade = {"grade": "abcd"[int(np.digitize(purity[i], [94.3, 95.0, 95.7]))]} if is_judged else {}
        texts = {"product": "AB"[i % 2], **grade}
        lots.append(Lot(tiny.LINE, f"{i}", at(10 * i), at(10 * i + 9), at(10 * i + 9), {}, texts))
        if is_judged:
            results.append(Result(tiny.LINE, f"{i}", "purity", float(purity[i]), at(10 * i + 9)))
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=_toml(LIMITS))) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
    found = evaluated_quality(history, lambda _step: None)
    assert {row["column"] for row in found["suspects"]} == {"grade"}
    assert {key for row in found["suspects"] for key in row} >= {"alone", "known_with_result"}


def test_nothing_before_learn_from_is_learned_from_or_tested_on(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    feed, half = random.normal(size=N), N // 2
    purity = 95 + feed * np.where(np.arange(N) < half, -1.0, 1.0) + 0.1 * random.normal(size=N)
    lots = [
        Lot(tiny.LINE, f"{i:03d}", at(10 * i), at(10 * i + 9), at(10 * i + 9), {"feed": float(x)})
        for i, x in enumerate(feed)
    ]
    results = [Result(tiny.LINE, x.lot, "purity", float(purity[i]), at(10 * i + 9)) for i, x in enumerate(lots)]

    def back_test(learn_from: str) -> dict[str, Any]:
        toml = _toml(LIMITS).replace('outcome = "purity"', f'outcome = "purity"\nlearn_from = "{learn_from}"')
        with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
            if not learn_from:
                rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
            history = training.gather(rooms, rooms.settings.detector("purity"), at(20 * N))
            made, _ = training.learned_from(history)
            return {
                "n": len(made.vectors),
                "lots": made.vectors.subject,
                **evaluated_quality(history, lambda _step: None),
            }

    whole, later = back_test(""), back_test(at(10 * half).isoformat())
    assert whole["n"] == N
    assert sorted(later["lots"]) == [f"{i:03d}" for i in range(half + 1, N)]  # the window of the first began before
    assert later["rmse"] < 0.3 < whole["rmse"]
    with pytest.raises(TrainingError, match="begins after `learn_from` 2099-01-01"):
        back_test("2099-01-01")


def test_a_learn_from_that_is_no_time_is_a_fault_of_the_config(tmp_path: Path) -> None:
    toml = _toml(LIMITS).replace('outcome = "purity"', 'outcome = "purity"\nlearn_from = "last spring"')
    with pytest.raises(ConfigError, match=r"learn_from.*'last spring' is no time such as 2026-03-02"):
        tiny.settings_in(tmp_path, forewarn_toml=toml)
