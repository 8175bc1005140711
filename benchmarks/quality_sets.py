"""Public data sets of lots to folders that a plant could have: a config and dump files in the product's own formats.

The one path for every set: `forewarn load`, then `forewarn evaluate`. What is known of a set is here, and nowhere else.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.failure_sets import write_config

LINE: Final = "plant/line"
TESTED: Final = "tested = 0.8333"  # in time: of six parts the first is only learned from
LOTS: Final = """[[formats]]
name = "sensors"
match = "sensors.parquet"
asset = "plant/line"

[[formats]]
name = "lots"
match = "lots.parquet"
kind = "lots"

[[formats]]
name = "results"
match = "results.parquet"
kind = "results"

[[classes]]
name = "line"
period = "1h"
horizon = "24h"
lead = "1h"

[[features]]
name = "lots"
asset_class = "line"
{features}

[[detectors]]
name = "quality"
kind = "quality_tournament"
asset_class = "line"
features = "lots"
outcome = "{outcome}"
{detector}

[detectors.options]
{options}
"""


def wafers(folder: Path, sets: Path, *, split: str, seed: int, n_folds: int, options: str = "", rows: int = 0) -> Path:
    """Write SECOM: 590 process values of each wafer, and whether it failed; `rows`: only the first, 0 for all."""
    every = pd.read_parquet(sets / "secom" / "secom.parquet")
    every = every.iloc[:rows] if rows else every
    at = pd.to_datetime(every.timestamp, utc=True) + pd.to_timedelta(range(len(every)), unit="us")
    values = every[[c for c in every.columns if c not in ("timestamp", "label", "secom_row")]].add_prefix("s")
    lot = [str(i) for i in range(len(every))]
    lots = values.assign(line=LINE, lot=lot, end=at.to_numpy(), known_at=at.to_numpy())
    results = pd.DataFrame({"line": LINE, "lot": lot, "result": "failed", "value": (every.label == 1).astype(float)})
    results["result_at"] = at.to_numpy()
    lab = '["failed"]' if split == "time" else "[]"  # a wafer's test is known at its own time, so to later wafers
    features = f'tags = []\nprocess = ["*"]\nlab = {lab}\nwindow = "1h"\nstep = "1h"\ntrain_step = "1h"'
    detector = f'split = "{split}"\nseed = {seed}\nn_folds = {n_folds}\nembargo = "0s"\n{TESTED}'
    return _written(folder, lots, results, features, "failed", detector, options, ())


def flotation(folder: Path, sets: Path, *, rows: int = 0, options: str = "") -> Path:
    """Write the flotation line: hourly tags, and the silica of each hour, known two hours later."""
    every = pd.read_parquet(sets / "mining_flotation" / "mining_hourly.parquet")
    every = every.iloc[:rows] if rows else every
    at = pd.to_datetime(every.date, utc=True)
    tags = [c for c in every.columns if c not in ("date", "% Iron Concentrate", "% Silica Concentrate")]
    names = {c: c.lower().replace("% ", "").replace(" ", "_") for c in tags}
    sensors = every[tags].rename(columns=names).assign(time=at)
    lot = [f"{t:%Y-%m-%dT%H}" for t in at]
    end = at + timedelta(seconds=1)  # the hour's mean is the tags' value at its time
    lots = pd.DataFrame({"line": LINE, "lot": lot, "end": end, "known_at": end})
    results = pd.DataFrame({"line": LINE, "lot": lot, "result": "silica", "value": every["% Silica Concentrate"]})
    results["result_at"] = at + timedelta(hours=2)
    features = (
        'calculators = "level"\nlab = ["silica"]\nwindow = "6h"\nstep = "1h"\ntrain_step = "1h"\nmin_coverage = 0.5\n'
        'flat = ""'
    )
    detector = f'split = "time"\nembargo = "24h"\n{TESTED}'
    config = _written(folder, lots, results, features, "silica", detector, options, tuple(names.values()))
    sensors.to_parquet(folder / "sensors.parquet", index=False)
    return config


def _written(folder: Path, lots: pd.DataFrame, results: pd.DataFrame, features: str, outcome: str, detector: str,
             options: str, tags: tuple[str, ...]) -> Path:  # fmt: skip
    toml = LOTS.format(features=features, outcome=outcome, detector=detector, options=options)
    config = write_config(folder, toml, pd.DataFrame({"asset": [LINE], "class": ["line"]}), tags, "line")
    lots.to_parquet(folder / "lots.parquet", index=False)
    results.to_parquet(folder / "results.parquet", index=False)
    return config
