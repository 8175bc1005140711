"""Planted lots to bars: a column that came with the result, labels that were shuffled, and a full study in size."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.screening import Screening
from benchmarks.bars import QUICK, Bars
from detectors import evaluation, factor_learner, quality_evaluation
from detectors.folds import folds_of
from detectors.quality_tournament import QualityTournament
from detectors.settings import DetectorSettings
from domain.scores import Aim, Detector, TrainingAids
from domain.vectors import FeatureName, FeatureVectors, Training
from features import lags
from reports.factor_study import study
from reports.study import Lots

HOUR: Final = 3_600_000_000_000
N_LOTS: Final = 400
N_COLUMNS: Final = 40
N_LINES: Final = 5 if QUICK else 20
MINUTE, LOT_MINUTES, MOST_LAG = 60_000_000_000, 10, 60
N_SHUFFLED: Final = 3 if QUICK else 20
CAUSES: Final = ("c005", "c017", "c029")
BIG: Final = (2_000, 60) if QUICK else (100_000, 600)
SCREENED: Final = DetectorSettings(name="q", kind="quality_tournament", asset_class="line", features="lots")


def show(bars: Bars) -> None:
    """Measure and print every bar."""
    stations(bars)
    forbidden(bars)
    shuffled(bars)
    full_study(bars)


def lots(n: int, n_columns: int, seed: int) -> Training:
    """Return lots in time: neighbouring columns correlate by 0.7, three of them make half of the result's variance."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, n_columns))
    for i in range(1, n_columns):
        values[:, i] = 0.7 * values[:, i - 1] + np.sqrt(1 - 0.7**2) * values[:, i]
    signal = values[:, 5] - values[:, 17] + values[:, 29]  # CAUSES
    outcome = signal / signal.std() + random.normal(size=n)
    return _training(values, outcome)


def _training(values: NDArray[np.float64], outcome: NDArray[np.float64]) -> Training:
    n = len(outcome)
    end = np.arange(1, n + 1, dtype=np.int64) * HOUR
    names = tuple(FeatureName("process", f"c{i:03d}", "value") for i in range(values.shape[1]))
    line = np.full(n, "line", dtype=object)
    lot = np.array([str(i) for i in range(n)], dtype=object)
    vectors = FeatureVectors(names, values, line, lot, end - HOUR, end, end.astype(np.float64))
    return Training(vectors, outcome, line, np.full(n, np.inf), 1, 0, is_ordered=True)


def aids(told: Any = lambda _step: None) -> TrainingAids:
    """Return aids that screen as the product does."""
    return TrainingAids(Screening(SCREENED), 0.0, 1, Aim(), 5, "time", None, told)


def backtested(training: Training, with_aids: TrainingAids) -> Mapping[str, Any]:
    """Back-test the tournament in time."""

    def train(rows: Training, over: Mapping[str, Any]) -> Detector:
        return QualityTournament.train(rows, over, with_aids)

    folds = list(evaluation.outer_folds(training, "time", 5, 1, None))
    return quality_evaluation.backtested(training, train, with_aids, folds, "time")


def stations(bars: Bars) -> None:
    """Find how long before a lot's own times three stations saw it, and whether later lots are told better by that."""
    off, gains = [], []
    for seed in range(N_LINES):
        random = np.random.default_rng(seed)
        planted = random.choice(MOST_LAG, 3, replace=False).tolist()
        times = np.arange(LOT_MINUTES * N_LOTS + MOST_LAG, dtype=np.int64) * MINUTE
        start = times[MOST_LAG::LOT_MINUTES][:N_LOTS]
        means = []
        for _ in planted:
            values = np.convolve(random.normal(size=len(times) + 3), np.ones(4) / 2, mode="valid")
            means.append(lags.passage_means(times, values, start, start + LOT_MINUTES * MINUTE, MINUTE, MOST_LAG))
        signal = sum(m[:, k] / m[:, k].std() for m, k in zip(means, planted, strict=True))
        outcome = signal / np.std(signal) + random.normal(size=N_LOTS)
        n = round(0.6 * N_LOTS)
        found = lags.estimated(means, outcome, seed)
        off += [abs(x.steps - lag) for x, lag in zip(found, planted, strict=True)]
        earlier = lags.estimated([m[:n] for m in means], outcome[:n], seed)
        aligned = lags.later_r2(means, [x.steps for x in earlier], outcome, n)
        gains.append(aligned - lags.later_r2(means, [0, 0, 0], outcome, n))
    within = f"{sum(x <= 1 for x in off)} of {len(off)}"
    how = f"{N_LINES} lines of {N_LOTS} lots, lags of 0 to {MOST_LAG} samples, outcome R2 0.5; worst {max(off)} off"
    bars.show("planted lags at three stations: within one sample", within, "all", max(off) <= 1, how)
    least = round(min(gains), 3)
    how = f"mean {np.mean(gains):.3f}; lags of the earlier 60 % of the lots"
    bars.show("aligned against not aligned: least gain of R2 on later lots", least, "> 0", least > 0, how)


def forbidden(bars: Bars) -> None:
    """Name a column that came with the result, and none of those that only help."""
    named: list[list[str]] = []
    for seed in range(2 if QUICK else 10):
        made = lots(N_LOTS, N_COLUMNS, seed)
        values = made.vectors.values.copy()
        values[:, 39] = made.outcome + 0.3 * np.random.default_rng(seed + 100).normal(size=N_LOTS)
        for each in (made, replace(made, vectors=replace(made.vectors, values=values))):
            report = QualityTournament.train(each, {}, aids()).report
            named.append([row["column"] for row in report["suspects"]])
    bars.show(
        "a planted column that came with the result is named as suspect; without it none is",
        {
            "named": sum(x == ["c039"] for x in named[1::2]),
            "falsely": sum(map(bool, named[::2])),
            "of": len(named) // 2,
        },
        "all, and none falsely",
        all(x == ["c039"] for x in named[1::2]) and not any(named[::2]),
        f"{N_LOTS} lots, {N_COLUMNS} columns, outcome R2 0.5",
    )


def shuffled(bars: Bars) -> None:
    """Labels that were shuffled tell nothing."""
    found = []
    for seed in range(N_SHUFFLED):
        made = lots(N_LOTS, N_COLUMNS, seed)
        outcome = np.random.default_rng(seed + 1000).permutation(made.outcome)
        found.append(backtested(replace(made, outcome=outcome), aids())["r2"])
    bars.show(
        "shuffled results: mean R2 on later lots",
        {"mean": round(float(np.mean(found)), 4), "most": round(max(found), 4)},
        "<= 0",
        bool(np.mean(found) <= 0),
        f"{N_SHUFFLED} shuffles of {N_LOTS} lots, screening and tournament inside the folds",
    )


def full_study(bars: Bars) -> None:
    """Time and memory of a whole back-test and factor study of many lots with many columns; progress on stderr."""
    n, n_columns = BIG
    made = lots(n, n_columns, 1)
    started = time.perf_counter()

    def minutes() -> float:
        return (time.perf_counter() - started) / 60

    def told(step: str) -> None:
        print(f"{60 * minutes():7.1f} s  {step}", file=sys.stderr, flush=True)

    found = backtested(made, aids(told))
    of_backtest = minutes()
    top = [x["members"][0] for x in factors_of(made, told)["factors"][: len(CAUSES)]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bars.show(
        f"{n:,} lots x {n_columns} columns, full study: back-test of the whole tournament, and factors",
        {"minutes": round(minutes(), 2), "of the back-test": round(of_backtest, 2), "peak_mb": round(peak),
         "r2": round(found["r2"], 3), "first factors": top},
        f"minutes and memory printed; the first factors are {', '.join(CAUSES)}",
        set(top) == set(CAUSES),
        "5 outer folds in time with 5 inner ones each, on this machine",
    )  # fmt: skip


def factors_of(made: Training, told: Any) -> Mapping[str, Any]:
    """Study the factors of lots in time, all of which can be moved."""
    vectors = made.vectors
    folds = tuple(folds_of(made, 5, "time"))
    movable = frozenset(name.source for name in vectors.names)
    of = Lots(vectors.values, vectors.names, made.outcome, folds, controllable=movable, worse=made.outcome)
    return study(of, factor_learner.fit, tell=told)
