"""Back-tests by the config's split, explanations from stored rows, and operating points with who and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app import operating, training
from app.cli import main
from app.evaluating import evaluated
from app.explaining import NotExplainableError, explained
from app.explanation_text import shown
from app.rooms import Rooms
from domain.points import Point, Points
from domain.scores import TrainingError
from domain.text import catalogue
from domain.vectors import Training
from tests.app import failing_fleet as fleet
from tests.app import tiny_plant as tiny
from tests.app.failing_fleet import LIFE, N_ASSETS, NAME, NEW, at

NOW = at(LIFE + 1)
LATER = at(3 * LIFE)


def _silent(_step: str) -> None:
    return None


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the fleet with a trained champion and one asset that was watched to its end."""
    folder = tmp_path_factory.mktemp("fleet")
    with tiny.rooms_of(fleet.settings_in(folder)) as rooms:
        fleet.filled(rooms)
        fleet.trained(rooms)
        fleet.lived(rooms)
    return folder / "data"


@pytest.fixture
def folder(history: Path, tmp_path: Path) -> Path:
    shutil.copytree(history, tmp_path / "data")
    fleet.settings_in(tmp_path)
    return tmp_path


@pytest.fixture
def rooms(folder: Path) -> Iterator[Rooms]:
    with tiny.rooms_of(fleet.settings_in(folder)) as opened:
        yield opened


@pytest.mark.parametrize(("split", "folds"), [("unit", 3), ("batch", 3), ("given", 1)])
def test_a_back_test_is_cut_as_the_config_says_and_promotes_nothing(folder: Path, split: str, folds: int) -> None:
    with tiny.rooms_of(fleet.settings_in(folder, split)) as rooms:
        before = rooms.ledger.scoring.models()
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
        found = evaluated(history, _silent)
        assert rooms.ledger.scoring.models() == before
    assert (found["split"], found["folds"]) == (split, folds)
    assert found["n_events"] == (N_ASSETS if split != "given" else N_ASSETS // 4)
    assert found["event_recall"] >= 0.6
    assert found["purge_s"] >= (18 + 8) * 3600
    assert set(found["per_mode"]) <= {"bearing", "seal"}
    assert found["lead_budget_s"] == 4 * 3600
    assert found["remaining_life"]["every_row"]["rmse"] < 10
    json.dumps(found)


def test_test_assets_of_a_given_split_are_not_learned_from(folder: Path) -> None:
    with tiny.rooms_of(fleet.settings_in(folder, "given")) as rooms:
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
        rows, _ = training.learned_from(history)
    assert {fleet.PARTS[int(a[-2:])] for a in rows.vectors.asset.tolist()} == {"train"}


REGIMES = fleet.FOREWARN.replace(
    "train_step = 2", 'train_step = 2\n[features.mode]\nfrom = "regimes"\ntags = ["speed"]'
)


def _moved(history: training.History, assets: Iterable[str], by: float) -> training.History:
    """Return the history with the speed of some assets elsewhere."""
    moved = {a: replace(g := history.grids[a], values=g.values + by * (np.array(g.tags) == "speed")) for a in assets}
    return replace(history, grids={**history.grids, **moved})


def test_modes_are_found_in_the_windows_that_a_part_trains_on(folder: Path) -> None:
    settings = fleet.settings_in(folder, forewarn_toml=REGIMES.replace("SPLIT", "unit"))
    with tiny.rooms_of(settings) as rooms:
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
    every, _ = training.training_of(history)
    part = every.take(every.vectors.asset != "fleet/e00")
    other = _moved(history, ["fleet/e00"], 1000.0)

    def rows(of: training.History, on: Training | None) -> np.ndarray:
        made, _ = training.training_of(of, on)
        return made.vectors.values[made.vectors.asset != "fleet/e00"]

    assert np.array_equal(rows(history, part), rows(other, part))  # what is tested moves nothing
    assert not np.array_equal(rows(history, None), rows(other, None))  # as it does where modes are found on all


def test_a_tested_asset_in_a_mode_of_its_own_is_not_assessed(folder: Path) -> None:
    by_tag = REGIMES.replace('from = "regimes"', 'from = "tag"').replace("SPLIT", "unit")
    with tiny.rooms_of(fleet.settings_in(folder, forewarn_toml=by_tag)) as rooms:
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
    at_rest = {a: replace(g, values=g.values * (np.array(g.tags) != "speed")) for a, g in history.grids.items()}
    alike = replace(history, grids=at_rest)
    whole, without = (evaluated(h, _silent) for h in (alike, _moved(alike, ["fleet/e00"], 9.0)))
    n_own = sum(training.training_of(alike)[0].vectors.asset == "fleet/e00")
    assert n_own > 0
    assert without["n_rows"] == whole["n_rows"] - n_own
    assert without["n_events"] == whole["n_events"] - 1


@pytest.mark.parametrize("split", ["given", "unit"])
def test_nothing_is_found_on_test_assets_of_a_given_split(folder: Path, split: str) -> None:
    settings = fleet.settings_in(folder, split, forewarn_toml=REGIMES.replace("SPLIT", split))
    with tiny.rooms_of(settings) as rooms:
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
    tested = [a for a in history.grids if fleet.PARTS[int(a[-2:])] == "test"]
    sets = [training.learned_from(h)[1] for h in (history, _moved(history, tested, 1000.0))]
    assert (sets[0].inputs == sets[1].inputs) == (split == "given")


def test_random_rows_are_labelled_optimistic(rooms: Rooms) -> None:
    history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
    assert evaluated(history, _silent, is_random=True)["is_optimistic"]
    assert not evaluated(history, _silent)["is_optimistic"]


def test_a_given_split_without_parts_is_refused_in_words(folder: Path) -> None:
    bare = "asset,class\n" + "".join(f"fleet/e{i:02d},engine\n" for i in range(N_ASSETS + 1))
    with tiny.rooms_of(fleet.settings_in(folder, "given", assets_csv=bare)) as rooms:
        history = training.gather(rooms, rooms.settings.detector(NAME), NOW)
        with pytest.raises(TrainingError, match="part"):
            evaluated(history, _silent)


def test_the_command_prints_the_figures_and_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "failure", "--config", str(folder / "config"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["detector"] == NAME
    assert main(["evaluate", "failure", "--config", str(folder / "config")]) == 0
    assert "stops caught at the lead budget of 4:00:00" in capsys.readouterr().out


def _alert(rooms: Rooms) -> str:
    return next(a.id for a in rooms.ledger.alerting.alerts() if a.key.asset == NEW and a.id)


def test_an_alert_is_explained_from_the_stored_rows_to_the_same_score(rooms: Rooms) -> None:
    found = explained(rooms, _alert(rooms), LATER)
    assert found["is_reproduced"]
    assert abs(found["said"] - found["recomputed"]) <= 1e-9
    assert found["contributions"][0]["source"] in ("heat", "vibration")
    total = found["base"] + sum(c["amount"] for c in found["contributions"]) + found["rest"]
    assert total == pytest.approx(found["raw"], abs=1e-6)
    top = found["contributions"][0]["features"][0]
    low, high = top["normal"]
    assert low < high
    assert top["unit"] in ("degC", "")
    assert found["alike"][0]["came_to"] in ("caught", "missed")
    assert found["life"]["low"] <= found["life"]["value"] <= found["life"]["high"] <= 30


def test_rows_that_changed_since_are_told(rooms: Rooms) -> None:
    alert = rooms.ledger.alerting.alert(_alert(rooms))
    assert alert is not None
    assert alert.raised_at is not None
    row = rooms.points.latest([f"{NEW}/heat"], 1 + int(alert.raised_at.timestamp() * 1e9))
    rooms.points.overwrite("later", Points.from_rows([Point(f"{NEW}/heat", int(row.at[0]), -50.0)]))
    assert not explained(rooms, alert.id, LATER)["is_reproduced"]


def test_of_a_deleted_model_is_told_why_it_is_gone_and_what_was_stored(rooms: Rooms) -> None:
    alert = _alert(rooms)
    before = explained(rooms, alert, LATER)
    for i in range(4):
        operating.chosen(rooms, NAME, 0.3 + i / 10, "Kim", "another point", LATER + i * timedelta(hours=1))
    found = explained(rooms, alert, LATER)
    assert found["gone"] == {
        "at": (LATER + timedelta(hours=3)).isoformat(),
        "by": "forewarn",
        "why": "3 champions were promoted after it",
    }
    assert (found["recomputed"], found["is_reproduced"]) == (None, None)
    for key in ("model_id", "said", "life", "axis", "threshold"):
        assert found[key] == pytest.approx(before[key]) if key == "threshold" else found[key] == before[key]
    first, was = found["contributions"][0], before["contributions"][0]
    assert (first["source"], first["amount"]) == (was["source"], pytest.approx(was["amount"]))
    assert first["mean"] is not None
    assert set(found) == set(before)
    said = "\n".join(shown(found, catalogue("en"), rooms.settings.zone))
    assert "cannot be recomputed: forewarn deleted this model at" in said
    assert f"  {was['source']}: {was['amount']:+.3g}" in said


def test_what_no_score_stands_behind_is_not_explained(rooms: Rooms) -> None:
    with pytest.raises(NotExplainableError, match="no alert"):
        explained(rooms, "0" * 16, LATER)


def test_the_command_explains_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tiny.rooms_of(fleet.settings_in(folder)) as rooms:
        alert = _alert(rooms)
    assert main(["alerts", "explain", alert, "--config", str(folder / "config")]) == 0
    said = capsys.readouterr().out
    assert "recomputed from the stored rows: the same" in said
    assert "normally" in said
    assert "It resembles:" in said


def test_a_chosen_threshold_is_kept_with_who_and_why_and_scores_stay(rooms: Rooms) -> None:
    before = rooms.ledger.scoring.champion(NAME)
    assert before is not None
    row = operating.chosen(rooms, NAME, 0.31, "Kim", "two checks a week are fine", LATER)
    champion = rooms.ledger.scoring.champion(NAME)
    assert champion is not None
    assert champion.model_id == row.model_id != before.model_id
    choice = champion.details["choice"]
    assert (choice["by"], choice["reason"], choice["instead_of"]) == (
        "Kim",
        row.details["choice"]["reason"],
        before.model_id,
    )
    assert rooms.models.champions()[NAME].detector.threshold == pytest.approx(0.31)
    assert {m.model_id for m in rooms.ledger.scoring.models()} == {before.model_id, row.model_id}


@pytest.mark.parametrize(("by", "reason", "limit"), [("", "why", 0.3), ("Kim", " ", 0.3), ("Kim", "why", 1.5)])
def test_a_choice_without_a_name_a_reason_or_a_probability_is_refused(
    rooms: Rooms, by: str, reason: str, limit: float
) -> None:
    before = rooms.ledger.scoring.models()
    with pytest.raises(operating.ChoiceRefusedError):
        operating.chosen(rooms, NAME, limit, by, reason, LATER)
    assert rooms.ledger.scoring.models() == before


def test_the_curve_is_drawn_with_its_price(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "curve.svg"
    config = str(folder / "config")
    assert main(["threshold", "show", NAME, "--config", config, "--out", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["currency"] == "EUR"
    assert all(row["money_per_week"] >= 0 for row in found["curve"])
    assert sum(row["is_taken"] for row in found["curve"]) == 1
    drawn = file.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "EUR" in drawn
    chosen = ["threshold", "choose", NAME, "--raise", "0.4", "--by", "Lee", "--reason", "x"]
    assert main([*chosen, "--config", config]) == 0
    assert "0.4" in capsys.readouterr().out
    assert np.isfinite([row["raise_at"] for row in found["curve"]]).all()
