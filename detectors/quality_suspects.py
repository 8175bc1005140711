"""Columns of lots that tell a result too well to have been known before it: rows and an outcome in, suspects out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.folds import Fold
from detectors.quality_learners import ridge
from domain.vectors import Training

Floats = NDArray[np.float64]
BINS: Final = 20
STRONG: Final = 0.5  # of the variance that one column explains alone, from which it may be a suspect
LEFT: Final = 0.5  # of what all others leave unexplained, that it leaves at most
MOST_ROWS: Final = 5_000


def suspects(training: Training, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """Return process columns that alone explain held-out lots too well beside all others together, as JSON rows.

    A suspect explains more than STRONG of the variance, and leaves less than LEFT of what a ridge on all other process
    columns leaves.
    """
    columns = [i for i, n in enumerate(training.vectors.names) if n.origin != "lab"]
    best: dict[str, dict[str, Any]] = {}
    for source, alone in _strong(training, folds, columns):
        others = [i for i in columns if training.vectors.names[i].source != source]
        together = _explained(training, folds, others)
        is_text = any(n.source == source and n.is_level for n in training.vectors.names)
        row = {"column": source, "alone": alone, "others_together": together, "is_text": is_text}
        if 1 - alone < LEFT * (1 - together) and alone > best.get(source, {"alone": 0.0})["alone"]:
            best[source] = row
    return sorted(best.values(), key=lambda row: -row["alone"])


def _strong(training: Training, folds: Sequence[Fold], columns: Sequence[int]) -> Iterator[tuple[str, float]]:
    for source, x in _each(training, columns):
        errors, spread = 0.0, 0.0
        for train, test in folds:
            some = train[:: max(1, len(train) // MOST_ROWS)]
            predicted = _binned(x[some], training.outcome[some], x[test])
            y = training.outcome[test]
            errors += float(((y - predicted) ** 2).sum())
            spread += float(((y - training.outcome[some].mean()) ** 2).sum())
        alone = 1 - errors / spread if spread else 0.0
        if alone > STRONG:
            yield source, alone


def _each(training: Training, columns: Sequence[int]) -> Iterator[tuple[str, Floats]]:
    """Yield each column with its source; the levels of a text as one, numbered from 0, with others than those as -1."""
    names, values = training.vectors.names, training.vectors.values
    levels: dict[str, list[int]] = {}
    for i in columns:
        if names[i].is_level:
            levels.setdefault(names[i].source, []).append(i)
        else:
            yield names[i].source, values[:, i]
    for source, own in levels.items():
        is_level = values[:, own]
        place = np.where(np.nansum(is_level, axis=1) > 0, np.argmax(np.nan_to_num(is_level), axis=1), -1.0)
        yield source, np.where(np.isnan(is_level).all(axis=1), np.nan, place)


def _binned(x: Floats, y: Floats, x_test: Floats) -> Floats:
    """Predict by the mean outcome of the training rows in the same twentieth of a column, or of the same value where it
    has few; missing is one of its own.
    """
    seen = np.unique(x[np.isfinite(x)])
    edges = np.unique(np.nanquantile(x, np.linspace(0, 1, BINS + 1)[1:-1])) if len(seen) > BINS + 2 else seen[:-1]
    place, asked = (
        np.where(np.isfinite(v), np.searchsorted(edges, np.nan_to_num(v)), len(edges) + 1) for v in (x, x_test)
    )
    count = np.bincount(place, minlength=len(edges) + 2)
    total = np.bincount(place, weights=y, minlength=len(edges) + 2)
    mean = np.where(count > 0, total / np.maximum(count, 1), y.mean())
    return np.asarray(mean[asked])


def _explained(training: Training, folds: Sequence[Fold], columns: Sequence[int]) -> float:
    if not columns:
        return 0.0
    errors, spread = 0.0, 0.0
    x: Floats = training.vectors.values[:, list(columns)]
    y = training.outcome
    for train, test in folds:
        some = train[:: max(1, len(train) // MOST_ROWS)]
        model = ridge(x[some], y[some], "regression", {}, 1)
        errors += float(((y[test] - model.predict(x[test])) ** 2).sum())
        spread += float(((y[test] - y[some].mean()) ** 2).sum())
    return max(0.0, 1 - errors / spread) if spread else 0.0
