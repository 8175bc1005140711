"""The bars of the factor study: `python -m benchmarks.quality_factors`, or with QUICK=1 fewer lines.

Simulated lots have causes that are known; the flotation plant goes the public way: dump files and a config, then
`forewarn load` and `forewarn report factors`.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks import failure_sets, quality_sets
from benchmarks.bars import QUICK, Bars
from benchmarks.failure import forewarn
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
        whole = replace(lots, folds=lots.folds[-1:])  # ranks of earlier folds are not asked for
        top = ranking(whole, factor_learner.fit).factors[:TOP]
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
        config = quality_sets.flotation(Path(folder) / "flotation", sets, rows=900 if QUICK else 0)
        forewarn("load", "--config", config, *(config.parent / f"{x}.parquet" for x in ("sensors", "lots", "results")))
        record: Mapping[str, Any] = json.loads(forewarn("report", "factors", "--json", "--config", config))
    shared = [f["name"] for f in record["factors"] if max(f["fold_ranks"]) <= TOP]
    how = f"{record['n_lots']} lots, rmse {record['rmse']:.3f} beside the mean's {record['mean_rmse']:.3f}; {shared}"
    if QUICK:
        bars.show(bar, len(shared), f">= {SHARED} of the whole history", None, f"{how}; small, so not judged")
    else:
        bars.show(bar, len(shared), f">= {SHARED}", len(shared) >= SHARED, how)


if __name__ == "__main__":
    main()
