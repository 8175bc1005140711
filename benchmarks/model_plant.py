"""A small plant whose pumps report each second, for the bars of models' lives: its config, its data, its service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from app import training
from app.rooms import Rooms
from app.settings import Settings, load
from domain.instants import to_ns
from domain.points import Point, Points

ODD: Final = "pump-odd"
PUMPS: Final = ("plant/pump-1", "plant/pump-2")
STEP_S: Final = 2
SECOND: Final = timedelta(seconds=1)
FOREWARN: Final = """
[data]
folder = "{folder}"

[mqtt]
is_enabled = false

[console]
is_enabled = false

[inbox]
is_enabled = true
folder = "{inbox}"
settle_s = 0.2
poll_s = 0.3

[run]
tick_s = 0.5

[evaluate]
split = "unit"

[[formats]]
name = "wide"
match = "*.csv"

[[classes]]
name = "pump"
period = "1s"
horizon = "1min"
lead = "10s"

[[features]]
name = "level"
asset_class = "pump"
calculators = "level"
window = "6s"
step = "2s"
train_step = "6s"

[[detectors]]
name = "pump-odd"
kind = "anomaly_hbos"
asset_class = "pump"
features = "level"
"""
ASSETS: Final = "asset,class\n" + "".join(f"{p},pump\n" for p in PUMPS)
TAGS: Final = "asset,tag,period\nclass:pump,pressure,1s\nclass:pump,flow,1s\n"


def plant(folder: Path, old: str = "", new: str = "") -> Settings:
    """Write the plant's config, with one text of it in the place of another, and read it."""
    config = folder / "config"
    config.mkdir(parents=True)
    (folder / "inbox").mkdir()
    text = FOREWARN.format(folder=folder / "data", inbox=folder / "inbox").replace(old, new)
    for name, content in (("forewarn.toml", text), ("assets.csv", ASSETS), ("tags.csv", TAGS), ("rules.toml", "")):
        (config / name).write_text(content)
    return load(config)


def history(rooms: Rooms, end: datetime, n_seconds: int) -> None:
    """Store normal seconds up to `end`."""
    random = np.random.default_rng(8)
    rows = [
        Point(f"{pump}/{tag}", to_ns(end - (n_seconds - i) * SECOND), float(5.0 + random.normal()))
        for pump in PUMPS
        for tag in ("pressure", "flow")
        for i in range(n_seconds)
    ]
    rooms.points.apply("history", Points.from_rows(rows))


def trained(rooms: Rooms, bins: int, now: datetime) -> str:
    """Train one more model, with another number of bins; returns its id."""
    detector = rooms.settings.detector(ODD).model_copy(update={"options": {"bins": bins}})
    made = training.build(training.gather(rooms, detector, now), rooms.models.folder)
    training.promote(rooms, made, now)
    return made.model_id


def deliver(folder: Path, number: int, start: datetime, n_seconds: int) -> None:
    """Deliver seconds from `start` on as a file to the watched folder."""
    random = np.random.default_rng(number)
    lines = ["time,asset,pressure,flow"]
    for i in range(n_seconds):
        at = (start + i * SECOND).isoformat()
        lines += [f"{at},{p},{5.0 + random.normal():.6f},{5.0 + random.normal():.6f}" for p in PUMPS]
    aside = folder / "inbox" / f".{number}.part"
    aside.write_text("\n".join(lines) + "\n")
    aside.rename(folder / "inbox" / f"{number:05d}.csv")


def forewarn(folder: Path, *arguments: str) -> str:
    """Run a command on the plant; returns what it printed."""
    command = [sys.executable, "-m", "app.cli", *arguments, "--config", str(folder / "config")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def status(folder: Path) -> dict[str, Any]:
    """Return the plant's status."""
    return dict(json.loads(forewarn(folder, "status", "--json")))


@contextmanager
def service(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the plant's service; its log goes to `folder/log`."""
    command = [sys.executable, "-m", "app.cli", "run", "--config", str(folder / "config")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def now() -> datetime:
    """Return this instant, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
