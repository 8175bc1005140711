"""History to model bundles: stored points, events and lots in, a champion on the shelf out.

`gather` reads the stores; `build` is the long part and touches none, so the service can run it in a child process.
"""

from __future__ import annotations

import platform
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app import windowing
from app.hypotheses import concerns, weighed
from app.results import possible_results
from app.rooms import Rooms
from app.screening import Screening
from app.spans import units
from detectors import bundle, detector_class
from detectors.settings import DetectorSettings
from domain.alerting import Rule
from domain.instants import duration_ns, from_ns, parse_duration, to_ns
from domain.plant import AssetClass, Axis
from domain.records import EventKind, Lot, Result
from domain.scores import TrainingAids, TrainingError
from domain.vectors import FeatureSet, FeatureVectors, Training
from features import windows
from features.extract import extract, join
from features.settings import HypothesisSettings
from features.windows import Grid
from store.scoring import ModelRow

LIBRARIES: Final = ("numpy", "scikit-learn", "lightgbm", "tsfresh", "pyod")


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one detector is trained on, without any store behind it.

    stops: asset -> (start, end ns or None, is_failure of this outcome). lots, results: of quality detectors only.
    """

    detector: DetectorSettings
    asset_class: AssetClass
    features: FeatureSet
    train_step: int
    confirm: float
    is_ordered: bool
    grids: Mapping[str, Grid]
    stops: Mapping[str, tuple[tuple[int, int | None, bool], ...]]
    lots: Mapping[str, tuple[Lot, ...]]
    results: Mapping[str, Mapping[str, tuple[Result, ...]]]
    hypotheses: tuple[HypothesisSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle that was built and saved."""

    detector: str
    model_id: str
    about: Mapping[str, Any]


def gather(rooms: Rooms, detector: DetectorSettings, now: datetime) -> History:
    """Read all that was known by `now` and the detector may learn from; raises TrainingError where there is nothing."""
    settings = rooms.settings
    chosen = settings.feature_set(detector.features)
    features = windowing.full_set(settings, chosen)
    asset_class = settings.plant.classes[detector.asset_class]
    assets = settings.plant.of_class(detector.asset_class)
    grids = windowing.grids(rooms.points, settings.plant, assets, features, 0, to_ns(now) + 1)
    if not grids:
        raise TrainingError(f"no data of class {detector.asset_class!r} is stored yet: load history first")
    role = detector_class(detector.kind).role
    stops: dict[str, list[tuple[int, int | None, bool]]] = {}
    for e in rooms.ledger.records.events(now, kinds=windowing.STOPPING):
        is_outcome = e.kind is EventKind.FAILURE and detector.outcome in ("", e.code)
        end = None if e.end is None else to_ns(e.end)
        stops.setdefault(e.asset, []).append((to_ns(e.start), end, is_outcome))
    lots, results = {}, {}
    if role == "quality":
        for asset in assets:
            lots[asset.path] = tuple(rooms.ledger.records.lots(asset.path, now))
            results[asset.path] = {
                name: tuple(possible_results(rooms, asset.path, name, now)) for name in {detector.outcome, *chosen.lab}
            }
    split = detector.split or settings.root.evaluate.split
    return History(
        detector,
        asset_class,
        features,
        units(chosen.train_step, asset_class.axis),
        confirm_units(settings.rules, detector.name, asset_class),
        split == "time",
        grids,
        {a: tuple(s) for a, s in stops.items()},
        lots,
        results,
        tuple(h for h in settings.root.hypotheses if concerns(h, detector)),
    )


def confirm_units(rules: Sequence[Rule], detector: str, asset_class: AssetClass) -> float:
    """Return the on-delay, in axis units, of the rule that takes its limit from this detector's model; 0 for none."""
    delays = [r.on_delay for r in rules if r.is_model and r.watch == f"score:{detector}"]
    longest = max(delays, default=None)
    if longest is None:
        return 0.0
    if asset_class.axis is Axis.TIME:
        return float(duration_ns(longest))
    return longest / (asset_class.cycle or asset_class.period)


def build(history: History, folder: Path) -> Trained:
    """Train and save a bundle below `folder`; raises TrainingError."""
    detector = history.detector
    kind = detector_class(detector.kind)
    training = _lots_training(history) if kind.role == "quality" else _windows_training(history)
    if not len(training.vectors):
        raise TrainingError(f"no window of the history has enough data for {detector.name}")
    screening = Screening(detector)
    aids = TrainingAids(screening, history.confirm, detector.seed, detector.target_recall, detector.n_folds)
    trained = kind.train(training, detector.options, aids)
    features = history.features.only(trained.names)
    made = bundle.bundle_of(detector.name, detector.kind, features, trained)
    about = {
        "kind": detector.kind,
        "role": kind.role,
        "outcome": detector.outcome,
        "trained_from": from_ns(training.vectors.start.min()).isoformat(),
        "trained_to": from_ns(training.vectors.end.max()).isoformat(),
        "n_rows": len(training.vectors),
        "n_features": len(trained.names),
        "feature_set_hash": features.hash,
        "split": "time" if history.is_ordered else "unit",
        "threshold": trained.threshold,
        "clear_threshold": trained.clear_threshold,
        "report": dict(trained.report),
        "screening": screening.report(),
        "hypotheses": weighed(
            history.hypotheses, trained, training.vectors, trained.names if screening.kept is None else screening.kept
        ),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }
    bundle.save(made, folder, about)
    return Trained(detector.name, made.model_id, about)


def promote(rooms: Rooms, trained: Trained, now: datetime) -> str:
    """Register a model: champion if it is the detector's first, else challenger; returns the role."""
    champion = rooms.ledger.scoring.champion(trained.detector)
    is_champion = champion is None or champion.model_id == trained.model_id
    role = "champion" if is_champion else "challenger"
    rooms.ledger.scoring.add_model(ModelRow(trained.model_id, trained.detector, role, now, trained.about))
    return role


def build_all(histories: Sequence[History], folder: Path) -> list[Trained | TrainingError]:
    """Build several bundles in child processes, two at a time, in the order given."""
    with ProcessPoolExecutor(
        max_workers=2, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent
    ) as pool:
        futures = [pool.submit(build, h, folder) for h in histories]
        found: list[Trained | TrainingError] = []
        for future in futures:
            try:
                found.append(future.result())
            except TrainingError as error:
                found.append(error)
        return found


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _windows_training(history: History) -> Training:
    """Windows of running assets, with how far each is from the next failure.

    Left out: windows that touch a stop, and those whose future is not known (no failure seen, and less than a horizon
    of data after them).
    """
    parts: list[FeatureVectors] = []
    to_event: list[NDArray[np.float64]] = []
    horizon = history.asset_class.horizon
    for asset, grid in sorted(history.grids.items()):
        stops = history.stops.get(asset, ())
        cut = windows.cut(
            grid,
            history.features,
            history.train_step,
            duration_ns(history.asset_class.period),
            -1,
            int(grid.times[-1]) if len(grid.times) else 0,
        )
        is_stopped = np.zeros(len(cut), dtype=bool)
        for start, end, _ in stops:
            is_stopped |= windowing.overlaps(cut.start, cut.end, start, end)
        kept = cut.take(cut.is_whole & ~is_stopped)
        if not len(kept):
            continue
        position = kept.position
        ends = np.array(sorted(_position(grid, history, s) for s, _, is_outcome in stops if is_outcome))
        ahead = np.append(ends, np.inf)[np.searchsorted(ends, position, side="left")] - position
        last = _position(grid, history, int(grid.times[-1]))
        is_known = np.isfinite(ahead) | (position + horizon <= last)
        vectors = extract(grid, kept, history.features.names)
        parts.append(vectors.take(is_known))
        to_event.append(ahead[is_known])
    joined = join(parts, history.features.names)
    distance = np.concatenate(to_event) if to_event else np.empty(0)
    return Training(
        joined,
        (distance <= horizon).astype(np.float64),
        joined.asset,
        distance,
        horizon,
        history.asset_class.lead,
        history.is_ordered,
        _embargo(history),
    )


def _position(grid: Grid, history: History, at: int) -> float:
    if history.asset_class.axis is Axis.TIME:
        return float(at)
    return float(np.searchsorted(grid.times, at, side="right"))


def _lots_training(history: History) -> Training:
    """Lots with a result, each with what was known when it ended."""
    parts: list[FeatureVectors] = []
    outcome: list[float] = []
    for line, grid in sorted(history.grids.items()):
        results = history.results[line]
        value = {r.lot: r.value for r in results[history.detector.outcome] if r.value is not None}
        lots = [x for x in history.lots[line] if x.lot in value]
        period = duration_ns(history.asset_class.period)
        vectors, *_ = windowing.lot_vectors(grid, lots, results, history.features, period)
        parts.append(vectors)
        outcome += [value[lot] for lot in vectors.subject]
    joined = join(parts, history.features.names)
    order = np.argsort(joined.end, kind="stable")
    n = len(joined)
    return Training(
        joined.take(order),
        np.array(outcome, dtype=np.float64)[order],
        joined.asset[order],
        np.full(n, np.inf),
        history.asset_class.horizon,
        history.asset_class.lead,
        history.is_ordered,
        _embargo(history),
    )


def _embargo(history: History) -> int:
    """Return the gap before a test part: at least horizon + window, or labels and windows would reach into it."""
    asked = duration_ns(parse_duration(history.detector.embargo))
    if detector_class(history.detector.kind).role == "quality":
        return asked
    return max(asked, duration_ns(history.asset_class.wall(history.asset_class.horizon + history.features.window)))
