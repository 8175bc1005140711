"""A back-test of lots that cannot leak: in each outer fold a detector is trained anew and judged on lots it never saw.

Beside it stand the mean, persistence and lab history alone, on the same lots, and, where process data are of doubt, the
best learner that must use them. `random` deals lots at random and says that it is optimistic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import log_odds_of, probability
from detectors.evaluation import OPTIMISTIC
from detectors.folds import Fold
from detectors.newest_errors import newest_widths
from detectors.quality_course import task_of
from detectors.quality_figures import OF_LABELS, SURE, errors_of, judged
from detectors.quality_learners import ridge
from detectors.quality_tournament import HISTORY, LEARNERS
from domain.instants import from_ns
from domain.scores import Detector, TrainingAids, TrainingError
from domain.vectors import Training

Floats = NDArray[np.float64]
Train = Callable[[Training, Mapping[str, Any]], Detector]  # options laid over the config's
STRETCHES: Final = 20
FAR: Final = 0.5  # standard deviations from which a column is told to have moved
MOST_MOVED: Final = 5
NO_LAB: Final = "the feature set has no lab history"
OF_CLASSES: Final = ("n_bad", "n_good", *OF_LABELS)
OF_NUMBERS: Final = (
    "rmse", "mae", "r2", "persistence_rmse", "mean_rmse", "lab_rmse", "process_rmse", "interval_coverage",
)  # fmt: skip
PROCESS: Final = tuple(name for name in LEARNERS if name not in HISTORY)


def backtested(
    training: Training, train: Train, aids: TrainingAids, folds: Sequence[Fold], split: str
) -> dict[str, Any]:
    """Return the figures as JSON data; a key that has no meaning for these lots is null, with its reason in `null`."""
    task = task_of(training.outcome)
    found: dict[str, list[Floats]] = {}
    used: list[Fold] = []
    learners, refused, n_folds = [], [], 0
    lab = [i for i, n in enumerate(training.vectors.names) if n.origin == "lab"]
    for n_folds, (fit, test) in enumerate(folds, start=1):
        aids.told(f"part {n_folds} of {len(folds)} of the back-test")
        rows = training.take(fit)
        try:
            detector = train(rows, {})
        except TrainingError as error:
            refused.append(str(error))
            continue
        told = _scored(detector, training, test)
        if split == "time" and task == "regression":
            told |= _followed(told, training, test)
        if lab:
            history, y = training.vectors.values[:, lab], training.outcome
            told["persistence"] = history[test][:, 0]
            told["lab"] = ridge(history[fit], y[fit], task, {}, aids.seed).predict(history[test])
            told["process"] = told["raw"]
            if detector.report.get("learner") in HISTORY:
                told["process"] = _of_process(train, rows, training, test, told["raw"])
        told["mean"] = np.full(len(test), rows.outcome.mean())
        for name, values in told.items():
            found.setdefault(name, []).append(values)
        used.append((fit, test))
        learners.append(str(detector.report.get("learner", "")))
    if not used:
        raise TrainingError(refused[0] if refused else "the history cannot be split: more lots are needed")
    y = training.outcome[np.concatenate([test for _, test in used])]
    told = {name: np.concatenate(parts) for name, parts in found.items()}
    return {
        "task": task,
        "n_lots": len(y),
        "split": split,
        "is_optimistic": split == OPTIMISTIC,
        "folds": n_folds,
        "folds_refused": refused,
        "learners": learners,
        **_figures(task, y, told),
        "by_fold": _by_fold(task, training, used, found),
        "process_adds": _process_adds(task, y, told) if lab else None,
    }


def _scored(detector: Detector, training: Training, test: NDArray[np.int64]) -> dict[str, Floats]:
    found = detector.score(training.vectors.take(test).select(detector.names), is_explained=False)
    limit = 0.5 if detector.threshold is None else detector.threshold
    called = (found.raw >= log_odds_of(limit)).astype(np.float64)
    # Of different folds, scores are put on one scale by their distance from their own fold's share of bad lots.
    prior = detector.report.get("prior")
    order = found.raw if prior is None else found.raw - log_odds_of(prior)
    if len(order) and np.ptp(order) == 0:  # a model that tells no lot from another must not tell folds from each other
        order = np.zeros(len(order))
    return {"raw": found.raw, "low": found.low, "high": found.high, "called": called, "order": order}


def _followed(told: Mapping[str, Floats], training: Training, test: NDArray[np.int64]) -> dict[str, Floats]:
    """Return the intervals as they would have followed the newest errors, each known an embargo after its lot."""
    ends = training.vectors.end[test]
    known_at = np.maximum(training.known_at[test], ends + training.embargo_ns)
    sizes = np.abs(told["raw"] - training.outcome[test])
    width = newest_widths(sizes, known_at, ends, float((told["high"] - told["low"])[0] / 2))
    return {"low": told["raw"] - width, "high": told["raw"] + width}


def _by_fold(
    task: str, training: Training, used: Sequence[Fold], found: Mapping[str, Sequence[Floats]]
) -> list[dict[str, Any]]:
    """Return each part's own figures as JSON rows: a process that moves shows as an error that grows, a bias, and
    columns whose mean in the part is far from that of the lots that were learned from.
    """
    rows = []
    for k, (fit, test) in enumerate(used):
        y, ends = training.outcome[test], training.vectors.end[test]
        told = {name: parts[k] for name, parts in found.items()}
        own = _figures(task, y, told)
        row = {"n_lots": len(test), "from": from_ns(ends.min()).isoformat(), "to": from_ns(ends.max()).isoformat()}
        row |= {key: own[key] for key in ("rmse", "mean_rmse", "interval_coverage", "balanced_error_rate", "roc_auc")}
        row["bias"] = float((told["raw"] - y).mean()) if task == "regression" else None
        row["moved"] = _moved(training, fit, test)
        rows.append(row)
    return rows


def _moved(training: Training, fit: NDArray[np.int64], test: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return what of the process moved most between two parts, in standard deviations of the first: JSON rows.

    Of several features of a tag the one that moved most, and of a text the level; of that the share before and after,
    `shares`, in units of the spread of both parts together, for it may be new.
    """
    before, after = training.vectors.values[fit], training.vectors.values[test]
    rows: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(training.vectors.names):
        if name.origin == "lab":
            continue
        old, new = (x[~np.isnan(x)] for x in (before[:, i], after[:, i]))
        if not (len(old) and len(new)):
            continue
        then, now = float(old.mean()), float(new.mean())
        spread = float((np.concatenate([old, new]) if name.is_level else old).std())
        shift = (now - then) / spread if spread else 0.0
        if abs(shift) >= max(FAR, abs(rows.get(name.source, {"shift": 0.0})["shift"])):
            shares = [then, now] if name.is_level else None
            rows[name.source] = {"column": name.short, "shift": shift, "shares": shares}
    return sorted(rows.values(), key=lambda row: -abs(row["shift"]))[:MOST_MOVED]


def _of_process(train: Train, rows: Training, training: Training, test: NDArray[np.int64], otherwise: Floats) -> Floats:
    """Return what the best learner that uses process data says; what history says where there is none."""
    try:
        return _scored(train(rows, {"learners": PROCESS}), training, test)["raw"]
    except TrainingError:
        return otherwise


def _figures(task: str, y: Floats, told: Mapping[str, Floats]) -> dict[str, Any]:
    if task == "classification":
        threshold = float(probability(np.array([0.0]))[0])
        figures = judged("classification", y, np.where(told["called"] > 0, 1.0, -1.0), threshold)
        areas = judged("classification", y, told["order"], threshold)
        figures |= {key: areas[key] for key in ("roc_auc", "roc_auc_interval", "pr_auc")}
        no_number = "lots are good or bad: there is no number"
        return {**dict.fromkeys(OF_NUMBERS), **figures, "null": dict.fromkeys(OF_NUMBERS, no_number)}
    is_held = (told["low"] <= y) & (y <= told["high"])
    found = {**judged("regression", y, told["raw"], None), "interval_coverage": float(is_held.mean())}
    empty = dict.fromkeys(OF_CLASSES, "the result is a number, and not good or bad")
    for name in ("mean", "persistence", "lab", "process"):
        found[f"{name}_rmse"] = errors_of(told[name] - y) if name in told else None
        if name not in told:
            empty[f"{name}_rmse"] = NO_LAB
    return {**dict.fromkeys(OF_CLASSES), **found, "null": empty}


def _process_adds(task: str, y: Floats, told: Mapping[str, Floats]) -> dict[str, Any]:
    """Return whether process data lessen the error of lab history alone by more than chance (95 %, one side)."""
    if task == "classification":
        history, process = (judged("classification", y, told[name], 0.5)["roc_auc"] for name in ("lab", "process"))
        adds = None if process is None or history is None else process > history
        return {"adds": adds, "lab_roc_auc": history, "process_roc_auc": process}
    gain = (told["lab"] - y) ** 2 - (told["process"] - y) ** 2
    parts = np.array([part.mean() for part in np.array_split(gain, min(STRETCHES, len(gain)))])
    noise = float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else 0.0
    lab, process = (errors_of(told[name] - y) for name in ("lab", "process"))
    return {
        "adds": bool(gain.mean() > SURE * noise),
        "lab_rmse": lab,
        "process_rmse": process,
        "gain": 1.0 - process / lab if lab else 0.0,
    }
