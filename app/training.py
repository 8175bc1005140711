"""History to model bundles: stored points, events and lots in, a champion on the shelf out.

`gather` reads the stores; `build` is the long part and touches none, so the service can run it in a child process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app import factor_study, inputs, windowing
from app.children import ChildError, in_child
from app.examples import History, after_open_stops, examples
from app.hypotheses import concerns, weighed
from app.onsets import accepted
from app.results import lab_histories, possible_results, samples
from app.reviewed import reviews_of
from app.rooms import Rooms
from app.screening import Screening
from app.shelf import PROMOTED
from app.spans import units
from app.suspecting import suspects
from detectors import bundle, detector_class, drift, signing, symptoms
from detectors.settings import DetectorSettings
from domain.alerting import Rule
from domain.errors import ModelError
from domain.instants import duration_ns, from_ns, to_ns
from domain.plant import AssetClass, Axis
from domain.records import Event
from domain.scores import Aim, SelectFeatures, TrainingAids, TrainingError
from domain.vectors import FeatureSet, Training
from store.audit import Deed
from store.scoring import ModelRow

log = logging.getLogger(__name__)
FIRST: Final = "its first model"
BUILD_LIMIT_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle that was built and saved."""

    detector: str
    model_id: str
    about: Mapping[str, Any]
    study: Mapping[str, Any] | None = None  # of the factors of its lots


def gather(rooms: Rooms, detector: DetectorSettings, now: datetime) -> History:
    """Read all that was known by `now` and the detector may learn from; raises TrainingError where there is nothing."""
    settings = rooms.settings
    chosen = inputs.own_first(settings.feature_set(detector.features), detector.outcome)
    asset_class = settings.plant.classes[detector.asset_class]
    assets = settings.plant.of_class(detector.asset_class)
    records = rooms.ledger.records
    paths = {a.path for a in assets}
    told = [e for e in records.first_told(now) if e.asset in paths]
    events: dict[str, list[Event]] = {}
    for e in records.events(now):
        if e.asset in paths:
            events.setdefault(e.asset, []).append(e)
    is_of_lots = symptoms.is_of_lots(detector)
    lots = {path: tuple(records.lots(path, now)) for path in sorted(paths)} if is_of_lots else {}
    results = {path: tuple(possible_results(rooms, path, detector.outcome, now)) for path in lots}
    labs = {path: lab_histories(rooms, path, chosen.lab, now) for path in lots}
    full = windowing.full_set(settings, chosen)
    features = inputs.completed(full, settings, chosen, told, [x for found in lots.values() for x in found])
    if features.sources:
        grids = windowing.grids(rooms.points, settings.plant, assets, features, 0, to_ns(now) + 1)
    else:
        grids = {} if is_of_lots else windowing.event_grids(assets, features, told)
    if not grids and not (is_of_lots and any(lots.values()) and not features.sources):
        raise TrainingError(f"no data of class {detector.asset_class!r} is stored yet: load history first")
    return History(
        detector,
        asset_class,
        features,
        units(chosen.train_step, asset_class.axis),
        0.0 if is_of_lots else confirm_units(settings.rules, detector.name, asset_class),
        detector.split or settings.root.evaluate.split,
        grids,
        {path: tuple(found) for path, found in events.items()},
        lots,
        results,
        labs,
        inputs.backgrounds(assets, told),
        chosen.flat == "learned",
        accepted(rooms, detector.name),
        tuple(h for h in settings.root.hypotheses if concerns(h, detector)),
        {a.path: a.attributes for a in assets},
        rooms.models.key_file,
        settings.lot_columns(detector.asset_class),
        settings.judged(detector.asset_class, detector.outcome),
        reviews_of(rooms, detector, now),
        samples(rooms, detector.outcome, lots, now),
        0 if (since := detector.learned_since(settings.zone)) is None else to_ns(since),
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


def learned_from(history: History) -> tuple[Training, FeatureSet]:
    """Return the rows that a model of this history may learn from, and its feature set; raises TrainingError where
    there are none. Nothing is found on assets that are there to test.
    """
    if history.split != "given":
        return training_of(history)
    learned = {a for a in (*history.grids, *history.lots) if history.attributes.get(a, {}).get("part") != "test"}
    grids = {a: grid for a, grid in history.grids.items() if a in learned}
    return training_of(replace(history, grids=grids, lots={a: x for a, x in history.lots.items() if a in learned}))


def training_of(history: History, part: Training | None = None) -> tuple[Training, FeatureSet]:
    """Return every row of the history that may be learned from with its outcome, and the feature set; raises
    TrainingError for no row. What is known beside the windows, as lab history, may be older.

    part: the rows whose windows operating modes are found in; None = the whole history.
    """
    training, features = examples(history, part)
    if not len(training.vectors):
        raise TrainingError(f"no window of the history has enough data for {history.detector.name}")
    is_learned = training.vectors.start >= history.learned_since
    if not is_learned.any():
        raise TrainingError(
            f"no window of {history.detector.name} begins after `learn_from` {history.detector.learn_from}"
        )
    training = training.take(is_learned)
    if history.split == "batch":
        training = replace(training, group=_batches(history, training))
    return training, features


def is_test(history: History, training: Training) -> NDArray[np.bool_]:
    """Return which rows are of assets whose attribute `part` is test."""
    return np.asarray(_attribute(history, training, "part") == "test", dtype=bool)


def aids_of(
    history: History, screening: SelectFeatures, told: Callable[[str], None] = lambda _step: None
) -> TrainingAids:
    """Return what a detector's training takes from the config."""
    detector, asset_class = history.detector, history.asset_class
    is_of_lots = symptoms.is_of_lots(detector)
    cost = detector.cost
    aim = Aim(
        detector.target_recall,
        detector.confidence,
        detector.budget,
        None if cost is None else (cost.stop, cost.check),
        1.0 if is_of_lots else timedelta(weeks=1).total_seconds() / unit_seconds(asset_class),
        by_rows=is_of_lots or detector.counts == "rows",
        is_of_cases=is_of_lots,
    )
    inner = {"given": "stratified" if is_of_lots else "unit", "batch": "unit"}.get(history.split, history.split)
    life = None if detector.remaining_life == "" else float(units(detector.remaining_life, asset_class.axis))
    return TrainingAids(screening, history.confirm, detector.seed, aim, detector.n_folds, inner, life, told)


def unit_seconds(asset_class: AssetClass) -> float:
    """Return the nominal seconds of one unit of a class's axis."""
    return 1e-9 if asset_class.axis is Axis.TIME else asset_class.wall(1).total_seconds()


def _batches(history: History, training: Training) -> NDArray[np.object_]:
    """Return the batch of each row: the text `batch` of its lot, or else the attribute of its asset."""
    texts = {
        (line, x.lot): x.texts[inputs.BATCH]
        for line, lots in history.lots.items()
        for x in lots
        if inputs.BATCH in x.texts
    }
    keys = zip(training.vectors.asset.tolist(), training.vectors.subject.tolist(), strict=True)
    of_assets = _attribute(history, training, "batch").tolist()
    return np.array([texts.get(key, own) for key, own in zip(keys, of_assets, strict=True)], dtype=object)


def _attribute(history: History, training: Training, name: str) -> NDArray[np.object_]:
    """Return an attribute of each row's asset; the asset itself where it has none."""
    found = [history.attributes.get(a, {}).get(name, a) for a in training.vectors.asset.tolist()]
    return np.array(found, dtype=object)


def build(history: History, folder: Path, told: Callable[[str], None] = lambda _step: None) -> Trained:
    """Train and save a bundle below `folder`, and load it once; raises TrainingError. told: hears what is under way."""
    detector = history.detector
    kind = detector_class(detector.kind)
    training, features = learned_from(history)
    screening = Screening(detector)
    aids = aids_of(history, screening, told)
    trained = kind.train(training, detector.options, aids)
    features = features.only(trained.names)
    reference = drift.reference_of(training.vectors.select(trained.names))
    made = bundle.bundle_of(detector.name, detector.kind, features, trained, reference)
    about = {
        "kind": detector.kind,
        "role": kind.role,
        "outcome": detector.outcome,
        "trained_from": from_ns(training.vectors.start.min()).isoformat(),
        "trained_to": from_ns(training.vectors.end.max()).isoformat(),
        "n_rows": len(training.vectors),
        "n_features": len(trained.names),
        "feature_set_hash": features.hash,
        "split": history.split,
        "threshold": trained.threshold,
        "clear_threshold": trained.clear_threshold,
        "report": {**_report(trained.report, history), **lost_events(history)},
        "screening": screening.report(),
        "hypotheses": weighed(
            history.hypotheses, trained, training.vectors, trained.names if screening.kept is None else screening.kept
        ),
        "reviewed": [r.as_json() for own in history.reviewed.values() for r in own],
        "versions": bundle.versions(),
    }
    key = None if history.key_file is None else signing.key_at(history.key_file)
    bundle.save(made, folder, about, key)
    bundle.prove(folder, made.name, made.model_id, key)
    return Trained(detector.name, made.model_id, about, _studied(history, training, told))


def _report(report: Mapping[str, Any], history: History) -> dict[str, Any]:
    """Return a model's report with what else is suspect of having come with the result."""
    return {**report, "suspects": suspects(history, report["suspects"])} if "suspects" in report else {**report}


def lost_events(history: History) -> dict[str, Any]:
    """Return, for a failure detector of windows, how many failures came after a stop without an end; as JSON data."""
    if detector_class(history.detector.kind).role != "failure" or symptoms.is_of_lots(history.detector):
        return {}
    lost, _ = after_open_stops(history)
    first = f"{lost[0].asset}, {lost[0].start:%Y-%m-%d %H:%M} UTC" if lost else None
    return {"n_events_after_open_stop": len(lost), "first_after_open_stop": first}


def _studied(history: History, training: Training, told: Callable[[str], None]) -> Mapping[str, Any] | None:
    """Return the factor study of a quality detector's lots, None where there is nothing to study."""
    if detector_class(history.detector.kind).role != "quality":
        return None
    try:
        return factor_study.studied(history, training, told)
    except TrainingError as error:
        log.info("no factor study detector=%s reason=%s", history.detector.name, error)
        return None


def promote(rooms: Rooms, trained: Trained, now: datetime) -> str:
    """Register a model: champion if it is the detector's first, else challenger; returns the role."""
    if trained.study is not None:
        factor_study.keep(rooms, trained.detector, trained.study, now)
    scoring = rooms.ledger.scoring
    champion = scoring.champion(trained.detector)
    role = "champion" if champion is not None and champion.model_id == trained.model_id else "challenger"
    scoring.add_model(ModelRow(trained.model_id, trained.detector, role, now, trained.about))
    if champion is not None:
        return role
    scoring.promote(Deed(now, "forewarn", PROMOTED, trained.detector, "", trained.model_id, FIRST))
    return "champion"


def build_all(histories: Sequence[History], folder: Path) -> Iterator[Trained | TrainingError]:
    """Build several bundles in child processes, two at a time; yield them in the order given, each once it is there."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda each: build_apart(each, folder), histories)


def build_apart(
    history: History, folder: Path, limit_s: float = BUILD_LIMIT_S, stopping: threading.Event | None = None
) -> Trained | TrainingError:
    """Build a bundle in a child process; that it crashed or took too long is a TrainingError as well."""
    try:
        return in_child(build, history, folder, limit_s=limit_s, stopping=stopping)
    except TrainingError as error:
        return error
    except (ChildError, ModelError) as error:
        return TrainingError(f"the training of {history.detector.name} gave no model: {error}")
