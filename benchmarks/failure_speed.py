"""How long a live score and a training take beside the plain libraries, on the same features, model and reads; and what
a whole tournament takes of time and memory.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.children import in_child
from benchmarks.bars import QUICK, Bars
from benchmarks.fleet import LIFE, Kind, aids, fleet
from detectors.failure_lightgbm import FailureLightGBM
from detectors.failure_tournament import FailureTournament
from detectors.learner_lightgbm import PARAMETERS, Boosted
from detectors.learners import Examples
from domain.plant import Axis
from domain.points import Points, Quality
from domain.scores import Aim, TrainingAids
from domain.vectors import FeatureName, FeatureVectors, Training
from features.extract import extract, feature_set
from features.selection import fresh
from features.windows import cut, grid_of
from store import open_points
from store.settings import DuckDBSettings

TAGS: Final = tuple(f"t{i}" for i in range(8))
LENGTH: Final = 60
N_SELECTED: Final = 300
SIZE: Final = (20_000, 100) if QUICK else (200_000, 300)  # rows and features of a training
MOST_S: Final = 7200.0
SECOND: Final = 1_000_000_000


def live(bars: Bars) -> None:
    """One window of 8 tags from the store to its score."""
    with tempfile.TemporaryDirectory(prefix="forewarn-bars-") as folder:
        store = open_points("duckdb", Path(folder), DuckDBSettings())
        store.start()
        try:
            _live(bars, store)
        finally:
            store.stop()


def _live(bars: Bars, store: Any) -> None:
    full = feature_set("all", Axis.CYCLE, LENGTH, 1, 0.8, "efficient", TAGS, ())
    ids = [f"plant/x/{tag}" for tag in TAGS]
    n = 2_000
    random = np.random.default_rng(3)
    at = np.arange(1, n + 1, dtype=np.int64) * SECOND
    store.apply("live", _points(ids, at, random.normal(size=(n, len(TAGS))).cumsum(axis=0)))
    detector = _trained(_selected(full.names, random))
    column = {name: i for i, name in enumerate(full.names)}
    places = [column[name] for name in detector.names]
    end = int(at[-1])
    start = end - (LENGTH - 1) * SECOND

    def read() -> Points:
        points: Points = store.read(ids, start, end + 1)
        return points

    def ours(is_explained: bool) -> float:
        grid = grid_of("plant/x", read(), TAGS)
        every = extract(grid, cut(grid, full, 1, SECOND, end - 1, end), full.names)
        vectors = FeatureVectors(
            detector.names, every.values[:, places], every.asset, every.subject, every.start, every.end, every.position
        )
        return float(detector.score(vectors, is_explained=is_explained).value[0])

    peer = _peer(read, detector)
    rounds = 3 if QUICK else 7
    for is_explained, goal in ((False, 200), (True, 80)):
        theirs, own = [], []
        peer(is_explained), ours(is_explained)
        for _ in range(rounds):
            theirs.append(_seconds(partial(peer, is_explained)))
            own.append(statistics.median(_seconds(partial(ours, is_explained)) for _ in range(20)))
        ratio = statistics.median(theirs) / statistics.median(own)
        what = "with contributions" if is_explained else "score only"
        bars.show_speed(
            f"live, store to score, {what}: tsfresh + LightGBM / ours",
            round(ratio, 1),
            f">= {goal}",
            ratio >= goal,
            f"8 tags x {LENGTH} values, all {len(full.names)} features of tsfresh's efficient set, a model of "
            f"{len(detector.names)} of them; ours {statistics.median(own) * 1e3:.2f} ms, of which reading takes "
            f"{statistics.median(_seconds(read) for _ in range(20)) * 1e3:.2f} ms",
        )


def _points(ids: list[str], at: NDArray[np.int64], values: NDArray[np.float64]) -> Points:
    n = len(at)
    tag = np.array(np.repeat(ids, n), dtype=object)
    size = n * len(ids)
    return Points(
        tag, np.tile(at, len(ids)), values.T.ravel(), np.full(size, None, dtype=object),
        np.full(size, Quality.GOOD, dtype=np.uint8), np.zeros(size, dtype=np.uint32), np.tile(at, len(ids)),
    )  # fmt: skip


def _selected(names: tuple[FeatureName, ...], random: np.random.Generator) -> tuple[FeatureName, ...]:
    """Return features spread over all calculators, as a screening keeps them."""
    usable = [i for i, name in enumerate(names) if name.calculator not in ("query_similarity_count",)]
    return tuple(names[i] for i in np.sort(random.choice(usable, N_SELECTED, replace=False)))


def _trained(names: tuple[FeatureName, ...]) -> FailureLightGBM:
    random = np.random.default_rng(4)
    n = 1_200
    values = random.normal(size=(n, len(names)))
    ahead = np.tile(np.arange(59, -1, -1, dtype=np.float64), n // 60)
    values[:, :40] += (ahead <= 15)[:, None] * 1.5
    group = np.array([f"g{i // 60:02d}" for i in range(n)], dtype=object)
    ends = np.arange(1, n + 1, dtype=np.int64) * SECOND
    place = np.tile(np.arange(60, dtype=np.float64), n // 60)
    vectors = FeatureVectors(names, values, group, np.full(n, "", dtype=object), ends - SECOND, ends, place)
    training = Training(vectors, (ahead <= 15).astype(np.float64), group, ahead, 15, 3, False)
    columns = np.arange(len(names), dtype=np.int64)
    return FailureLightGBM.train(
        training, {"rounds": 200, "num_leaves": 31}, TrainingAids(lambda *_: columns, 0.0, 1, Aim(), 3)
    )


def _peer(read: Callable[[], Points], detector: FailureLightGBM) -> Callable[[bool], Any]:
    """Return what one would write with pandas, tsfresh and LightGBM for the same window and the same model."""
    import pandas as pd
    from tsfresh import extract_features
    from tsfresh.feature_extraction.settings import EfficientFCParameters

    booster = detector.model.booster
    settings = EfficientFCParameters()
    wanted = [name.label for name in detector.names]

    def score(is_explained: bool) -> Any:
        points = read()
        tags = [t.rpartition("/")[2] for t in points.tag_id]
        frame = pd.DataFrame({"id": 0, "kind": tags, "time": points.at, "value": points.value})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = extract_features(
                frame, column_id="id", column_kind="kind", column_sort="time", column_value="value",
                default_fc_parameters=settings, n_jobs=0, disable_progressbar=True,
            )  # fmt: skip
            row = found.reindex(columns=wanted).to_numpy()
        return booster.predict(row, pred_contrib=is_explained, num_threads=1)

    return score


def train(bars: Bars) -> None:
    """The LightGBM stage alone beside LightGBM."""
    import lightgbm

    n, k = SIZE
    rounds = 30 if QUICK else 100
    random = np.random.default_rng(5)
    values = random.normal(size=(n, k)).astype(np.float32).astype(np.float64)
    label = (values[:, :5].sum(axis=1) + random.normal(size=n) > 4).astype(np.float64)
    names = tuple(FeatureName("tag", f"t{i}", "mean") for i in range(k))
    given = {**PARAMETERS, "seed": 1}

    def bare() -> None:
        lightgbm.train(dict(given), lightgbm.Dataset(values, label), rounds)

    def ours() -> None:
        Boosted.fit(Boosted.prepare(Examples(values, label, names, 1)), {"rounds": rounds})

    pairs = [(_seconds(bare), _seconds(ours)) for _ in range(1 if QUICK else 3)]
    ratio = statistics.median(a / b for a, b in pairs)
    bars.show_speed(
        "train, LightGBM bare / our LightGBM stage", round(ratio, 3), ">= 0.77", ratio >= 0.77,
        f"{n} rows x {k} features, {rounds} rounds, one thread; interleaved",
    )  # fmt: skip


def tournament(bars: Bars) -> None:
    """Every learner that takes features, with the search of its settings, in a process of its own."""
    n, k = SIZE
    found = in_child(_held, n, k, limit_s=MOST_S)
    bars.show(
        "a whole tournament: minutes, peak memory", found, "printed", None,
        f"{n} rows x {k} features, the settings as shipped, screening and folds included; memory of the process, of "
        f"which the table is {n * k * 8 / 2**20:.0f} MB",
    )  # fmt: skip


def _held(n: int, k: int) -> dict[str, Any]:
    """Train on rows of a fleet beside others that follow them in part, and tell each step as it begins."""
    begun, told = time.perf_counter(), 0

    def tell(step: str) -> None:
        nonlocal told
        told += 1
        print(f"{time.perf_counter() - begun:6.0f} s  {step}", file=sys.stderr, flush=True)

    training = fleet(n // LIFE * 11 // 10, 1, Kind(strength=2.0)).take(np.arange(n))
    own = training.vectors
    random, more = np.random.default_rng(6), k - len(own.names)
    others = own.values @ random.normal(scale=0.5, size=(len(own.names), more)) + random.normal(size=(n, more))
    names = (*own.names, *(FeatureName("tag", f"other{i}", "mean") for i in range(more)))
    vectors = replace(own, names=names, values=np.hstack([own.values, others]))
    of_folds = replace(aids(Aim(), 1), select=lambda values, label, *_: fresh(values, label).columns, told=tell)
    detector = FailureTournament.train(replace(training, vectors=vectors), {}, of_folds)
    return {
        "minutes": round((time.perf_counter() - begun) / 60, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "steps told": told,
        "features taken": len(detector.names),
        "learners": {each["learner"]: round(each["loss"], 1) for each in detector.report["leaderboard"]},
        "taken": detector.report["learner"],
    }


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
