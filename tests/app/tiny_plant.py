"""A plant of two pumps and a line, small enough to run in a test: its config, its points, its rooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from app.rooms import Rooms
from app.settings import Settings, load
from domain.instants import to_ns
from domain.points import Point, Points, Quality
from domain.records import Decoded, Event, EventKind, Lot, Result

T0 = datetime.fromisoformat("2026-01-05T00:00:00+00:00")
MINUTE = timedelta(minutes=1)
PUMP, OTHER, LINE = "plant/pump-1", "plant/pump-2", "plant/line-1"
SOURCE = "mqtt"
NAN = float("nan")

FOREWARN = """
[plant]
name = "Tiny"
zone = "Asia/Seoul"

[data]
folder = "DATA"

[mqtt]
is_enabled = false

[evaluate]
split = "unit"

[[formats]]
name = "events"
match = "*events*.csv"
kind = "events"

[[formats]]
name = "wide"
match = "*.csv"

[[classes]]
name = "pump"
period = "1min"
horizon = "6h"
lead = "30min"

[[classes]]
name = "line"
period = "1min"
horizon = "6h"
lead = "30min"

[[features]]
name = "pump-level"
asset_class = "pump"
calculators = "level"
window = "10min"
step = "5min"
train_step = "5min"

[[features]]
name = "line-level"
asset_class = "line"
calculators = "level"
window = "10min"
step = "5min"
train_step = "5min"
lab = ["purity"]

[[detectors]]
name = "pump-odd"
kind = "anomaly_hbos"
asset_class = "pump"
features = "pump-level"

[[detectors]]
name = "purity"
kind = "quality_tournament"
asset_class = "line"
features = "line-level"
outcome = "purity"
split = "time"
embargo = "1h"

[[notifiers]]
name = "log"
kind = "log"
"""

ASSETS = """asset,class,position,lead
plant/pump-1,pump,1,
plant/pump-2,pump,2,20min
plant/line-1,line,3,
"""

TAGS = """asset,tag,unit,period,low,high,title,role,controllable
class:pump,pressure,bar,1min,0,10,discharge pressure,process,no
plant/pump-*,flow,m3/h,1min,,,flow,process,yes
plant/line-1,feed,t/h,1min,,,feed,process,yes
plant/line-1,purity,%,20min,,,purity of the product,lab,no
"""

RULES = """
[[rules]]
id = "pressure-high"
asset_class = "pump"
watch = "tag:pressure"
raise = 8.0
clear = 7.0
on_delay = "3min"
priority = "high"
title = "Pressure high"

[[rules]]
id = "purity-low"
asset_class = "line"
watch = "tag:purity"
condition = "low"
raise = 90.0

[[rules]]
id = "pump-odd"
asset_class = "pump"
watch = "score:pump-odd"
raise = "model"
"""

FILES: Mapping[str, str] = {
    "forewarn.toml": FOREWARN,
    "assets.csv": ASSETS,
    "tags.csv": TAGS,
    "rules.toml": RULES,
}


def write(folder: Path, **changed: str) -> Path:
    """Write the config to `folder/config`; a changed file is named with `_` for its dot. Data go to `folder/data`."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        whole = changed.get(name.replace(".", "_"), text).replace('"DATA"', f'"{(folder / "data").as_posix()}"')
        (config / name).write_text(whole, encoding="utf-8")
    return config


def settings_in(folder: Path, **changed: str) -> Settings:
    """Write and read the config."""
    return load(write(folder, **changed))


@contextmanager
def rooms_of(settings: Settings) -> Iterator[Rooms]:
    """Open the rooms of a plant."""
    rooms = Rooms(settings)
    rooms.start()
    try:
        yield rooms
    finally:
        rooms.stop()


def at(minutes: float) -> datetime:
    """Return T0 plus minutes."""
    return T0 + minutes * MINUTE


def point(asset: str, tag: str, minutes: float, value: float) -> Point:
    """Return one point; NaN is a bad one."""
    is_bad = value != value
    return Point(f"{asset}/{tag}", to_ns(at(minutes)), None if is_bad else value, quality=Quality.BAD if is_bad else 0)


def pump_points(asset: str, start: int, stop: int, seed: int = 1) -> list[Point]:
    """Return a pump's normal minutes [start, stop)."""
    random = np.random.default_rng((seed, start + 1_000_000, len(asset) + ord(asset[-1])))
    n = stop - start
    pressure, flow = 5.0 + 0.3 * random.normal(size=n), 50.0 + 2.0 * random.normal(size=n)
    rows = []
    for i in range(n):
        rows += [
            point(asset, "pressure", start + i, float(pressure[i])),
            point(asset, "flow", start + i, float(flow[i])),
        ]
    return rows


def decoded(
    rows: Sequence[Point] = (),
    events: Sequence[Event] = (),
    lots: Sequence[Lot] = (),
    results: Sequence[Result] = (),
) -> Decoded:
    """Return items as a collector would hand them over."""
    return Decoded(Points.from_rows(list(rows)), tuple(events), tuple(lots), tuple(results))


def accept(rooms: Rooms, now: datetime, *items: Decoded) -> None:
    """Commit items to the journal."""
    rooms.journal.accept([(SOURCE, now, d) for d in items])


def failure(asset: str, start: float, end: float | None, known: float | None = None, code: str = "bearing") -> Event:
    """Return a failure; times in minutes."""
    return Event(
        asset,
        EventKind.FAILURE,
        code,
        at(start),
        None if end is None else at(end),
        at(start if known is None else known),
    )
