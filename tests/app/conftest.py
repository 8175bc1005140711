"""Plants for the tests of app: with nothing in them, and with trained models."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import training
from app.rooms import Rooms
from app.settings import Settings
from domain.points import Points
from domain.records import Lot, Result
from tests.app import tiny_plant as tiny

HISTORY = 2 * 24 * 60  # minutes


@pytest.fixture
def plant(tmp_path: Path) -> Settings:
    return tiny.settings_in(tmp_path)


@pytest.fixture
def rooms(plant: Settings) -> Iterator[Rooms]:
    with tiny.rooms_of(plant) as opened:
        yield opened


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a plant whose detectors have learned from two days before minute 0."""
    folder = tmp_path_factory.mktemp("learned")
    with tiny.rooms_of(tiny.settings_in(folder)) as rooms:
        rows = [*tiny.pump_points(tiny.PUMP, -HISTORY, 0), *tiny.pump_points(tiny.OTHER, -HISTORY, 0)]
        random = np.random.default_rng(9)
        feed = 100 + 5 * random.normal(size=HISTORY // 20).repeat(20)
        rows += [tiny.point(tiny.LINE, "feed", i - HISTORY, float(feed[i])) for i in range(HISTORY)]
        rooms.points.apply("history", Points.from_rows(rows))
        lots, results = [], []
        for i in range(20, HISTORY, 20):
            end = i - HISTORY
            lots.append(Lot(tiny.LINE, f"lot-{i}", tiny.at(end - 20), tiny.at(end), tiny.at(end)))
            purity = 95 + 0.2 * (feed[i - 1] - 100) + 0.05 * random.normal()
            results.append(Result(tiny.LINE, f"lot-{i}", "purity", float(purity), tiny.at(end + 30)))
        rooms.ledger.records.apply("history", [tiny.decoded(lots=lots, results=results)])
        for detector in rooms.settings.root.detectors:
            made = training.build(training.gather(rooms, detector, tiny.T0), rooms.models.folder)
            training.promote(rooms, made, tiny.T0)
    return folder / "data"


@pytest.fixture
def trained_plant(learned: Path, tmp_path: Path) -> Settings:
    shutil.copytree(learned, tmp_path / "data")
    return tiny.settings_in(tmp_path)


@pytest.fixture
def trained_rooms(trained_plant: Settings) -> Iterator[Rooms]:
    with tiny.rooms_of(trained_plant) as opened:
        yield opened
