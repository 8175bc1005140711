"""The bars of quality: `make bars-quality`, or with QUICK=1 the same work smaller.

Public sets go one way: dump files and a config (`benchmarks.quality_sets`), then `forewarn load` and `forewarn
evaluate`. Columns, settings and thresholds are chosen on training parts alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import quality_drop, quality_factors, quality_planted, quality_sets, quality_watch
from benchmarks.bars import QUICK, Bars
from benchmarks.failure import forewarn
from benchmarks.failure_sets import sets_folder

SEEDS: Final = range(1) if QUICK else range(10)
SMALL: Final = 'learners = ["mean", "persistence", "lab", "ridge", "kernel"]' if QUICK else ""
NOTE: Final = "; small, so not judged" if QUICK else ""


def main() -> None:
    """Measure and print every bar."""
    bars = Bars()
    quality_planted.show(bars)
    quality_factors.show(bars)
    quality_drop.show(bars)
    quality_watch.show(bars)
    sets = sets_folder()
    if sets is None:
        bars.show("public data sets", None, "the figures of each", None, "skipped: FOREWARN_DATA names no folder")
    else:
        with tempfile.TemporaryDirectory(prefix="forewarn-bars-") as folder:
            flotation(bars, sets, Path(folder))
            wafers_in_time(bars, sets, Path(folder))
            wafers(bars, sets, Path(folder))
    bars.end()


def evaluated(config: Path, *files: str) -> Mapping[str, Any]:
    """Load the files beside a config and evaluate its one quality detector, by the public commands."""
    forewarn("load", "--config", config, *(config.parent / f"{name}.parquet" for name in files))
    found: Mapping[str, Any] = json.loads(forewarn("evaluate", "quality", "--json", "--config", config))
    return found


def flotation(bars: Bars, sets: Path, room: Path) -> None:
    """The flotation line: silica in time order, with lab values known two hours later."""
    config = quality_sets.flotation(room / "flotation", sets, rows=900 if QUICK else 0, options=SMALL)
    found = evaluated(config, "sensors", "lots", "results")
    rmse, persistence, lab = (found[key] for key in ("rmse", "persistence_rmse", "lab_rmse"))
    adds = found["process_adds"]["adds"]
    figures = {
        key: round(found[key], 4) for key in ("rmse", "persistence_rmse", "lab_rmse", "process_rmse", "mean_rmse")
    }
    bars.show(
        "flotation, 5 expanding folds, 24 h embargo: RMSE pooled",
        {**figures, "process_adds": adds, "learners": found["learners"],
         "R2 of lots dealt at random, optimistic": round(found["optimistic"]["r2"], 2), "R2": round(found["r2"], 2)},
        "<= 0.83, and below persistence by 5 % and lab history by 1 %, or says that the process adds nothing",
        None if QUICK else rmse <= 0.83 and rmse <= 0.95 * persistence and (rmse <= 0.99 * lab or not adds),
        "`forewarn evaluate quality`" + NOTE,
    )  # fmt: skip
    bars.show(
        "flotation, 90 % prediction intervals in time order: cover",
        round(found["interval_coverage"], 3),
        "0.85-0.95",
        None if QUICK else 0.85 <= found["interval_coverage"] <= 0.95,
        "errors of out-of-fold lots of the training part" + NOTE,
    )


def wafers_in_time(bars: Bars, sets: Path, room: Path) -> None:
    """SECOM in time order."""
    config = quality_sets.wafers(
        room / "in-time", sets, split="time", seed=1, n_folds=5, options=SMALL, rows=700 if QUICK else 0
    )
    found = evaluated(config, "lots", "results")
    low, high = found["roc_auc_interval"]
    bars.show(
        "SECOM in time order, pooled expanding folds: area under the ROC curve",
        {"area": round(found["roc_auc"], 3), "interval": [round(low, 3), round(high, 3)],
         "dealt at random, optimistic": round(found["optimistic"]["roc_auc"], 3), "learners": found["learners"]},
        "lower bound > 0.5",
        None if QUICK else low > 0.5,
        "90 % interval" + NOTE,
    )  # fmt: skip


def wafers(bars: Bars, sets: Path, room: Path) -> None:
    """SECOM, stratified ten folds."""
    with ThreadPoolExecutor(2) as pool:  # each waits for a process of its own
        found = list(pool.map(partial(_stratified, sets, room), SEEDS))
    errors, areas = ([each[key] for each in found] for key in ("balanced_error_rate", "roc_auc"))
    bars.show(
        "SECOM, stratified 10 folds: balanced error rate and area, mean of seeds",
        {"ber": round(float(np.mean(errors)), 3), "ber_spread": round(float(np.std(errors)), 3),
         "auc": round(float(np.mean(areas)), 3), "auc_spread": round(float(np.std(areas)), 3), "seeds": len(errors)},
        "BER <= 0.30, AUC >= 0.74",
        None if QUICK else bool(np.mean(errors) <= 0.30 and np.mean(areas) >= 0.74),
        "threshold, columns and settings inside each fold" + NOTE,
    )  # fmt: skip


def _stratified(sets: Path, room: Path, seed: int) -> Mapping[str, Any]:
    folder = room / f"wafers-{seed}"
    n_folds, rows = (3, 700) if QUICK else (10, 0)
    config = quality_sets.wafers(folder, sets, split="stratified", seed=seed, n_folds=n_folds, options=SMALL, rows=rows)
    return evaluated(config, "lots", "results")


if __name__ == "__main__":
    main()
