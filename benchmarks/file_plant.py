"""A plant for the measurements of dump files: its config written, its rooms opened, its files made from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from app.settings import Settings, load

ASSET = "plant/press"
START = np.datetime64("2026-01-01T00:00:00")

TOML = """
[data]
folder = "{data}"
[mqtt]
is_enabled = false
[console]
is_enabled = false
[inbox]
is_enabled = true
folder = "{inbox}"
settle_s = {settle_s}
timeout_s = {timeout_s}
poll_s = 0.1
[[formats]]
name = "long"
match = "*long*"
layout = "long"
asset = "plant/press"
[[formats]]
name = "wide"
asset = "plant/press"
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
period = "1s"
"""


def tags(n: int) -> list[str]:
    """Return the names of n tags."""
    return [f"tag_{i:02}" for i in range(n)]


def write_config(folder: Path, n_tags: int, settle_s: float = 0.3, timeout_s: float = 3600.0) -> Path:
    """Write a config whose data and inbox lie below `folder`; returns the config folder."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    toml = TOML.format(
        data=(folder / "data").as_posix(), inbox=(folder / "inbox").as_posix(), settle_s=settle_s, timeout_s=timeout_s
    )
    (config / "forewarn.toml").write_text(toml)
    (config / "assets.csv").write_text(f"asset,class\n{ASSET},press\n")
    (config / "tags.csv").write_text("asset,tag\n" + "".join(f"{ASSET},{name}\n" for name in tags(n_tags)))
    (config / "rules.toml").write_text("")
    return config


def settings(folder: Path, n_tags: int) -> Settings:
    """Write and read the config."""
    return load(write_config(folder, n_tags))


def instants(start: int, stop: int) -> Sequence[str]:
    """Return the ISO texts of seconds [start, stop) after the start of 2026."""
    found = np.datetime_as_string(START + np.arange(start, stop).astype("timedelta64[s]"))
    texts: list[str] = np.char.add(found, "Z").tolist()
    return texts


def write_wide(path: Path, n_rows: int, n_tags: int, seed: int) -> None:
    """Write a wide CSV of normal noise, four decimals."""
    random = np.random.default_rng(seed)
    columns = {"time": pa.array(instants(0, n_rows))}
    columns |= {name: pa.array(np.round(random.normal(50, 10, n_rows), 4)) for name in tags(n_tags)}
    arrow_csv.write_csv(pa.table(columns), path, arrow_csv.WriteOptions(quoting_style="none"))


def write_long(path: Path, n_rows: int, n_tags: int, seed: int, step: int = 20_000) -> None:
    """Write the same in long form, all tags of an instant after each other."""
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(b"time,tag,value\n")
        for start in range(0, n_rows, step):
            stop = min(n_rows, start + step)
            times = np.repeat(np.array(instants(start, stop), dtype=object), n_tags)
            names = np.tile(np.array(tags(n_tags), dtype=object), stop - start)
            value = np.round(random.normal(50, 10, len(times)), 4)
            table = pa.table({"time": pa.array(times), "tag": pa.array(names), "value": pa.array(value)})
            arrow_csv.write_csv(table, file, arrow_csv.WriteOptions(include_header=False, quoting_style="none"))
