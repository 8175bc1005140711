"""Derived tags from config to live scores, and hypotheses from config to the model's page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import training, windowing
from app.cli import main
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from detectors import bundle
from domain.errors import ConfigError, Fault
from domain.instants import duration_ns, to_ns
from domain.points import Points
from domain.scores import Verdict
from domain.text import LANGUAGES, catalogue
from domain.vectors import FeatureSet
from features import windows
from features.extract import extract
from tests.app import power_plant as power
from tests.app import tiny_plant as tiny

DETECTOR = "press-failure"
HUM = 'features = ["hum"'
OF_PRESS = 'asset_class = "press"\n'


def _faults(folder: Path, *changes: tuple[str, str], tags: str = power.TAGS) -> list[Fault]:
    with pytest.raises(ConfigError) as error:
        power.settings_in(folder, *changes, tags=tags)
    return list(error.value.faults)


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "said"),
    [
        ('"torque * speed"', '"torque + oil"', "derived[0].formula", "torque + oil", "is added to"),
        ('"torque * speed"', '"torque *"', "derived[0].formula", "torque *", "the end"),
        ('"torque * speed"', '"torqe * speed"', "derived[0].formula", "torqe * speed", 'did you mean "torque"?'),
        ('"torque * speed"', '"torque * grade"', "derived[0].formula", "torque * grade", "only process tags"),
        ('"torque * speed"', '"torque * warming"', "derived[0].formula", "torque * warming", "is a derived tag"),
        ('unit = "kW"', 'unit = "bar"', "derived[0].unit", "bar", "the formula gives power"),
        ('name = "power"', 'name = "torque"', "derived[0].name", "torque", "is a tag of class press"),
        ('name = "power"', 'name = "warming"', "derived[0].name", "warming", "stands twice"),
        ('name = "power"', 'name = "a/b"', "derived[0].name", "'a/b'", "pattern"),
        (f'{OF_PRESS}unit = "kW"', 'asset_class = "pres"\nunit = "kW"', "derived[0].asset_class", "'pres'", '"press"'),
        ("change(oil, 3)", "change(oil, 6)", "derived[1].formula", "change(oil, 6)", "at most 5"),
        ('r = "press-failure"', 'r = "press-failur"', "hypotheses[0].detector", "press-failur", '"press-failure"'),
        (f"{OF_PRESS}{HUM}", f'asset_class = "pump"\n{HUM}', "hypotheses[1].asset_class", "pump", "no detector"),
        ('features = ["power"]', 'features = ["powr"]', "hypotheses[0].features[0]", "powr", 'did you mean "power"?'),
        ('name = "hum"', 'name = "wear"', "hypotheses[0].name", "wear", "stands twice"),
        ('detector = "press-failure"\n', "", "hypotheses[0]", "", "either `detector` or `asset_class`"),
        ("n_folds = 3", 'n_folds = 3\nscreening = "steady"', "detectors[0].screening", "'steady'", "'stable'"),
        ("n_folds = 3", "n_folds = 3\nstability = { rounds = 1 }", "detectors[0].stability.rounds", "1", "10"),
    ],
)
def test_a_fault_names_file_key_value_and_rule(
    tmp_path: Path, old: str, new: str, key: str, value: str, said: str
) -> None:
    found = [x for x in _faults(tmp_path, (old, new)) if x.key == key]
    assert len(found) >= 1
    assert found[0].file == str(tmp_path / "config" / "forewarn.toml")
    assert found[0].value == value
    assert said in found[0].rule


def test_assets_that_differ_in_a_tags_unit_cannot_share_a_formula(tmp_path: Path) -> None:
    rows = power.TAGS.replace("class:press,torque,Nm", "fleet/p*,torque,Nm,process\nfleet/new,torque,kNm")
    (fault,) = _faults(tmp_path, tags=rows)
    assert "'Nm' and in 'kNm'" in fault.rule
    same = power.TAGS.replace("class:press,torque,Nm", "fleet/p*,torque,Nm,process\nfleet/new,torque,N·m")
    assert power.settings_in(tmp_path, tags=same).root.derived


def test_an_unknown_unit_is_a_warning_of_check_and_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    power.settings_in(tmp_path, tags=power.TAGS.replace("Nm", "bananas"))
    assert main(["check", "--config", str(tmp_path / "config")]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("warning")]
    assert "derived[0].formula = torque * speed" in line
    assert "torque 'bananas'" in line
    power.settings_in(tmp_path)
    assert main(["check", "--config", str(tmp_path / "config")]) == 0
    assert "warning" not in capsys.readouterr().out


def test_derived_tags_match_patterns_like_any_tag(tmp_path: Path) -> None:
    def sources(patterns: str) -> set[str]:
        settings = power.settings_in(tmp_path, ('calculators = "trend"', f'calculators = "trend"\ntags = {patterns}'))
        return {n.source for n in windowing.full_set(settings, settings.feature_set("trend")).names}

    changed = ("power", "warming", "torque", "speed", "oil", "hum")
    assert sources('["*"]') == set(changed)
    assert sources('["p*", "hum", "warming"]') == {"power", "hum", "warming"}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the fleet, with a champion."""
    folder = tmp_path_factory.mktemp("presses")
    settings = power.settings_in(folder)
    power.filled(settings)
    with tiny.rooms_of(settings) as rooms:
        made = training.build(training.gather(rooms, settings.detector(DETECTOR), power.NOW), rooms.models.folder)
        training.promote(rooms, made, power.NOW)
    return folder / "data"


@pytest.fixture
def settings(history: Path, tmp_path: Path) -> Settings:
    shutil.copytree(history, tmp_path / "data")
    return power.settings_in(tmp_path)


@pytest.fixture
def rooms(settings: Settings) -> Iterator[Rooms]:
    with tiny.rooms_of(settings) as opened:
        yield opened


def test_the_planted_hypothesis_carries_the_weight_and_a_random_one_none(rooms: Rooms) -> None:
    (model,) = rooms.ledger.scoring.models()
    report = model.details["report"]
    assert report["events_caught"] == report["n_events"] == power.N_ASSETS
    wear, hum = model.details["hypotheses"]
    assert (wear["name"], wear["rank"], wear["n_features"]) == ("wear", 1, 8)
    assert wear["share"] > 0.8
    assert "power__mean" in wear["survived"]
    assert (hum["name"], hum["n_features"]) == ("hum", 11)
    assert hum["share"] < 0.05
    kept = {row["name"] for row in model.details["screening"]["features"]}
    assert set(wear["survived"]) <= kept
    assert set(hum["survived"]) <= kept


def test_without_the_formula_the_same_history_catches_less(tmp_path: Path, history: Path) -> None:
    """What shows that the derived tag, and nothing else, made the model."""
    shutil.copytree(history, tmp_path / "data")
    without = power.settings_in(
        tmp_path,
        ('calculators = "trend"', 'calculators = "trend"\ntags = ["torque", "speed", "oil", "hum"]'),
        ('features = ["power"]', 'features = ["torque"]'),
        (', "warming__mean*"', ""),
    )
    with tiny.rooms_of(without) as rooms:
        gathered = training.gather(rooms, without.detector(DETECTOR), power.NOW)
        try:
            made = training.build(gathered, rooms.models.folder)
        except training.TrainingError:
            return
        report = made.about["report"]
    assert report["false_alarms"] > 10 or report["events_caught"] < report["n_events"] / 2


def test_a_bundle_keeps_the_formulas_that_it_needs_and_its_hash_covers_them(rooms: Rooms, settings: Settings) -> None:
    model = rooms.models.champions()[DETECTOR]
    assert "power" in {d.name for d in model.features.derived}
    assert {"torque", "speed"} <= set(model.features.sources)
    assert not {"power", "warming"} & set(model.features.sources)
    loaded = bundle.load(rooms.models.folder, DETECTOR, model.model_id)
    assert loaded.features == model.features


def test_live_scores_equal_those_recomputed_from_history_bit_for_bit(settings: Settings) -> None:
    rows = power.life(power.NEW, 77)
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        for cycle in range(1, power.LIFE + 1):
            due = [p for p in rows if p.at == to_ns(power.at(cycle))]
            tiny.accept(rooms, power.at(cycle), tiny.decoded(due))
            pipeline.tick(power.at(cycle))
        live = rooms.ledger.scoring.scores(DETECTOR, power.NEW)
        model = rooms.models.champions()[DETECTOR]
        asset_class = settings.plant.classes["press"]
        assets = [settings.plant.assets[power.NEW]]
        grid = windowing.grids(rooms.points, settings.plant, assets, model.features, 0, to_ns(power.NOW))[power.NEW]
        cut = windows.cut(grid, model.features, 1, duration_ns(asset_class.period), -1, to_ns(power.NOW))
        whole = model.detector.score(extract(grid, cut.take(cut.is_whole), model.features.names))
    scored = [s.value for s in live if s.verdict is Verdict.OK]
    assert len(scored) > 60
    assert np.array(scored).tobytes() == whole.value.tobytes()
    assert max(x for x in scored if x is not None) > 0.5


def test_a_model_of_few_tags_counts_cycles_as_its_training_did(tmp_path: Path) -> None:
    """The oil is measured every third cycle: windows of eight cycles are not windows of eight values of it."""
    settings = power.settings_in(tmp_path, ('calculators = "trend"', 'calculators = "trend"\nmin_coverage = 0.3'))
    rows = [p for p in power.life(power.NEW, 3) if not p.tag_id.endswith("oil") or p.at // (3600 * 10**9) % 3 == 0]
    whole = windowing.full_set(settings, settings.feature_set("trend"))
    few = whole.only(tuple(n for n in whole.names if n.source == "oil"))
    assert (few.sources, few.cycle_tags) == (("oil",), ("hum", "speed", "torque"))
    assert FeatureSet.from_json(json.loads(json.dumps(few.as_json()))) == few
    assert few.only(few.names[:1]).cycle_tags == few.cycle_tags
    asset = settings.plant.assets[power.NEW]
    with tiny.rooms_of(settings) as rooms:
        rooms.points.apply("b", Points.from_rows(rows))
        found = []
        for features in (whole, few):
            grid = windowing.grids(rooms.points, settings.plant, [asset], features, 0, to_ns(power.NOW))[power.NEW]
            cut = windows.cut(grid, features, 1, 1, -1, to_ns(power.NOW))
            found.append(extract(grid, cut, few.names))
    assert len(found[1]) == power.LIFE
    assert found[0].end.tolist() == found[1].end.tolist()
    assert found[0].values.tobytes() == found[1].values.tobytes()


def test_a_dead_source_is_not_assessed_and_named(settings: Settings) -> None:
    rows = [p for p in power.life(power.NEW, 5, 30) if not (p.tag_id.endswith("/speed") and p.at > to_ns(power.at(10)))]
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        tiny.accept(rooms, power.at(30), tiny.decoded(rows))
        pipeline.tick(power.at(30))
        last = max(rooms.ledger.scoring.scores(DETECTOR, power.NEW), key=lambda s: s.at)
    assert last.verdict is Verdict.NOT_ASSESSED
    assert json.loads(last.reason)[1]["tags"] == "speed"


def test_a_changed_formula_does_not_change_what_the_champion_computes(tmp_path: Path, history: Path) -> None:
    rows = power.life(power.NEW, 9, 40)

    def scores(folder: Path, *changes: tuple[str, str]) -> list[float | None]:
        shutil.copytree(history, folder / "data")
        with tiny.rooms_of(power.settings_in(folder, *changes)) as rooms:
            tiny.accept(rooms, power.at(40), tiny.decoded(rows))
            Pipeline(rooms, {}, tiny.T0).tick(power.at(40))
            return [s.value for s in rooms.ledger.scoring.scores(DETECTOR, power.NEW)]

    before = scores(tmp_path / "one")
    assert any(value is not None for value in before)
    assert scores(tmp_path / "two", ("torque * speed", "2 * torque * speed")) == before


def test_models_show_says_it_in_words_and_as_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(settings.folder)
    with tiny.rooms_of(settings) as rooms:
        (model,) = rooms.ledger.scoring.models()
    assert main(["models", "show", model.model_id[:8], "--config", config]) == 0
    text = capsys.readouterr().out
    assert "Worn bearings draw more power." in text
    assert "1. wear: " in text
    assert "features are relevant" in text
    assert main(["models", "show", model.model_id, "--config", config, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["model_id"] == model.model_id
    assert [row["name"] for row in shown["hypotheses"]] == ["wear", "hum"]
    assert {"name", "p_value", "stability", "folds_kept"} == set(shown["screening"]["features"][0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stable_screening_tells_how_stable_each_feature_is(tmp_path: Path, history: Path, language: str) -> None:
    from app.model_text import shown

    shutil.copytree(history, tmp_path / "data")
    stable = power.settings_in(tmp_path, ("n_folds = 3", 'n_folds = 3\nscreening = "stable"'))
    with tiny.rooms_of(stable) as rooms:
        gathered = training.gather(rooms, stable.detector(DETECTOR), power.NOW)
        made = training.build(gathered, rooms.models.folder)
        again = training.build(gathered, rooms.models.folder)
        training.promote(rooms, made, power.NOW)
        row = next(m for m in rooms.ledger.scoring.models() if m.model_id == made.model_id)
    assert again.model_id == made.model_id
    assert again.about["screening"] == made.about["screening"]
    screening = made.about["screening"]
    assert (screening["method"], screening["n_halves"], screening["n_folds"]) == ("stable", 50, 3)
    stability = [row["stability"] for row in screening["features"]]
    assert stability == sorted(stability, reverse=True)
    assert min(stability) >= 0.6
    assert {r["name"] for r in screening["features"]} >= {"power__mean", "power__maximum"}
    assert not [r for r in screening["features"] if r["name"].startswith("hum")]
    text = "\n".join(shown(row, catalogue(language), stable.zone))
    assert {"en": "stability 100%", "ko": "안정성 100%"}[language] in text
