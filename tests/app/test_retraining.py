"""What happens to models by itself: a detector that is old is trained again, and a challenger is promoted only where it
is better on failures that came later.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from alerts import health
from app import challenge, retraining, training
from app.model_health import model_readings
from app.rooms import Rooms
from app.training import Trained
from domain.instants import to_ns
from domain.points import Point, Points
from tests.app import test_training as fleet_of
from tests.app import tiny_plant as tiny

DETECTOR = "engine-failure"
N, LIFE = fleet_of.N_ASSETS, fleet_of.LIFE
BACK = LIFE + 2  # when the assets run again
FIRST = fleet_of._at(LIFE + 1)
LATER = fleet_of._at(BACK + LIFE + 40)
NEVER = threading.Event()


def later_life(asset: str, seed: int) -> list[Point]:
    """Return a second life of an asset, up to its second failure."""
    shift = to_ns(fleet_of._at(BACK)) - to_ns(fleet_of._at(0))
    return [p._replace(at=p.at + shift) for p in fleet_of._life(asset, seed)]


@pytest.fixture(scope="module")
def two_lives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Trained]]:
    """The data folder of a fleet that failed, was mended and failed again, and what was learned from the first lives: a
    good model, another one as good, and one that saw little but noise.
    """
    folder = tmp_path_factory.mktemp("lives")
    made = {}
    with tiny.rooms_of(fleet_of._settings(folder)) as rooms:
        for i in range(N):
            asset = f"fleet/e{i:02d}"
            rooms.points.apply(f"a{i}", Points.from_rows(fleet_of._life(asset, i)))
            rooms.points.apply(f"b{i}", Points.from_rows(later_life(asset, 100 + i)))
            events = [fleet_of._failed(asset, LIFE, BACK), fleet_of._failed(asset, BACK + LIFE)]
            rooms.ledger.records.apply(f"events{i}", [tiny.decoded(events=events)])
        for name, noise, seed in (("strong", 0.0, 1), ("equal", 0.0, 7), ("weak", 8.0, 1)):
            detector = rooms.settings.detector(DETECTOR).model_copy(update={"seed": seed})
            history, random = training.gather(rooms, detector, FIRST), np.random.default_rng(3)
            noisy = {a: g.values + noise * random.normal(size=g.values.shape) for a, g in history.grids.items()}
            grids = {a: replace(g, values=noisy[a]) for a, g in history.grids.items()}
            made[name] = training.build(replace(history, grids=grids), rooms.models.folder)
    return folder / "data", made


@pytest.fixture
def rooms(two_lives: tuple[Path, dict[str, Trained]], tmp_path: Path) -> Iterator[Rooms]:
    shutil.copytree(two_lives[0], tmp_path / "data")
    with tiny.rooms_of(fleet_of._settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
def models(two_lives: tuple[Path, dict[str, Trained]]) -> dict[str, Trained]:
    return two_lives[1]


def add(rooms: Rooms, made: Trained, hours: float = 0) -> str:
    """Register a model as trained some hours after the first lives; returns its id."""
    training.promote(rooms, made, FIRST + timedelta(hours=hours))
    return made.model_id


def champion(rooms: Rooms) -> str:
    row = rooms.ledger.scoring.champion(DETECTOR)
    assert row is not None
    return row.model_id


def look_after(rooms: Rooms, now: datetime, **retrain: str) -> None:
    detector = rooms.settings.detector(DETECTOR)
    changed = detector.model_copy(update={"retrain": detector.retrain.model_copy(update=retrain)})
    retraining.look_after(rooms, [changed], now, NEVER)


def test_a_challenger_that_is_better_on_later_failures_is_promoted(rooms: Rooms, models: dict[str, Trained]) -> None:
    weak = add(rooms, models["weak"])
    strong = add(rooms, models["strong"], 1)
    assert champion(rooms) == weak
    look_after(rooms, LATER)
    decision = challenge.noted(rooms, strong)
    assert decision is not None
    assert champion(rooms) == strong, decision
    assert (decision["is_promoted"], decision["n_events"]) == (True, N)
    assert decision["caught"][1] >= max(decision["caught"][0], N - 1)
    deed = rooms.ledger.audit.deeds(DETECTOR)[0]
    assert (deed.by, deed.old, deed.new, deed.at) == ("forewarn", weak, strong, LATER)
    assert f"caught by it {decision['caught'][1]}" in deed.reason


def test_a_worse_challenger_and_one_that_is_as_good_wait(rooms: Rooms, models: dict[str, Trained]) -> None:
    strong = add(rooms, models["strong"])
    equal = add(rooms, models["equal"], 1)
    worse = add(rooms, models["weak"], 2)
    assert len({strong, equal, worse}) == 3
    look_after(rooms, LATER)
    assert champion(rooms) == strong
    for waiting in (equal, worse):
        decision = challenge.noted(rooms, waiting)
        assert decision is not None
        assert not decision["is_promoted"]
    assert len(rooms.ledger.audit.deeds(DETECTOR)) == 1


def test_before_any_later_failure_nothing_is_decided(rooms: Rooms, models: dict[str, Trained]) -> None:
    weak = add(rooms, models["weak"])
    waiting = add(rooms, models["strong"], 1)
    look_after(rooms, fleet_of._at(BACK + LIFE - 5))
    decision = challenge.noted(rooms, waiting)
    assert decision is not None
    assert (champion(rooms), decision["n_events"]) == (weak, 0)


def test_a_detector_whose_model_is_old_is_trained_again_and_overdue_is_told(
    rooms: Rooms, models: dict[str, Trained]
) -> None:
    first = add(rooms, models["strong"])
    detector = rooms.settings.detector(DETECTOR)
    look_after(rooms, FIRST + timedelta(hours=23), every="1d")
    assert [m.model_id for m in rooms.ledger.scoring.models(DETECTOR)] == [first]
    monthly = detector.model_copy(update={"retrain": detector.retrain.model_copy(update={"every": "1d"})})
    root = rooms.settings.root.model_copy(update={"detectors": (monthly,)})
    rooms.settings = replace(rooms.settings, root=root)
    assert {r.name: r.value for r in model_readings(rooms, FIRST + timedelta(days=2.9))}[health.OVERDUE] == 0
    late = {r.name: r for r in model_readings(rooms, FIRST + timedelta(days=3.1))}[health.OVERDUE]
    assert (late.value, late.detail) == (1, f"{DETECTOR}: trained 3 days ago")
    look_after(rooms, LATER, every="1d")
    models = rooms.ledger.scoring.models(DETECTOR)
    assert [m.role for m in models] == ["challenger", "champion"]
    assert models[0].trained_at == LATER
    assert {r.name: r.value for r in model_readings(rooms, LATER)}[health.OVERDUE] == 0


def test_a_training_that_fails_is_told_until_one_goes_well_and_the_champion_stays(
    rooms: Rooms, models: dict[str, Trained]
) -> None:
    first = add(rooms, models["strong"])
    look_after(rooms, LATER, every="1d", limit="1s")
    reading = {r.name: r for r in model_readings(rooms, LATER)}[health.TRAINING]
    assert reading.value == 1
    assert "longer than 1 s" in reading.detail
    assert champion(rooms) == first
    assert json.loads(rooms.ledger.note(retraining.NOTE) or "") != {}
    look_after(rooms, LATER + timedelta(days=1), every="1d")
    assert {r.name: r.value for r in model_readings(rooms, LATER)}[health.TRAINING] == 0
    assert len(rooms.ledger.scoring.models(DETECTOR)) == 2
