"""Lots from config to live scores: a lot's own passage, and tags upstream by their lag."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import training, windowing
from app.cli import main
from app.pipeline import Pipeline
from app.results import lab_histories
from app.rooms import Rooms
from app.settings import Settings
from domain.errors import ConfigError
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Lot, Result
from domain.vectors import FeatureVectors
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

LAG, LENGTH, HISTORY = 27, 20, 3 * 24 * 60
TAGS = tiny.TAGS + "plant/line-1,heat,,1min,,,heat,process,yes\n"
PASSAGE = 'lab = ["purity"]\nlot_window = "passage"\nlag = { "fee*" = "27min", "heat" = "0s" }'


def _settings(folder: Path, lots: str = PASSAGE) -> Settings:
    text = tiny.FOREWARN.replace('lab = ["purity"]', lots)
    return tiny.settings_in(folder, forewarn_toml=text, tags_csv=TAGS)


def _rows(start: int, stop: int) -> list[Point]:
    """Return a line's minutes: the feed of a lot enters LAG minutes before the lot's own times."""
    rows = []
    for minute in range(start, stop):
        lot = (minute + LAG) // LENGTH
        feed = 100 + 10 * float(np.random.default_rng((7, lot + 10**6)).normal())
        rows += [tiny.point(tiny.LINE, "feed", minute, feed), tiny.point(tiny.LINE, "heat", minute, float(minute % 9))]
    return rows


def _lots(start: int, stop: int) -> list[Lot]:
    return [Lot(tiny.LINE, f"{m}", at(m), at(m + LENGTH), at(m + LENGTH)) for m in range(start, stop, LENGTH)]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a line whose purity follows the feed that made the lot."""
    folder = tmp_path_factory.mktemp("line")
    random = np.random.default_rng(1)
    with tiny.rooms_of(_settings(folder)) as rooms:
        rows = _rows(-HISTORY, 0)
        rooms.points.apply("history", Points.from_rows(rows))
        feed = {p.at: p.value or 0.0 for p in rows if p.tag_id.endswith("feed")}
        lots = _lots(-HISTORY + 2 * LENGTH, -LENGTH)
        results = [
            Result(
                tiny.LINE,
                x.lot,
                "purity",
                95 + 0.3 * feed[to_ns(x.start) - LAG * 60 * 10**9] + 0.02 * noise,
                x.end + tiny.MINUTE,
            )
            for x, noise in zip(lots, random.normal(size=len(lots)).tolist(), strict=True)
            if x.start and x.end
        ]
        rooms.ledger.records.apply("history", [tiny.decoded(lots=lots, results=results)])
    return folder / "data"


def _trained(settings: Settings) -> Mapping[str, Any]:
    with tiny.rooms_of(settings) as rooms:
        made = training.build(training.gather(rooms, settings.detector("purity"), tiny.T0), rooms.models.folder)
        training.promote(rooms, made, tiny.T0)
    report: Mapping[str, Any] = made.about["report"]
    return report


def _vectors(rooms: Rooms, lots: list[Lot], lab: bool = False) -> FeatureVectors:
    features = windowing.full_set(rooms.settings, rooms.settings.feature_set("line-level"))
    if not lab:
        features = features.only(tuple(n for n in features.names if n.origin == "tag"))
    asset = rooms.settings.plant.assets[tiny.LINE]
    spans = [windowing.lot_span(x, features) for x in lots]
    start, end = min(s for s, _ in spans), max(e for _, e in spans)
    grid = windowing.grids(rooms.points, rooms.settings.plant, [asset], features, start, end)[tiny.LINE]
    return windowing.lot_vectors(grid, lots, {}, features, 60 * 10**9)[0]


def _column(vectors: FeatureVectors, label: str) -> list[float]:
    return vectors.values[:, [n.label for n in vectors.names].index(label)].tolist()


def test_a_lots_vector_takes_each_tag_over_the_time_the_lot_passed_it(history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "data")
    with tiny.rooms_of(_settings(tmp_path)) as rooms:
        (lot,) = _lots(-100, -80)
        found = _vectors(rooms, [lot])
        values = {(p.tag_id.rpartition("/")[2], p.at): p.value or 0.0 for p in _rows(-150, 0)}
        assert _column(found, "feed__standard_deviation") == pytest.approx([0.0], abs=1e-9)
        assert _column(found, "feed__mean") == pytest.approx([values["feed", to_ns(at(-100 - LAG))]], rel=1e-12)
        assert _column(found, "heat__mean") == [
            pytest.approx(np.mean([values["heat", to_ns(at(m))] for m in range(-100, -80)]))
        ]
        assert (found.start.tolist(), found.end.tolist()) == ([to_ns(at(-100))], [to_ns(at(-80))])


def test_lots_without_a_start_or_where_it_is_not_asked_for_take_the_window_that_ends_with_them(
    history: Path, tmp_path: Path
) -> None:
    shutil.copytree(history, tmp_path / "data")
    with tiny.rooms_of(_settings(tmp_path)) as rooms:
        lots = [Lot(tiny.LINE, "a", None, at(-80), at(-80)), Lot(tiny.LINE, "b", at(-80), at(-80), at(-80))]
        assert _vectors(rooms, lots).start.tolist() == [to_ns(at(-90))] * 2
    with tiny.rooms_of(_settings(tmp_path, 'lab = ["purity"]')) as rooms:
        assert _vectors(rooms, _lots(-100, -80)).start.tolist() == [to_ns(at(-90))]


def test_without_the_lag_the_same_history_says_nothing(history: Path, tmp_path: Path) -> None:
    for name in ("with", "without"):
        shutil.copytree(history, tmp_path / name / "data")
    found = _trained(_settings(tmp_path / "with"))
    assert found["rmse"] < 0.1  # the noise is 0.02, the spread of the results 3
    found = _trained(_settings(tmp_path / "without", PASSAGE.replace("27min", "0s")))
    assert found["rmse"] > 0.9 * found["mean_rmse"] > 2


def test_the_lag_is_found_by_the_command_and_later_lots_agree(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(history, tmp_path / "data")
    _settings(tmp_path, PASSAGE.replace("27min", "0s"))
    asked = ["features", "lags", "--detector", "purity", "--most", "1h", "--config", str(tmp_path / "config")]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    feed, heat = (next(x for x in found["tags"] if x["tag"] == tag) for tag in ("feed", "heat"))
    assert feed["is_found"]
    assert abs(feed["lag_s"] - LAG * 60) <= 60
    assert feed["lag_interval_s"][0] - 60 <= LAG * 60 <= feed["lag_interval_s"][1] + 60
    assert not heat["is_found"]
    assert found["later_r2"]["estimated"] > 0.95 > 0.5 > found["later_r2"]["none"]
    assert main(asked) == 0
    assert f'for [[features]]: lag = {{ "feed" = "{feed["lag_s"]:g}s" }}' in capsys.readouterr().out
    assert main([*asked[:3], "silica", *asked[4:]]) == 2
    assert "purity" in capsys.readouterr().err


def test_live_lots_are_recomputed_bit_for_bit_and_revised_by_their_own_late_data(history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "data")
    settings = _settings(tmp_path)
    _trained(settings)
    late_minutes = (20, 45)  # the feed of lot 40 from 13 to 33, and that of lot 60 from 33 to 53
    rows = [p for p in _rows(0, 100) if is_kept(p)]
    is_late = [p.tag_id.endswith("feed") and p.at in [to_ns(at(m)) for m in late_minutes] for p in rows]
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        in_time = [p for p, x in zip(rows, is_late, strict=True) if not x]
        for minute in range(1, 101):
            due = [p for p in in_time if to_ns(at(minute - 1)) < p.at <= to_ns(at(minute))]
            lots = [x for x in _lots(20, 100) if x.known_at == at(minute)]
            tiny.accept(rooms, at(minute), tiny.decoded(due, lots=lots))
            pipeline.tick(at(minute))
        assert [s.subject for s in rooms.ledger.scoring.scores("purity")] == ["20", "40", "60", "80"]
        _assert_recomputed(rooms)
        late = [p for p, x in zip(rows, is_late, strict=True) if x]
        for i, subject in enumerate(("40", "60")):
            tiny.accept(rooms, at(101 + i), tiny.decoded([late[i]._replace(value=1.0)]))
            pipeline.tick(at(101 + i))
            assert [f.score.subject for f in rooms.ledger.revisions.former("purity")] == ["40", "60"][: i + 1]
            assert subject in {f.score.subject for f in rooms.ledger.revisions.former("purity")}
        _assert_recomputed(rooms)


def is_kept(p: Point) -> bool:
    """Leave out a few values."""
    return np.random.default_rng((p.at // 10**9, len(p.tag_id))).random() > 0.05


def _assert_recomputed(rooms: Rooms) -> None:
    model = rooms.models.champions()["purity"]
    asset, now = rooms.settings.plant.assets[tiny.LINE], at(200)
    lots = rooms.ledger.records.lots(tiny.LINE, now)
    lots = [x for x in lots if x.end and x.end > tiny.T0]
    grid = windowing.grids(rooms.points, rooms.settings.plant, [asset], model.features, 0, to_ns(now))[tiny.LINE]
    labs = lab_histories(rooms, tiny.LINE, ["purity"], now)
    vectors, missing, _ = windowing.lot_vectors(grid, lots, labs, model.features, 60 * 10**9)
    live = {s.subject: s.value for s in rooms.ledger.scoring.scores("purity")}
    assert not missing
    assert dict(zip(vectors.subject.tolist(), model.detector.score(vectors).value.tolist(), strict=True)) == live


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "said"),
    [
        ("fee*", "fed*", "features[1].lag", "fed*", 'did you mean "feed"?'),
        ('"27min"', '"-27min"', "features[1].lag.fee*", "-27min", "is not a duration"),
        ('"passage"', '"passing"', "features[1].lot_window", "'passing'", "'passage'"),
        ('lab = ["purity"]', 'max_gap = "30s"', "features[1].max_gap", "30s", "shorter than the period of tag"),
        ('lab = ["purity"]', "max_gap = 3", "features[1].max_gap", "3", "counts cycles"),
        ('lab = ["purity"]', 'align = "a day"', "features[1].align", "a day", "is not a duration"),
    ],
)
def test_a_fault_names_file_key_value_and_rule(
    tmp_path: Path, old: str, new: str, key: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        _settings(tmp_path, PASSAGE.replace(old, new))
    (fault,) = [x for x in error.value.faults if x.key == key]
    assert fault.file == str(tmp_path / "config" / "forewarn.toml")
    assert fault.value == value
    assert said in fault.rule


@pytest.mark.parametrize(
    ("place", "old", "new", "key", "said"),
    [
        ("forewarn_toml", 'period = "1min"', 'period = "1min"\nlateness = "-5s"', "classes[0].lateness", "-5s"),
        ("forewarn_toml", "[evaluate]", "[run]\nrevise_days = -1\n[evaluate]", "run.revise_days", "-1"),
        ("tags_csv", "feed,t/h,1min", "feed,t/h,0s", "feed", "is not longer than 0"),
    ],
)
def test_faults_beside_the_feature_sets(tmp_path: Path, place: str, old: str, new: str, key: str, said: str) -> None:
    text = {"forewarn_toml": tiny.FOREWARN, "tags_csv": tiny.TAGS}[place]
    assert old in text
    with pytest.raises(ConfigError) as error:
        tiny.settings_in(tmp_path, **{place: text.replace(old, new, 1)})
    assert any(x.key == key and said in f"{x.value} {x.rule}" for x in error.value.faults)


def test_the_cycle_axis_has_neither_lags_nor_lots_nor_alignments(tmp_path: Path) -> None:
    from tests.app import power_plant as power

    new = 'window = 8\nlag = { oil = "1h" }\nalign = "1h"\nlot_window = "passage"\nmax_gap = -2'
    with pytest.raises(ConfigError) as error:
        power.settings_in(tmp_path, ("window = 8", new))
    keys = {x.key for x in error.value.faults}
    assert keys >= {f"features[0].{k}" for k in ("lag", "align", "lot_window", "max_gap")}
