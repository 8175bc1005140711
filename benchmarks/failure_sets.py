"""Public data sets to folders that a plant could have: a config and dump files in the product's own formats.

The one path for every set: `forewarn load`, then `forewarn evaluate`. What is known of a set is here, and nowhere else.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def sets_folder() -> Path | None:
    """Return where the public sets lie, None where they are absent."""
    asked = os.environ.get("FOREWARN_DATA")
    folder = Path(asked) if asked else Path(__file__).parent.parent.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def write_config(folder: Path, toml: str, assets: pd.DataFrame, tags: Sequence[str], asset_class: str) -> Path:
    """Write a config folder whose data lie below it; every tag is a process tag of the class."""
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "rules.toml").write_text("")
    (config / "forewarn.toml").write_text(f'[data]\nfolder = "{folder / "data"}"\n\n{toml}')
    assets.to_csv(config / "assets.csv", index=False)
    rows = [{"asset": f"class:{asset_class}", "tag": tag, "unit": "", "role": "process"} for tag in tags]
    pd.DataFrame(rows, columns=["asset", "tag", "unit", "role"]).to_csv(config / "tags.csv", index=False)
    return config


ENGINES: Final = """[evaluate]
split = "given"

[[formats]]
name = "fleet"
match = "sensors.parquet"
time_column = "cycle"
time_format = "cycle"

[[formats]]
name = "events"
match = "events.csv"
kind = "events"

[[classes]]
name = "engine"
axis = "cycle"
cycle = "1h"
period = "1h"
horizon = 30
lead = 0

[[features]]
name = "drift"
asset_class = "engine"
calculators = "trailing"
window = 80
min_coverage = 0.3
train_step = {step}
events = ["maintenance:new"]
samples = {samples}
flat = ""

[[detectors]]
name = "fails-soon"
kind = "{kind}"
asset_class = "engine"
features = "drift"
counts = "rows"
target_recall = 0.95
remaining_life = 125

[detectors.options]
{options}
"""


def engines(folder: Path, sets: Path, subset: str, *, units: int = 100, step: int = 1, kind: str = "failure_tournament",
            samples: int = 30, options: str = "") -> Path:  # fmt: skip
    """Write C-MAPSS: train units run to failure, test units stop before it, at a known remaining life."""
    every = pd.read_parquet(sets / "cmapss" / "FD001_FD003.parquet")
    every = every[(every.subset == subset) & (every.unit <= units)].drop(columns="subset")
    left = pd.read_parquet(sets / "cmapss" / "FD001_FD003_rul.parquet")
    left = left[left.subset == subset].set_index("unit").RUL
    tags = [c for c in every.columns if c not in ("part", "unit", "cycle")]
    every["asset"] = [f"fleet/{p}-{u:03d}" for p, u in zip(every.part, every.unit, strict=True)]
    assets, events = [], []
    for i, ((part, unit), rows) in enumerate(every.groupby(["part", "unit"], sort=True)):
        first = START + 100 * HOUR * i
        last = first + HOUR * (int(rows.cycle.max()) - 1)
        failure = last if part == "train" else last + HOUR * int(left[unit])
        asset = rows.asset.iloc[0]
        assets.append({"asset": asset, "class": "engine", "first_cycle_at": first.isoformat(), "part": part})
        events += [_event(asset, "maintenance", "new", first - HOUR), _event(asset, "failure", "wear", failure)]
    toml = ENGINES.format(step=step, kind=kind, samples=samples, options=options)
    config = write_config(folder, toml, pd.DataFrame(assets), tags, "engine")
    every[["asset", "cycle", *tags]].to_parquet(folder / "sensors.parquet", index=False)
    pd.DataFrame(events).to_csv(folder / "events.csv", index=False)
    return config


def _event(asset: str, kind: str, code: str, at: datetime) -> dict[str, Any]:
    return {"asset": asset, "kind": kind, "code": code, "start": at.isoformat(), "known_at": at.isoformat()}


CASES: Final = """[evaluate]
split = "{split}"

[[formats]]
name = "lots"
match = "lots.csv"
kind = "lots"

[[formats]]
name = "results"
match = "results.csv"
kind = "results"

[[classes]]
name = "machine"
period = "1min"
horizon = "1h"
lead = "0s"

{derived}
[[features]]
name = "values"
asset_class = "machine"
window = "1h"
step = "1h"
train_step = "1h"
tags = []
process = ["*"]

[[detectors]]
name = "fails"
kind = "{kind}"
asset_class = "machine"
features = "values"
outcome = "failed"
target_recall = {recall}
confidence = {confidence}
symptom = {{ from = "result" }}
{more}
[detectors.options]
{options}
"""


def cases(
    folder: Path,
    values: pd.DataFrame,
    failed: Sequence[int],
    parts: Sequence[str],
    *,
    split: str,
    recall: float,
    confidence: float = 0.9,
    kind: str = "failure_tournament",
    derived: Iterable[tuple[str, str]] = (),
    more: str = "",
    options: str = "",
) -> Path:
    """Write rows that are cases of their own, each a lot with its process values and one result."""
    lines = [f"plant/{part}" for part in parts]
    lots = values.assign(line=lines, lot=[str(i) for i in range(len(values))])
    lots["end"] = [(START + timedelta(minutes=i)).isoformat() for i in range(len(values))]
    lots["known_at"] = lots["end"]
    formulas = "\n".join(
        f'[[derived]]\nname = "{name}"\nasset_class = "machine"\nunit = ""\nformula = "{formula}"\n'
        for name, formula in derived
    )
    toml = CASES.format(
        split=split, derived=formulas, kind=kind, recall=recall, confidence=confidence, more=more, options=options
    )
    assets = pd.DataFrame({"asset": sorted(set(lines)), "class": "machine"})
    assets["part"] = [a.removeprefix("plant/") for a in assets.asset]
    config = write_config(folder, toml, assets, list(values.columns), "machine")
    lots.to_csv(folder / "lots.csv", index=False)
    results = lots[["line", "lot"]].assign(result="failed", value=list(failed), result_at=lots["end"])
    results.to_csv(folder / "results.csv", index=False)
    return config


def machines(sets: Path) -> tuple[pd.DataFrame, list[int]]:
    """Return AI4I 2020: the values of each case and whether it failed; the flags that define the label are left out."""
    with gzip.open(sets / "ai4i" / "ai4i2020.csv.gz", "rt") as file:
        every = pd.read_csv(file)
    values = pd.DataFrame(
        {
            "quality": every["Type"].map({"L": 0, "M": 1, "H": 2}),
            "air": every["Air temperature [K]"],
            "process_air": every["Process temperature [K]"],
            "speed": every["Rotational speed [rpm]"],
            "torque": every["Torque [Nm]"],
            "wear": every["Tool wear [min]"],
        }
    )
    return values, every["Machine failure"].astype(int).tolist()


MACHINE_DERIVED: Final = (
    ("temperature_difference", "process_air - air"),
    ("power", "speed * torque"),
    ("strain", "wear * torque"),
)
