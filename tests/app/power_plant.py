"""A fleet of presses whose power rises before they fail, while torque and speed alone tell nothing: config, points."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from app.settings import Settings
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Event, EventKind
from tests.app import tiny_plant as tiny

HOUR = timedelta(hours=1)
N_ASSETS, LIFE, DRIFT = 12, 80, 20
NEW = "fleet/new"  # has no history
FOREWARN = """
[data]
folder = "DATA"

[mqtt]
is_enabled = false

[evaluate]
split = "unit"

[[classes]]
name = "press"
axis = "cycle"
cycle = "1h"
period = "1h"
horizon = 18
lead = 4

[[derived]]
name = "power"
asset_class = "press"
unit = "kW"
formula = "torque * speed"

[[derived]]
name = "warming"
asset_class = "press"
unit = "degC"
formula = "change(oil, 3)"

[[features]]
name = "trend"
asset_class = "press"
calculators = "trend"
window = 8
train_step = 2

[[detectors]]
name = "press-failure"
kind = "failure_lightgbm"
asset_class = "press"
features = "trend"
outcome = "bearing"
n_folds = 3

[[hypotheses]]
name = "wear"
statement = "Worn bearings draw more power."
detector = "press-failure"
features = ["power"]

[[hypotheses]]
name = "hum"
statement = "The hum of the hall says when they fail."
asset_class = "press"
features = ["hum", "warming__mean*"]
"""
ASSETS = "asset,class\n" + "".join(f"fleet/p{i:02d},press\n" for i in range(N_ASSETS)) + f"{NEW},press\n"
TAGS = """asset,tag,unit,role
class:press,torque,Nm,process
class:press,speed,rpm,process
class:press,oil,degC,process
class:press,hum,mm/s,process
class:press,grade,%,lab
"""


def settings_in(folder: Path, *changes: tuple[str, str], tags: str = TAGS) -> Settings:
    """Write and read the config, with texts of forewarn.toml replaced."""
    text = FOREWARN
    for old, new in changes:
        if old not in text:
            raise ValueError(old)
        text = text.replace(old, new, 1)
    return tiny.settings_in(folder, forewarn_toml=text, rules_toml="", assets_csv=ASSETS, tags_csv=tags)


def at(cycle: float) -> datetime:
    """Return the instant of a cycle."""
    return tiny.T0 + cycle * HOUR


def life(asset: str, seed: int, n: int = LIFE) -> list[Point]:
    """Return a press's cycles: torque goes up as speed goes down, their product rises over the last DRIFT cycles."""
    random = np.random.default_rng(seed)
    rows = []
    for cycle in range(1, n + 1):
        worn = max(0.0, 1 - (n - cycle) / DRIFT)
        torque = float(np.exp(random.normal(scale=1.5))) * 100.0
        speed = (1.0 + 0.3 * worn + 0.01 * random.normal()) * 50_000.0 / torque
        oil, hum = 60.0 + random.normal(), 2.0 + 0.3 * random.normal()
        for tag, value in (("torque", torque), ("speed", speed), ("oil", oil), ("hum", hum)):
            rows.append(Point(f"{asset}/{tag}", to_ns(at(cycle)), float(value)))
    return rows


def filled(settings: Settings) -> None:
    """Store the lives of the fleet and their failures."""
    with tiny.rooms_of(settings) as rooms:
        for i in range(N_ASSETS):
            rooms.points.apply(f"b{i}", Points.from_rows(life(f"fleet/p{i:02d}", i)))
        events = [
            Event(f"fleet/p{i:02d}", EventKind.FAILURE, "bearing", at(LIFE), None, at(LIFE)) for i in range(N_ASSETS)
        ]
        rooms.ledger.records.apply("events", [tiny.decoded(events=events)])


NOW = at(LIFE + 1)
