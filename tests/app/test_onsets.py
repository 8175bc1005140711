"""From where failures show: found in a planted drift, accepted or set by a person, and used by the labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import training
from app.cli import main
from app.examples import examples, onsets_of
from app.onsets import accept, accepted
from app.rooms import Rooms
from app.settings import Settings
from domain.points import Points
from tests.app import test_training as fleets
from tests.app import tiny_plant as tiny

LIFE, DRIFT, HORIZON = 120, 25, 60
ASSETS = [f"fleet/e{i:02d}" for i in range(4)]
FOREWARN = fleets.FOREWARN.replace("horizon = 18", f"horizon = {HORIZON}") + '[detectors.symptom]\nfrom = "trend"\n'


def settings_of(folder: Path) -> Settings:
    return tiny.settings_in(
        folder,
        forewarn_toml=FOREWARN,
        rules_toml=fleets.RULES,
        assets_csv=fleets.ASSETS,
        tags_csv=fleets.TAGS_CSV,
    )


def fill(rooms: Rooms) -> None:
    for i, asset in enumerate(ASSETS):
        rooms.points.apply(f"b{i}", Points.from_rows(fleets._life(asset, i, LIFE, DRIFT)))
    events = [fleets._failed(asset, LIFE) for asset in ASSETS]
    rooms.ledger.records.apply("events", [tiny.decoded(events=events)])


def test_labels_begin_where_the_drift_begins_and_an_accepted_onset_wins(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with tiny.rooms_of(settings) as rooms:
        fill(rooms)
        detector = settings.detector("engine-failure")
        history = training.gather(rooms, detector, fleets._at(LIFE + 1))
        (found,) = onsets_of(history, ASSETS[0])
        assert found.at is not None
        assert abs((found.failed_at - found.at) / fleets.HOUR - DRIFT) <= 8
        rows, _ = examples(history)
        mine = rows.vectors.asset == ASSETS[0]
        first = rows.vectors.position[mine & (rows.outcome == 1)].min()
        assert LIFE - DRIFT - 8 <= first <= LIFE - DRIFT + 10
        assert set(rows.outcome[mine & (rows.vectors.position < first)].tolist()) == {0.0}
        accept(rooms, detector.name, [type(found)(found.asset, found.code, found.failed_at, fleets._at(110))], "Kim")
        again, _ = examples(training.gather(rooms, detector, fleets._at(LIFE + 1)))
        mine = again.vectors.asset == ASSETS[0]
        assert again.vectors.position[mine & (again.outcome == 1)].min() == 110
        assert [o.by for o in accepted(rooms, detector.name).values()] == ["Kim"]


def test_the_command_shows_accepts_and_moves_onsets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_of(tmp_path)
    with tiny.rooms_of(settings) as rooms:
        fill(rooms)
    args = ["events", "onsets", "--config", str(tmp_path / "config"), "--detector", "engine-failure"]
    assert main([*args, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [r["asset"] for r in rows] == ASSETS
    assert {r["accepted"] for r in rows} == {False}
    assert main([*args, "--accept"]) == 2
    assert main([*args, "--onset", "2026-01-09T00:00Z"]) == 2
    assert "4 are meant" in capsys.readouterr().err
    one = [*args, "--asset", ASSETS[1], "--onset", "2026-01-09T00:00Z", "--accept", "--by", "Kim"]
    assert main(one) == 0
    assert "24.0 h before; accepted by Kim" in capsys.readouterr().out
    assert main([*args, "--json"]) == 0
    assert [r["by"] for r in json.loads(capsys.readouterr().out)] == ["", "Kim", "", ""]
    assert main([*args[:-1], "engin-failure"]) == 2
    assert 'did you mean "engine-failure"' in capsys.readouterr().err
