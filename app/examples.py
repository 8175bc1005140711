"""What one detector learns from: its history in, rows with their labels and what the inputs look like out. No store.

Invariant: nothing of a row was unknown at its end, but for its label; what is found on many rows (operating modes, how
a sensor moves) knows no label, and modes in a back-test none of the rows that are tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app import courses, windowing
from app.onsets import Onset, look_for, settled
from app.reviewed import Reviewed
from detectors import detector_class
from detectors.settings import DetectorSettings
from detectors.symptoms import Labels, is_bad_result, is_of_lots, labelled, labels_of, mode_of_result
from domain.instants import duration_ns, parse_duration, to_ns
from domain.lots import Judged, LotColumns
from domain.plant import AssetClass
from domain.records import Event, Lot, Result
from domain.scores import TrainingError
from domain.vectors import FeatureSet, FeatureVectors, Training
from features import liveness, modes, windows
from features.context import Background
from features.extract import join
from features.lab import LabHistory
from features.settings import HypothesisSettings
from features.windows import Grid, Windows

Used = list[tuple[Grid, Windows]]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one detector is trained on, without any store behind it.

    learns_liveness: whether to learn for how long a tag may stand still. onsets: accepted by a person, by key.
    key_file: holds the key to sign with; None for the one of the models' folder.
    lot_columns: what the columns of the class's lots are for. judged: how the outcome is judged.
    reviewed: by asset, what people said of warnings.
    events: by asset, latest versions. backgrounds, attributes: by asset. lots, results, labs: of detectors that score
    lots, by line: the outcome's latest versions, and by name what was known of the results that are features. samples:
    by name, the numbers of every other result, of (line, lot). learned_since (ns): nothing before it is learned from.
    """

    detector: DetectorSettings
    asset_class: AssetClass
    features: FeatureSet
    train_step: int
    confirm: float
    split: str
    grids: Mapping[str, Grid]
    events: Mapping[str, tuple[Event, ...]]
    lots: Mapping[str, tuple[Lot, ...]]
    results: Mapping[str, tuple[Result, ...]]
    labs: Mapping[str, Mapping[str, LabHistory]]
    backgrounds: Mapping[str, Background]
    learns_liveness: bool = False
    onsets: Mapping[str, Onset] = field(default_factory=dict)
    hypotheses: tuple[HypothesisSettings, ...] = ()
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key_file: Path | None = None
    lot_columns: LotColumns = field(default_factory=LotColumns)
    judged: Judged = field(default_factory=lambda: Judged(""))
    reviewed: Mapping[str, tuple[Reviewed, ...]] = field(default_factory=dict)
    samples: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    learned_since: int = 0

    @property
    def is_ordered(self) -> bool:
        """Whether folds are cut in time."""
        return self.split == "time"


def examples(history: History, part: Training | None = None) -> tuple[Training, FeatureSet]:
    """Return the rows to learn from, and the feature set with what its inputs look like.

    part: the rows whose windows operating modes are found in; None = the whole history.
    """
    history = with_modes(history, part)
    used: Used = []
    training = (_of_lots if is_of_lots(history.detector) else _of_windows)(history, used)
    features = history.features
    if history.learns_liveness:
        learned = liveness.learned(used, features.sources)
        features = replace(features, inputs=replace(features.inputs, liveness=learned))
    return training, features


def with_modes(history: History, part: Training | None = None) -> History:
    """Return the history with its operating modes found, where the feature set asks for them; part as in `examples`."""
    features = history.features
    if features.inputs.modes is None or not history.grids:
        return history
    grids = history.grids if part is None else {a: _within(g, part.vectors) for a, g in history.grids.items()}
    try:
        found = modes.fitted(grids, history.backgrounds, features.inputs.modes, history.detector.seed)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    return replace(history, features=replace(features, inputs=replace(features.inputs, modes=found)))


def _within(grid: Grid, rows: FeatureVectors) -> Grid:
    """Return the rows of a grid that windows cover."""
    is_own = rows.asset == grid.asset
    edges = np.zeros(len(grid.times) + 1, dtype=np.int64)
    np.add.at(edges, np.searchsorted(grid.times, rows.start[is_own]), 1)
    np.add.at(edges, np.searchsorted(grid.times, rows.end[is_own]), -1)
    is_covered = np.cumsum(edges[:-1]) > 0
    return replace(grid, times=grid.times[is_covered], values=grid.values[is_covered], reach={})


def onsets_of(history: History, asset: str) -> list[Onset]:
    """Return from where each failure of an asset shows, where the detector asks for that: accepted, or else found."""
    if history.detector.symptom.from_ != "trend":
        return []
    grid, modes_of = history.grids[asset], history.features.inputs.modes
    if modes_of is not None and modes_of.names:
        grid = modes.applied(grid, history.backgrounds[asset], modes_of)
    events = history.events.get(asset, ())
    return settled(list(look_for(grid, events, history.asset_class, history.detector)), history.onsets)


def _of_windows(history: History, used: Used) -> Training:
    """Windows of running assets that are labelled by what follows them; see `symptoms.labelled` for those left out."""
    parts: list[FeatureVectors] = []
    labels: list[Labels] = []
    asset_class = history.asset_class
    _check_ended(history)
    for asset, grid in sorted(history.grids.items()):
        last = int(grid.times[-1]) if len(grid.times) else 0
        period = duration_ns(asset_class.period)
        cut = windows.cut(grid, history.features, history.train_step, period, -1, last)
        own = history.backgrounds[asset]
        cut = windowing.alive(grid, cut, history.features, period, own)
        kept = cut.take(cut.is_whole)
        if not len(kept):
            continue
        events = history.events.get(asset, ())
        onsets = {
            to_ns(o.failed_at): asset_class.position(grid.times, to_ns(o.at))
            for o in onsets_of(history, asset)
            if o.at is not None
        }
        course = courses.course(grid, events, asset_class, history.detector, onsets, history.reviewed.get(asset, ()))
        found = labelled(kept.start, kept.end, kept.position, course, asset_class.horizon)
        kept = kept.take(found.is_kept)
        parts.append(windowing.told(grid, kept, history.features, own))
        labels.append(found.take(found.is_kept))
        used.append((grid, kept))
    joined, told = join(parts, history.features.names), labels_of(labels)
    return Training(
        joined,
        told.outcome,
        joined.asset,
        told.to_event,
        asset_class.horizon,
        asset_class.lead,
        history.is_ordered,
        _embargo(history),
        told.mode,
    )


def after_open_stops(history: History) -> tuple[list[Event], int]:
    """Return the failures that came while the asset, by its events, still stood, the first of them first, and the
    number of all: no window can warn of those.
    """
    if is_of_lots(history.detector):
        return [], 0
    each = [courses.in_open_stops(history.events.get(asset, ()), history.detector) for asset in history.grids]
    return sorted((e for lost, _ in each for e in lost), key=lambda e: e.start), sum(n for _, n in each)


def _check_ended(history: History) -> None:
    """Raise TrainingError where most failures came while the asset, by its events, still stood."""
    lost, n_told = after_open_stops(history)
    if 2 * len(lost) > n_told:
        first = lost[0]
        raise TrainingError(
            f"{len(lost)} of {n_told} failures or stops came after one that has no end, the first that of "
            f"{first.asset} at {first.start:%Y-%m-%d %H:%M} UTC: without an end an asset stands still for good. "
            "Load the events with their ends, or, where they are instants, with join = { end = [column of the start] } "
            "in [[formats]]"
        )


def _of_lots(history: History, used: Used) -> Training:
    """Lots with a result, each with what was known when it ended; of a failure detector each is a group of its own."""
    parts: list[FeatureVectors] = []
    outcome: list[float] = []
    mode: list[str] = []
    known_at: list[int] = []
    is_failure = detector_class(history.detector.kind).role == "failure"
    for line, lots in sorted(history.lots.items()):
        if history.features.sources and line not in history.grids:
            continue
        judged = results_that_count(history, line)
        lots = tuple(x for x in lots if x.lot in judged)
        grid = history.grids.get(line, windowing.bare_grid(line))
        own, period = history.backgrounds[line], duration_ns(history.asset_class.period)
        vectors, *_ = windowing.lot_vectors(grid, lots, history.labs[line], history.features, period, own)
        cut = windowing.lot_windows(grid, lots, history.features, period, own)
        used.append((grid, cut.take(cut.is_whole)))
        parts.append(vectors)
        for lot in vectors.subject:
            found = judged[lot]
            is_bad = is_failure and is_bad_result(found, history.detector.symptom)
            outcome.append(float(is_bad) if is_failure else outcome_of(history, found))
            mode.append(mode_of_result(found) if is_bad else "")
            known_at.append(to_ns(found.result_at))
    joined = join(parts, history.features.names)
    order = np.argsort(joined.end, kind="stable")
    told = np.array(outcome, dtype=np.float64)[order]
    is_alone = is_failure or history.split == "stratified"
    return Training(
        joined.take(order),
        told,
        _own_groups(joined)[order] if is_alone else joined.asset[order],
        np.where(told > 0, float(history.asset_class.horizon), np.inf) if is_failure else np.full(len(told), np.inf),
        history.asset_class.horizon,
        history.asset_class.lead,
        history.is_ordered,
        _embargo(history),
        np.array(mode, dtype=object)[order],
        _known_at(joined.end, np.array(known_at, dtype=np.int64))[order],
    )


def _known_at(ends: NDArray[np.int64], told_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return when each lot's result was known; at the lot's end, where most were told only after the last lot: those
    times are of a file that was loaded later, and say nothing of a laboratory.
    """
    is_later = told_at > ends.max(initial=0)
    return ends if 2 * int(is_later.sum()) > len(ends) else told_at


def results_that_count(history: History, line: str) -> dict[str, Result]:
    """Return the result of each lot of a line that counts, of several labs that of the first."""
    is_failure = detector_class(history.detector.kind).role == "failure"
    return that_count(history.results[line], history.judged, has_texts=is_failure)


def that_count(results: Sequence[Result], judged: Judged, *, has_texts: bool) -> dict[str, Result]:
    """Return by lot the result that counts, of several labs that of the first. has_texts: a text alone is one too."""
    valid = [r for r in results if r.value is not None or (has_texts and r.text)]
    return {r.lot: r for r in sorted(valid, key=lambda r: -judged.rank(r.lab))}


def outcome_of(history: History, found: Result) -> float:
    """Return a result as a quality detector predicts it: its number, or whether it is bad."""
    value = float(found.value or 0.0)
    return value if history.detector.task != "classification" else float(history.judged.is_bad(np.array([value]))[0])


def _own_groups(rows: FeatureVectors) -> NDArray[np.object_]:
    """Return a group for each lot."""
    return np.array([f"{line}/{lot}" for line, lot in zip(rows.asset, rows.subject, strict=True)], dtype=object)


def _embargo(history: History) -> int:
    """Return the gap before a test part: at least horizon + window, or labels and windows would reach into it."""
    asked = duration_ns(parse_duration(history.detector.embargo))
    if is_of_lots(history.detector):
        return asked
    return max(asked, duration_ns(history.asset_class.wall(history.asset_class.horizon + history.features.window)))
