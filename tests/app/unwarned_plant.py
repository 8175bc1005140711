"""A plant of presses that stop without a warning, each for a planted reason, through training, scoring and rules.

The presses of the history fail after heat and vibration rose. Of those watched, `t` presses rise less, and the limit is
too high for that; `g` presses rise as well, and a tag that the model takes falls silent; before the stops of `n`
presses nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app import training
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from domain.instants import to_ns
from domain.points import Points
from domain.records import Event, EventKind
from reports.unwarned import Cause
from tests.app import tiny_plant as tiny

NAME: Final = "press-failure"
STEP: Final = timedelta(minutes=30)
TAGS: Final = ("heat", "vibration", "speed")
N_PAST, PAST_DAYS, DAYS = 14, 5, 24
RAMP: Final = timedelta(hours=16)
BEGIN: Final = tiny.T0 + timedelta(days=PAST_DAYS + 1)
STOP: Final = BEGIN + timedelta(days=DAYS)
CAUSES: Final = {"t": Cause.THRESHOLD, "g": Cause.GAP, "n": Cause.NO_PRECURSOR}
TALL: Final = 6.0  # what heat rises by before a failure, in its own deviations

FOREWARN = """
[data]
folder = "DATA"
[mqtt]
is_enabled = false
[evaluate]
split = "unit"
[[classes]]
name = "press"
period = "30min"
horizon = "24h"
lead = "2h"
[[features]]
name = "level"
asset_class = "press"
calculators = "level"
window = "4h"
step = "1h"
train_step = "1h"
[[detectors]]
name = "press-failure"
kind = "failure_tournament"
asset_class = "press"
features = "level"
target_recall = 0.8
n_folds = 3
[detectors.options]
learners = ["logistic"]
trials = 1
"""
RULES = """
[[rules]]
id = "press-failure"
asset_class = "press"
watch = "score:press-failure"
raise = LIMIT
"""


def settings_in(folder: Path, n_each: int, limit: float) -> Settings:
    """Write the config and read it."""
    paths = [f"past/p{i:02d}" for i in range(N_PAST)] + [f"now/{kind}{i:02d}" for kind in CAUSES for i in range(n_each)]
    return tiny.settings_in(
        folder,
        forewarn_toml=FOREWARN,
        rules_toml=RULES.replace("LIMIT", str(limit)),
        assets_csv="asset,class\n" + "".join(f"{p},press\n" for p in paths),
        tags_csv="asset,tag,unit,period\n" + "".join(f"class:press,{t},degC,30min\n" for t in TAGS),
    )


def points(asset: str, start: datetime, stop: datetime, rise: float, random: np.random.Generator) -> Points:
    """Return a press's values from start to stop; heat and vibration rise by `rise` deviations over the last RAMP."""
    n = int((stop - start) / STEP)
    at = np.array([to_ns(start + STEP * (i + 1)) for i in range(n)], dtype=np.int64)
    left = (to_ns(stop) - at) / (RAMP / timedelta(microseconds=1) * 1000)
    ramp = np.clip(1 - left, 0, 1) * rise
    daily = 0.5 * np.sin(at / 86_400e9 * 2 * np.pi)
    parts = [
        Points.of([f"{asset}/{tag}"] * n, at, 50 + random.normal(size=n) + daily + ramp * share)
        for tag, share in zip(TAGS, (1.0, 0.7, 0.0), strict=True)
    ]
    return Points.concat(parts)


def failure(asset: str, at: datetime) -> Event:
    """Return a stop of two hours."""
    return Event(asset, EventKind.FAILURE, "seal", at, at + timedelta(hours=2), at)


@contextmanager
def unwarned(folder: Path, n_each: int, seed: int, limit: float = 0.9999) -> Iterator[Rooms]:
    """Open the plant after its stops: trained on the history, scored, its rules run, and its stops told."""
    random = np.random.default_rng(seed)
    settings = settings_in(folder, n_each, limit)
    with tiny.rooms_of(settings) as rooms:
        for asset in (a for a in settings.plant.assets if a.startswith("past/")):
            rooms.points.apply(asset, points(asset, tiny.T0, tiny.T0 + timedelta(days=PAST_DAYS), TALL, random))
        ended = [failure(f"past/p{i:02d}", tiny.T0 + timedelta(days=PAST_DAYS)) for i in range(N_PAST)]
        rooms.ledger.records.apply("past", [tiny.decoded(events=ended)])
        made = training.build(training.gather(rooms, settings.detector(NAME), BEGIN), rooms.models.folder)
        training.promote(rooms, made, BEGIN)
        pipeline = Pipeline(rooms, {}, BEGIN)
        stops = []
        for asset in (a for a in settings.plant.assets if a.startswith("now/")):
            kind = asset[4]
            rise = TALL * random.uniform(0.6, 0.8) if kind != "n" else 0.0
            found = points(asset, BEGIN, STOP, rise, random)
            if kind == "g":
                since = to_ns(STOP - timedelta(hours=float(random.uniform(18, 24))))
                silent = f"{asset}/{TAGS[int(random.integers(2))]}"
                found = found.take(~((found.tag_id == silent) & (found.at > since)))
            rooms.points.apply(asset, found)
            stops.append(failure(asset, STOP))
        pipeline.tick(STOP)
        rooms.ledger.records.apply("stops", [tiny.decoded(events=stops)])
        yield rooms
