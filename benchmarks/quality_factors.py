"""The bars of the factor study: `python -m benchmarks.quality_factors`, or with QUICK=1 fewer lines.

Simulated lots have causes that are known; the flotation plant goes the public way: dump files and a config, then
`forewarn load` and `forewarn report factors`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks import failure_sets
from benchmarks.bars import QUICK, Bars
from benchmarks.quality_lots import helpful, planted, reversal, unsupported
from detectors import factor_learner
from reports.factors import ranking
from reports.limits import advise_all
from reports.study import Lots

N_LINES: Final = 20 if QUICK else 200
TOP: Final = 5
FOUND: Final = 0.95
SHARED: Final = 3


def main() -> None:
    """Measure and print every bar."""
    bars = Bars()
    show(bars)
    bars.end()


def show(bars: Bars) -> None:
    """Measure and print the bars of the factor study."""
    causes(bars)
    advice(bars, "Simpson reversal: lines with advice", reversal, 0)
    advice(bars, "unsupported region: lines with advice", unsupported, 0)
    helped(bars)
    flotation(bars)


def causes(bars: Bars) -> None:
    """Planted causes among factors whose neighbours are alike."""
    hits, alone = 0, 0
    for seed in range(N_LINES):
        lots, planted_in = planted(seed)
        top = ranking(lots, factor_learner.fit).factors[:TOP]
        hits += set(planted_in) <= {m for f in top for m in f.members}
        alone += set(planted_in) <= {f.members[0] for f in top}
    how = "3 of 40 factors (a line, a bend, a step), neighbours correlated 0.7, outcome R2 0.5, 400 lots"
    share = hits / N_LINES
    bars.show("planted causes, all three or their named group in the top five", share, f">= {FOUND}", share >= FOUND,
              f"{how}; {N_LINES} lines")  # fmt: skip
    bars.show("planted causes, each first in its group", alone / N_LINES, "", None, how)


def advice(bars: Bars, bar: str, make: Callable[[int], Lots], most: int) -> None:
    """Lines on which a limit would mislead."""
    given = 0
    why: Counter[str] = Counter()
    for seed in range(N_LINES):
        lots = make(seed)
        found = next(a for a in advise_all(lots, _names(lots), _names(lots), lots.all_strata()) if a.factor == "f00")
        given += found.is_given
        why[json.loads(found.reason)[0] if found.reason else "given"] += 1
    bars.show(bar, given, f"<= {most}", given <= most, f"{N_LINES} lines; reasons: {dict(why)}")


def helped(bars: Bars) -> None:
    """Lines on which a limit helps: that the refusals above are not mere silence."""
    given = 0
    for seed in range(N_LINES):
        lots = helpful(seed)
        found = advise_all(lots, _names(lots), _names(lots), lots.all_strata())
        given += next(a for a in found if a.factor == "f00").is_given
    share = given / N_LINES
    bars.show("a limit that helps in every stratum: lines with advice", share, ">= 0.8", share >= 0.8,
              f"{N_LINES} lines")  # fmt: skip


def _names(lots: Lots) -> list[str]:
    return list(lots.columns())


def flotation(bars: Bars) -> None:
    """Which factors the top fives of all expanding folds share, without lab history."""
    sets = failure_sets.sets_folder()
    bar = "flotation factors in the top five of all five folds"
    if sets is None:
        bars.show(bar, None, f">= {SHARED}", None, "skipped: FOREWARN_DATA names no folder with public sets")
        return
    with tempfile.TemporaryDirectory(prefix="forewarn-bars-") as folder:
        config, files = flotation_plant(Path(folder), sets)
        _forewarn("load", "--config", config, *files)
        record: Mapping[str, Any] = json.loads(_forewarn("report", "factors", "--json", "--config", config))
    shared = [f["name"] for f in record["factors"] if max(f["fold_ranks"]) <= TOP]
    how = f"{record['n_lots']} lots, rmse {record['rmse']:.3f} beside the mean's {record['mean_rmse']:.3f}; {shared}"
    bars.show(bar, len(shared), f">= {SHARED}", len(shared) >= SHARED, how)


PLANT: Final = """[[formats]]
name = "sensors"
match = "sensors.parquet"
asset = "plant/flotation"

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
name = "level"
asset_class = "line"
calculators = "level"
window = "6h"
step = "1h"
train_step = "1h"
lab = ["silica"]

[[results]]
asset_class = "line"
name = "silica"
bad_above = 4.0

[[detectors]]
name = "silica"
kind = "quality_tournament"
asset_class = "line"
features = "level"
outcome = "silica"
split = "time"
embargo = "24h"
n_folds = 5
"""  # the last half of the history in five folds


def flotation_plant(folder: Path, sets: Path) -> tuple[Path, list[Path]]:
    """Write the flotation plant: its hourly means, a lot an hour, its silica known two hours later."""
    every = pd.read_parquet(sets / "mining_flotation" / "mining_hourly.parquet")
    time = next(c for c in every.columns if "date" in c.lower() or "time" in c.lower())
    at = pd.to_datetime(every[time], utc=True)
    silica = next(c for c in every.columns if "silica concentrate" in c.lower().replace("_", " "))
    iron = next(c for c in every.columns if "iron concentrate" in c.lower().replace("_", " "))
    process = [c for c in every.columns if c not in (time, silica, iron) and np.issubdtype(every[c].dtype, np.number)]
    names = {c: c.lower().strip("% ").replace("%", "").replace(" ", "_") for c in process}
    assets = pd.DataFrame({"asset": ["plant/flotation"], "class": ["line"]})
    config = failure_sets.write_config(folder, PLANT, assets, list(names.values()), "line")
    sensors, lots, results = (folder / f"{name}.parquet" for name in ("sensors", "lots", "results"))
    every[process].rename(columns=names).assign(time=at).to_parquet(sensors, index=False)
    hour = pd.Timedelta(hours=1)
    keys = pd.DataFrame({"line": "plant/flotation", "lot": [f"h{i:05d}" for i in range(len(at))]})
    keys.assign(start=at, end=at + hour, known_at=at + hour).to_parquet(lots, index=False)
    told = keys.assign(result="silica", value=every[silica], result_at=at + 3 * hour)
    told[told.value.notna()].to_parquet(results, index=False)
    return config, [sensors, lots, results]


def _forewarn(*args: object) -> str:
    command = [str(Path(sys.executable).parent / "forewarn"), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
