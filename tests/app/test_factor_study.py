"""A factor study through the commands: from files to the record, the page and a watched rule; and the refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from alerts.rules import RuleSettings
from app import factor_study, factor_watching
from app.cli import main
from app.rooms import Rooms, opened
from app.settings import load
from app.training import gather, learned_from
from detectors.evaluation import outer_folds
from domain.audit import Action, Actor
from reports.factor_study import note_of
from tests.app import tiny_plant as tiny

N = 300
CONFIG = """[data]
folder = "DATA"

[[formats]]
name = "sensors"
match = "sensors.csv"
asset = "plant/line-1"

[[formats]]
name = "lots"
match = "lots.csv"
kind = "lots"
texts = ["product"]

[[formats]]
name = "results"
match = "results.csv"
kind = "results"

[[classes]]
name = "line"
period = "1h"
horizon = "24h"
lead = "1h"

[[lots]]
asset_class = "line"
strata = ["product"]

[[results]]
asset_class = "line"
name = "ash"
bad_above = 1.0

[[features]]
name = "level"
asset_class = "line"
calculators = "level"
window = "4h"
step = "1h"
train_step = "1h"
flat = ""

[[detectors]]
name = "ash"
kind = "quality_tournament"
asset_class = "line"
features = "level"
outcome = "ash"
split = "time"
embargo = "0s"
"""
TAGS = """asset,tag,unit,role,controllable
class:line,ph,pH,process,yes
class:line,feed,t/h,process,no
class:line,air,,process,yes
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line whose ash rises with the pH, in both products alike."""
    return _plant(tmp_path_factory.mktemp("plant"), "ph", CONFIG, {})


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line whose ash rises with a column of its lots that has a Korean name, beside another such column."""
    told = 'strata = ["product"]\ncontrollable = ["*"]'
    config = CONFIG.replace('strata = ["product"]', told).replace('window = "4h"', 'window = "4h"\nprocess = ["*"]')
    random = np.random.default_rng(4)
    return _plant(
        tmp_path_factory.mktemp("mixer"), "점도", config, {name: random.normal(size=N) for name in ("점도", "온도")}
    )


def _plant(folder: Path, cause: str, told: str, columns: dict[str, NDArray[np.float64]]) -> Path:
    random = np.random.default_rng(3)
    hours = pd.date_range("2026-01-01", periods=4 * N + 8, freq="1h", tz="UTC")
    tags = {name: np.repeat(random.normal(size=N + 2), 4) for name in ("ph", "feed", "air")}
    config = folder / "config"
    config.mkdir()
    (config / "forewarn.toml").write_text(told.replace("DATA", str(folder / "data")))
    (config / "tags.csv").write_text(TAGS)
    (config / "assets.csv").write_text("asset,class\nplant/line-1,line\n")
    (config / "rules.toml").write_text("")
    pd.DataFrame({"time": hours, **tags}).to_csv(folder / "sensors.csv", index=False)
    end = hours[4 : 4 * N + 4 : 4]
    lots = pd.DataFrame({"line": "plant/line-1", "lot": [f"L{i}" for i in range(N)], "start": hours[0 : 4 * N : 4]})
    lots = lots.assign(end=end, known_at=end, product=np.where(random.random(N) < 0.5, "A", "B"))
    lots = lots.assign(**columns)
    lots.to_csv(folder / "lots.csv", index=False)
    known = {**columns, "ph": tags["ph"][0 : 4 * N : 4]}
    ash = 1.2 * known[cause] + 0.5 * random.normal(size=N)
    results = lots[["line", "lot"]].assign(result="ash", value=ash, result_at=end)
    results.to_csv(folder / "results.csv", index=False)
    files = [str(folder / f"{name}.csv") for name in ("sensors", "lots", "results")]
    assert main(["load", "--config", str(config), *files]) == 0
    return config


@pytest.fixture
def studied(plant: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    page = plant.parent / "factors.html"
    assert main(["report", "factors", "--config", str(plant), "--json", "--out", str(page)]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_report_ranks_the_cause_first_in_each_product_and_writes_a_page(
    plant: Path, studied: dict[str, Any]
) -> None:
    first = studied["factors"][0]
    assert first["members"] == ["ph"]
    assert (first["direction"], first["controllable"]) == (1, ["ph"])
    assert {(s["stratum"], s["level"], s["sign"]) for s in first["slopes"]} == {
        ("product", "A", 1),
        ("product", "B", 1),
    }
    page = (plant.parent / "factors.html").read_text()
    assert page.count("<svg") >= 4
    assert "ph" in page


def test_a_study_is_kept_with_units_and_told_again(plant: Path, studied: dict[str, Any]) -> None:
    with opened(load(plant), telemetry=False) as rooms:
        kept = factor_study.kept(rooms, "ash")
    assert kept == studied
    assert kept is not None
    assert kept["units"] == {"ph": "pH", "feed": "t/h"}


def _watch(rooms: Rooms, factor: str, by: str = "Kim", why: str = "fewer defects") -> tuple[int, str]:
    return factor_watching.watch(rooms, "ash", factor, Actor(by, "test"), why, tiny.T0)


@pytest.mark.parametrize(
    ("factor", "by", "why", "said"),
    [("feed", "Kim", "x", "no window of feed"), ("ph", "", "x", "a name and a reason"), ("ph", "Kim", " ", "a name")],
)
@pytest.mark.usefixtures("studied")
def test_what_is_not_recommended_or_not_said_by_anybody_is_not_watched(
    plant: Path, factor: str, by: str, why: str, said: str
) -> None:
    with opened(load(plant), telemetry=False) as rooms, pytest.raises(factor_watching.NotWatchedError, match=said):
        _watch(rooms, factor, by, why)
    assert (plant / "rules.toml").read_text() == ""


@pytest.mark.usefixtures("studied")
def test_a_recommended_window_becomes_a_rule_by_one_command_with_who_and_why(plant: Path) -> None:
    asked = ["report", "factors", "--config", str(plant), "--watch", "ph"]
    assert main(asked) == 2
    assert main([*asked, "--by", "Kim", "--reason", "fewer defects"]) == 0
    (rule,) = load(plant).rules
    assert (rule.id, rule.watch, rule.on_delay.total_seconds()) == ("factor-ash-ph", "tag:ph", 14400)
    with opened(load(plant), telemetry=False) as rooms:
        (change,) = rooms.ledger.rule_changes.all()
        assert (change.by, change.why) == ("Kim", "fewer defects")
        assert change.preview["expected"]["change"] < 0
        assert Action.RULE_CHANGED in {d.action for d in rooms.ledger.audit.deeds()}
        with pytest.raises(factor_watching.NotWatchedError, match="watched already"):
            _watch(rooms, "ph")
    assert main([*asked, "--by", "Kim", "--reason", "again"]) == 1
    (plant / "rules.toml").write_text("")


def test_an_unknown_detector_is_told_with_those_that_are_there(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "factors", "--config", str(plant), "--detector", "silica"]) == 2
    assert "the config has ash" in capsys.readouterr().err


def test_the_window_of_a_lot_column_is_watched_by_an_id_of_its_own_whatever_its_script(
    mixer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "factors", "--config", str(mixer), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["lot_columns"] == ["온도", "점도"]
    asked = ["report", "factors", "--config", str(mixer), "--by", "김", "--reason", "회분", "--watch"]
    assert main([*asked, "점도"]) == 0
    (rule,) = load(mixer).rules
    assert (rule.watch, rule.on_delay.total_seconds()) == ("lot:점도", 0)
    assert rule.id == factor_watching.rule_id("ash", "점도")
    assert main([*asked, "점도"]) == 1
    assert "watched already" in capsys.readouterr().err


def test_a_factor_that_is_neither_tag_nor_lot_column_is_not_watched(plant: Path) -> None:
    advice = {"factor": "ph x feed", "reason": "", "low": 0.0, "high": 1.0}
    with opened(load(plant), telemetry=False) as rooms:
        rooms.ledger.save_note(note_of("ash"), json.dumps({"detector": "ash", "advice": [advice], "lot_columns": []}))
        with pytest.raises(factor_watching.NotWatchedError, match="no tag of class line, nor a column of its lots"):
            _watch(rooms, "ph x feed")


@pytest.mark.parametrize(
    "named",
    [
        [("ash", "점도"), ("ash", "온도"), ("회분", "점도"), ("ash", "점도 1"), ("ash", "1")],
        [("ash", "feed_ph"), ("ash", "feed ph"), ("ash", "feed-ph"), ("ash", "Feed_ph"), ("ash_feed", "ph")],
        [("ash", "---"), ("ash", "'); drop"), ("ash", "%"), ("ash", "_")],
    ],
)
def test_ids_of_watched_factors_are_valid_and_differ(named: list[tuple[str, str]]) -> None:
    ids = [factor_watching.rule_id(*each) for each in named]
    assert len(set(ids)) == len(named)
    for each in ids:
        RuleSettings.model_validate({"id": each, "asset_class": "line", "watch": "tag:x", "raise": 1.0, "clear": 0.5})


@pytest.mark.parametrize("tested", [0.2, 0.5])
def test_a_study_is_judged_on_the_lots_that_the_back_test_is_judged_on(plant: Path, tested: float) -> None:
    with opened(load(plant)) as rooms:
        detector = rooms.settings.detector("ash").model_copy(update={"tested": tested})
        history = gather(rooms, detector, datetime(2027, 1, 1, tzinfo=UTC))
    training, _ = learned_from(history)
    folds = factor_study.lots_of(history, training).folds
    tested_on = np.concatenate([test for _, test in folds])
    honest = list(outer_folds(training, "time", detector.n_folds, detector.seed, None, tested))
    assert np.array_equal(tested_on, np.concatenate([test for _, test in honest]))
    assert len(tested_on) == int(tested * len(training.outcome))
