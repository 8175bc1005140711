"""A fleet that runs to failure, for back-tests, explanations and operating points; cycle 0 is `tiny_plant.T0`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app import training
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Priority, Transition, alert_id
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Event, EventKind
from domain.rulings import Worth
from tests.app import tiny_plant as tiny

HOUR: Final = timedelta(hours=1)
N_ASSETS, LIFE, DRIFT = 24, 70, 20
TAGS: Final = ("heat", "vibration", "speed")
NAME: Final = "engine-failure"
NEW: Final = f"fleet/e{N_ASSETS:02d}"  # has no history

FOREWARN = """
[data]
folder = "DATA"

[mqtt]
is_enabled = false

[evaluate]
split = "SPLIT"

[[classes]]
name = "engine"
axis = "cycle"
cycle = "1h"
period = "1h"
horizon = 18
lead = 4

[[features]]
name = "trend"
asset_class = "engine"
calculators = "trend"
window = 8
train_step = 2

[[detectors]]
name = "engine-failure"
kind = "failure_tournament"
asset_class = "engine"
features = "trend"
target_recall = 0.8
n_folds = 3
remaining_life = 30
cost = { stop = 1000, check = 10, currency = "EUR" }

[detectors.options]
learners = ["rule", "lightgbm"]
trials = 1
rounds = 40
"""
RULES = """
[[rules]]
id = "engine-failure"
asset_class = "engine"
watch = "score:engine-failure"
raise = "model"
"""
PARTS = {i: "test" if i % 4 == 0 else "train" for i in range(N_ASSETS + 1)}
ASSETS = "asset,class,part,batch\n" + "".join(
    f"fleet/e{i:02d},engine,{PARTS[i]},b{i % 4}\n" for i in range(N_ASSETS + 1)
)
TAGS_CSV = "asset,tag,unit\n" + "".join(f"class:engine,{t},degC\n" for t in TAGS)


def settings_in(folder: Path, split: str = "unit", **changed: str) -> Settings:
    """Write the config of the fleet and read it."""
    text = FOREWARN.replace("SPLIT", split)
    files = {"forewarn_toml": text, "rules_toml": RULES, "assets_csv": ASSETS, "tags_csv": TAGS_CSV, **changed}
    return tiny.settings_in(folder, **files)


def at(cycle: float) -> datetime:
    """Return the instant of a cycle."""
    return tiny.T0 + cycle * HOUR


def life(asset: str, seed: int) -> list[Point]:
    """Return the points of an asset whose heat and vibration rise over its last cycles."""
    random = np.random.default_rng(seed)
    rows = []
    for cycle in range(1, LIFE + 1):
        worn = max(0.0, 1 - (LIFE - cycle) / DRIFT)
        values = random.normal(size=3) + worn * np.array([6.0, 4.0, 0.0])
        rows += [Point(f"{asset}/{t}", to_ns(at(cycle)), float(v)) for t, v in zip(TAGS, values, strict=True)]
    return rows


def filled(rooms: Rooms) -> None:
    """Store the history: every asset but the new one has run to its failure."""
    for i in range(N_ASSETS):
        rooms.points.apply(f"b{i}", Points.from_rows(life(f"fleet/e{i:02d}", i)))
    events = [
        Event(f"fleet/e{i:02d}", EventKind.FAILURE, ("bearing", "seal")[i % 2], at(LIFE), None, at(LIFE))
        for i in range(N_ASSETS)
    ]
    rooms.ledger.records.apply("events", [tiny.decoded(events=events)])


def trained(rooms: Rooms) -> training.Trained:
    """Train on the history; the model is champion."""
    made = training.build(training.gather(rooms, rooms.settings.detector(NAME), at(LIFE + 1)), rooms.models.folder)
    training.promote(rooms, made, at(LIFE + 1))
    return made


def lived(rooms: Rooms) -> None:
    """Let the new asset live to its end, cycle by cycle, through the pipeline."""
    pipeline = Pipeline(rooms, {}, at(LIFE + 1))
    rows = life(NEW, 77)
    shift = LIFE + 2
    for cycle in range(1, LIFE + 1):
        now = at(cycle + shift)
        due = [
            Point(p.tag_id, p.at + to_ns(at(shift)) - to_ns(at(0)), p.value) for p in rows if p.at == to_ns(at(cycle))
        ]
        tiny.accept(rooms, now, tiny.decoded(due))
        pipeline.tick(now)


def raised(rooms: Rooms, asset: str, start: float, end: float | None) -> str:
    """Store an alert that was raised and returned at cycles of an asset."""
    key = AlertKey(NAME, asset, "score:engine-failure")
    name = alert_id(key, at(start))
    state = AlertState.ACTIVE_UNACKED if end is None else AlertState.RETURNED_UNACKED
    rows = [Transition(name, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, at(start), 0.9, "", "")]
    if end is not None:
        rows.append(Transition(name, 1, Change.RETURNED, state, at(end), 0.1, "", ""))
    alert = Alert(name, key, state, at(start), None, at(start), at(end or start), 0.9, 0.5, Priority.HIGH, 1)
    rooms.ledger.alerting.save([AlertUpdate(alert, tuple(rows))], {}, at(start))
    return name


def planted(rooms: Rooms) -> list[tuple[str, Worth]]:
    """Store five assets with a known truth each: hit, too late, false, excused, asked."""
    found, events = [], []
    for i, (start, truth) in enumerate(
        [(60, Worth.HIT), (68, Worth.FALSE), (20, Worth.FALSE), (30, Worth.EXCUSED), (30, Worth.UNCLEAR)]
    ):
        asset = f"fleet/e{i:02d}"
        rooms.points.apply(f"b{i}", Points.from_rows(life(asset, i)))
        found.append((raised(rooms, asset, start, start + 2), truth))
        events.append(Event(asset, EventKind.FAILURE, "seal", at(LIFE), None, at(LIFE)))
    for asset, start in (("fleet/e03", 26), ("fleet/e04", 35)):
        events.append(Event(asset, EventKind.MAINTENANCE, "filter", at(start), at(start + 1), at(start + 1)))
    rooms.ledger.records.apply("events", [tiny.decoded(events=events)])
    return found
