"""Every folder here is a situation: config.toml and input.csv in, expected.json out. A bug report becomes a folder."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.dump import read_dump
from collectors.settings import FormatSettings
from collectors.tables import BadFileError
from domain.instants import from_ns
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Quality
from tests.collectors.plants import NOW

FOLDER = Path(__file__).parent
SITUATIONS = sorted(p.parent.name for p in FOLDER.glob("*/input.*"))


def outcome(folder: Path) -> dict[str, Any]:
    config = tomllib.loads((folder / "config.toml").read_text())
    plant = Plant.of(
        [AssetClass("press", Axis.TIME, 1000, 10, timedelta(minutes=1))],
        [Asset(path, "press") for path in config["tags"]],
        [Tag(path, name) for path, names in config["tags"].items() for name in names],
    )
    (path,) = folder.glob("input.*")
    try:
        blocks = list(read_dump(path, FormatSettings(**config["format"]), plant, NOW))
    except BadFileError as error:
        return {"refused": error.reason.value}
    return {
        "points": sorted(
            [p.tag_id, from_ns(p.at).isoformat(), p.value, Quality(p.quality).name]
            for block in blocks
            for p in block.points.rows()
        ),
        "rejected": sorted([r.topic, r.reason.value] for block in blocks for r in block.rejected),
    }


@pytest.mark.parametrize("situation", SITUATIONS)
def test_situation(situation: str) -> None:
    assert outcome(FOLDER / situation) == json.loads((FOLDER / situation / "expected.json").read_text())


def test_every_folder_is_run() -> None:
    folders = {p.name for p in FOLDER.iterdir() if p.is_dir() and not p.name.startswith("__")}
    assert folders == set(SITUATIONS)
